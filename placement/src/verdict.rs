//! What placement answers: a plan, or a refusal with its reasons.
//!
//! Plain values, sorted. Must not know how they were found, nor how they are shown.

use std::ops::Range;

use lathe_topology::{Code, TaskPath};
use serde::{Deserialize, Serialize};

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A plan that [`verify`](crate::verify()) accepts.
    Placed(Plan),
    /// Proved: not now, but possible on these hosts if other things were not running there.
    Blocked(Refusal),
    /// Proved: not on these hosts, even if they were empty.
    Impossible(Refusal),
    /// The budget was spent without a plan or a proof.
    Unknown {
        /// Steps that were spent.
        steps: u64,
        /// What can be said nevertheless.
        refusal: Refusal,
        /// As much as could be placed validly; instances may be missing. Its bound holds for whole plans.
        best: Plan,
    },
}

/// Where everything of the given topologies runs in the end, and what has to stop.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// One for each wanted instance, sorted.
    pub assignments: Vec<Assignment>,
    /// Running instances that are no longer wanted, sorted.
    pub stops: Vec<Stop>,
    /// Gains less costs of all soft rules in the end state.
    pub score: i64,
    /// A proven upper bound of the score over all valid plans, where one is known.
    pub bound: Option<i64>,
}

impl Plan {
    /// Whether nothing has to be done: no start, no move, no stop.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stops.is_empty()
            && self.assignments.iter().all(|assignment| assignment.change == Change::Keep)
    }
}

/// Where one wanted instance runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Assignment {
    /// The topology.
    pub topology: String,
    /// The task.
    pub task: TaskPath,
    /// The slot.
    pub slot: u32,
    /// The host.
    pub host: String,
    /// What has to be done for it.
    pub change: Change,
}

/// What an assignment asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It does not run and is started.
    Start,
    /// It runs there already.
    Keep,
    /// It runs on another host and is moved.
    Move {
        /// The host that it leaves.
        from: String,
    },
}

/// A running instance that is no longer wanted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stop {
    /// The topology.
    pub topology: String,
    /// The task.
    pub task: TaskPath,
    /// The slot.
    pub slot: u32,
    /// The host that it runs on.
    pub host: String,
}

/// Why there is no plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Statements that cannot hold together; as few as could be shown within the budget.
    pub reasons: Vec<Reason>,
    /// What is wrong, in one sentence, with the arithmetic where there is some.
    pub sentence: String,
    /// What would help.
    pub hint: String,
    /// Up to three changes with which there is a plan; each was tried.
    #[serde(default)]
    pub repairs: Vec<Repair>,
}

/// One change of the files, the hosts or the options with which there is a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// All of it in words.
    pub text: String,
    /// The topology and the task that it changes, where it does.
    pub topology: Option<String>,
    /// The task.
    pub task: Option<TaskPath>,
    /// The statement as it stands in the file.
    pub statement: Option<String>,
    /// What should stand there.
    pub instead: Option<String>,
}

/// One statement that takes part in a contradiction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The kind of statement.
    pub code: Code,
    /// The task that makes it, where it is a task's.
    pub task: Option<TaskPath>,
    /// The statement as it stands in the file, or as words.
    pub statement: String,
    /// Where it stands in the topology's file, in bytes.
    pub span: Option<Range<usize>>,
    /// The topology that makes it.
    pub topology: Option<String>,
}
