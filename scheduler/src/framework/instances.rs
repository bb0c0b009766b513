//! Every instance's record, and which of them have changed since they were last judged. Must not
//! know what the judgement is.

use std::collections::{BTreeMap, BTreeSet};

use super::ids::{AgentId, InstanceId};
use super::records::InstanceRecord;

/// The records. Whoever may change one leaves a mark.
#[derive(Debug, Default)]
pub(super) struct Instances {
    records: BTreeMap<InstanceId, InstanceRecord>,
    changed: BTreeSet<InstanceId>,
}

impl Instances {
    pub(super) fn get(&self, id: &InstanceId) -> Option<&InstanceRecord> {
        self.records.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &InstanceId) -> Option<&mut InstanceRecord> {
        let record = self.records.get_mut(id)?;
        if !self.changed.contains(id) {
            self.changed.insert(id.clone());
        }
        Some(record)
    }

    /// The record of an instance, made new where there is none.
    pub(super) fn of(&mut self, id: InstanceId, topology: &str) -> &mut InstanceRecord {
        self.changed.insert(id.clone());
        self.records.entry(id).or_insert_with_key(|id| InstanceRecord::new(id.clone(), topology))
    }

    pub(super) fn insert(&mut self, record: InstanceRecord) {
        self.changed.insert(record.id.clone());
        self.records.insert(record.id.clone(), record);
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &InstanceRecord> {
        self.records.values()
    }

    /// What is wanted of it has changed, or time has passed for it.
    pub(super) fn mark(&mut self, id: InstanceId) {
        self.changed.insert(id);
    }

    /// All of a topology at once.
    pub(super) fn mark_all_of(&mut self, topology: &str) {
        let of_it = self.records.values().filter(|record| record.topology == topology);
        self.changed.extend(of_it.map(|record| record.id.clone()));
    }

    /// All that have a life on one of these agents.
    pub(super) fn mark_all_on(&mut self, agents: &BTreeSet<AgentId>) {
        let of_it = self
            .records
            .values()
            .filter(|record| record.lives.iter().any(|life| agents.contains(&life.agent)));
        self.changed.extend(of_it.map(|record| record.id.clone()));
    }

    pub(super) fn take_changed(&mut self) -> BTreeSet<InstanceId> {
        std::mem::take(&mut self.changed)
    }
}
