//! What was seen of instances and tasks, and what follows when something else is seen.
//!
//! Owns the rules by which changes of the catalog become events. A picture is small, durable, and only
//! ever goes forward: of two pictures of one slot anybody can say which is the newer one, so registries
//! that have heard the same things by other ways come to the same events. A life is over when its number
//! is not above the slot's highest and it is not among those that live.

use std::collections::{BTreeMap, BTreeSet};

use lathe_catalog::{Entry, State, TaskRecord};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::event::Part;
use crate::snapshot::hex;

/// Slots of one page.
pub(super) const SLOTS: u32 = 64;

/// Lives of a slot that are remembered as unseen.
const UNSEEN_MAX: u64 = 16;

/// A part of a picture that stands in one record of the store: some slots of one task, and with the
/// first of them the task itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Page {
    /// The task, if it was seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<Task>,
    /// Its slots.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub slots: BTreeMap<u32, Slot>,
}

/// Names a page: the task, and its place among the task's pages.
pub(super) type PageId = (String, u32);

/// The page on which a slot stands.
#[must_use]
pub(super) fn page_of(task: &str, slot: u32) -> PageId {
    (task.to_owned(), slot / SLOTS)
}

/// One slot of a task, with all lives of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Slot {
    /// The highest number of a life that was seen.
    pub top: u64,
    /// The commit up to which what was seen of lives that are over is over with them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub gone_at: u64,
    /// Lives that have come and gone unseen, as far as whoever wrote this knows: the newest of them. Another
    /// registry may have seen one, and still has to tell it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unseen: BTreeSet<u64>,
    /// Those that live, by their numbers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub lives: BTreeMap<u64, Life>,
}

fn is_zero(value: &u64) -> bool {
    *value == 0
}

fn is_false(value: &bool) -> bool {
    !*value
}

/// One incarnation that lives.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Life {
    /// The commit at which it was seen first.
    pub at: u64,
    /// Where it runs.
    pub host: String,
    /// It was ready at some time.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ready: bool,
    /// It was told to end.
    #[serde(default, skip_serializing_if = "is_false")]
    pub draining: bool,
    /// It is suspect.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ill: bool,
    /// The commit at which it became suspect last; 0 if it never was.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ill_at: u64,
}

/// A task as it was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Task {
    /// The commit at which that was seen.
    pub at: u64,
    /// Its crate and the version of that.
    pub version: (String, String),
    /// Digest of its own keys.
    pub keys: String,
    /// Digest of its groups.
    pub groups: String,
    /// It stands in no topology any more.
    #[serde(default, skip_serializing_if = "is_false")]
    pub removed: bool,
}

/// What a change means for one life, with the life as it was before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is ready for the first time.
    Started(Life),
    /// It became suspect.
    Unhealthy(Life),
    /// It is over.
    Died(Life),
}

impl Slot {
    /// Whether a life of which something was seen at this commit is over.
    #[must_use]
    pub(super) fn is_over(&self, life: u64, seen: u64) -> bool {
        self.knows(life) && seen <= self.gone_at && !self.lives.contains_key(&life)
    }

    /// Whether a life was seen, as long as that is remembered.
    pub(super) fn knows(&self, life: u64) -> bool {
        life <= self.top && !self.unseen.contains(&life)
    }

    fn raise(&mut self, life: u64) {
        self.unseen.remove(&life);
        let first = (self.top + 1).max(life.saturating_sub(UNSEEN_MAX));
        self.unseen.extend(first..life);
        self.top = self.top.max(life);
        self.unseen.retain(|one| *one + UNSEEN_MAX >= self.top);
    }

