//! What placement is given besides topologies: hosts, what runs on them, and options.
//!
//! Plain values. Must not know how they were found out (offers, the store, a file).

use std::collections::{BTreeMap, BTreeSet};

use lathe_topology::{Bias, Resources, Tag, TaskPath};
use serde::{Deserialize, Serialize};

/// The known hosts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// Hosts with names of their own; of two with the same name the first is taken.
    pub hosts: Vec<Host>,
}

/// A machine that offers resources.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// The name, unique in the cluster.
    pub name: String,
    /// Everything that the host has; what runs is subtracted by placement.
    pub capacity: Capacity,
    /// Attributes such as `rack`, `zone` and `disk`, each with one value.
    pub attributes: BTreeMap<String, String>,
}

/// What a host has in all, whoever uses it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capacity {
    /// Thousandths of a processor.
    pub cpus_milli: u64,
    /// Bytes of memory.
    pub mem_bytes: u64,
    /// Bytes of disk.
    pub disk_bytes: u64,
    /// Inclusive ranges of port numbers; they may overlap.
    pub ports: Vec<(u16, u16)>,
}

/// What runs now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Live instances in any order.
    pub instances: Vec<RunningInstance>,
}

/// One live instance as it was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningInstance {
    /// The topology that it belongs to.
    pub topology: String,
    /// The path of its task.
    pub task: TaskPath,
    /// Its slot.
    pub slot: u32,
    /// The host it runs on; it need not be among the known hosts.
    pub host: String,
    /// Every tag it carries, the implicit ones included.
    pub tags: BTreeSet<Tag>,
    /// Its rules.
    pub biases: Vec<Bias>,
    /// What it uses, without the overhead.
    pub resources: Resources,
    /// False when it is ending: it takes room and counts for `never`, but satisfies no `always`.
    pub keep: bool,
}

/// What the caller allows and prefers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Options {
    /// Added to every instance: what its executor needs.
    pub overhead: Resources,
    /// How many running instances may be moved to another host.
    pub max_moves: u32,
    /// How much work may be done; a step is about one look at one task on one host. A core does three to
    /// five million of them a second. An easy input ends long before; one whose points can be raised for
    /// ever gets one in two thousand of them for each instance to be started.
    pub budget_steps: u64,
    /// Whether a refusal comes with changes that were tried.
    pub repairs: bool,
    /// Varies the order in which equal choices are tried once the first attempt has failed.
    pub seed: u64,
    /// Where a slot ran before: preferred among equals.
    #[serde(with = "previous_as_list")]
    pub previous: BTreeMap<(TaskPath, u32), String>,
    /// Topologies that are being removed: their instances are stopped, whoever stands on them.
    pub removing: BTreeSet<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            overhead: Resources { cpus_milli: 0, mem_bytes: 0, disk_bytes: 0, ports: Vec::new() },
            max_moves: 0,
            budget_steps: 2_000_000,
            repairs: true,
            seed: 0,
            previous: BTreeMap::new(),
            removing: BTreeSet::new(),
        }
    }
}

/// JSON has no maps with pairs as keys, so `previous` is written as a list.
mod previous_as_list {
    use std::collections::BTreeMap;

    use lathe_topology::TaskPath;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Place {
        task: TaskPath,
        slot: u32,
        host: String,
    }

    pub(super) fn serialize<S: Serializer>(
        map: &BTreeMap<(TaskPath, u32), String>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map.iter().map(|((task, slot), host)| Place {
            task: task.clone(),
            slot: *slot,
            host: host.clone(),
        }))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<(TaskPath, u32), String>, D::Error> {
        let places = Vec::<Place>::deserialize(deserializer)?;
        Ok(places.into_iter().map(|place| ((place.task, place.slot), place.host)).collect())
    }
}
