//! The store as the framework sees it: records at paths, durable in order, fenced by the term.

use std::collections::BTreeMap;

use lathe_catalog::{Entry, TaskRecord};
use lathe_scheduler::framework::records::{
    FRAMEWORK, FrameworkRecord, INSTANCES, InstanceRecord, REVISIONS, Recovered, TOPOLOGIES,
    TopologyRecord, Write,
};
use serde::de::DeserializeOwned;

/// What is durable.
#[derive(Clone, Debug, Default)]
pub struct Store {
    records: BTreeMap<String, Vec<u8>>,
    term: u64,
    pub commits: u64,
}

impl Store {
    /// Another leader begins.
    pub fn take_over(&mut self) -> Recovered {
        self.term += 1;
        let framework: Option<FrameworkRecord> = self.one(FRAMEWORK);
        Recovered {
            term: self.term,
            history: "simulated".to_owned(),
            framework_id: framework.map(|record| record.id),
            topologies: self.topologies(),
            revisions: self.all(REVISIONS),
            instances: self.instances(),
            tasks: self.all::<TaskRecord>(lathe_catalog::paths::TASKS),
            registries: vec!["http://127.0.0.1:1".to_owned()],
        }
    }

    #[must_use]
    pub fn term(&self) -> u64 {
        self.term
    }

    /// Makes writes durable; an older term's are refused.
    pub fn commit(&mut self, term: u64, writes: &[Write]) -> bool {
        if term != self.term {
            return false;
        }
        for write in writes {
            let (path, data) = write.encode().expect("records always serialise");
            match data {
                Some(data) => self.records.insert(path, data),
                None => self.records.remove(&path),
            };
        }
        self.commits += 1;
        true
    }

    #[must_use]
    pub fn topologies(&self) -> Vec<TopologyRecord> {
        self.all(TOPOLOGIES)
    }

    #[must_use]
    pub fn instances(&self) -> Vec<InstanceRecord> {
        self.all(INSTANCES)
    }

    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.all(lathe_catalog::paths::ENTRIES)
    }

    /// The record of the instance that an incarnation belongs to.
    #[must_use]
    pub fn instance_of(&self, incarnation: &str) -> Option<InstanceRecord> {
        let (instance, _) = incarnation.rsplit_once('.')?;
        self.one(&format!("{INSTANCES}/{instance}"))
    }

    fn one<T: DeserializeOwned>(&self, path: &str) -> Option<T> {
        let data = self.records.get(path)?;
        Some(serde_json::from_slice(data).expect("what was written can be read"))
    }

    fn all<T: DeserializeOwned>(&self, prefix: &str) -> Vec<T> {
        let below = format!("{prefix}/");
        self.records
            .range(below.clone()..)
            .take_while(|(path, _)| path.starts_with(&below))
            .map(|(_, data)| serde_json::from_slice(data).expect("what was written can be read"))
            .collect()
    }
}
