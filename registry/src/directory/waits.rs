//! Readers that wait for one thing to become another than what they have seen.
//!
//! Owns who is released when. A wait costs its name and nothing else; whoever is released looks for
//! itself. How long one waits is its own matter.

use std::collections::{BTreeMap, BTreeSet};

use lathe_catalog::{Applied, Catalog};

use super::{Command, Resume, WatcherId, Why};

/// What is waited for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    /// Other entries in this group.
    Group(String),
    /// Other own keys of this task.
    Config(String),
    /// Something else said to this group, or another state of those to whom it was said.
    Board(String),
    /// Everything up to the commit that was named.
    Commit,
}

#[derive(Debug, Default)]
pub(super) struct Waits {
    all: BTreeMap<WatcherId, Wait>,
    by_wish: BTreeMap<Wish, BTreeSet<WatcherId>>,
    by_commit: BTreeSet<(u64, WatcherId)>,
}

#[derive(Debug)]
struct Wait {
    wish: Wish,
    /// What the reader has seen; of a commit, what it wants to be seen.
    seen: Resume,
}

impl Wait {
    fn is_over(&self, catalog: &Catalog) -> bool {
        let seen = self.seen.commit;
        self.seen.history != catalog.history()
            || match &self.wish {
                Wish::Group(group) => catalog.changed(group) > seen,
                Wish::Config(task) => catalog.config_changed(task) > seen,
                Wish::Board(group) => catalog.said_version(group) > seen,
                Wish::Commit => catalog.commit() >= seen,
            }
    }
}

impl Waits {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Takes a wait, or releases it at once: what it waits for may have come meanwhile.
    pub(super) fn add(
        &mut self,
        id: WatcherId,
        (wish, seen): (Wish, Resume),
        catalog: &Catalog,
        commands: &mut Vec<Command>,
    ) {
        let wait = Wait { wish, seen };
        if wait.is_over(catalog) {
            commands.push(Command::Release { watcher: id });
            return;
        }
        if wait.wish == Wish::Commit {
            self.by_commit.insert((wait.seen.commit, id));
        } else {
            self.by_wish.entry(wait.wish.clone()).or_default().insert(id);
        }
        self.all.insert(id, wait);
    }

    pub(super) fn remove(&mut self, id: WatcherId) {
        let Some(wait) = self.all.remove(&id) else { return };
        self.by_commit.remove(&(wait.seen.commit, id));
        if let Some(ids) = self.by_wish.get_mut(&wait.wish) {
            ids.remove(&id);
            if ids.is_empty() {
                self.by_wish.remove(&wait.wish);
            }
        }
    }

    /// The catalog has become another one.
    pub(super) fn changed(
        &mut self,
        applied: &Applied,
        catalog: &Catalog,
        commands: &mut Vec<Command>,
    ) {
        let groups = applied.groups.iter().cloned().map(Wish::Group);
        let configs = applied.configs.iter().cloned().map(Wish::Config);
        let boards = applied.boards.union(&applied.groups).cloned().map(Wish::Board);
        let wishes = groups.chain(configs).chain(boards);
        let named = wishes.filter_map(|wish| self.by_wish.get(&wish)).flatten().copied();
        let reached = self.by_commit.iter().take_while(|(commit, _)| *commit <= catalog.commit());
        let due: Vec<WatcherId> = named.chain(reached.map(|(_, id)| *id)).collect();
        self.release(due, catalog, commands);
    }

    /// Another history: what was seen means nothing.
    pub(super) fn forget_progress(&mut self, catalog: &Catalog, commands: &mut Vec<Command>) {
        self.release(self.all.keys().copied().collect(), catalog, commands);
    }

    fn release(&mut self, due: Vec<WatcherId>, catalog: &Catalog, commands: &mut Vec<Command>) {
        for watcher in due {
            // One that has seen more than is known here goes on waiting.
            if self.all.get(&watcher).is_some_and(|wait| wait.is_over(catalog)) {
                self.remove(watcher);
                commands.push(Command::Release { watcher });
            }
        }
    }

    pub(super) fn close_all(&mut self, commands: &mut Vec<Command>) {
        let ids = std::mem::take(self).all.into_keys();
        commands.extend(ids.map(|watcher| Command::Close { watcher, why: Why::Ending }));
    }
}

#[cfg(test)]
mod tests;
