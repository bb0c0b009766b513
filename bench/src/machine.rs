//! What a row was measured on, and when.
//!
//! Owns the reading of `/proc` and the calendar. It must not know what is measured.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

/// The machine.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Machine {
    /// Cores that this process may use.
    pub(crate) cores: usize,
    pub(crate) processor: String,
    pub(crate) memory_gib: f64,
    pub(crate) kernel: String,
}

impl Machine {
    pub(crate) fn here() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let memory_kib = field(&read("/proc/meminfo"), "MemTotal").and_then(number).unwrap_or(0.0);
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: field(&read("/proc/cpuinfo"), "model name")
                .unwrap_or("unknown processor")
                .to_owned(),
            memory_gib: (memory_kib / 1024.0 / 1024.0 * 10.0).round() / 10.0,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.cores == 1 { "" } else { "s" };
        write!(f, "{} core{s} of {}, ", self.cores, self.processor)?;
        write!(f, "{} GiB of memory, Linux {}", self.memory_gib, self.kernel)
    }
}

/// The value of a line `name : value`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
}

fn number(text: &str) -> Option<f64> {
    text.split_whitespace().next()?.parse().ok()
}

/// A process's own memory figures in MiB: `VmRSS`, `VmHWM`, `RssAnon`…
pub(crate) fn memory_mib(pid: u32, name: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    Some(field(&status, name).and_then(number)? / 1024.0)
}

/// What all cores have done since the machine's start, in clock ticks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticks {
    all: u64,
    idle: u64,
}

impl Ticks {
    pub(crate) fn now() -> Self {
        Self::read(&fs::read_to_string("/proc/stat").unwrap_or_default())
    }

    /// The line `cpu  user nice system idle iowait irq softirq steal …`; guests count as users.
    fn read(text: &str) -> Self {
        let line = text.lines().find_map(|line| line.strip_prefix("cpu ")).unwrap_or_default();
        let ticks: Vec<u64> =
            line.split_whitespace().take(8).filter_map(|tick| tick.parse().ok()).collect();
        Self { all: ticks.iter().sum(), idle: ticks.iter().skip(3).take(2).sum() }
    }

    /// The share of all cores' time that something ran since then, from 0 to 1.
    pub(crate) fn busy_since(self, then: Self) -> f64 {
        let all = self.all.saturating_sub(then.all);
        let idle = self.idle.saturating_sub(then.idle);
        if all == 0 { 0.0 } else { all.saturating_sub(idle) as f64 / all as f64 }
    }
}

/// The commit that is checked out; with a `+` when the tree differs from it.
pub(crate) fn commit(root: &Path) -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(root).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short", "HEAD"])?;
    let differs = git(&["status", "--porcelain"]).is_none_or(|text| !text.is_empty());
    Some(format!("{commit}{}", if differs { "+" } else { "" }))
}

/// A moment in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    seconds: u64,
}

impl Moment {
    pub(crate) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { seconds: since.as_secs() }
    }

    /// `2026-11-23`
    pub(crate) fn date(self) -> String {
        let (year, month, day) = civil(self.seconds / 86_400);
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// `20261123T034501Z`: fit for a file's name.
    pub(crate) fn stamp(self) -> String {
        let (hour, minute, second) =
            (self.seconds / 3_600 % 24, self.seconds / 60 % 60, self.seconds % 60);
        format!("{}T{hour:02}{minute:02}{second:02}Z", self.date().replace('-', ""))
    }
}

/// Year, month and day of a day counted from 1970-01-01.
fn civil(mut day: u64) -> (u64, u64, u64) {
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1970;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if day < length {
            break;
        }
        day -= length;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    (year, month, day + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_their_dates() {
        assert_eq!(Moment { seconds: 0 }.stamp(), "19700101T000000Z");
        assert_eq!(Moment { seconds: 951_782_399 }.stamp(), "20000228T235959Z");
        assert_eq!(Moment { seconds: 951_782_400 }.date(), "2000-02-29");
        assert_eq!(Moment { seconds: 1_798_761_599 }.stamp(), "20261231T235959Z");
    }

    #[test]
    fn fields_are_read_whatever_stands_around_the_colon() {
        assert_eq!(field("model name\t: A B\nMemTotal:  5 kB", "model name"), Some("A B"));
        assert_eq!(field("MemTotal:  2048 kB\n", "MemTotal").and_then(number), Some(2048.0));
        assert_eq!(field("MemTotal: 1", "MemFree"), None);
    }

    #[test]
    fn waiting_is_not_work() {
        let then = Ticks::read("intr 5\ncpu  10 0 10 100 5 0 0 0 7 0\ncpu0 1 1 1 1\n");
        let now = Ticks::read("cpu  30 0 20 140 15 5 5 10 9 0\n");
        assert_eq!(now.busy_since(then), 0.5);
        assert_eq!(then.busy_since(now), 0.0, "counters that went back say nothing");
        assert_eq!(Ticks::read("").busy_since(Ticks::read("")), 0.0);
    }

    #[test]
    fn this_process_has_memory() {
        assert!(memory_mib(std::process::id(), "VmRSS").unwrap() > 0.1);
        assert_eq!(memory_mib(std::process::id(), "VmNothing"), None);
    }
}
