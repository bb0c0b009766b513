//! The catalog in memory: changes of the store in, views of groups out.
//!
//! Owns versions. The version of a group is the commit of the last change of a record that names
//! it or of an entry in it; it never goes back within one history. It must not know who reads.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::board::{Acks, Board, Message};
use crate::boards::Boards;
use crate::{
    Change, ConfigView, Entry, GroupKind, GroupSummary, GroupView, Receipt, State, TaskRecord,
};

/// Everything that is known at one commit of one history.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalog {
    history: String,
    commit: u64,
    entries: BTreeMap<String, Box<Entry>>,
    tasks: BTreeMap<String, Task>,
    groups: BTreeMap<String, Group>,
    boards: Boards,
}

#[derive(Clone, Debug, PartialEq)]
struct Task {
    record: Box<TaskRecord>,
    commit: u64,
    /// The commit at which its own keys became other ones, or a later one.
    changed: u64,
}

/// A name that somebody belongs to or belonged to. Stays when the last one left: its version is
/// the proof that the group is empty and not forgotten.
#[derive(Clone, Debug, Default, PartialEq)]
struct Group {
    version: u64,
    /// The commit at which its entries became other ones, or a later one up to its version.
    changed: u64,
    members: BTreeSet<String>,
}

/// What has another content than before. Groups whose version alone moved are not here: nobody
/// is woken for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// Groups whose entries changed.
    pub groups: BTreeSet<String>,
    /// Tasks whose own keys changed.
    pub configs: BTreeSet<String>,
    /// Groups to which something else is said, or in which something was acknowledged.
    pub boards: BTreeSet<String>,
}

impl Applied {
    /// Nothing to tell anybody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.configs.is_empty() && self.boards.is_empty()
    }
}

/// A listing that is older than what is known already, in the same history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaleListing {
    /// The commit that is known.
    pub known: u64,
    /// The commit of the listing.
    pub offered: u64,
}

impl fmt::Display for StaleListing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store lists commit {} after commit {}", self.offered, self.known)
    }
}

impl std::error::Error for StaleListing {}

impl Catalog {
    /// The id of the store's life; empty before the first listing.
    #[must_use]
    pub fn history(&self) -> &str {
        &self.history
    }

    /// The commit up to which everything is known.
    #[must_use]
    pub fn commit(&self) -> u64 {
        self.commit
    }

    /// Replaces everything by a listing of the store at one commit; each change comes with the
    /// commit of its node. Versions go on where they were, unless the history is another one.
    ///
    /// # Errors
    /// When the listing is older than what is known in the same history; nothing changes then.
    pub fn load(
        &mut self,
        history: &str,
        commit: u64,
        changes: Vec<(u64, Change)>,
    ) -> Result<Applied, StaleListing> {
        let same = self.history == history;
        if same && commit < self.commit {
            return Err(StaleListing { known: self.commit, offered: commit });
        }
        let mut fresh = Self { history: history.to_owned(), ..Self::default() };
        for (at, change) in changes {
            fresh.put(at, change);
        }
        fresh.commit = commit;
        if same {
            fresh.keep_versions_of(self);
        }
        let names = |catalog: &Self| catalog.groups.keys().cloned().collect::<BTreeSet<_>>();
        let tasks = |catalog: &Self| catalog.tasks.keys().cloned().collect::<BTreeSet<_>>();
        let mut applied = Applied {
            groups: &names(self) | &names(&fresh),
            configs: &tasks(self) | &tasks(&fresh),
            boards: fresh.boards.all().map(|board| board.group.clone()).collect(),
        };
        if same {
            applied.boards = fresh.boards.follows(&self.boards, commit);
            applied.groups.retain(|group| !self.members(group).eq(fresh.members(group)));
            applied.configs.retain(|task| self.own(task) != fresh.own(task));
        }
        fresh.note_changes(self, same, &applied);
        *self = fresh;
        Ok(applied)
    }

    /// Applies the changes of one commit, in any order. A commit that is known already may come
    /// again; older ones are ignored.
    pub fn apply(&mut self, commit: u64, changes: Vec<Change>) -> Applied {
        if commit < self.commit {
            return Applied::default();
        }
        self.commit = commit;
        let mut entries = BTreeMap::new();
        let mut configs = BTreeMap::new();
        let mut boards = BTreeSet::new();
        for change in changes {
            match &change {
                Change::Entry { incarnation, .. } => {
                    let before = self.entries.get(incarnation).cloned();
                    entries.entry(incarnation.clone()).or_insert(before);
                }
                Change::Task { task, .. } => {
                    configs.entry(task.clone()).or_insert(self.own(task).cloned());
                }
                Change::Board { .. } | Change::Acks { .. } => {}
            }
            boards.extend(self.put(commit, change));
        }
        let mut applied = Applied { boards, ..Applied::default() };
        for (incarnation, before) in entries {
            let after = self.entries.get(&incarnation);
            if before.as_ref() != after {
                let both = before.iter().chain(after);
                applied.groups.extend(both.flat_map(|entry| groups_of(entry)).map(str::to_owned));
            }
        }
        for (task, before) in configs {
            if before.as_ref() != self.own(&task) {
                applied.configs.insert(task);
            }
        }
        for name in &applied.groups {
            self.groups.entry(name.clone()).or_default().changed = commit;
        }
        for name in &applied.configs {
            if let Some(task) = self.tasks.get_mut(name) {
                task.changed = commit;
            }
        }
        applied
    }

