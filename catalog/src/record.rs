//! What is kept of a task beside its incarnations: its groups, its own keys, and that it existed.
//!
//! Owns the record that outlives every incarnation of the task, so that versions of groups never
//! go back and a removed task can be told from one that never was.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One task of one topology. Written in the same transaction as every change of its entries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TaskRecord {
    /// Name of the topology that holds it.
    pub topology: String,
    /// Task path without the leading `task.`.
    pub task: String,
    /// Its path and every tag that it ever carried.
    #[serde(default)]
    pub groups: Vec<String>,
    /// The author's own keys, typed as written.
    #[serde(default)]
    pub own: Map<String, Value>,
    /// Crate that its instances are built from.
    pub crate_name: String,
    /// Version of that crate.
    pub version: String,
    /// The task stands in no topology any more; the record stays as its tombstone.
    #[serde(default)]
    pub removed: bool,
    /// Counted up with every change of one of its entries.
    #[serde(default)]
    pub touched: u64,
}
