//! What a service manager does for a daemon of a cluster: it starts again what ended by itself.
//!
//! Owns when that is. It must not know how a process is started or ended.
//!
//! Mesos 1.11 ends by itself where it is meant to be started again: a master that lost the lead or
//! ZooKeeper, or whose log did not answer (`--registry_fetch_timeout`). And both programs fall over a
//! request that comes while they are starting, before their authenticator is there (SIGSEGV).

use std::sync::{Arc, Weak};
use std::time::Duration;

use lathe_child::Exit;

use crate::Daemon;
use crate::keeper::keeper;

/// In a row, each soon after its start; one that falls more often is left lying.
pub(crate) const FALLS_MAX: u32 = 20;
/// One that ran for so long did not fall at its start.
pub(crate) const STEADY: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// Signals by which others end a process; any other one is its own doing.
const BY_OTHERS: [i32; 3] = [2, 9, 15];

/// After which ends a daemon is started again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mends {
    /// A crash: a signal that nobody sent.
    Crashes,
    /// Any that was not asked for.
    AnyEnd,
}

impl Mends {
    pub(crate) fn covers(self, exit: Exit) -> bool {
        match self {
            Self::AnyEnd => true,
            Self::Crashes => exit.signal.is_some_and(|signal| !BY_OTHERS.contains(&signal)),
        }
    }
}

/// Looks after a daemon for as long as its value is there.
pub(crate) fn look_after(daemon: &Arc<Daemon>) {
    let daemon = Arc::downgrade(daemon);
    keeper().spawn(async move {
        while let Some(daemon) = Weak::upgrade(&daemon) {
            daemon.mend().await;
            drop(daemon);
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    });
}

#[cfg(test)]
mod tests {
    use super::{Exit, Mends};

    #[test]
    fn a_crash_is_mended_and_what_others_ended_is_not() {
        let by = |signal| Exit { code: None, signal: Some(signal) };
        let left = Exit { code: Some(1), signal: None };
        assert!(Mends::Crashes.covers(by(11)) && Mends::Crashes.covers(by(6)));
        assert!(!Mends::Crashes.covers(by(9)) && !Mends::Crashes.covers(left));
        assert!(Mends::AnyEnd.covers(left) && Mends::AnyEnd.covers(by(9)));
    }
}
