//! A cluster without processes: the framework against the stand-in's master, with models of hosts,
//! store and network between them, under faults, on a clock of its own.
//!
//! A run is a chaos phase, in which every invariant is checked after every step, and a heal phase,
//! after which everything wanted must run. A run is named by its seed: the same seed gives the same
//! trace, byte for byte.

pub mod draw;
pub mod drill;
pub mod executors;
pub mod oracle;
pub mod spec;
pub mod store;
pub mod topologies;
pub mod trace;
pub mod world;

pub use world::{Outcome, Settings, run};
