//! The scheduler: registers with Mesos, accepts topologies, places their instances and keeps them
//! running.
//!
//! [`framework`] decides and is pure; [`driver`] waits, steps and carries out. Mesos's types become
//! ours in [`mesos_calls`] and nowhere else.

pub mod api;
mod audit;
pub mod config;
pub mod driver;
pub mod framework;
pub mod fuzz;
pub mod lead;
pub mod masters;
pub mod mesos_calls;
pub mod metrics;
mod placed;
pub mod planner;
pub mod run;
pub mod store;
mod system;
