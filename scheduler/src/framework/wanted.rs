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
}

impl Accepted {
    /// Reads a record again. The error is for a record that this version cannot read any more.
    pub fn read(record: TopologyRecord) -> Result<Self, Vec<lathe_topology::Diagnostic>> {
        let checked = lathe_topology::parse(&record.name, &record.source)?;
        let mut topology = checked.topology;
        for task in &mut topology.tasks {
            record.by_hand.change(task);
        }
        Ok(Self { record, topology })
    }

    pub fn task(&self, path: &TaskPath) -> Option<&TaskSpec> {
        self.topology.tasks.iter().find(|task| &task.path == path)
    }

    pub fn artifact(&self, task: &TaskSpec) -> Option<&ArtifactRecord> {
        self.record
            .artifacts
            .iter()
            .find(|built| built.crate_name == task.crate_name && built.version == task.version)
    }

    /// What an instance of the task is started as; another value means another process.
    pub fn identity(&self, task: &TaskSpec) -> String {
        identity(task, self.artifact(task))
    }

    /// The slots that the accepted plan gave to a task.
    pub fn slots(&self, path: &TaskPath) -> &[u32] {
        self.record.slots.get(path).map_or(&[], Vec::as_slice)
    }

    pub fn instances(&self) -> impl Iterator<Item = InstanceId> + '_ {
        self.topology.tasks.iter().flat_map(|task| {
            self.slots(&task.path)
                .iter()
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
    serde_json::to_string(&parts).expect("plain values always serialise")
}

/// All accepted topologies by name.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub topologies: BTreeMap<String, Accepted>,
}

impl Wanted {
    /// The topology and the task that want this instance, if any does.
    pub fn of(&self, id: &InstanceId) -> Option<(&Accepted, &TaskSpec)> {
        self.topologies.values().find_map(|accepted| {
            let task = accepted.task(&id.task)?;
            accepted.slots(&id.task).contains(&id.slot).then_some((accepted, task))
        })
    }

    /// The topology that owns a task path.
    pub fn owner(&self, path: &TaskPath) -> Option<&str> {
        self.topologies
            .values()
            .find(|accepted| accepted.task(path).is_some())
            .map(|accepted| accepted.record.name.as_str())
    }
}
