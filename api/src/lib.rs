//! Lathe's own wire types: gRPC between processes, JSON for people, and what every listener checks.
//!
//! Knows no Mesos, no store and no process; what crosses a socket between Lathe's parts is here.

pub mod accept;
pub mod backup;
pub mod convert;
pub mod door;
pub mod events;
pub mod inventory;
pub mod openapi;
pub mod reads;
pub mod rest;
pub mod targets;
pub mod views;

/// Messages and services of `proto/lathe/v1`.
#[allow(warnings, clippy::all, clippy::pedantic, reason = "generated from the .proto file")]
pub mod v1 {
    tonic::include_proto!("lathe.v1");
}
