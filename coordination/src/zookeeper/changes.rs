//! What has happened to one record, as events and reads tell it. Owns the rule from when to when a
//! record was what a read has found; must not know other records.

use crate::Record;

/// Since something was given out: events and finds of one record.
#[derive(Debug, Default)]
pub(super) struct Changes {
    /// By commit, rising. Without any, it is as it was when it was first read.
    events: Vec<Event>,
    finds: Vec<Find>,
    /// An event did not tell its commit: only a find of a read that was made after it counts.
    unnumbered: bool,
    /// There was an event since it was last asked for.
    stale: bool,
    /// What was the case before the first event is not given out, so it has to be found.
    open: bool,
    /// It was there before the first event.
    was_there: bool,
}

/// What an event says of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Created,
    Set,
    Deleted,
}

/// What one commit did to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Event {
    commit: u64,
    first: Kind,
    last: Kind,
}

/// A read found this, at this commit or after it with no event of the record in between.
#[derive(Debug)]
struct Find {
    at: u64,
    record: Option<Record>,
}

impl Changes {
    /// Of a record that was given out, or was given out as not there.
    pub(super) fn given(was_there: bool) -> Self {
        Self { was_there, ..Self::default() }
    }

    /// Of a record of which nothing was given out.
    pub(super) fn fresh() -> Self {
        Self { open: true, ..Self::default() }
    }

    /// It was there when its folder was read.
    pub(super) fn listed(&mut self) {
        self.stale = true;
        self.was_there |= self.events.is_empty();
    }

    pub(super) fn event(&mut self, kind: Kind, commit: Option<u64>) {
        self.stale = true;
        let Some(commit) = commit else {
            self.unnumbered = true;
            return;
        };
        match self.events.last_mut() {
            Some(event) if event.commit == commit => event.last = kind,
            _ => self.events.push(Event { commit, first: kind, last: kind }),
        }
    }

    /// It is being read.
    pub(super) fn asked(&mut self) {
        self.stale = false;
    }

    /// What a read found that came after the write at this commit. Returns the commit up to which the
    /// find shows that events were told.
    pub(super) fn found(&mut self, record: Option<Record>, at: u64) -> u64 {
        let at = match &record {
            Some(record) => at.max(record.commit),
            None if !self.is_there(at) => at,
            // It is gone, though it was there at that commit: so its deletion came before.
            None => {
                let mut later = self.events.iter().filter(|event| event.commit > at);
                later.find(|event| event.last == Kind::Deleted).map_or(at, |event| event.commit)
            }
        };
        self.finds.push(Find { at, record });
        at
    }

    fn last_event(&self, at: u64) -> Option<Event> {
        self.events.iter().rev().find(|event| event.commit <= at).copied()
    }

    fn is_there(&self, at: u64) -> bool {
        match (self.last_event(at), self.events.first()) {
            (Some(event), _) => event.last != Kind::Deleted,
            (None, Some(later)) => later.first != Kind::Created,
            (None, None) => self.was_there,
        }
    }

    /// From when to when the record was what it was at this commit.
    fn span(&self, at: u64) -> (u64, u64) {
        let from = self.last_event(at).map_or(0, |event| event.commit);
        let next = self.events.iter().find(|event| event.commit > at);
        (from, next.map_or(u64::MAX, |event| event.commit))
    }

    fn find(&self, at: u64) -> Option<usize> {
        if self.unnumbered {
            return self.finds.len().checked_sub(1).filter(|_| !self.stale);
        }
        let (from, to) = self.span(at);
        self.finds.iter().rposition(|find| from <= find.at && find.at < to)
    }

    /// Since which commit it is unknown what the record was at this commit; none if it is known.
    pub(super) fn unknown_at(&self, at: u64) -> Option<u64> {
        match self.find(at) {
            Some(_) => None,
            None if self.unnumbered => Some(0),
            // As it was given out.
            None if !self.open && self.last_event(at).is_none() => None,
            None => Some(self.span(at).0),
        }
    }

    /// What the record was at this commit, and when it was last changed, if that was told. It is
    /// forgotten here.
    pub(super) fn take(&mut self, at: u64) -> Option<(Option<Record>, Option<u64>)> {
        let found = self.find(at)?;
        let commit = self.last_event(at).map(|event| event.commit);
        let record = self.finds[found].record.clone();
        let (_, to) = self.span(at);
        self.events.retain(|event| event.commit > at);
        self.finds.retain(|find| find.at >= to);
        self.unnumbered &= self.stale;
        self.open = false;
        self.was_there = record.is_some();
        Some((record, commit))
    }

    /// Whether nothing is left to be told.
    pub(super) fn is_over(&self) -> bool {
        self.events.is_empty() && self.finds.is_empty() && !self.unnumbered && !self.stale
    }
}
