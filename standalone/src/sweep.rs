//! Processes that lost their parent and landed here: none may stay.
//!
//! Owns the subreaper's duty of the master and of hosts.

use std::collections::BTreeSet;

use lathe_child::{Pid, Signal, children, kill_descendants, reap_adopted};

/// Kills every child of this process that is not in `known`, with all that is below it, and reaps
/// those that have ended. Returns how many were killed. Looks at every process of the system.
pub(crate) fn strangers(known: &BTreeSet<Pid>) -> usize {
    let adopted: Vec<Pid> =
        children(Pid::own()).into_iter().filter(|pid| !known.contains(pid)).collect();
    for pid in &adopted {
        kill_descendants(*pid, Signal::Kill);
        if let Some(raw) = i32::try_from(pid.as_raw()).ok().and_then(rustix::process::Pid::from_raw)
        {
            let _ = rustix::process::kill_process(raw, rustix::process::Signal::KILL);
        }
    }
    reap_adopted(known);
    adopted.len()
}

/// Kills everything below this process, at once.
pub(crate) fn everything() {
    kill_descendants(Pid::own(), Signal::Kill);
}
