//! Puts together what belongs to one commit, so that nobody is shown half of it.
//!
//! Owns the rule by which commits are known to be whole. The store says changes one by one, in the
//! order of commits and, within one, of paths; so all entries of a commit come before all records
//! of tasks. Whoever changes an entry writes its task's record in the same commit. Hence: once the
//! record of every changed entry is there, no entry is missing. Records that come after that can
//! change own keys only, each of one task, and may be shown one by one.
//!
//! A store may tell the sum of several commits: of a record that was written twice, the last one
//! alone. Then the record that belongs to an entry may come with a later commit, and all up to it are
//! shown in one step.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeMap;

use lathe_catalog::paths;

use crate::directory::{Event, Node};

/// The commits that are being put together.
#[derive(Debug, Default)]
pub(crate) struct Commits {
    open: Vec<(u64, Vec<Node>)>,
}

impl Commits {
    /// Takes a change.
    pub(crate) fn add(&mut self, commit: u64, node: Node) {
        match self.open.last_mut() {
            Some((open, nodes)) if *open == commit => nodes.push(node),
            _ => self.open.push((commit, vec![node])),
        }
    }

    /// Gives those commits that are known to be whole.
    pub(crate) fn take_whole(&mut self) -> Option<Event> {
        let mut records = BTreeMap::new();
        let mut needs = vec![0; self.open.len()];
        for (at, (_, nodes)) in self.open.iter().enumerate().rev() {
            records.extend(nodes.iter().filter_map(|node| Some((paths::task_of(&node.path)?, at))));
            let entries = nodes.iter().filter_map(|node| paths::entry_of(&node.path));
            let last = entries.map(|incarnation| records.get(task(incarnation)).copied());
            needs[at] = last.map(|record| record.unwrap_or(usize::MAX)).max().unwrap_or(0);
        }
        let (mut whole, mut needed) = (0, 0);
        for (at, need) in needs.into_iter().enumerate() {
            needed = needed.max(need);
            if needed <= at {
                whole = at + 1;
            }
        }
        event(self.open.drain(..whole).collect())
    }

    /// Gives the open commits as they are.
    pub(crate) fn take(&mut self) -> Option<Event> {
        event(std::mem::take(&mut self.open))
    }

    /// The first commit that is open, if any is.
    pub(crate) fn first(&self) -> Option<u64> {
        self.open.first().map(|(commit, _)| *commit)
    }

    /// A listing replaces what was heard before it.
    pub(crate) fn clear(&mut self) {
        self.open.clear();
    }
}

fn event(mut commits: Vec<(u64, Vec<Node>)>) -> Option<Event> {
    match commits.len() {
        0 => None,
        1 => commits.pop().map(|(commit, nodes)| Event::Committed { commit, nodes }),
        _ => Some(Event::CommittedTogether { commits }),
    }
}

/// The task of an incarnation, by its id: `http.lb` of `http.lb#2.7`.
fn task(incarnation: &str) -> &str {
    incarnation.split_once('#').map_or(incarnation, |(task, _)| task)
}

#[cfg(test)]
mod tests;
