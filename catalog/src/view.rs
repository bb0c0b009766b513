//! What a reader of the catalog is given.
//!
//! Owns the shapes of answers; must not know how they are sent.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Entry;

/// A group as it is at one version: a task path or a tag, and the entries that belong to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupView {
    /// Task path (without the leading `task.`) or tag.
    pub group: String,
    /// Id of the store's life. Another history means: forget everything and list again.
    pub history: String,
    /// Commit of the last change within the group; 0 for a group that nobody ever belonged to.
    pub version: u64,
    /// Entries by incarnation.
    pub entries: Vec<Entry>,
}

/// The own keys of a task at one version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConfigView {
    /// Task path without the leading `task.`.
    pub task: String,
    /// Id of the store's life.
    pub history: String,
    /// Commit of the last change of the task's record, which moves with its entries too; 0 for a
    /// task that never was.
    pub version: u64,
    /// The author's own keys, typed as written.
    pub keys: Map<String, Value>,
}

/// What a group's name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupKind {
    /// A task path.
    Task,
    /// A tag; prefixes of task paths are tags.
    Tag,
}

/// One line of the list of groups.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSummary {
    /// Task path or tag.
    pub group: String,
    /// What the name stands for.
    pub kind: GroupKind,
    /// Commit of the last change within the group.
    pub version: u64,
    /// Entries that belong to it.
    pub instances: u64,
    /// Those of them that are ready.
    pub ready: u64,
}
