//! The registry: keeps the catalog in memory, listens for heartbeats, and tells whoever asks.
//!
//! Owns the process `lathe-registry`. The store is the truth; this process invents nothing: what
//! it finds out itself (that somebody is silent) it writes into the store first and shows when it
//! comes back. It must not place, start or stop anything.
//!
//! - `config`: flags and file
//! - `directory`: the pure machine: catalog, heartbeats, watchers
//! - `link`: the session with the store; `commits`: what belongs together
//! - `peers`: the way to the other registries
//! - `placed`: the configuration of one that the scheduler has placed
//! - `driver`: the loop that feeds the machine and carries out its commands
//! - `calls`: what is served over gRPC
//! - `hooks`: programs that are told of what happens to instances
//! - `post`: what is said to groups, on its way into the store
//! - `rest`: what is served; `stream`: one watcher's stream; `names`: look-ups by DNS; `metrics`

mod calls;
mod commits;
pub mod config;
pub mod directory;
pub mod driver;
mod fleets;
#[doc(hidden)]
pub mod fuzz;
mod hooks;
mod link;
mod metrics;
mod names;
mod openapi;
mod peers;
pub mod placed;
mod post;
mod rest;
mod run;
mod stream;
pub mod talk;

pub use run::{Addresses, RunError, public_key, run};
