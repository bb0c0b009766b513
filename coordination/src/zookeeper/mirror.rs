//! What one watch knows of the records below its prefix. Owns the rule by which it is known what the
//! state at one commit was; must not know clients or time.
//!
//! ZooKeeper has no reading of many znodes at one commit, nor does a watch tell contents. So the
//! watch stands first, then everything is read, and every event says of one record that it has to be
//! read (again). What a read found is what the record was from its last event before the read to its
//! next one after it. A server tells an event before any answer that is newer than it. So there is a
//! newest commit, not after the last answer, for which every record is known: only that is given out,
//! as what has changed since the one before. It may be the sum of several commits, but of whole ones,
//! and writes that never pause do not hold it up.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::{BTreeMap, BTreeSet};

use super::changes::{Changes, Kind};
use super::names::{self, Node};
use crate::limits::MAX_LISTING_BYTES;
use crate::{Listing, Record, StoreError, WatchEvent};

/// Items of one read.
const READ_ITEMS: usize = 256;
/// Bytes of the names in one read.
const READ_NAME_BYTES: usize = 256 * 1024;
/// What the answer of one read should have, going by what records were like so far.
const READ_BYTES: usize = 4 * 1024 * 1024;
/// Reads under way while everything is read.
const READS: usize = 4;
/// Records that wait to be given out; with more it is better to read everything again.
const MOST_CHANGED: usize = 1 << 16;

/// Something to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// The record at a path.
    Record(String),
    /// The children of a znode that is a folder.
    Folder(String),
}

/// What was found there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Record(Option<Record>),
    /// The names of its children, none if there is no such folder, and the last change of them.
    Folder {
        children: Vec<String>,
        changed: u64,
    },
}

/// What a watcher is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Given {
    Snapshot(Listing),
    Events(Vec<WatchEvent>),
}

/// The records below one prefix.
#[derive(Debug)]
pub(super) struct Mirror {
    prefix: String,
    /// The state that was given out, and its commit, which never goes back.
    records: BTreeMap<String, Record>,
    given: u64,
    /// Nothing was given out since everything was read anew.
    fresh: bool,
    /// What has happened since.
    changed: BTreeMap<String, Changes>,
    /// To be read.
    stale: BTreeSet<String>,
    folders: BTreeSet<String>,
    reading: usize,
    /// Before the first answer the watch may not have stood yet.
    first: Option<u64>,
    /// Every event up to this commit was told.
    heard: u64,
    /// Of what was read, to tell what is to be expected.
    read_records: usize,
    read_bytes: usize,
}

impl Mirror {
    pub(super) fn new(prefix: &str) -> Self {
        let mut mirror = Self {
            prefix: prefix.to_owned(),
            records: BTreeMap::new(),
            given: 0,
            fresh: true,
            changed: BTreeMap::new(),
            stale: BTreeSet::new(),
            folders: BTreeSet::new(),
            reading: 0,
            first: None,
            heard: 0,
            read_records: 0,
            read_bytes: 0,
        };
        mirror.restart();
        mirror
    }

    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Events may have been missed: everything is to be read again. The watch stands anew already.
    pub(super) fn restart(&mut self) {
        self.records.clear();
        self.fresh = true;
        self.changed.clear();
        self.stale.clear();
        self.folders = BTreeSet::from([names::folder(&self.prefix)]);
        self.reading = 0;
        self.first = None;
        (self.read_records, self.read_bytes) = (0, 0);
        if self.prefix != "/" {
            self.changes(&self.prefix.clone());
            self.stale.insert(self.prefix.clone());
        }
    }

    /// The watcher has missed something itself. Gives what was given out last, if anything was.
    pub(super) fn renew(&self) -> Option<Given> {
        (!self.fresh).then(|| self.snapshot())
    }

    /// Whether more has happened than is worth to be followed.
    pub(super) fn is_overrun(&self) -> bool {
        !self.fresh && self.changed.len() > MOST_CHANGED
    }

    /// An event of a watch: something happened to a znode, at a commit if the server tells it.
    pub(super) fn event(&mut self, node: &str, kind: Kind, commit: Option<u64>) {
        // Folders need no care: what comes into one has an event of its own.
        let Node::Record(path) = names::node(node) else { return };
        self.changes(&path).event(kind, commit);
        self.stale.insert(path);
    }

    fn changes(&mut self, path: &str) -> &mut Changes {
        let (records, fresh) = (&self.records, self.fresh);
        self.changed.entry(path.to_owned()).or_insert_with(|| match fresh {
            true => Changes::fresh(),
            false => Changes::given(records.contains_key(path)),
        })
    }

