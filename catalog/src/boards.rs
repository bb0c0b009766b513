//! All boards and acknowledgements of a catalog.
//!
//! Owns their versions: that of a group's board is the commit of the last change of the board or of
//! an acknowledgement of one of its messages.

use std::collections::{BTreeMap, BTreeSet};

use crate::board::{Acks, Board};

/// What is known of them at one commit.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Boards {
    boards: BTreeMap<String, Board>,
    acks: BTreeMap<String, Acks>,
    versions: BTreeMap<String, u64>,
    /// The same without acknowledgements.
    changed: BTreeMap<String, u64>,
}

impl Boards {
    /// Takes a board; whether it is another one than before.
    pub(crate) fn put(&mut self, commit: u64, group: &str, board: Option<Board>) -> bool {
        let changed = self.boards.get(group) != board.as_ref();
        match board {
            Some(board) => self.boards.insert(group.to_owned(), board),
            None => self.boards.remove(group),
        };
        if changed {
            self.touch(commit, group);
            raise(&mut self.changed, group, commit);
        }
        changed
    }

    /// Takes acknowledgements and gives the groups in which there are others than before. Those of
    /// incarnations that are gone are cleared away, which changes nothing for anybody.
    pub(crate) fn put_acks(
        &mut self,
        commit: u64,
        incarnation: &str,
        acks: Option<Acks>,
    ) -> BTreeSet<String> {
        let Some(acks) = acks else {
            self.acks.remove(incarnation);
            return BTreeSet::new();
        };
        let before = self.acks.get(incarnation);
        let known = |group: &String| before.and_then(|before| before.groups.get(group));
        let newer = acks.groups.iter().filter(|(group, number)| known(group) != Some(number));
        let groups: BTreeSet<String> = newer.map(|(group, _)| group.clone()).collect();
        for group in &groups {
            self.touch(commit, group);
        }
        self.acks.insert(incarnation.to_owned(), acks);
        groups
    }

    fn touch(&mut self, commit: u64, group: &str) {
        raise(&mut self.versions, group, commit);
    }

    /// The groups whose boards or acknowledgements differ from before. Versions go on where they were;
    /// a listing does not show when something was deleted, which was at this commit at the latest.
    pub(crate) fn follows(&mut self, before: &Self, commit: u64) -> BTreeSet<String> {
        let mut changed = BTreeSet::new();
        for (name, old) in &before.versions {
            let lost = before.boards.contains_key(name) && !self.boards.contains_key(name);
            self.touch(if lost { commit } else { *old }, name);
            let changed = if lost { commit } else { before.changed(name) };
            raise(&mut self.changed, name, changed);
        }
        for (name, version) in &self.versions {
            if *version > before.version(name) || self.boards.get(name) != before.boards.get(name) {
                changed.insert(name.clone());
            }
        }
        changed
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Board> {
        self.boards.values()
    }

    pub(crate) fn board(&self, group: &str) -> Option<&Board> {
        self.boards.get(group)
    }

    pub(crate) fn acks(&self, incarnation: &str) -> Option<&Acks> {
        self.acks.get(incarnation)
    }

    pub(crate) fn acknowledging(&self) -> impl Iterator<Item = &str> {
        self.acks.keys().map(String::as_str)
    }

    pub(crate) fn version(&self, group: &str) -> u64 {
        self.versions.get(group).copied().unwrap_or(0)
    }

    pub(crate) fn changed(&self, group: &str) -> u64 {
        self.changed.get(group).copied().unwrap_or(0)
    }
}

fn raise(versions: &mut BTreeMap<String, u64>, group: &str, commit: u64) {
    let version = versions.entry(group.to_owned()).or_default();
    *version = (*version).max(commit);
}

#[cfg(test)]
mod tests;
