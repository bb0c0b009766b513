//! The catalog as it was heard, for all hooks of a registry together.
//!
//! Owns what is known of entries and tasks at one commit; what follows from a change is each hook's.

use std::collections::BTreeMap;

use lathe_catalog::{Change, Entry, Node, TaskRecord, paths};

/// Something with the commit at which it was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct At<T> {
    pub(super) what: T,
    pub(super) commit: u64,
}

/// What was heard.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) history: String,
    /// Everything up to this commit was heard.
    pub(super) reached: u64,
    pub(super) entries: BTreeMap<String, At<Entry>>,
    pub(super) tasks: BTreeMap<String, At<TaskRecord>>,
}

/// What is another thing than before.
#[derive(Debug)]
pub(super) enum Sight {
    /// An incarnation's entry, with what stood there before.
    Entry { incarnation: String, before: Option<Box<At<Entry>>> },
    /// A task's record.
    Task { task: String },
}

impl World {
    /// Takes a node; one that cannot be read is left as it was, as the catalog leaves it.
    pub(super) fn take(&mut self, commit: u64, node: &Node) -> Option<Sight> {
        let data = node.content.as_ref().map(|content| content.data.as_slice());
        let written = node.content.as_ref().map_or(commit, |content| content.commit);
        self.reached = self.reached.max(commit);
        if self.knows_newer(&node.path, written) {
            return None;
        }
        match Change::decode(&node.path, data) {
            Ok(Some(Change::Entry { incarnation, entry })) => {
                let before = match entry {
                    Some(entry) => {
                        let at = At { what: *entry, commit: written };
                        self.entries.insert(incarnation.clone(), at).map(Box::new)
                    }
                    None => self.entries.remove(&incarnation).map(Box::new),
                };
                Some(Sight::Entry { incarnation, before })
            }
            Ok(Some(Change::Task { task, record })) => {
                match record {
                    Some(record) => {
                        let at = At { what: *record, commit: written };
                        self.tasks.insert(task.clone(), at)
                    }
                    None => self.tasks.remove(&task),
                };
                Some(Sight::Task { task })
            }
            Ok(_) | Err(_) => None,
        }
    }

    /// Whether what is known at this path was written after this commit.
    fn knows_newer(&self, path: &str, written: u64) -> bool {
        let entry = paths::entry_of(path).and_then(|one| self.entries.get(one)).map(|at| at.commit);
        let task = paths::task_of(path).and_then(|one| self.tasks.get(one)).map(|at| at.commit);
        entry.or(task).is_some_and(|known| known > written)
    }

    /// Takes a whole listing, and gives what is another thing than before. In another history, all that
    /// was known means nothing. An older listing than what is known is not taken.
    pub(super) fn list(&mut self, history: &str, commit: u64, nodes: &[Node]) -> Vec<Sight> {
        if self.history != history {
            *self = Self { history: history.to_owned(), ..Self::default() };
        } else if commit < self.reached {
            return Vec::new();
        }
        let mut lost = std::mem::take(&mut self.entries);
        let mut sights = Vec::new();
        for node in nodes {
            let sight = self.take(commit, node);
            if let Some(Sight::Entry { incarnation, .. }) = &sight {
                let before = lost.remove(incarnation).map(Box::new);
                sights.push(Sight::Entry { incarnation: incarnation.clone(), before });
            } else {
                sights.extend(sight);
            }
        }
        // A node that is there and cannot be read is not gone.
        for node in nodes {
            self.entries.extend(paths::entry_of(&node.path).and_then(|one| lost.remove_entry(one)));
        }
        let gone = lost.into_iter().map(|(incarnation, before)| Sight::Entry {
            incarnation,
            before: Some(Box::new(before)),
        });
        sights.extend(gone);
        sights
    }

    /// Whether a task stands in no topology any more.
    pub(super) fn is_removed(&self, task: &str) -> bool {
        self.tasks.get(task).is_some_and(|record| record.what.removed)
    }
}
