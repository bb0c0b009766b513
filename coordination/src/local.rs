//! The local store: a small server on disk for one machine.
//!
//! Owns its parts; the client of it stands beside, in `client.rs`, since callers see one client type.

mod connection;
mod disk;
mod hub;
mod outbox;
pub mod server;
mod sessions;
mod stats;
mod tree;
mod writer;

pub use stats::Stats;
