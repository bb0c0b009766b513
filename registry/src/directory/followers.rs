//! Those who keep a copy of the catalog: what each was told of its nodes, and what each is still to be told.
//!
//! Owns the bound on every follower: one delta is under way to it, and beside that only the paths of
//! what changed are kept. It must not know what nodes mean, but for the groups that they belong to.
//!
//! A follower that comes back goes on where it was. Nodes that are gone are remembered for that, a
//! bounded number of them: whoever has missed more begins anew.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use lathe_catalog::{Catalog, paths};

use super::{Command, Resume, Shared, WatcherId, Why};

/// Nodes that go at one time.
const NODES_MAX: usize = 512;
/// Nodes that are gone and still remembered.
const GONE_MAX: usize = 8192;

/// What goes to a follower at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delta {
    /// Id of the store's life.
    pub history: Shared,
    /// Who has taken this has everything up to this commit.
    pub commit: u64,
    /// What was told before is to be forgotten.
    pub reset: bool,
    /// The state at the commit is complete.
    pub whole: bool,
    /// Nodes with their commits; without content where they are gone.
    pub nodes: Vec<(String, u64, Option<Vec<u8>>)>,
    /// The registries, where they are other ones than before.
    pub registries: Option<Vec<String>>,
}

/// Where deltas are made from.
pub(super) struct Sources<'a> {
    pub(super) catalog: &'a Catalog,
    pub(super) registries: &'a [String],
    /// Commits of nodes, by their paths.
    pub(super) commits: &'a BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
pub(super) struct Followers {
    all: BTreeMap<WatcherId, Follower>,
    due: BTreeSet<WatcherId>,
    /// Nodes that went lately, with the commits at which they were gone, in order.
    gone: VecDeque<(u64, String)>,
    /// Everything that went after this commit is in `gone`.
    complete_after: u64,
}

#[derive(Debug)]
struct Follower {
    groups: BTreeSet<String>,
    dirty: BTreeSet<String>,
    registries: bool,
    reset: bool,
    /// What was told last is a part.
    owes_rest: bool,
    /// Everything up to here was told.
    commit: u64,
    busy_since_ms: Option<u64>,
}

impl Followers {
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn add(
        &mut self,
        id: WatcherId,
        (groups, resume): (BTreeSet<String>, Option<Resume>),
        (catalog, commits): (&Catalog, &BTreeMap<String, u64>),
    ) {
        let mut follower = Follower {
            groups,
            dirty: BTreeSet::new(),
            registries: true,
            reset: false,
            owes_rest: true,
            commit: 0,
            busy_since_ms: None,
        };
        let known = resume.filter(|resume| {
            resume.history == catalog.history() && resume.commit >= self.complete_after
        });
        match known {
            Some(resume) => {
                follower.commit = resume.commit;
                // Nodes of one commit may have been told in part.
                let changed = commits.iter().filter(|(_, at)| **at >= resume.commit);
                follower.dirty = changed.map(|(path, _)| path.clone()).collect();
                let first = self.gone.partition_point(|(at, _)| *at < resume.commit);
                follower.dirty.extend(self.gone.range(first..).map(|(_, path)| path.clone()));
            }
            None => follower.start_over(commits),
        }
        self.all.insert(id, follower);
        self.due.insert(id);
    }

    pub(super) fn remove(&mut self, id: WatcherId) {
        self.all.remove(&id);
        self.due.remove(&id);
    }

    pub(super) fn drained(&mut self, id: WatcherId) {
        if let Some(follower) = self.all.get_mut(&id) {
            follower.busy_since_ms = None;
            self.due.insert(id);
        }
    }

