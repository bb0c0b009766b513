//! The agent: keeps a copy of groups of the catalog on a host outside of Mesos, and runs hooks on it.
//!
//! Owns the process `lathe-agent`. It reads from registries and never from the store, and goes on without
//! either. It must not invent anything: what it shows is what a registry has said, and how old that is.
//!
//! - `config`: flags and file
//! - `copy`: groups and keys as they were told, and what is refused of them
//! - `follower`: the pure machine: which registry is followed, when it is asked, what counts as news
//! - `client`: one request; `stream`: the events of one registry; `saved`: the copy on disk
//! - `driver`: the loop that feeds the machine and carries out its commands
//! - `gossip`: what agents tell each other
//! - `dry_run`: what hooks would do; `turns`: when they may
//! - `rest`: what is served, `openapi` its document; `names`: what is looked up by DNS; `metrics`

mod client;
pub mod config;
pub mod copy;
mod driver;
mod dry_run;
pub mod follower;
#[doc(hidden)]
pub mod fuzz;
mod gossip;
mod metrics;
mod names;
mod openapi;
mod rest;
mod run;
mod saved;
mod stream;
pub mod talk;
mod turns;

pub use dry_run::{DryRunError, dry_run};
pub use gossip::GossipError;
pub use run::{Addresses, RunError, run};
