//! What hosts showed, held against what was written.
//!
//! Owns the judgement. It must not know what was done to the network.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::{Host, Reply};

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// How long it took until all knew, by what was done.
    pub known: Vec<(String, Duration)>,
    /// Answers that were looked at.
    pub reads: u64,
    /// Those that show what was never written, or something older than before.
    pub wrong: Vec<String>,
}

impl Findings {
    /// Whether nothing was wrong.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.wrong.is_empty()
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, took) in &self.known {
            writeln!(f, "{:>7} ms  {what}", took.as_millis())?;
        }
        writeln!(f, "reads  {:>8}", self.reads)?;
        writeln!(f, "wrong  {:>8}", self.wrong.len())?;
        self.wrong.iter().take(20).try_for_each(|wrong| writeln!(f, "WRONG: {wrong}"))
    }
}

/// Lives by the commits at which they were written, and what each host has shown last.
#[derive(Debug, Default)]
pub(super) struct Judge {
    written: BTreeMap<u64, u32>,
    shown: BTreeMap<Host, u64>,
    pub(super) findings: Findings,
}

impl Judge {
    /// All entries were written as of this life.
    pub(super) fn wrote(&mut self, commit: u64, life: u32) {
        self.written.insert(commit, life);
    }

    /// The host begins with nothing, and may show again what is old.
    pub(super) fn forget(&mut self, host: Host) {
        self.shown.remove(&host);
    }

    /// Those of these hosts that have not shown the newest state.
    pub(super) fn behind(&self, hosts: &[Host]) -> Vec<String> {
        let newest = self.written.last_key_value().map(|(commit, _)| *commit);
        let behind = hosts.iter().filter(|host| self.shown.get(*host).copied() != newest);
        behind.map(ToString::to_string).collect()
    }

    /// Looks at an answer of a host, which is the group with so many entries.
    pub(super) fn read(&mut self, host: Host, reply: &Reply, entries: u32) {
        let view = reply.json();
        let version = view["version"].as_u64().unwrap_or_default();
        self.findings.reads += 1;
        let mut wrong = Vec::new();
        // Before the first change the group is empty.
        if version > 0 {
            let life = self.written.get(&version).copied();
            let shown = view["entries"].as_array().map_or(0, Vec::len);
            let end = life.map(|life| format!(".{life}")).unwrap_or_default();
            let named = view["entries"].as_array().into_iter().flatten();
            let fits = named.filter_map(|it| it["incarnation"].as_str());
            let fits = fits.filter(|it| it.ends_with(&end)).count();
            if life.is_none() || shown != entries as usize || fits != shown {
                wrong.push(format!("{host} shows version {version} as nobody wrote it"));
            }
        }
        let before = self.shown.insert(host, version).unwrap_or_default();
        if version < before {
            wrong.push(format!("{host} goes back from {before} to {version}"));
        }
        self.findings.wrong.extend(wrong);
    }
}
