//! The stand-in as processes: what a framework, executors and operators see, and what is left when
//! somebody dies.

#![allow(clippy::unwrap_used, reason = "all of this is a test")]

#[path = "system/framework.rs"]
mod framework;
#[path = "system/gist.rs"]
mod gist;
#[path = "system/mapping.rs"]
mod mapping;
#[path = "system/processes.rs"]
mod processes;
#[path = "system/puppets.rs"]
mod puppets;
#[path = "system/replay.rs"]
mod replay;
#[path = "system/rules.rs"]
mod rules;
#[path = "system/stage.rs"]
mod stage;
#[path = "system/wire.rs"]
mod wire;