    /// What a listing shows as it was has changed when it did; of all else, its version is known.
    fn note_changes(&mut self, before: &Self, same: bool, applied: &Applied) {
        for (name, group) in &mut self.groups {
            let old = before.groups.get(name).filter(|_| same && !applied.groups.contains(name));
            group.changed = old.map_or(group.version, |old| old.changed);
        }
        for (path, task) in &mut self.tasks {
            let old = before.tasks.get(path).filter(|_| same && !applied.configs.contains(path));
            task.changed = old.map_or(task.commit, |old| old.changed);
        }
    }

    /// Takes a change, and gives the groups whose boards or acknowledgements it has changed.
    fn put(&mut self, commit: u64, change: Change) -> BTreeSet<String> {
        match change {
            Change::Board { group, board } => {
                if self.boards.put(commit, &group, board.map(|board| *board)) {
                    return BTreeSet::from([group]);
                }
            }
            Change::Acks { incarnation, acks } => {
                return self.boards.put_acks(commit, &incarnation, acks.map(|acks| *acks));
            }
            Change::Entry { incarnation, entry } => {
                if let Some(before) = self.entries.remove(&incarnation) {
                    for name in groups_of(&before) {
                        self.touch(name, commit).members.remove(&incarnation);
                    }
                }
                if let Some(entry) = entry {
                    for name in groups_of(&entry) {
                        self.touch(name, commit).members.insert(incarnation.clone());
                    }
                    self.entries.insert(incarnation, entry);
                }
            }
            Change::Task { task, record } => {
                let before = self.tasks.remove(&task);
                for name in before.iter().flat_map(|before| names_of(&before.record)) {
                    self.touch(name, commit);
                }
                if let Some(record) = record {
                    for name in names_of(&record) {
                        self.touch(name, commit);
                    }
                    let changed = before.map_or(0, |before| before.changed);
                    self.tasks.insert(task, Task { record, commit, changed });
                }
            }
        }
        BTreeSet::new()
    }

    fn touch(&mut self, name: &str, commit: u64) -> &mut Group {
        if !self.groups.contains_key(name) {
            self.groups.insert(name.to_owned(), Group::default());
        }
        let group = self.groups.get_mut(name).expect("the group was put in above");
        group.version = group.version.max(commit);
        group
    }

    /// A listing does not show what was deleted. The tasks' records do, which are written with every change of
    /// their entries: by them whoever lists and whoever has heard each change come to the same version. A group
    /// that has lost a member and nothing tells when could look older than it is.
    fn keep_versions_of(&mut self, before: &Self) {
        let commit = self.commit;
        for (name, old) in &before.groups {
            let lost = old.members.iter().any(|member| !self.entries.contains_key(member));
            let told = self.version(name) > old.version;
            self.touch(name, if lost && !told { commit } else { old.version });
        }
        for (path, task) in &mut self.tasks {
            let old = before.tasks.get(path).map_or(0, |old| old.commit);
            task.commit = task.commit.max(old);
        }
    }

    /// The entries of a group, by their incarnations.
    pub fn members(&self, group: &str) -> impl Iterator<Item = &Entry> {
        let members = self.groups.get(group).into_iter().flat_map(|group| &group.members);
        members.filter_map(|incarnation| self.entry(incarnation))
    }

    fn own(&self, task: &str) -> Option<&serde_json::Map<String, serde_json::Value>> {
        self.tasks.get(task).map(|task| &task.record.own)
    }

    /// One incarnation.
    #[must_use]
    pub fn entry(&self, incarnation: &str) -> Option<&Entry> {
        self.entries.get(incarnation).map(|entry| &**entry)
    }

