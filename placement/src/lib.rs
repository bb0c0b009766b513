//! Placement: topologies and hosts in, a plan or the reasons why there is none out.
//!
//! Owns what the words `never`, `avoid`, `prefer` and `always` mean on hosts. It is a pure function
//! of its arguments: it must not know clocks, I/O, randomness from outside, Mesos, or how a plan is
//! carried out. Effort is counted in steps, so that the same input gives the same answer anywhere.
//!
//! Two halves that share no code stand side by side: [`place`] searches, [`verify`] counts again.

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod cluster;
mod verdict;
mod verify;

pub use cluster::{Capacity, Cluster, Host, Options, Running, RunningInstance};
pub use verdict::{Assignment, Change, Plan, Reason, Refusal, Stop, Verdict};
pub use verify::{Breach, verify};

use lathe_topology::Topology;

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
    _cluster: &Cluster,
    _topologies: &[Topology],
    _running: &Running,
    _options: &Options,
) -> Verdict {
    Verdict::Unknown { steps: 0, refusal: Refusal::default() }
}
