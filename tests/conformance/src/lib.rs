//! The Mesos v1 API as Lathe uses it, as cases that a real Mesos 1.11 and Lathe's standalone must
//! both pass.
//!
//! A case gets a [`Stage`], a master with agents, and says what a framework, an executor or an
//! operator must see there: events, their order, states, reasons, status codes; never times. It must not
//! know which of the two it runs on, save where [`Kind`] is asked for and the reason is said. Where the
//! two differ, standalone is wrong and is mended.
//!
//! The files of `tests/` run every case on one stage each, so that a case has a name of its own in
//! both. What only a real Mesos can play (fair sharing, quota, maintenance, drains, offer constraints,
//! several masters, an agent that restarts) is not imitated by standalone; `tests/real_mesos.rs` has
//! those cases that Lathe depends on.

#![allow(clippy::unwrap_used, reason = "all of this is a test")]
#![allow(clippy::missing_panics_doc, reason = "a case that does not hold panics")]

pub mod cases;
mod executor;
mod framework;
mod http;
mod messages;
mod stage;

pub use executor::{Executor, executors_of};
pub use framework::Framework;
pub use http::{Answer, Request};
pub use stage::{Kind, Stage};
