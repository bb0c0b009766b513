//! The machine of one candidate. Owns who is next and what ends a lead; must not know stores or time.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Lead, Lost, Standing};
use crate::{Record, StoreError, WatchEvent};

/// What a candidate hears.
#[derive(Debug)]
pub(super) enum Event {
    /// Of the records of candidates.
    Candidates(WatchEvent),
    /// Of the term's record, and of what is below its path.
    Term(WatchEvent),
    /// The request that was made was answered.
    Answer(Result<u64, StoreError>),
    /// The term's record was read.
    Looked(Option<Record>),
    /// A watch has ended.
    Failed(StoreError),
    Expired,
    Resign,
}

impl Event {
    pub(super) fn is_answer(&self) -> bool {
        matches!(self, Self::Answer(_) | Self::Looked(_))
    }
}

/// What a candidate wants done: one thing at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    /// Make the own record.
    Enrol,
    /// Raise the term to this, if its record has this version, or if there is none.
    Take { term: u64, version: Option<u64> },
    /// Read the term's record: whether it was raised is not known.
    Look,
    /// Delete the own record.
    Withdraw,
}

/// One candidate.
#[derive(Debug)]
pub(super) struct Race {
    own: String,
    term_path: String,
    /// By path: when it was made, and what it says.
    candidates: BTreeMap<String, (u64, Bytes)>,
    /// The own record was made at this commit, and is not seen yet.
    made: Option<u64>,
    /// The own record was seen.
    enrolled: bool,
    term: Term,
    /// Under way.
    command: Option<Command>,
    /// Whether the term was raised is not known.
    unsure: bool,
    resigns: bool,
    lead: Option<(Lead, u64)>,
    lost: Option<Lost>,
}

/// The newest that is known of the term.
#[derive(Debug, Default)]
struct Term {
    /// As of this commit; none: nothing is known yet.
    commit: Option<u64>,
    record: Option<Record>,
}

impl Race {
    pub(super) fn new(own: String, term_path: String) -> Self {
        Self {
            own,
            term_path,
            candidates: BTreeMap::new(),
            made: None,
            enrolled: false,
            term: Term::default(),
            command: None,
            unsure: false,
            resigns: false,
            lead: None,
            lost: None,
        }
    }

