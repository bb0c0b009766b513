//! All that waits for time to pass, in one table.
//!
//! It owns when something is due and must not know what is done about it.

use std::collections::BTreeSet;

use super::ids::{ExecutorKey, StreamId};

/// What can be due. Whoever sets one remembers its time, so that it can be taken back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deadline {
    /// A framework's heartbeat.
    Heartbeat { stream: StreamId },
    /// A disconnected framework's failover timeout.
    Failover { framework: String },
    /// A silent host is unreachable from now on.
    Unreachable { agent: String },
    /// An executor did not subscribe in time.
    Registration { agent: String, executor: ExecutorKey },
    /// An executor that was told to shut down is still there.
    Shutdown { agent: String, executor: ExecutorKey },
    /// An update was not acknowledged.
    Resend { framework: String, task: String },
    /// A refusal of an agent's resources for a role has run out.
    Filter { framework: String, agent: String, role: String },
}

/// The table of deadlines.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    table: BTreeSet<(u64, Deadline)>,
}

impl Deadlines {
    pub(super) fn set(&mut self, at: u64, deadline: Deadline) {
        self.table.insert((at, deadline));
    }

    pub(super) fn clear(&mut self, at: u64, deadline: Deadline) {
        self.table.remove(&(at, deadline));
    }

    pub(super) fn next(&self) -> Option<u64> {
        self.table.first().map(|(at, _)| *at)
    }

    /// Takes out the first one that is due at `now`.
    pub(super) fn due(&mut self, now: u64) -> Option<Deadline> {
        if self.next()? > now {
            return None;
        }
        self.table.pop_first().map(|(_, deadline)| deadline)
    }
}
