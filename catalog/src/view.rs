//! What a reader of the catalog is given.
//!
//! Owns the shapes of answers; must not know how they are sent.

use std::collections::BTreeMap;

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

/// What a member has done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Receipt {
    /// It has it.
    Acknowledged,
    /// It lives and has not said so yet.
    Waiting,
    /// It has ended without having said so.
    Gone,
}

/// One member of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberView {
    /// Its incarnation.
    pub incarnation: String,
    /// What it has done.
    pub receipt: Receipt,
}

/// A message as its sender sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MessageView {
    /// Task path or tag.
    pub group: String,
    /// Its place in the group's order.
    pub number: u64,
    /// The key that its sender gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// When it was taken: milliseconds since the Unix epoch.
    pub sent_ms: u64,
    /// What it says.
    pub body: Value,
    /// Who was in the group when it was sent.
    pub members: Vec<MemberView>,
}

/// The values that a group keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetadataView {
    /// Task path or tag.
    pub group: String,
    /// Id of the store's life.
    pub history: String,
    /// Commit of the last change of what is said to the group; 0 where nothing was ever said.
    pub version: u64,
    /// The values, by their keys.
    pub values: Map<String, Value>,
}

/// What one member is told on its stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MailView {
    /// Which one.
    pub incarnation: String,
    /// Id of the store's life.
    pub history: String,
    /// Messages that it has not acknowledged and that were not on this stream before, in order of
    /// their groups and numbers.
    pub messages: Vec<Mail>,
    /// The values that its groups keep, by group: all of them, each time.
    pub metadata: BTreeMap<String, BTreeMap<String, Value>>,
}

/// A message as its member sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mail {
    /// Task path or tag.
    pub group: String,
    /// Its place in the group's order.
    pub number: u64,
    /// When it was taken: milliseconds since the Unix epoch.
    pub sent_ms: u64,
    /// What it says.
    pub body: Value,
}
