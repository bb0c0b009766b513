//! The process table: who runs, who belongs to whom, signals.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

pub use rustix::process::Signal;

/// One process as `/proc` had it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process {
    pub pid: u32,
    pub parent: u32,
    pub name: String,
    /// Clock ticks since the machine's start: with the id, it names a process for ever.
    started: u64,
}

impl Process {
    /// The process with this id, unless there is none or only its exit status is left.
    #[must_use]
    pub fn of(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let open = stat.find('(')?;
        let close = stat.rfind(')')?;
        let mut rest = stat.get(close + 2..)?.split(' ');
        let state = rest.next()?;
        let parent = rest.next()?.parse().ok()?;
        let started = rest.nth(17)?.parse().ok()?;
        let gone = matches!(state, "Z" | "X");
        (!gone).then(|| Self { pid, parent, name: stat[open + 1..close].to_owned(), started })
    }

    /// All there are.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let entries = fs::read_dir("/proc").expect("/proc is there");
        let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        pids.filter_map(Self::of).collect()
    }

    /// All that were started below this one, near and far, as long as the chain holds.
    #[must_use]
    pub fn descendants(&self) -> Vec<Self> {
        let mut children: BTreeMap<u32, Vec<Self>> = BTreeMap::new();
        for process in Self::all() {
            children.entry(process.parent).or_default().push(process);
        }
        let mut found = Vec::new();
        let mut open = vec![self.pid];
        while let Some(pid) = open.pop() {
            for child in children.remove(&pid).unwrap_or_default() {
                open.push(child.pid);
                found.push(child);
            }
        }
        found
    }

    /// All whose environment, arguments or working folder name this folder.
    #[must_use]
    pub fn naming(folder: &Path) -> Vec<Self> {
        let name = folder.as_os_str().as_bytes();
        let own = std::process::id();
        let names = |bytes: &[u8]| bytes.windows(name.len()).any(|window| window == name);
        let read = |pid: u32, file: &str| fs::read(format!("/proc/{pid}/{file}"));
        Self::all()
            .into_iter()
            .filter(|one| one.pid != own)
            .filter(|one| {
                let cwd = fs::read_link(format!("/proc/{}/cwd", one.pid));
                cwd.is_ok_and(|cwd| cwd.starts_with(folder))
                    || read(one.pid, "cmdline").is_ok_and(|line| names(&line))
                    || read(one.pid, "environ").is_ok_and(|text| names(&text))
            })
            .collect()
    }

    /// When it was started, and which came first of those of one tick as long as ids count up.
    #[must_use]
    pub fn started(&self) -> (u64, u32) {
        (self.started, self.pid)
    }

    /// Whether this very process runs still.
    #[must_use]
    pub fn runs(&self) -> bool {
        Self::of(self.pid).is_some_and(|now| now.started == self.started)
    }

    /// Its program and arguments.
    #[must_use]
    pub fn command_line(&self) -> Vec<String> {
        let bytes = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        let parts = bytes.split(|byte| *byte == 0).map(|part| String::from_utf8_lossy(part).into());
        let mut parts: Vec<String> = parts.collect();
        parts.pop();
        parts
    }

    /// The variables that it was started with.
    #[must_use]
    pub fn environment(&self) -> BTreeMap<String, String> {
        let bytes = fs::read(format!("/proc/{}/environ", self.pid)).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let pairs = text.split('\0').filter_map(|pair| pair.split_once('='));
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Sends a signal. One that has ended meanwhile is no error.
    pub fn signal(&self, signal: Signal) {
        if !self.runs() {
            return;
        }
        let raw = i32::try_from(self.pid).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = raw {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }
}
