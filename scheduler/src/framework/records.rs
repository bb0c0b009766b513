//! What the framework keeps in the store, and where. Every shape that outlives a process is here.

use std::collections::{BTreeMap, BTreeSet};

use lathe_catalog::{Entry, TaskRecord};
use lathe_topology::TaskPath;
use serde::{Deserialize, Serialize};

use super::ids::{AgentId, FrameworkId, HostName, Incarnation, InstanceId, Time};

/// The leader's number; checked in every write.
pub const TERM: &str = "/lathe/term";
/// Below it: schedulers, the one that leads and those that stand by, by ephemeral records with
/// their addresses.
pub const SCHEDULERS: &str = "/lathe/schedulers";
/// The framework's id at the master.
pub const FRAMEWORK: &str = "/lathe/framework";
/// Accepted topologies stand below this path.
pub const TOPOLOGIES: &str = "/lathe/topologies";
/// What topologies said before stands below this path, by name and revision.
pub const REVISIONS: &str = "/lathe/revisions";
/// Revisions of a topology that are kept, the present one among them.
pub const REVISIONS_KEPT: usize = 10;
/// Instances, running or not, stand below this path.
pub const INSTANCES: &str = "/lathe/instances";

/// Where a topology's record stands.
#[must_use]
pub fn topology_path(name: &str) -> String {
    format!("{TOPOLOGIES}/{name}")
}

/// Where an earlier revision of a topology stands.
#[must_use]
pub fn revision_path(name: &str, revision: u64) -> String {
    format!("{REVISIONS}/{name}/{revision:010}")
}

/// Where an instance's record stands.
#[must_use]
pub fn instance_path(id: &InstanceId) -> String {
    format!("{INSTANCES}/{id}")
}

/// Everything that the store knew when this leader took over.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recovered {
    pub term: u64,
    pub history: String,
    pub framework_id: Option<FrameworkId>,
    /// As the framework's own record has it.
    pub losses_confirmed_ms: Time,
    pub topologies: Vec<TopologyRecord>,
    /// What they said before.
    pub revisions: Vec<TopologyRecord>,
    pub instances: Vec<InstanceRecord>,
    pub tasks: Vec<TaskRecord>,
    pub registries: Vec<String>,
}

/// An accepted topology, as written, with the artifacts that its tasks name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TopologyRecord {
    pub name: String,
    /// Counted up with every accepted change.
    pub revision: u64,
    pub source: String,
    pub artifacts: Vec<ArtifactRecord>,
    pub submitted_ms: Time,
    /// The caller's id of the submission that made this revision.
    pub submission_id: String,
    /// The slots of each task, as the plan of this revision has them.
    pub slots: BTreeMap<TaskPath, Vec<u32>>,
    /// What was changed by hand since the source came.
    #[serde(default)]
    pub by_hand: ByHand,
    /// Whether other contents wait to take the place of what runs.
    #[serde(default)]
    pub paused: bool,
    /// What made this revision, for people; empty for a file that was submitted.
    #[serde(default)]
    pub cause: String,
    /// Set while what runs is not yet, or not long enough, what tasks with update rules say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Rollout>,
}

/// An update by tasks' own rules that is on its way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// The revision that ran as wanted last; 0 where none has.
    pub good: u64,
    /// Tasks with rules whose contents are other than that revision's.
    #[serde(default)]
    pub changed: BTreeSet<TaskPath>,
    /// Slots beyond the count, wanted until the update is over.
    #[serde(default)]
    pub surge: BTreeMap<TaskPath, Vec<u32>>,
}

/// Changes of a topology beside its source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByHand {
    /// Counts of tasks.
    #[serde(default)]
    pub counts: BTreeMap<TaskPath, u32>,
    /// Own keys of tasks; none means: taken away.
    #[serde(default)]
    pub keys: BTreeMap<TaskPath, BTreeMap<String, Option<serde_json::Value>>>,
}

/// One crate version, built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactRecord {
    pub crate_name: String,
    pub version: String,
    /// SHA-256 of the binary, lower-case hex.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// Identity of the source; a known one restarts nothing.
    pub source_key: String,
    /// The tasks that the binary has.
    pub tasks: Vec<String>,
    pub sdk: bool,
}

