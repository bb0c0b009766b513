//! What is durable: records at paths with their versions, each write whole, under the term, with a
//! number that only rises.

use std::collections::BTreeMap;

use lathe_catalog::{Entry, TaskRecord, paths};
use lathe_registry::directory::{Content, Node, Set};
use lathe_scheduler::framework::records::{
    FRAMEWORK, FrameworkRecord, INSTANCES, InstanceRecord, REVISIONS, Recovered, TOPOLOGIES,
    TopologyRecord, Write,
};
use serde::de::DeserializeOwned;

/// One write that took place, as those who watch the catalog see it.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) number: u64,
    pub(crate) nodes: Vec<Node>,
}

/// Why a write did not take place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The term is another's.
    Fenced,
    /// A record has another version than was expected.
    Conflict,
}

/// The store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    records: BTreeMap<String, Content>,
    term: u64,
    commits: u64,
    /// Put in by hand: terms are not looked at.
    pub(crate) unfenced: bool,
}

/// The id of this store's life.
pub(crate) const HISTORY: &str = "simulated";

impl Store {
    /// Another leader begins.
    pub(crate) fn take_over(&mut self, registries: Vec<String>) -> Recovered {
        self.term += 1;
        self.commits += 1;
        let framework: Option<FrameworkRecord> = self.one(FRAMEWORK);
        Recovered {
            term: self.term,
            history: HISTORY.to_owned(),
            losses_confirmed_ms: framework.as_ref().map_or(0, |one| one.losses_confirmed_ms),
            framework_id: framework.map(|record| record.id),
            topologies: self.topologies(),
            revisions: self.all(REVISIONS),
            instances: self.instances(),
            tasks: self.all::<TaskRecord>(paths::TASKS),
            registries,
        }
    }

    /// Makes a leader's writes durable, all or none.
    ///
    /// # Errors
    /// When the term is not the leader's any more.
    pub(crate) fn commit(&mut self, term: u64, writes: &[Write]) -> Result<Commit, Refused> {
        if term != self.term && !self.unfenced {
            return Err(Refused::Fenced);
        }
        let encoded = writes.iter().map(|write| write.encode().expect("records serialise"));
        let changes: BTreeMap<String, Option<Vec<u8>>> = encoded.collect();
        Ok(self.apply(changes))
    }

    /// Makes a registry's writes durable if every record is as it knew it.
    ///
    /// # Errors
    /// When one is not.
    pub(crate) fn set_if(&mut self, sets: &[Set]) -> Result<Commit, Refused> {
        let fits = |set: &Set| {
            self.records.get(&set.path).is_some_and(|record| record.version == set.expect)
        };
        if !sets.iter().all(fits) {
            return Err(Refused::Conflict);
        }
        Ok(self.apply(sets.iter().map(|s| (s.path.clone(), Some(s.data.clone()))).collect()))
    }

    fn apply(&mut self, changes: BTreeMap<String, Option<Vec<u8>>>) -> Commit {
        self.commits += 1;
        let mut nodes = Vec::new();
        for (path, data) in changes {
            let content = data.map(|data| Content {
                data,
                version: self.records.get(&path).map_or(0, |record| record.version + 1),
                commit: self.commits,
            });
            match &content {
                Some(content) => self.records.insert(path.clone(), content.clone()),
                None => self.records.remove(&path),
            };
            if path.starts_with(paths::CATALOG) {
                nodes.push(Node { path, content });
            }
        }
        Commit { number: self.commits, nodes }
    }

    /// The whole catalog at this moment.
    #[must_use]
    pub(crate) fn listing(&self) -> Commit {
        let below = self.below(paths::CATALOG);
        let nodes = below
            .map(|(path, content)| Node { path: path.clone(), content: Some(content.clone()) });
        Commit { number: self.commits, nodes: nodes.collect() }
    }

    #[must_use]
    pub(crate) fn topologies(&self) -> Vec<TopologyRecord> {
        self.all(TOPOLOGIES)
    }

    #[must_use]
    pub(crate) fn topology(&self, name: &str) -> Option<TopologyRecord> {
        self.one(&format!("{TOPOLOGIES}/{name}"))
    }

    #[must_use]
    pub(crate) fn instances(&self) -> Vec<InstanceRecord> {
        self.all(INSTANCES)
    }

    #[must_use]
    pub(crate) fn commits(&self) -> u64 {
        self.commits
    }

    #[must_use]
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.all(paths::ENTRIES)
    }

    /// The record of the instance that an incarnation belongs to.
    #[must_use]
    pub(crate) fn instance_of(&self, incarnation: &str) -> Option<InstanceRecord> {
        let (instance, _) = incarnation.rsplit_once('.')?;
        self.one(&format!("{INSTANCES}/{instance}"))
    }

    fn one<T: DeserializeOwned>(&self, path: &str) -> Option<T> {
        self.records.get(path).map(|content| read(&content.data))
    }

    fn all<T: DeserializeOwned>(&self, prefix: &str) -> Vec<T> {
        self.below(prefix).map(|(_, content)| read(&content.data)).collect()
    }

    fn below(&self, prefix: &str) -> impl Iterator<Item = (&String, &Content)> {
        let below = format!("{prefix}/");
        self.records.range(below.clone()..).take_while(move |(path, _)| path.starts_with(&below))
    }
}

pub(crate) fn read<T: DeserializeOwned>(data: &[u8]) -> T {
    serde_json::from_slice(data).expect("what was written can be read")
}
