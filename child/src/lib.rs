//! Operating-system processes: start, watch, signal, end them, and leave none behind.
//!
//! Owns: everything about Linux processes, and the only `unsafe` of the project (in `sys.rs`).
//! Must not know: what the processes are for, or any type of the rest of the project.

mod child;
mod exec_error;
mod ids;
mod known;
mod output;
mod procfs;
mod rotating;
mod spawn;
mod start;
mod sys;
mod tail;
mod tree;
mod user;

pub use child::{Child, Exit};
pub use exec_error::SpawnError;
pub use ids::{Pid, Signal};
pub use output::{Output, OutputReader};
pub use rotating::RotatingFile;
pub use spawn::Spawn;
pub use tail::Tail;
pub use tree::{
    become_subreaper, children, descendants, kill_descendants, kill_leftovers, reap_adopted,
    set_parent_death_signal,
};
pub use user::{User, UserError};
