//! A proof as data: weights of tasks, and the most that a place can be worth under them.
//!
//! Plain values in integers, described in `docs/certificate.md`, so that a program that shares
//! nothing with the search can check them. Must not know how they were found.

use lathe_topology::TaskPath;
use serde::{Deserialize, Serialize};

/// A proof that no valid placement has more points than a number, or that there is none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// What is proved.
    pub claim: Claim,
    /// What a point is worth in weights and in `most`.
    pub scale: i64,
    /// Points that no plan changes.
    pub constant: i64,
    /// Every task with at least one instance, in the order of topology and task.
    pub tasks: Vec<Counted>,
    /// One about single hosts and, for a bound, one for each attribute whose rules are counted; a single one for
    /// an impossibility.
    pub parts: Vec<Part>,
}

/// A task, and how many of it are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// The topology.
    pub topology: String,
    /// The task.
    pub task: TaskPath,
    /// How many instances are wanted.
    pub count: u32,
}

/// Weights of tasks on places of one sort.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The attribute whose values are the places; none: a place is a host.
    pub scope: Option<String>,
    /// What an instance of each task weighs, in the order of the tasks.
    pub weights: Vec<i64>,
    /// Every place is in one of them.
    pub classes: Vec<PlaceClass>,
}

/// What a certificate proves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// There is no placement, even if nothing else ran.
    Impossible,
    /// No plan has more points.
    Bound(i64),
}

/// Places that are alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceClass {
    /// The hosts of each place.
    pub places: Vec<Vec<String>>,
    /// Millicpus, bytes of memory, bytes of disk, ports of one such place.
    pub capacity: [u64; 4],
    /// What is used of them whatever the plan does.
    pub base: [u64; 4],
    /// Tasks that may be there, by their index in the tasks.
    pub tasks: Vec<usize>,
    /// No admissible pattern is worth more.
    pub most: i64,
}