    /// All incarnations, by their ids.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values().map(|entry| &**entry)
    }

    /// The record of a task.
    #[must_use]
    pub fn task(&self, path: &str) -> Option<&TaskRecord> {
        self.tasks.get(path).map(|task| &*task.record)
    }

    /// A group's own name, if there is or was such a group.
    #[must_use]
    pub fn group_name(&self, name: &str) -> Option<&str> {
        self.groups.get_key_value(name).map(|(name, _)| name.as_str())
    }

    /// The version of a group; 0 for one that never was.
    #[must_use]
    pub fn version(&self, group: &str) -> u64 {
        self.groups.get(group).map_or(0, |group| group.version)
    }

    /// The commit at which the group's entries became what they are, at most its version: whoever has a
    /// version from then on has them. 0 for a group that never was.
    #[must_use]
    pub fn changed(&self, group: &str) -> u64 {
        self.groups.get(group).map_or(0, |group| group.changed)
    }

    /// A group as it is. One that never was is empty, at version 0.
    #[must_use]
    pub fn view(&self, group: &str) -> GroupView {
        GroupView {
            group: group.to_owned(),
            history: self.history.clone(),
            version: self.version(group),
            entries: self.members(group).cloned().collect(),
        }
    }

    /// The version of a task's own keys; 0 for a task that never was.
    #[must_use]
    pub fn config_version(&self, task: &str) -> u64 {
        self.tasks.get(task).map_or(0, |task| task.commit)
    }

    /// The commit at which a task's own keys became what they are, at most their version.
    #[must_use]
    pub fn config_changed(&self, task: &str) -> u64 {
        self.tasks.get(task).map_or(0, |task| task.changed)
    }

    /// The own keys of a task. One that never was has none, at version 0.
    #[must_use]
    pub fn config(&self, task: &str) -> ConfigView {
        ConfigView {
            task: task.to_owned(),
            history: self.history.clone(),
            version: self.config_version(task),
            keys: self.own(task).cloned().unwrap_or_default(),
        }
    }

    /// What is said to a group, if ever anything was.
    #[must_use]
    pub fn board(&self, group: &str) -> Option<&Board> {
        self.boards.board(group)
    }

    /// All boards, by their groups.
    pub fn boards(&self) -> impl Iterator<Item = &Board> {
        self.boards.all()
    }

    /// The commit at which a group's board became what it is, acknowledgements left aside; 0 where
    /// nothing was ever said.
    #[must_use]
    pub fn board_changed(&self, group: &str) -> u64 {
        self.boards.changed(group)
    }

    /// The commit at which a group's board, an acknowledgement of it or the group itself became what
    /// it is.
    #[must_use]
    pub fn said_version(&self, group: &str) -> u64 {
        self.boards.version(group).max(self.changed(group))
    }

    /// What an incarnation has acknowledged, if anything.
    #[must_use]
    pub fn acks(&self, incarnation: &str) -> Option<&Acks> {
        self.boards.acks(incarnation)
    }

    /// Whoever has acknowledged something, those that are gone included.
    pub fn acknowledging(&self) -> impl Iterator<Item = &str> {
        self.boards.acknowledging()
    }

    /// What a member has done with a message of its group.
    #[must_use]
    pub fn receipt(&self, group: &str, message: &Message, incarnation: &str) -> Receipt {
        let acks = self.acks(incarnation).and_then(|acks| acks.groups.get(group));
        if acks.is_some_and(|number| *number >= message.number) {
            Receipt::Acknowledged
        } else if self.entry(incarnation).is_none_or(|entry| entry.state == State::Gone) {
            Receipt::Gone
        } else {
            Receipt::Waiting
        }
    }

    /// Whether nobody is left who still has to take the message.
    #[must_use]
    pub fn is_done(&self, group: &str, message: &Message) -> bool {
        message.to.iter().all(|one| self.receipt(group, message, &one) != Receipt::Waiting)
    }

    /// Every group that has members or could have some, by name.
    #[must_use]
    pub fn groups(&self) -> Vec<GroupSummary> {
        let alive: BTreeSet<&str> = self
            .tasks
            .values()
            .filter(|task| !task.record.removed)
            .flat_map(|task| names_of(&task.record))
            .collect();
        let shown = self
            .groups
            .iter()
            .filter(|(name, group)| !group.members.is_empty() || alive.contains(name.as_str()));
        shown.map(|(name, group)| self.summary(name, group)).collect()
    }

    fn summary(&self, name: &str, group: &Group) -> GroupSummary {
        let is_task =
            self.tasks.contains_key(name) || self.members(name).any(|entry| entry.task == name);
        let ready = self.members(name).filter(|entry| entry.state == State::Ready).count();
        GroupSummary {
            group: name.to_owned(),
            kind: if is_task { GroupKind::Task } else { GroupKind::Tag },
            version: group.version,
            instances: group.members.len() as u64,
            ready: ready as u64,
        }
    }

    /// The groups whose version is above this commit: what a reader that has everything up to it
    /// must be told.
    pub fn changed_since(&self, commit: u64) -> impl Iterator<Item = &str> {
        self.groups
            .iter()
            .filter(move |(_, group)| group.version > commit)
            .map(|(name, _)| name.as_str())
    }
}

/// The groups that an entry belongs to; a name may come twice.
fn groups_of(entry: &Entry) -> impl Iterator<Item = &str> {
    std::iter::once(entry.task.as_str()).chain(entry.tags.iter().map(String::as_str))
}

/// The groups that a record names.
fn names_of(record: &TaskRecord) -> impl Iterator<Item = &str> {
    std::iter::once(record.task.as_str()).chain(record.groups.iter().map(String::as_str))
}

#[cfg(test)]
mod tests;
