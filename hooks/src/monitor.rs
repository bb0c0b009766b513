//! Hooks of registries: programs that run when instances start, fall ill or die, and when tasks change.
//!
//! Owns what an event is, who of several registries takes it up, and that none is lost: the picture of what
//! was taken up is durable, and whatever differs from it is still to be told, whoever finds it. It must not
//! know how the store is reached.
//!
//! - `event`: what can happen; `picture`: how changes become events; `rule`: what a hook wants
//! - `world`: the catalog as it was heard; `lookout`: what one hook sees of it; `pending`: what waits in it
//! - `record`: what is durable beside the picture, and where
//! - `config`: `[hook.NAME]` tables of a registry; `programs`: running one, and what it is told
//! - `hook`, `machine`: what to do next; `around`: what hooks know of each other; `exchange`: the words for that; `status`: how it stands
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod around;
pub mod config;
pub mod event;
mod exchange;
mod hook;
mod lookout;
mod machine;
mod pending;
mod picture;
mod programs;
mod record;
mod rule;
mod status;
mod world;

pub use event::{Event, Kind, Part};
pub use exchange::{Command, Expect, Input, Now, Put, Report, Told, Why};
pub use machine::Machine;
pub use record::{Claim, EVENTS_MAX, Past, Record, Runner, paths};
pub use rule::{Alarm, Filter, Rule};
pub use status::{Standing, Status};

#[cfg(test)]
mod tests;
