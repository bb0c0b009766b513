//! The records in memory, and what multis do to them. Owns the meaning of operations; must not know
//! disks, sockets or sessions beyond their ids.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use crate::{Mode, Op, Record, StoreError};

/// One record as the server keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) data: Bytes,
    pub(crate) version: u64,
    pub(crate) commit: u64,
    /// The session that an ephemeral record ends with.
    pub(crate) owner: Option<u64>,
}

impl Node {
    pub(crate) fn record(&self) -> Record {
        Record {
            data: self.data.clone(),
            version: self.version,
            commit: self.commit,
            ephemeral: self.owner.is_some(),
        }
    }
}

/// What became of one path in one commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) path: Arc<str>,
    /// `None`: deleted.
    pub(crate) node: Option<Node>,
    pub(crate) commit: u64,
}

/// All records that are durable.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    nodes: BTreeMap<Arc<str>, Node>,
    owned: BTreeMap<u64, BTreeSet<Arc<str>>>,
    commit: u64,
}

impl Tree {
    pub(crate) fn new(commit: u64) -> Self {
        Self { commit, ..Self::default() }
    }

    pub(crate) fn commit(&self) -> u64 {
        self.commit
    }

    pub(crate) fn get(&self, path: &str) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// The node at `prefix` and all below it, in order.
    pub(crate) fn below(&self, prefix: &str) -> Vec<(Arc<str>, Node)> {
        if prefix == "/" {
            return self.nodes.iter().map(|(path, node)| (path.clone(), node.clone())).collect();
        }
        let own = self.nodes.get_key_value(prefix);
        // '0' follows '/': everything that begins with the prefix and a slash lies between.
        let from: String = format!("{prefix}/");
        let to: String = format!("{prefix}0");
        let range: (Bound<&str>, Bound<&str>) = (Bound::Included(&from), Bound::Excluded(&to));
        own.into_iter()
            .chain(self.nodes.range::<str, _>(range))
            .map(|(path, node)| (path.clone(), node.clone()))
            .collect()
    }

    /// Takes in changes that are durable now.
    pub(crate) fn absorb(&mut self, changes: &[Change], commit: u64) {
        for change in changes {
            let old = match &change.node {
                Some(node) => self.nodes.insert(change.path.clone(), node.clone()),
                None => self.nodes.remove(&change.path),
            };
            let was = old.and_then(|node| node.owner);
            let is = change.node.as_ref().and_then(|node| node.owner);
            if was == is {
                continue;
            }
            if let Some(owner) = was
                && let Entry::Occupied(mut paths) = self.owned.entry(owner)
            {
                paths.get_mut().remove(&change.path);
                if paths.get().is_empty() {
                    paths.remove();
                }
            }
            if let Some(owner) = is {
                self.owned.entry(owner).or_default().insert(change.path.clone());
            }
        }
        self.commit = commit;
    }
}

/// Multis that are tried on top of a tree before they are made durable together.
#[derive(Debug)]
pub(crate) struct Batch<'tree> {
    tree: &'tree Tree,
    staged: BTreeMap<Arc<str>, Option<Node>>,
    commit: u64,
    changes: Vec<Change>,
}

impl<'tree> Batch<'tree> {
    pub(crate) fn new(tree: &'tree Tree) -> Self {
        Self { tree, staged: BTreeMap::new(), commit: tree.commit, changes: Vec::new() }
    }

    /// Tries a multi of a session: all of it counts from here on, or nothing.
    pub(crate) fn apply(&mut self, session: u64, ops: &[Op]) -> Result<u64, StoreError> {
        let mut multi = Multi { batch: self, own: BTreeMap::new(), session };
        for (index, op) in ops.iter().enumerate() {
            multi.apply(index, op)?;
        }
        let own = multi.own;
        Ok(self.accept(own))
    }

    /// Deletes a session's ephemerals, as one commit; `None` when it has none.
    pub(crate) fn end_session(&mut self, session: u64) -> Option<u64> {
        let before = self.tree.owned.get(&session).into_iter().flatten();
        let paths: BTreeSet<Arc<str>> = before.chain(self.staged.keys()).cloned().collect();
        let own: BTreeMap<Arc<str>, Option<Node>> = paths
            .into_iter()
            .filter(|path| self.get(path).is_some_and(|node| node.owner == Some(session)))
            .map(|path| (path, None))
            .collect();
        if own.is_empty() { None } else { Some(self.accept(own)) }
    }

    /// All changes, in the order of their commits, and the last commit.
    pub(crate) fn finish(self) -> (Vec<Change>, u64) {
        (self.changes, self.commit)
    }

    fn accept(&mut self, own: BTreeMap<Arc<str>, Option<Node>>) -> u64 {
        self.commit += 1;
        for (path, mut node) in own {
            if node.is_none() && self.get(&path).is_none() {
                continue;
            }
            if let Some(node) = &mut node {
                node.commit = self.commit;
            }
            let change = Change { path: path.clone(), node: node.clone(), commit: self.commit };
            self.changes.push(change);
            self.staged.insert(path, node);
        }
        self.commit
    }

    fn get(&self, path: &str) -> Option<&Node> {
        match self.staged.get(path) {
            Some(staged) => staged.as_ref(),
            None => self.tree.get(path),
        }
    }
}

/// One multi on its way.
struct Multi<'batch, 'tree> {
    batch: &'batch Batch<'tree>,
    own: BTreeMap<Arc<str>, Option<Node>>,
    session: u64,
}

impl Multi<'_, '_> {
    fn apply(&mut self, index: usize, op: &Op) -> Result<(), StoreError> {
        let path = op.path();
        let conflict = || StoreError::Conflict { path: path.to_owned(), index };
        let not_found = || StoreError::NotFound { path: path.to_owned() };
        let current = self.get(path);
        match op {
            Op::Check { version, .. } => match current {
                Some(node) if node.version == *version => {}
                _ => return Err(conflict()),
            },
            Op::CheckAbsent { .. } => {
                if current.is_some() {
                    return Err(conflict());
                }
            }
            Op::Create { data, mode, .. } => {
                if current.is_some() {
                    return Err(StoreError::Exists { path: path.to_owned() });
                }
                let owner = (*mode == Mode::Ephemeral).then_some(self.session);
                self.put(path, data, 0, owner);
            }
            Op::Set { data, expect, .. } => {
                let node = current.ok_or_else(not_found)?;
                if expect.is_some_and(|version| version != node.version) {
                    return Err(conflict());
                }
                let (version, owner) = (node.version + 1, node.owner);
                self.put(path, data, version, owner);
            }
            Op::Put { data, .. } => {
                let (version, owner) =
                    current.map_or((0, None), |node| (node.version + 1, node.owner));
                self.put(path, data, version, owner);
            }
            Op::Delete { expect, .. } => {
                let node = current.ok_or_else(not_found)?;
                if expect.is_some_and(|version| version != node.version) {
                    return Err(conflict());
                }
                self.own.insert(path.into(), None);
            }
        }
        Ok(())
    }

    fn put(&mut self, path: &str, data: &Bytes, version: u64, owner: Option<u64>) {
        // A copy, so that a small record does not keep the whole buffer it was read in.
        let data = Bytes::copy_from_slice(data);
        self.own.insert(path.into(), Some(Node { data, version, commit: 0, owner }));
    }

    fn get(&self, path: &str) -> Option<&Node> {
        match self.own.get(path) {
            Some(own) => own.as_ref(),
            None => self.batch.get(path),
        }
    }
}

#[cfg(test)]
mod tests;
