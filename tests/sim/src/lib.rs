//! A cluster without processes: the framework and the registries against the stand-in's master,
//! with models of network, hosts, executors, store and users between them, under faults, on a clock
//! of its own.
//!
//! A run is a chaos phase, in which every invariant is checked after every step, and a heal phase,
//! after which everything wanted must run. A run is named by its seed: the same seed gives the same
//! trace, byte for byte.

pub mod campaign;
mod draw;
pub mod drill;
mod hosts;
mod oracle;
mod settings;
pub mod shrink;
pub mod spec;
mod store;
mod topologies;
mod trace;
mod world;

pub use oracle::Breach;
pub use settings::{LINES, STEPS, Sabotage, Settings};
pub use world::{Failure, Outcome, run};
