//! What can be done to a running cluster.
//!
//! Owns how often each is drawn and how it is done. It must not know who may be hit.

use std::time::{Duration, Instant};

use crate::dice::Dice;
use crate::lathe::Lathe;
use crate::process::{Process, Signal};
use crate::status::Instance;

/// One kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    InstanceKilled,
    ExecutorKilled,
    InstanceStopped,
    HostKilled,
    HostPaused,
}

/// Each as often as it stands here.
const DRAWN: [Fault; 12] = [
    Fault::InstanceKilled,
    Fault::InstanceKilled,
    Fault::InstanceKilled,
    Fault::InstanceKilled,
    Fault::InstanceKilled,
    Fault::InstanceKilled,
    Fault::ExecutorKilled,
    Fault::ExecutorKilled,
    Fault::InstanceStopped,
    Fault::HostKilled,
    Fault::HostKilled,
    Fault::HostPaused,
];

/// A host stays away for so long, and by chance up to as long again.
const AWAY: Duration = Duration::from_secs(4);

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Applied {
    Done,
    /// The host is to come back then.
    Until(Instant),
    /// It had ended by itself.
    Nobody,
}

impl Fault {
    pub(super) fn drawn(dice: &mut Dice) -> Self {
        DRAWN[dice.below(DRAWN.len())]
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::InstanceKilled => "instance killed",
            Self::ExecutorKilled => "executor killed",
            Self::InstanceStopped => "instance stopped",
            Self::HostKilled => "host killed",
            Self::HostPaused => "host paused",
        }
    }

    /// Does it, to the instance or to its host.
    pub(super) fn apply(self, lathe: &Lathe, to: &Instance, dice: &mut Dice) -> Applied {
        let process = || lathe.tasks().remove(to.incarnation.as_deref()?);
        let executor = || process().and_then(|task| Process::of(task.parent));
        let signalled = |process: Option<Process>, signal| match process {
            Some(process) => {
                process.signal(signal);
                Applied::Done
            }
            None => Applied::Nobody,
        };
        match self {
            Self::InstanceKilled => signalled(process(), Signal::KILL),
            Self::ExecutorKilled => signalled(executor(), Signal::KILL),
            Self::InstanceStopped => signalled(process(), Signal::STOP),
            Self::HostKilled => host(lathe, to, "kill", dice),
            Self::HostPaused => host(lathe, to, "pause", dice),
        }
    }
}

fn host(lathe: &Lathe, of: &Instance, action: &str, dice: &mut Dice) -> Applied {
    let Some(host) = &of.host else { return Applied::Nobody };
    let _ = lathe.lathe(&["hosts", action, host]).with_code(0);
    Applied::Until(Instant::now() + AWAY + AWAY.mul_f64(dice.share()))
}
