//! Placement: topologies and hosts in, a plan or the reasons why there is none out.
//!
//! Owns what the words `never`, `avoid`, `prefer` and `always` mean on hosts. It is a pure function
//! of its arguments: it must not know clocks, I/O, randomness from outside, Mesos, or how a plan is
//! carried out. Effort is counted in steps, so that the same input gives the same answer anywhere.
//!
//! Two halves that share no code stand side by side: [`place`] searches, [`verify`] counts again.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod anneal;
mod answer;
mod bound;
mod certificate;
mod closure;
mod cluster;
mod construct;
mod explain;
mod improve;
mod input;
mod model;
mod partial;
mod parties;
mod prove;
mod random;
mod refute;
mod repairs;
mod search;
mod slots;
mod solve;
mod state;
mod verdict;
mod verify;
mod weigh;
mod wording;

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;

pub use certificate::{Certificate, Claim, Counted, Part, PlaceClass};
pub use cluster::{Capacity, Cluster, Host, Options, Running, RunningInstance};
pub use verdict::{Assignment, Change, Plan, Reason, Refusal, Repair, Stop, Verdict};
pub use verify::{Breach, verify};
pub use weigh::{Cause, Objection, Share, Weighed, weigh};

use lathe_topology::{TaskPath, Topology};

/// Finds where every instance of `topologies` should run, or says why that cannot be.
///
/// The given topologies are wanted whole: running instances of theirs that are no longer wanted
/// become stops. Running instances of other topologies stay where they are, and their rules count as
/// much as the given ones. `options.budget_steps` bounds the work; a search that spends it without
/// a proof answers [`Verdict::Unknown`].
///
/// A plan describes its *end* state. Where it starts something on a host on which it also stops
/// something, the stop has to be over before the start.
#[must_use]
pub fn place(
    cluster: &Cluster,
    topologies: &[Topology],
    running: &Running,
    options: &Options,
) -> Verdict {
    answer::answer(cluster, topologies, running, options, false).0
}

/// The same with a proof of what is claimed, where there is one: of a plan's bound, or that it is
/// impossible.
#[must_use]
pub fn place_proved(
    cluster: &Cluster,
    topologies: &[Topology],
    running: &Running,
    options: &Options,
) -> (Verdict, Option<Certificate>) {
    answer::answer(cluster, topologies, running, options, true)
}

/// Tasks that cannot be placed whatever a search would find: their hard rules, sizes and counts exclude each
/// other on the known hosts, or no host is large enough. `None`: nothing is seen without a search.
#[must_use]
pub fn conflict(
    cluster: &Cluster,
    topologies: &[Topology],
    running: &Running,
    options: &Options,
) -> Option<Vec<TaskPath>> {
    answer::conflict(&input::Input::new(cluster, topologies, running, options))
}