/// An instance: how many lives it had, and the present one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceRecord {
    pub id: InstanceId,
    pub topology: String,
    /// Counter of the newest incarnation; 0 before the first. Never goes back.
    pub counter: u64,
    /// Ends in a row that came before the instance had been ready for 10 s.
    pub early_ends: u32,
    /// Not launched before this moment.
    pub not_before_ms: Time,
    /// Lives that may still run somewhere, the newest last.
    pub lives: Vec<Life>,
    /// What has ended for good by its own `restart` rule: the identity of that life.
    pub finished: Option<String>,
    /// Where it ran last; preferred for its next life.
    pub last_host: Option<HostName>,
    /// How its last life ended, for people.
    pub last_end: Option<String>,
}

impl InstanceRecord {
    /// An instance that has not lived yet.
    #[must_use]
    pub fn new(id: InstanceId, topology: &str) -> Self {
        Self {
            id,
            topology: topology.to_owned(),
            counter: 0,
            early_ends: 0,
            not_before_ms: 0,
            lives: Vec::new(),
            finished: None,
            last_host: None,
            last_end: None,
        }
    }
}

/// One incarnation that may run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    pub incarnation: Incarnation,
    pub host: HostName,
    pub agent: AgentId,
    pub address: String,
    pub ports: BTreeMap<String, u16>,
    pub phase: Phase,
    /// In this phase since.
    pub since_ms: Time,
    /// Ready since, or 0.
    pub ready_ms: Time,
    /// What was started: another value means that it has to be replaced.
    pub identity: String,
    pub crate_name: String,
    pub version: String,
    pub tags: Vec<String>,
    /// Biases and resources as they were launched, since they bind others as long as it lives.
    pub biases: Vec<lathe_topology::Bias>,
    pub resources: lathe_topology::Resources,
    pub grace_ms: u64,
    pub reason: Option<String>,
}

/// The identity of a life that ends so that its instance can move: no task's identity equals it.
pub const MOVING: &str = "moving";
/// The same of a life that ends at once so that its instance starts anew.
pub const RESTARTING: &str = "restarting";
/// The same of a life whose turn to start anew comes when the task's others are ready.
pub const RESTARTING_IN_TURN: &str = "restarting in turn";

/// Where an incarnation is in its life, as far as the framework knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The intent is written; the launch may or may not have been sent.
    Launching,
    /// Its process exists.
    Starting,
    Ready,
    /// Its host does not answer.
    Unreachable,
    /// It was told to end.
    Killing,
}

impl Phase {
    /// The word for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Launching => "launching",
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Unreachable => "unreachable",
            Self::Killing => "killing",
        }
    }
}

/// The framework's own record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameworkRecord {
    pub id: FrameworkId,
    /// Hosts that were lost until then are lost for good, as somebody has said.
    #[serde(default)]
    pub losses_confirmed_ms: Time,
}

/// One change of the store.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    Framework(FrameworkRecord),
    Topology(TopologyRecord),
    TopologyRemoved(String),
    /// What a topology said before.
    Revision(TopologyRecord),
    RevisionRemoved {
        name: String,
        revision: u64,
    },
    Instance(InstanceRecord),
    Entry(Entry),
    EntryRemoved(String),
    Task(TaskRecord),
}

impl Write {
    /// Path and value; no value means: deleted.
    ///
    /// # Errors
    /// Never for the shapes here; the serialiser's own error otherwise.
    pub fn encode(&self) -> Result<(String, Option<Vec<u8>>), serde_json::Error> {
        Ok(match self {
            Self::Framework(record) => (FRAMEWORK.to_owned(), Some(serde_json::to_vec(record)?)),
            Self::Topology(record) => {
                (topology_path(&record.name), Some(serde_json::to_vec(record)?))
            }
            Self::TopologyRemoved(name) => (topology_path(name), None),
            Self::Revision(record) => {
                (revision_path(&record.name, record.revision), Some(serde_json::to_vec(record)?))
            }
            Self::RevisionRemoved { name, revision } => (revision_path(name, *revision), None),
            Self::Instance(record) => {
                (instance_path(&record.id), Some(serde_json::to_vec(record)?))
            }
            Self::Entry(entry) => {
                (lathe_catalog::paths::entry(&entry.incarnation), Some(serde_json::to_vec(entry)?))
            }
            Self::EntryRemoved(incarnation) => (lathe_catalog::paths::entry(incarnation), None),
            Self::Task(record) => {
                (lathe_catalog::paths::task(&record.task), Some(serde_json::to_vec(record)?))
            }
        })
    }
}
