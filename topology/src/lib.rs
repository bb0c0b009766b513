//! The language of topology files: what a file says, as checked values, and what is wrong with it.
//!
//! Owns the text format, its values, its diagnostics and their codes. It must not know hosts,
//! offers, processes or files: it gets text and gives values. `placement` decides where things
//! run; this crate only says what was asked for.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod code;
mod diagnostic;
pub mod diff;
pub mod document;
mod file;
mod model;
mod names;
mod near;
mod print;
mod tree;
mod units;

pub use code::Code;
pub use diagnostic::{Diagnostic, Label, Position, Severity, position, render};
pub use file::{Checked, is_known_key, parse, place_of};
pub use model::{
    BEAT_INTERVAL_MS, BEAT_TIMEOUT_MS, Bias, CrateSource, DEFAULT_GRACE_MS, DEFAULT_WEIGHT, Health,
    Pace, Port, Probe, ReplaceAfter, Resources, Restart, Share, Target, TaskSpec, Topology, Update,
    Word,
};
pub use names::{NameError, Tag, TaskPath};
pub use near::nearest;
pub use print::print;
pub use units::{UnitError, format_bytes, format_cpus, parse_bytes, parse_duration_ms};

/// Limits of a topology file. Whatever is beyond them is refused with a code, never attempted.
pub mod limits {
    /// Bytes of a file's text.
    pub const SOURCE_BYTES: usize = 512 * 1024;
    /// Tables and lists within one another, dotted keys included.
    pub const DEPTH: usize = 64;
    /// `[task.…]` tables in a file.
    pub const TASKS: usize = 2_000;
    /// Instances of one task, and of a whole file.
    pub const INSTANCES: u64 = 100_000;
    /// Tags of a task.
    pub const TAGS: usize = 64;
    /// Biases of a task.
    pub const BIASES: usize = 64;
    /// Named ports of a task.
    pub const PORTS: usize = 64;
    /// Environment variables, arguments or features of a task.
    pub const LIST: usize = 256;
    /// Bytes of a name: a task path, a tag, an attribute, a topology.
    pub const NAME_BYTES: usize = 128;
    /// Bytes of any other single text (a URL, a path, an argument, a variable's value).
    pub const TEXT_BYTES: usize = 32 * 1024;
    /// Bytes that all tasks take together once the defaults are put into each.
    pub const EXPANDED_BYTES: usize = 32 * 1024 * 1024;
    /// Diagnostics that are listed; one more says how many were left out.
    pub const DIAGNOSTICS: usize = 200;
}
