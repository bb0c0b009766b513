//! The one table of deadlines of the supervisor. Must not read a clock.

use std::collections::BTreeMap;

/// Everything that the supervisor waits for with a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deadline {
    /// The next attempt to subscribe.
    Subscribe,
    /// An agent that was never or is no longer reached is given up.
    Recovery,
    /// The artifact must be here.
    Fetch,
    /// The program must have said that it is ready.
    Ready,
    /// The next question about its health.
    Probe,
    /// A beat of the program must have come.
    Silence,
    /// TERM has had its time; KILL follows, and is repeated until the process is gone.
    Kill,
    /// The next beat.
    Beat,
    /// The last acknowledgement is not waited for any longer.
    Acknowledgement,
    /// A shutdown has had its time: leave in any case.
    Leave,
}

/// Which deadline is due when, milliseconds of the machine's time.
#[derive(Debug, Default)]
pub struct Deadlines {
    table: BTreeMap<Deadline, u64>,
}

impl Deadlines {
    /// Sets or moves a deadline.
    pub fn set(&mut self, deadline: Deadline, at_ms: u64) {
        self.table.insert(deadline, at_ms);
    }

    /// Sets a deadline, or moves it to an earlier time; never to a later one.
    pub fn bring_forward(&mut self, deadline: Deadline, at_ms: u64) {
        let due = self.table.entry(deadline).or_insert(at_ms);
        *due = at_ms.min(*due);
    }

    /// Forgets a deadline.
    pub fn clear(&mut self, deadline: Deadline) {
        self.table.remove(&deadline);
    }

    /// Forgets all of them.
    pub fn clear_all(&mut self) {
        self.table.clear();
    }

    /// Is this deadline set?
    pub fn is_set(&self, deadline: Deadline) -> bool {
        self.table.contains_key(&deadline)
    }

    /// The time of the earliest deadline.
    pub fn next(&self) -> Option<u64> {
        self.table.values().min().copied()
    }

    /// Takes out one deadline that is due: the earliest, in the order of the enum when equal.
    pub fn take_due(&mut self, now_ms: u64) -> Option<Deadline> {
        let (&deadline, _) =
            self.table.iter().filter(|(_, at)| **at <= now_ms).min_by_key(|(_, at)| **at)?;
        self.table.remove(&deadline);
        Some(deadline)
    }
}
