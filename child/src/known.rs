//! Which ended children belong to whom: to a living `Child`, to one that was dropped early, or to
//! nobody (adopted). Owns the one lock under which processes are started and reaped, so that an end
//! is never taken from its owner.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard};

use rustix::process::WaitOptions;

use crate::Pid;

#[derive(Debug)]
pub(crate) struct Known {
    /// Ids of living `Child` values.
    pub(crate) owned: BTreeSet<Pid>,
    /// Ids of processes whose `Child` was dropped while they ran.
    pub(crate) abandoned: BTreeSet<Pid>,
}

static KNOWN: Mutex<Known> =
    Mutex::new(Known { owned: BTreeSet::new(), abandoned: BTreeSet::new() });

pub(crate) fn lock() -> MutexGuard<'static, Known> {
    // The sets are whole after every single call, so that a panic elsewhere does not spoil them.
    KNOWN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Known {
    /// Reaps abandoned processes that have ended meanwhile.
    pub(crate) fn sweep(&mut self) {
        let owned = &self.owned;
        self.abandoned.retain(|pid| !owned.contains(pid) && still_runs(*pid));
    }
}

/// Reaps a child if it has ended; whether there is still one to be reaped.
pub(crate) fn still_runs(pid: Pid) -> bool {
    matches!(rustix::process::waitpid(Some(pid.inner()), WaitOptions::NOHANG), Ok(None))
}