    /// These nodes are other ones since this commit, or gone. Who has acknowledged what is a matter
    /// between members and registries.
    pub(super) fn mark<'a>(&mut self, commit: u64, nodes: impl Iterator<Item = (&'a str, bool)>) {
        for (path, is_gone) in nodes.filter(|(path, _)| paths::acks_of(path).is_none()) {
            if is_gone {
                self.gone.push_back((commit, path.to_owned()));
            }
            for (id, follower) in &mut self.all {
                follower.dirty.insert(path.to_owned());
                self.due.insert(*id);
            }
        }
        while self.gone.len() > GONE_MAX {
            let (went, _) = self.gone.pop_front().expect("there are too many");
            self.complete_after = went.max(self.complete_after);
        }
    }

    pub(super) fn mark_registries(&mut self) {
        for (id, follower) in &mut self.all {
            follower.registries = true;
            self.due.insert(*id);
        }
    }

    /// Another history: what was told before means nothing.
    pub(super) fn forget_progress(&mut self, commit: u64, commits: &BTreeMap<String, u64>) {
        self.gone.clear();
        self.complete_after = commit;
        for (id, follower) in &mut self.all {
            follower.start_over(commits);
            self.due.insert(*id);
        }
    }

    pub(super) fn close_stuck(&mut self, now_ms: u64, stuck_ms: u64, commands: &mut Vec<Command>) {
        let is_stuck = |follower: &Follower| {
            follower.busy_since_ms.is_some_and(|since| now_ms.saturating_sub(since) >= stuck_ms)
        };
        let stuck: Vec<WatcherId> =
            self.all.iter().filter(|(_, one)| is_stuck(one)).map(|(id, _)| *id).collect();
        for watcher in stuck {
            self.remove(watcher);
            commands.push(Command::Close { watcher, why: Why::Stuck });
        }
    }

    pub(super) fn close_all(&mut self, commands: &mut Vec<Command>) {
        self.due.clear();
        let ids = std::mem::take(&mut self.all).into_keys();
        commands.extend(ids.map(|watcher| Command::Close { watcher, why: Why::Ending }));
    }

    /// Tells everybody who is due and can take something.
    pub(super) fn send(&mut self, now_ms: u64, sources: &Sources<'_>, commands: &mut Vec<Command>) {
        for id in std::mem::take(&mut self.due) {
            let follower = self.all.get_mut(&id).expect("who is due is there");
            if follower.busy_since_ms.is_some() {
                continue;
            }
            let Some(delta) = follower.delta(sources) else { continue };
            follower.busy_since_ms = Some(now_ms);
            commands.push(Command::Tell { watcher: id, delta });
        }
    }
}

impl Follower {
    fn start_over(&mut self, commits: &BTreeMap<String, u64>) {
        self.dirty = commits.keys().cloned().collect();
        self.registries = true;
        self.reset = true;
        self.owes_rest = true;
        self.commit = 0;
    }

    /// What is told next, if anything.
    fn delta(&mut self, sources: &Sources<'_>) -> Option<Delta> {
        let mut nodes = Vec::new();
        while nodes.len() < NODES_MAX
            && let Some(path) = self.dirty.pop_first()
        {
            if let Some(node) = self.node(path, sources) {
                nodes.push(node);
            }
        }
        let is_last = self.dirty.is_empty();
        let before = self.commit;
        if is_last {
            self.commit = before.max(sources.catalog.commit());
        }
        let registries = std::mem::take(&mut self.registries).then(|| sources.registries.to_vec());
        let reset = std::mem::take(&mut self.reset);
        if nodes.is_empty() && registries.is_none() && !reset && !self.owes_rest {
            return None;
        }
        self.owes_rest = !is_last;
        Some(Delta {
            history: sources.catalog.history().into(),
            commit: self.commit,
            reset,
            whole: is_last,
            nodes,
            registries,
        })
    }

    /// The node as it is, if it is one that is wanted.
    fn node(&self, path: String, sources: &Sources<'_>) -> Option<(String, u64, Option<Vec<u8>>)> {
        let catalog = sources.catalog;
        let is_wanted = |mut groups: Box<dyn Iterator<Item = &str> + '_>| {
            self.groups.is_empty() || groups.any(|group| self.groups.contains(group))
        };
        let (data, wanted) = if let Some(incarnation) = paths::entry_of(&path) {
            let entry = catalog.entry(incarnation);
            let groups = entry.map(|entry| {
                std::iter::once(entry.task.as_str()).chain(entry.tags.iter().map(String::as_str))
            });
            (entry.map(json), groups.is_none_or(|groups| is_wanted(Box::new(groups))))
        } else if let Some(task) = paths::task_of(&path) {
            let record = catalog.task(task);
            let groups = record.map(|record| {
                std::iter::once(record.task.as_str())
                    .chain(record.groups.iter().map(String::as_str))
            });
            (record.map(json), groups.is_none_or(|groups| is_wanted(Box::new(groups))))
        } else if let Some(group) = paths::board_of(&path) {
            (catalog.board(group).map(json), is_wanted(Box::new(std::iter::once(group))))
        } else {
            return None;
        };
        let commit = sources.commits.get(&path).copied().unwrap_or_else(|| catalog.commit());
        // A follower can know more than this registry does yet; it is not told older things.
        (wanted && commit >= self.commit).then_some((path, commit, data))
    }
}

fn json<T: serde::Serialize>(record: &T) -> Vec<u8> {
    serde_json::to_vec(record).expect("records have text keys only")
}
