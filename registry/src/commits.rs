//! Puts together what belongs to one commit, so that nobody is shown half of it.
//!
//! Owns the rule by which a commit is known to be whole. The store says changes one by one, in the
//! order of commits and, within one, of paths; so all entries of a commit come before all records
//! of tasks. Whoever changes an entry writes its task's record in the same commit. Hence: once the
//! record of every changed entry is there, no entry is missing. Records that come after that can
//! change own keys only, each of one task, and may be shown one by one.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

use std::collections::BTreeSet;

use lathe_catalog::paths;

use crate::directory::{Event, Node};

/// The commit that is being put together.
#[derive(Debug, Default)]
pub(crate) struct Commits {
    open: Option<(u64, Vec<Node>)>,
}

impl Commits {
    /// Takes a change; gives the commit before it, if there is one: it is whole now.
    pub(crate) fn add(&mut self, commit: u64, node: Node) -> Option<Event> {
        match &mut self.open {
            Some((open, nodes)) if *open == commit => {
                nodes.push(node);
                None
            }
            open => open.replace((commit, vec![node])).map(event),
        }
    }

    /// Gives the open commit if it is known to be whole.
    pub(crate) fn take_whole(&mut self) -> Option<Event> {
        let (_, nodes) = self.open.as_ref()?;
        let records: BTreeSet<&str> =
            nodes.iter().filter_map(|node| paths::task_of(&node.path)).collect();
        let mut entries = nodes.iter().filter_map(|node| paths::entry_of(&node.path));
        let whole = entries.all(|incarnation| records.contains(task(incarnation)));
        if whole { self.take() } else { None }
    }

    /// Gives the open commit as it is.
    pub(crate) fn take(&mut self) -> Option<Event> {
        self.open.take().map(event)
    }

    /// Whether a commit is open.
    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// A listing replaces what was heard before it.
    pub(crate) fn clear(&mut self) {
        self.open = None;
    }
}

fn event((commit, nodes): (u64, Vec<Node>)) -> Event {
    Event::Committed { commit, nodes }
}

/// The task of an incarnation, by its id: `http.lb` of `http.lb#2.7`.
fn task(incarnation: &str) -> &str {
    incarnation.split_once('#').map_or(incarnation, |(task, _)| task)
}

#[cfg(test)]
mod tests;
