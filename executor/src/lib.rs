//! The executor of one instance: a pure machine ([`supervisor`]) that decides, and the files that
//! carry out what it decides. Must not know topologies, placement or other instances.

pub mod supervisor;

pub mod config;
pub mod driver;

pub mod agent;
pub mod mesos_calls;

pub mod artifact;
pub mod beats;
pub mod handshake;
pub mod logs;
pub mod memory;
pub mod probe;
pub mod process;
pub mod sandbox;
pub mod talk;

pub mod causes;
#[doc(hidden)]
pub mod fuzz;
pub mod plain_http;

#[cfg(test)]
mod test_server;
