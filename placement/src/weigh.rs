//! One instance weighed on every host: what keeps it away from there, or the points it would get.
//!
//! Owns the answer to "why is it not there?". It counts instance by instance on what runs, as plans
//! are judged; it must not search, move anything else, or know how the answer is shown.

use std::cmp::Reverse;
use std::ops::Range;

use lathe_topology::{Code, TaskPath, Topology};
use serde::{Deserialize, Serialize};

use crate::input::Input;
use crate::{Cluster, Options, Running};

mod room;
mod rules;
mod scene;

use scene::Scene;

/// One host as a place for one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weighed {
    /// The host.
    pub host: String,
    /// The instance runs there now.
    pub here: bool,
    /// What keeps it away; empty where it may be.
    pub excluded: Vec<Objection>,
    /// What the score would have more (or less) with the instance there than with it nowhere.
    pub points: i64,
    /// Where the points come from: every soft rule of the instance, also at 0, and those rules of
    /// others that it would change. Their points add up to `points`.
    pub rules: Vec<Share>,
}

impl Weighed {
    /// Whether nothing keeps the instance away.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        self.excluded.is_empty()
    }
}

/// The sort of a hard reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// A `never` about a tag, whoever says it.
    Never,
    /// An `always` about a tag, whoever says it.
    Always,
    /// A hard rule about an attribute of the host.
    Attribute,
    /// The host would have the room if less ran there.
    Room,
    /// The host is too small, even empty.
    Size,
    /// A fixed port is taken, or not the host's to give.
    Port,
}

/// One hard reason against a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objection {
    /// Its sort.
    pub cause: Cause,
    /// The code whose page tells more.
    pub code: Code,
    /// The topology whose statement it is.
    pub topology: String,
    /// The task whose statement it is: the instance's own, or that of the other side.
    pub task: TaskPath,
    /// The statement as it stands in the file.
    pub statement: String,
    /// Where it stands in that topology's file, in bytes.
    pub span: Range<usize>,
    /// What is wrong there, with the other parties by name; "it" is the instance.
    pub sentence: String,
}

/// What one soft rule adds to the points on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The topology whose rule it is.
    pub topology: String,
    /// The task whose rule it is.
    pub task: TaskPath,
    /// The rule as it stands in the file.
    pub statement: String,
    /// Where it stands in that topology's file, in bytes.
    pub span: Range<usize>,
    /// What it adds there, below zero for a cost.
    pub points: i64,
    /// Why, with the other parties by name; "it" is the instance.
    pub sentence: String,
}

/// Weighs one instance on every known host, with everything else where it runs now.
///
/// The instance is that slot of the task in `topology`, whether it runs or not: where it runs, it is
/// thought away first, so it never counts for itself. Other instances of `topology` are judged by
/// what the topology says now, those of other topologies by what they were started with, as
/// [`place`](crate::place()) and [`verify`](crate::verify()) do: a host has an objection exactly where
/// `verify` would reject a plan that leaves everything else alone and puts the instance there, and
/// `points` is the difference that it makes to the plan's score.
///
/// Where a whole topology waits, the rest of it does not run yet: "nothing there carries it" may then
/// be said of a tag whose carriers wait themselves.
///
/// Hosts where it may be come first, the best one first, then the others; equal ones by their names.
/// A task that the topology does not have gets an empty list. The work is in proportion to what runs
/// and to hosts times rules of the task.
#[must_use]
pub fn weigh(
    cluster: &Cluster,
    topology: &Topology,
    running: &Running,
    options: &Options,
    (task, slot): (&TaskPath, u32),
) -> Vec<Weighed> {
    let input = Input::new(cluster, std::slice::from_ref(topology), running, options);
    let Some(scene) = Scene::new(&input, task, slot) else { return Vec::new() };
    let ledger = room::Ledger::new(&scene);
    let rules = rules::Rules::new(&scene);
    let mut weighed: Vec<Weighed> = scene
        .hosts()
        .map(|(at, host)| {
            let mut excluded = rules.objections(&scene, at, host);
            excluded.extend(ledger.objections(&scene, at, host));
            let shares = rules.shares(&scene, at, host);
            Weighed {
                host: host.name.clone(),
                here: scene.now == Some(at),
                excluded,
                points: shares.iter().map(|share| share.points).sum(),
                rules: shares,
            }
        })
        .collect();
    weighed.sort_by_key(|one| (!one.is_possible(), Reverse(one.points), one.host.clone()));
    weighed
}

#[cfg(test)]
mod tests;
