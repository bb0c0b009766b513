//! The stand-in for Apache Mesos on one machine: a master that speaks the Mesos v1 messages, a
//! process for each virtual host, and the server of Lathe's own store.
//!
//! It owns the imitation of Mesos and nothing of Lathe: no topology, no catalog, no scheduler.
//! [`cluster`] is the pure machine (master and agents as one), everything else carries it out.
//! Resource limits are not enforced: what a task takes beyond its share, it takes.

pub mod cluster;
pub mod config;
pub mod driver;
mod front;
#[doc(hidden)]
pub mod fuzz;
mod host;
mod http;
mod link;
mod links;
mod ports;
mod processes;
mod run;
mod secret;
mod sweep;
pub mod talk;

pub use host::{HostError, run as run_host};
pub use http::BindError;
pub use link::LinkError;
pub use run::{Ready, RunError, run};
pub use secret::SecretError;

/// The principal that callers authenticate as, by the token as its secret.
pub const PRINCIPAL: &str = "lathe";
