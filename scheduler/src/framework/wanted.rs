//! What should run: the accepted topologies and what follows from them for each instance.

use std::collections::BTreeMap;

use lathe_topology::{TaskPath, TaskSpec, Topology};

use super::ids::InstanceId;
use super::records::{ArtifactRecord, ByHand, TopologyRecord};

/// An accepted topology, read.
#[derive(Clone, Debug)]
pub struct Accepted {
    pub record: TopologyRecord,
    pub topology: Topology,
    /// What an instance of each task is started as.
    identities: BTreeMap<TaskPath, String>,
}

impl Accepted {
    /// Reads a record again. The error is for a record that this version cannot read any more.
    pub fn read(record: TopologyRecord) -> Result<Self, Vec<lathe_topology::Diagnostic>> {
        let checked = lathe_topology::parse(&record.name, &record.source)?;
        let mut topology = checked.topology;
        for task in &mut topology.tasks {
            record.by_hand.change(task);
        }
        let mut accepted = Self { record, topology, identities: BTreeMap::new() };
        let of = |task: &TaskSpec| (task.path.clone(), identity(task, accepted.artifact(task)));
        accepted.identities = accepted.topology.tasks.iter().map(of).collect();
        Ok(accepted)
    }

    pub fn task(&self, path: &TaskPath) -> Option<&TaskSpec> {
        self.topology.task(path)
    }

    pub fn artifact(&self, task: &TaskSpec) -> Option<&ArtifactRecord> {
        self.record
            .artifacts
            .iter()
            .find(|built| built.crate_name == task.crate_name && built.version == task.version)
    }

    /// What an instance of the task is started as; another value means another process.
    pub fn identity(&self, task: &TaskSpec) -> &str {
        self.identities.get(&task.path).map_or("", String::as_str)
    }

    /// The slots that the accepted plan gave to a task, ascending.
    pub fn slots(&self, path: &TaskPath) -> &[u32] {
        self.record.slots.get(path).map_or(&[], Vec::as_slice)
    }

    /// The slots beyond the count that run while the task is updated, ascending.
    pub fn surge(&self, path: &TaskPath) -> &[u32] {
        let rollout = self.record.rollout.as_ref();
        rollout.and_then(|rollout| rollout.surge.get(path)).map_or(&[], Vec::as_slice)
    }

    /// All that may run, those beyond the count among them.
    pub fn instances(&self) -> impl Iterator<Item = InstanceId> + '_ {
        self.topology.tasks.iter().flat_map(|task| {
            self.slots(&task.path)
                .iter()
                .chain(self.surge(&task.path))
                .map(|slot| InstanceId { task: task.path.clone(), slot: *slot })
        })
    }
}

impl ByHand {
    /// What was changed by hand takes the place of what the source says.
    fn change(&self, task: &mut TaskSpec) {
        if let Some(count) = self.counts.get(&task.path) {
            task.count = *count;
        }
        for (key, value) in self.keys.get(&task.path).into_iter().flatten() {
            match value {
                Some(value) => task.own.insert(key.clone(), value.clone()),
                None => task.own.remove(key),
            };
        }
    }
}

/// Everything of a task that its running process depends on. Tags, biases, counts and the author's
/// own keys are not among it: they change without a restart.
pub fn identity(task: &TaskSpec, artifact: Option<&ArtifactRecord>) -> String {
    let parts = (
        &task.crate_name,
        &task.version,
        &task.task,
        artifact.map(|built| &built.source_key),
        &task.args,
        &task.env,
        &task.user,
        &task.resources,
        task.grace_ms,
    );
    // Without a check it is what it was before there were any.
    let text = match &task.health {
        None => serde_json::to_string(&parts),
        Some(health) => serde_json::to_string(&(parts, health)),
    };
    text.expect("plain values always serialise")
}

/// All accepted topologies by name.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    topologies: BTreeMap<String, Accepted>,
    /// The topology of each task.
    owners: BTreeMap<TaskPath, String>,
}

impl Wanted {
    pub fn topologies(&self) -> &BTreeMap<String, Accepted> {
        &self.topologies
    }

    pub fn get(&self, name: &str) -> Option<&Accepted> {
        self.topologies.get(name)
    }

    /// For changes that leave its tasks as they are.
    pub fn record_mut(&mut self, name: &str) -> Option<&mut TopologyRecord> {
        self.topologies.get_mut(name).map(|accepted| &mut accepted.record)
    }

    pub fn insert(&mut self, accepted: Accepted) {
        let name = accepted.record.name.clone();
        self.remove(&name);
        for task in &accepted.topology.tasks {
            self.owners.insert(task.path.clone(), name.clone());
        }
        self.topologies.insert(name, accepted);
    }

    pub fn remove(&mut self, name: &str) -> Option<Accepted> {
        let accepted = self.topologies.remove(name)?;
        self.owners.retain(|_, owner| owner != name);
        Some(accepted)
    }

    /// The topology and the task that want this instance, if any does.
    pub fn of(&self, id: &InstanceId) -> Option<(&Accepted, &TaskSpec)> {
        let accepted = self.owned_by(&id.task)?;
        let task = accepted.task(&id.task)?;
        let (slots, surge) = (accepted.slots(&id.task), accepted.surge(&id.task));
        let is_wanted = [slots, surge].iter().any(|slots| slots.binary_search(&id.slot).is_ok());
        is_wanted.then_some((accepted, task))
    }

    /// The name of the topology that has a task path.
    pub fn owner(&self, path: &TaskPath) -> Option<&str> {
        self.owners.get(path).map(String::as_str)
    }

    /// The topology that has a task path.
    pub fn owned_by(&self, path: &TaskPath) -> Option<&Accepted> {
        self.topologies.get(self.owners.get(path)?)
    }
}

#[cfg(test)]
mod tests;
