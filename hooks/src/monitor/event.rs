//! What can happen to instances and tasks, as a hook of registries is told of it.
//!
//! Owns the words. An event has a name by which every registry knows it for the same one, however it
//! has come to know of it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// An incarnation became ready for the first time.
    Started,
    /// An incarnation became suspect.
    Unhealthy,
    /// An incarnation is in the catalog no more.
    Died,
    /// A task has another version, other keys or tags, is new, or was removed.
    Changed,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Started, Self::Unhealthy, Self::Died, Self::Changed];

    /// The word as it stands in configurations and in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Unhealthy => "unhealthy",
            Self::Died => "died",
            Self::Changed => "changed",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is another one of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// It was not there, or was removed before.
    Added,
    /// It stands in no topology any more.
    Removed,
    /// Its crate or the version of that.
    Version,
    /// Its own keys.
    Keys,
    /// Its tags.
    Tags,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its name: the same at every registry, and each time that it is told.
    pub id: String,
    /// What happened.
    pub kind: Kind,
    /// When: milliseconds since the Unix epoch, by the clock of whoever wrote it into the catalog; of
    /// what only went away, by that of the registry that saw it gone.
    pub at_ms: u64,
    /// Name of the topology.
    pub topology: String,
    /// Task path.
    pub task: String,
    /// Slot of the instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<u32>,
    /// Id of the incarnation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incarnation: Option<String>,
    /// The host that it ran on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Version of its crate, where it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What the catalog said last of why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// It was told to end before it did, or its task was removed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub deliberate: bool,
    /// It died before it was ever ready.
    #[serde(default, skip_serializing_if = "is_false")]
    pub never_ready: bool,
    /// Nobody saw it happen: it was found later, by what is there now.
    #[serde(default, skip_serializing_if = "is_false")]
    pub late: bool,
    /// What is another one of a task.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

fn is_false(value: &bool) -> bool {
    !*value
}

/// The task, the slot and the number of the life in an incarnation's id, `http.lb#2.7`.
#[must_use]
pub fn parts_of(incarnation: &str) -> Option<(&str, u32, u64)> {
    let (task, rest) = incarnation.rsplit_once('#')?;
    let (slot, life) = rest.split_once('.')?;
    Some((task, slot.parse().ok()?, life.parse().ok()?))
}