    /// The next read, if there is one to be made now.
    pub(super) fn next_read(&mut self) -> Option<Vec<Item>> {
        if self.reading >= if self.fresh { READS } else { 1 } {
            return None;
        }
        let average = self.read_bytes / self.read_records.max(1) + 1;
        let most = (READ_BYTES / average).clamp(1, READ_ITEMS);
        let mut items = Vec::new();
        let mut bytes = 0;
        while items.len() < most && bytes < READ_NAME_BYTES {
            let item = if let Some(path) = self.stale.pop_first() {
                if let Some(changes) = self.changed.get_mut(&path) {
                    changes.asked();
                }
                Item::Record(path)
            } else if let Some(folder) = self.folders.pop_first() {
                Item::Folder(folder)
            } else {
                break;
            };
            let (Item::Record(name) | Item::Folder(name)) = &item;
            bytes += name.len();
            items.push(item);
        }
        if items.is_empty() {
            return None;
        }
        self.reading += 1;
        Some(items)
    }

    /// The answer of a read. `at` is the commit of the last write before it. Every event that came
    /// before the answer has to have been told.
    ///
    /// # Errors
    /// `TooLarge` when there is more below the prefix than is taken in.
    pub(super) fn answer(&mut self, answer: Vec<(Item, Found)>, at: u64) -> Result<(), StoreError> {
        self.reading = self.reading.saturating_sub(1);
        self.first.get_or_insert(at);
        self.heard = self.heard.max(at);
        for (item, found) in answer {
            match (item, found) {
                (Item::Record(path), Found::Record(record)) => {
                    if let Some(record) = &record {
                        self.read_records += 1;
                        self.read_bytes += path.len() + record.data.len();
                    }
                    if let Some(changes) = self.changed.get_mut(&path) {
                        // The end of a session is no write, so a read may have come after commits
                        // that are higher than that of the last write. What it found tells.
                        self.heard = self.heard.max(changes.found(record, at));
                    }
                }
                (Item::Folder(folder), Found::Folder { children, changed }) => {
                    self.heard = self.heard.max(changed);
                    for name in children {
                        self.child(&names::child(&folder, &name));
                    }
                }
                _ => {}
            }
        }
        if self.fresh && self.read_bytes > MAX_LISTING_BYTES {
            let (size, limit) = (self.read_bytes as u64, MAX_LISTING_BYTES as u64);
            return Err(StoreError::TooLarge { what: "the listing", size, limit });
        }
        Ok(())
    }

    fn child(&mut self, node: &str) {
        match names::node(node) {
            Node::Record(path) => {
                self.changes(&path).listed();
                self.stale.insert(path);
            }
            Node::Folder(_) => {
                self.folders.insert(node.to_owned());
            }
            Node::Other => {}
        }
    }

    /// What there is to be told. To be asked after an answer was taken in.
    pub(super) fn give(&mut self) -> Option<Given> {
        if !self.folders.is_empty() || self.fresh && self.reading > 0 {
            return None;
        }
        let at = self.newest_known()?;
        let events = self.advance(at);
        self.given = at;
        if std::mem::take(&mut self.fresh) {
            return Some(self.snapshot());
        }
        (!events.is_empty()).then_some(Given::Events(events))
    }

    /// The newest commit for which every record is known.
    fn newest_known(&self) -> Option<u64> {
        let least = self.given.max(self.first?);
        let mut at = self.heard;
        loop {
            let mut known = at;
            for changes in self.changed.values() {
                if let Some(unknown_from) = changes.unknown_at(known) {
                    known = unknown_from.checked_sub(1)?;
                }
            }
            if known < least {
                return None;
            }
            if known == at {
                return Some(at);
            }
            at = known;
        }
    }

    /// Goes on to the state at this commit, for which every record is known.
    fn advance(&mut self, at: u64) -> Vec<WatchEvent> {
        let mut events = Vec::new();
        for (path, changes) in &mut self.changed {
            let Some((record, commit)) = changes.take(at) else { continue };
            let before = match &record {
                Some(record) => self.records.insert(path.clone(), record.clone()),
                None => self.records.remove(path),
            };
            let path = path.clone();
            let event = match (before, record) {
                (None, None) => continue,
                (Some(a), Some(b)) if (a.commit, a.version) == (b.commit, b.version) => continue,
                (_, Some(record)) => {
                    let commit = record.commit;
                    WatchEvent::Changed { path, record, commit }
                }
                (Some(_), None) => {
                    let commit = commit.unwrap_or(at).max(self.given);
                    WatchEvent::Deleted { path, commit }
                }
            };
            events.push(event);
        }
        self.changed.retain(|_, changes| !changes.is_over());
        // Those of one commit stay in the order of their paths.
        events.sort_by_key(|event| match event {
            WatchEvent::Changed { commit, .. } | WatchEvent::Deleted { commit, .. } => *commit,
            WatchEvent::Snapshot(listing) => listing.commit,
        });
        events
    }

    fn snapshot(&self) -> Given {
        let records = self.records.iter().map(|(path, record)| (path.clone(), record.clone()));
        Given::Snapshot(Listing { commit: self.given, records: records.collect() })
    }
}

#[cfg(test)]
mod tests;