    /// The catalog shows this entry of a life, written at this commit. What is seen again changes nothing.
    pub(super) fn show(&mut self, life: u64, entry: &Entry, commit: u64) -> Vec<Step> {
        if entry.state == State::Gone {
            return self.end(life, commit).into_iter().collect();
        }
        // One that was said to be over and is there all the same has come back: the framework had lost it.
        if self.is_over(life, commit) {
            return Vec::new();
        }
        self.raise(life);
        let new = || Life { at: commit, host: entry.host.clone(), ..Life::default() };
        let known = self.lives.entry(life).or_insert_with(new);
        let before = known.clone();
        let mut steps = Vec::new();
        // Only who was ready is shown as draining.
        if matches!(entry.state, State::Ready | State::Draining) && !known.ready {
            known.ready = true;
            steps.push(Step::Started(before));
        }
        if entry.state == State::Suspect {
            if !known.ill && commit > known.ill_at {
                steps.push(Step::Unhealthy(known.clone()));
                known.ill_at = commit;
            }
            known.ill = true;
        } else {
            known.ill = false;
            known.draining = entry.state == State::Draining;
        }
        steps
    }

    /// The catalog shows this life no more, since this commit or an earlier one.
    pub(super) fn end(&mut self, life: u64, commit: u64) -> Option<Step> {
        let known = self.lives.remove(&life)?;
        self.gone_at = self.gone_at.max(commit).max(known.at).max(known.ill_at);
        Some(Step::Died(known))
    }

    /// Takes what somebody else has seen and made durable. `seen` gives the commit of the entry that the
    /// catalog shows here of a life, `ended` whether its end was seen here and is not durable yet.
    pub(super) fn absorb(
        &mut self,
        other: &Self,
        seen: impl Fn(u64) -> Option<u64>,
        ended: impl Fn(u64) -> bool,
    ) {
        for (number, life) in &mut self.lives {
            if let Some(theirs) = other.lives.get(number) {
                life.ready |= theirs.ready;
                if theirs.ill_at > life.ill_at {
                    (life.ill, life.ill_at) = (theirs.ill, theirs.ill_at);
                }
            }
        }
        // What they have seen the end of is over here, too, unless something newer is known of it.
        self.lives.retain(|number, life| {
            let newest = seen(*number).unwrap_or(life.at);
            !other.is_over(*number, newest.max(life.at))
        });
        for (number, life) in other.lives.iter().filter(|(number, _)| !ended(**number)) {
            self.lives.entry(*number).or_insert_with(|| life.clone());
        }
        let own = std::mem::take(&mut self.unseen);
        let both = own.iter().filter(|one| !other.knows(**one));
        let theirs = other.unseen.iter().filter(|one| **one > self.top);
        self.unseen = both.chain(theirs).copied().collect();
        self.top = self.top.max(other.top);
        self.gone_at = self.gone_at.max(other.gone_at);
    }
}

impl Task {
    /// What is seen of a task's record.
    #[must_use]
    pub(super) fn of(record: &TaskRecord, commit: u64) -> Self {
        let json = |value: Vec<u8>| {
            let mut digits = hex(&Sha256::digest(&value));
            digits.truncate(16);
            digits
        };
        let words = "texts and their maps are JSON";
        Self {
            at: commit,
            version: (record.crate_name.clone(), record.version.clone()),
            keys: json(serde_json::to_vec(&record.own).expect(words)),
            groups: json(serde_json::to_vec(&record.groups).expect(words)),
            removed: record.removed,
        }
    }

    /// What is another one than before.
    #[must_use]
    pub(super) fn differs(&self, before: Option<&Self>) -> Vec<Part> {
        let there = before.filter(|before| !before.removed);
        match (there, self.removed) {
            (None, true) => Vec::new(),
            (None, false) => vec![Part::Added],
            (Some(_), true) => vec![Part::Removed],
            (Some(before), false) => {
                let parts = [
                    (Part::Version, before.version != self.version),
                    (Part::Keys, before.keys != self.keys),
                    (Part::Tags, before.groups != self.groups),
                ];
                parts.into_iter().filter(|(_, other)| *other).map(|(part, _)| part).collect()
            }
        }
    }
}

#[cfg(test)]
mod tests;
