//! From heartbeats to writes: who is silent is written as suspect, who is heard again as before.
//!
//! Owns the one write that may be under way. It must not decide who is silent (the catalog's
//! `Liveness` does) nor change the catalog itself.

use std::collections::BTreeMap;

use lathe_catalog::{Beat, Catalog, Entry, Finding, Limits, Liveness, Share, paths};

use super::{Command, Now, Outcome, Report, Set};

/// Entries in one write; the rest follows in the next.
const ENTRIES_MAX: usize = 100;

#[derive(Debug)]
pub(super) struct Beats {
    liveness: Liveness,
    /// A write is under way, or durable and not shown yet.
    writing: Option<Writing>,
    brake: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    UnderWay,
    /// Shown once the catalog is at this commit.
    Durable {
        commit: u64,
    },
}

/// What a write is made from.
pub(super) struct Sources<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) versions: &'a BTreeMap<String, u64>,
}

impl Beats {
    pub(super) fn new(limits: Limits) -> Self {
        Self { liveness: Liveness::new(limits), writing: None, brake: false }
    }

    /// Whether there is something to write for it.
    pub(super) fn heard(&mut self, now_ms: u64, incarnation: &str, beat: Beat) -> bool {
        self.liveness.beat(now_ms, incarnation, beat).is_some()
    }

    /// Its connection is closed: that alone is nothing to write.
    pub(super) fn closed(&mut self, incarnation: &str) {
        self.liveness.closed(incarnation);
    }

    pub(super) fn stand_in(&mut self, now_ms: u64, incarnation: &str) {
        self.liveness.stand_in(now_ms, incarnation);
    }

    pub(super) fn assign(&mut self, now_ms: u64, incarnation: &str, share: &Share) {
        self.liveness.assign(now_ms, incarnation, share.owns(incarnation));
    }

    pub(super) fn assign_all(&mut self, now_ms: u64, share: &Share) {
        self.liveness.assign_all(now_ms, |incarnation| share.owns(incarnation));
    }

    pub(super) fn in_touch(&mut self, now_ms: u64) {
        self.liveness.in_touch(now_ms);
    }

    /// Incarnations that are judged here, and how many of them were not heard since.
    pub(super) fn owned(&self) -> (u64, u64) {
        self.liveness.owned()
    }

    pub(super) fn shown(&mut self, incarnation: &str, entry: Option<&Entry>) {
        match entry {
            Some(entry) => self.liveness.observe(entry),
            None => self.liveness.forget(incarnation),
        }
    }

    pub(super) fn missed(&mut self, incarnation: &str) {
        self.liveness.missed(incarnation);
    }

    pub(super) fn relisted(&mut self, catalog: &Catalog) {
        self.liveness.retain(|incarnation| catalog.entry(incarnation).is_some());
        for entry in catalog.entries() {
            self.liveness.observe(entry);
        }
        // What a listing does not show is not to be waited for.
        if self.writing != Some(Writing::UnderWay) {
            self.writing = None;
        }
    }

    pub(super) fn reached(&mut self, commit: u64) {
        if matches!(self.writing, Some(Writing::Durable { commit: at }) if at <= commit) {
            self.writing = None;
        }
    }

    pub(super) fn written(&mut self, outcome: Outcome, shown: u64) {
        self.writing = match outcome {
            Outcome::Durable { commit } if commit > shown => Some(Writing::Durable { commit }),
            Outcome::Durable { .. } | Outcome::Failed => None,
        };
    }

    pub(super) fn was_deaf(&mut self, ms: u64) {
        self.liveness.was_deaf(ms);
    }

    pub(super) fn watched(&self) -> u64 {
        self.liveness.watched()
    }

    pub(super) fn brake(&self) -> bool {
        self.brake
    }

    /// Looks at everybody and writes what the catalog does not show yet; of silence only where it
    /// `judges`.
    pub(super) fn write(
        &mut self,
        now: Now,
        judges: bool,
        sources: &Sources<'_>,
        commands: &mut Vec<Command>,
    ) {
        if self.writing.is_some() {
            return;
        }
        let findings = self.liveness.findings(now.ms, judges);
        if judges && self.brake != findings.brake.is_some() {
            self.brake = findings.brake.is_some();
            commands.push(Command::Report(match findings.brake {
                Some(brake) => Report::BrakeHolds { would: brake.would, of: brake.of },
                None => Report::BrakeLetGo,
            }));
        }
        let sets = sets(now, &findings.wanted, sources);
        if !sets.is_empty() {
            self.writing = Some(Writing::UnderWay);
            commands.push(Command::Write { sets });
        }
    }
}

/// The entries and, in the same write, the records of their tasks: their commit is the version of
/// every group that they belong to.
fn sets(now: Now, wanted: &[Finding], sources: &Sources<'_>) -> Vec<Set> {
    let mut sets = Vec::new();
    let mut touched: BTreeMap<&str, u64> = BTreeMap::new();
    for finding in wanted.iter().take(ENTRIES_MAX) {
        let path = paths::entry(&finding.incarnation);
        let entry = sources.catalog.entry(&finding.incarnation);
        let (Some(entry), Some(&expect)) = (entry, sources.versions.get(&path)) else { continue };
        let entry_after = Entry {
            state: finding.state,
            reason: finding.reason.clone(),
            since_ms: now.unix_ms,
            ..entry.clone()
        };
        sets.push(Set { path, data: bytes(&entry_after), expect });
        *touched.entry(&entry.task).or_default() += 1;
    }
    for (task, times) in touched {
        let path = paths::task(task);
        let record = sources.catalog.task(task);
        let (Some(record), Some(&expect)) = (record, sources.versions.get(&path)) else { continue };
        let mut record = record.clone();
        record.touched = record.touched.saturating_add(times);
        sets.push(Set { path, data: bytes(&record), expect });
    }
    sets
}

fn bytes<T: serde::Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("entries and records have text keys only")
}