    /// Whether no request is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.command.is_none()
    }

    pub(super) fn standing(&self) -> Standing {
        if let Some(lost) = &self.lost {
            return Standing::Lost(lost.clone());
        }
        if let Some((lead, _)) = &self.lead {
            return Standing::Leads(lead.clone());
        }
        let first = self.first().filter(|(path, _)| *path != self.own);
        Standing::Waits { leader: first.map(|(_, says)| says.clone()) }
    }

    /// The candidate that was made before all others.
    fn first(&self) -> Option<(&str, &Bytes)> {
        let first = self.candidates.iter().min_by_key(|(path, (commit, _))| (*commit, *path));
        first.map(|(path, (_, says))| (path.as_str(), says))
    }

    /// The next request to be made, if one is wanted and none is under way. It is answered by an event.
    pub(super) fn next_command(&mut self) -> Option<Command> {
        if self.command.is_none() {
            self.command = self.wanted();
            return self.command;
        }
        None
    }

    fn wanted(&self) -> Option<Command> {
        if self.lost.is_some() {
            return None;
        }
        if self.resigns {
            return Some(Command::Withdraw);
        }
        if self.lead.is_some() {
            return None;
        }
        if !self.enrolled {
            return self.made.is_none().then_some(Command::Enrol);
        }
        if self.unsure {
            return Some(Command::Look);
        }
        let next = self.first().is_some_and(|(path, _)| path == self.own);
        self.term.commit.filter(|_| next)?;
        let record = self.term.record.as_ref();
        let term = record.and_then(number).unwrap_or(0) + 1;
        Some(Command::Take { term, version: record.map(|record| record.version) })
    }

    pub(super) fn step(&mut self, event: Event) {
        match event {
            Event::Candidates(event) => self.candidates(event),
            Event::Term(event) => self.heard_of_term(event),
            Event::Answer(answer) => self.answer(answer),
            Event::Looked(record) => {
                self.command = None;
                self.unsure = false;
                let commit = record.as_ref().map_or(0, |record| record.commit);
                self.learn(record, commit);
            }
            Event::Failed(error) => self.lose(super::lost(error)),
            Event::Expired => self.lose(Lost::Expired),
            Event::Resign => self.resigns = true,
        }
    }

    fn lose(&mut self, lost: Lost) {
        self.lost.get_or_insert(lost);
    }

    fn candidates(&mut self, event: WatchEvent) {
        let at = match event {
            WatchEvent::Snapshot(listing) => {
                self.candidates.clear();
                for (path, record) in listing.records {
                    self.candidate(path, record);
                }
                listing.commit
            }
            WatchEvent::Changed { path, record, commit } => {
                self.candidate(path, record);
                commit
            }
            WatchEvent::Deleted { path, commit } => {
                self.candidates.remove(&path);
                commit
            }
        };
        let there = self.candidates.contains_key(&self.own);
        if there || self.made.is_some_and(|made| made <= at) {
            self.made = None;
        }
        // Whoever does not lead joins once more, behind the others.
        if !there && self.enrolled && self.lead.is_some() && !self.resigns {
            self.lose(Lost::Deleted);
        }
        self.enrolled = there;
    }

    fn candidate(&mut self, path: String, record: Record) {
        let folder = |path: &str| path.rsplit_once('/').map(|(folder, _)| folder.to_owned());
        if folder(&path) == folder(&self.own) {
            self.candidates.insert(path, (record.commit, record.data));
        }
    }

    fn heard_of_term(&mut self, event: WatchEvent) {
        match event {
            WatchEvent::Snapshot(listing) => {
                let mut records = listing.records.into_iter();
                let record = records.find(|(path, _)| *path == self.term_path);
                self.learn(record.map(|(_, record)| record), listing.commit);
            }
            WatchEvent::Changed { path, record, commit } if path == self.term_path => {
                self.learn(Some(record), commit);
            }
            WatchEvent::Deleted { path, commit } if path == self.term_path => {
                self.learn(None, commit);
            }
            _ => {}
        }
    }

    /// The term is this at a commit. A watch may tell late what was read or written since.
    fn learn(&mut self, record: Option<Record>, commit: u64) {
        let told = record.as_ref().map_or(commit, |record| record.commit);
        if let Some((_, since)) = &self.lead
            && (told > *since || record.is_none() && commit >= *since)
        {
            return self.lose(Lost::Superseded);
        }
        if self.term.commit.is_some_and(|known| known > commit.max(told)) {
            return;
        }
        if let Some(record) = &record
            && number(record).is_none()
        {
            let reason = format!("the record at {} is no term", self.term_path);
            return self.lose(Lost::Refused(StoreError::invalid(reason)));
        }
        self.term = Term { commit: Some(commit.max(told)), record };
    }

    fn answer(&mut self, answer: Result<u64, StoreError>) {
        let Some(command) = self.command.take() else { return };
        match (command, answer) {
            (Command::Take { term, version }, Ok(commit)) => {
                let version = version.map_or(0, |version| version + 1);
                let lead = Lead { term, version, path: self.term_path.clone() };
                self.lead = Some((lead, commit));
                // What has happened since may have been heard of already.
                if self.is_newer_than(version, commit) {
                    self.lose(Lost::Superseded);
                } else if !self.enrolled && !self.resigns {
                    self.lose(Lost::Deleted);
                }
            }
            // Its watch has told, or will tell, what is the case.
            (
                Command::Take { .. },
                Err(StoreError::Conflict { .. } | StoreError::Exists { .. }),
            ) => {
                self.unsure = true;
            }
            (Command::Take { .. }, Err(error)) if error.is_retryable() => self.unsure = true,
            (Command::Enrol, Ok(commit)) => self.made = (!self.enrolled).then_some(commit),
            (Command::Withdraw, Ok(_)) => self.lose(Lost::Resigned),
            (_, Err(error)) if !error.is_retryable() => self.lose(super::lost(error)),
            // Wanted again, if it is still wanted; or seen by the watch.
            _ => {}
        }
    }

    fn is_newer_than(&self, version: u64, commit: u64) -> bool {
        let known = self.term.commit.is_some_and(|known| known > commit);
        let same = self.term.record.as_ref().is_some_and(|record| record.version == version);
        known && !same
    }
}

fn number(record: &Record) -> Option<u64> {
    std::str::from_utf8(&record.data).ok()?.parse().ok()
}

#[cfg(test)]
mod tests;
