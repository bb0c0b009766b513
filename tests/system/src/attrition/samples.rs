//! What is measured of a running cluster, and what it shows in the end.
//!
//! Owns the figures and where they come from. It must not know what is done to the cluster.

use std::fs;
use std::time::Duration;

use super::trend::{Trend, trend};
use crate::http::Request;
use crate::process::Process;
use crate::several::Several;
use crate::sse::Events;
use crate::waiting::SOON;

/// Each by its name, with what it may grow by without growing.
const FIGURES: [(&str, f64); 12] = [
    ("memory of the scheduler, KiB", 0.0),
    ("of it anonymous", 0.0),
    ("its descriptors", COUNT),
    ("its threads", COUNT),
    ("memory of the registry, KiB", 0.0),
    ("of it anonymous", 0.0),
    ("its descriptors", COUNT),
    ("its threads", COUNT),
    ("memory of an executor, the most, KiB", 0.0),
    ("nodes in ZooKeeper", COUNT),
    ("bytes in ZooKeeper", 0.0),
    ("watches in ZooKeeper", COUNT),
];
/// Connections come and go, and so do records of lives.
const COUNT: f64 = 5.0;
/// What the scheduler keeps of what has happened is 2,000 events, four of each life at the least.
const LIVES_MIN: u64 = 500;

/// All figures at one moment.
#[derive(Clone, Debug)]
struct Sample {
    at: Duration,
    values: [f64; FIGURES.len()],
}

/// What was measured of one pair of scheduler and registry.
#[derive(Debug, Default)]
pub(super) struct Samples {
    of: Option<(Process, Process)>,
    all: Vec<Sample>,
    /// Lives that had begun at each sample.
    lives: Vec<u64>,
}

/// One figure over a run.
#[derive(Clone, Debug)]
pub struct Measured {
    pub name: &'static str,
    /// At the first, the middle and the last sample.
    pub values: [f64; 3],
    pub trend: Trend,
}

impl Samples {
    /// One more, unless somebody does not answer. Other processes than before begin anew: what they
    /// need has nothing to do with those of before.
    pub(super) fn take(&mut self, several: &Several, at: Duration, lives: u64, long: &[Process]) {
        let Some((scheduler, registry)) = several.daemons(0) else { return };
        let Some(values) = values(several, &scheduler, &registry, long) else { return };
        let of = Some((scheduler, registry));
        if self.of != of {
            *self = Self { of, ..Self::default() };
        }
        self.all.push(Sample { at, values });
        self.lives.push(lives);
    }

    /// How the newest one is told while it goes on.
    pub(super) fn newest(&self) -> String {
        let Some(sample) = self.all.last() else { return "no sample".to_owned() };
        let figures = FIGURES.iter().zip(sample.values);
        let parts = figures.map(|((name, _), value)| format!("{name} {value:.0}"));
        parts.collect::<Vec<_>>().join("; ")
    }

    pub(super) fn measured(&self) -> Vec<Measured> {
        let count = self.lives.len();
        // Before the second half whatever is bounded has to be full.
        let begun = |at: usize| self.lives.get(at).copied().unwrap_or_default();
        let is_full = begun(count / 2).saturating_sub(begun(0)) >= LIVES_MIN;
        let of = |(number, (name, slack)): (usize, &(&'static str, f64))| {
            let point = |sample: &Sample| (sample.at.as_secs_f64(), sample.values[number]);
            let points: Vec<(f64, f64)> = self.all.iter().map(point).collect();
            let value = |at: usize| points.get(at).map_or(0.0, |(_, value)| *value);
            Measured {
                name,
                values: [value(0), value(count / 2), value(count.saturating_sub(1))],
                trend: if is_full { trend(&points, *slack) } else { Trend::NotShown },
            }
        };
        FIGURES.iter().enumerate().map(of).collect()
    }

    /// How many there are, and over how long.
    pub(super) fn extent(&self) -> (usize, Duration) {
        let ends = self.all.first().zip(self.all.last());
        (self.all.len(), ends.map_or(Duration::ZERO, |(first, last)| last.at - first.at))
    }
}

fn values(
    several: &Several,
    scheduler: &Process,
    registry: &Process,
    long: &[Process],
) -> Option<[f64; FIGURES.len()]> {
    look_as_people_do(several);
    let daemon = |process: &Process| {
        let of = |key| status_of(process, key);
        Some([of("VmRSS:")?, of("RssAnon:")?, descriptors(process)?, of("Threads:")?])
    };
    let [memory, anonymous, open, threads] = daemon(scheduler)?;
    let [memory_too, anonymous_too, open_too, threads_too] = daemon(registry)?;
    let executors = long.iter().filter_map(|one| status_of(one, "VmRSS:"));
    let store = several.store_figures()?;
    let counts = |name: &str| store.get(name).copied();
    Some([
        memory,
        anonymous,
        open,
        threads,
        memory_too,
        anonymous_too,
        open_too,
        threads_too,
        executors.reduce(f64::max)?,
        counts("zk_znode_count")?,
        counts("zk_approximate_data_size")?,
        counts("zk_watch_count")?,
    ])
}

/// Somebody reads figures, and streams that are left in the middle.
fn look_as_people_do(several: &Several) {
    let _ = several.figure(0, "lathe_scheduler_persist_seconds_count");
    let groups = format!("{}/v1/watch?group={}", several.registry(), super::WORN);
    let _ = Events::open(&groups, None).try_next(SOON);
    let events = Request::get(format!("{}/v1/events", several.url(0))).bearer(&several.token());
    let _ = Events::of(events).try_next(SOON);
}

/// A number of `/proc/PID/status`.
fn status_of(process: &Process, key: &str) -> Option<f64> {
    let text = fs::read_to_string(format!("/proc/{}/status", process.pid)).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

fn descriptors(process: &Process) -> Option<f64> {
    Some(fs::read_dir(format!("/proc/{}/fd", process.pid)).ok()?.count() as f64)
}
