//! Process ids and signals. Owns the numbers; must not know what is done with them.

use std::fmt;
use std::num::NonZeroU32;

/// The id of a process (of its thread group). Never 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid(NonZeroU32);

impl Pid {
    /// The id with this number; `None` for what no process can have.
    #[must_use]
    pub fn from_raw(raw: u32) -> Option<Self> {
        i32::try_from(raw).ok()?;
        NonZeroU32::new(raw).map(Self)
    }

    /// This process.
    #[must_use]
    pub fn own() -> Self {
        Self::from_kernel(rustix::process::getpid())
    }

    /// The parent of this process at this moment; `None` when it is in another pid namespace.
    #[must_use]
    pub fn parent() -> Option<Self> {
        rustix::process::getppid().map(Self::from_kernel)
    }

    /// The number.
    #[must_use]
    pub fn as_raw(self) -> u32 {
        self.0.get()
    }

    pub(crate) fn inner(self) -> rustix::process::Pid {
        i32::try_from(self.0.get())
            .ok()
            .and_then(rustix::process::Pid::from_raw)
            .expect("an id was checked when it was made")
    }

    fn from_kernel(pid: rustix::process::Pid) -> Self {
        Self(pid.as_raw_nonzero().unsigned_abs())
    }
}

impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_raw())
    }
}

impl fmt::Debug for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pid({})", self.as_raw())
    }
}

/// The signals that are sent here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Signal {
    Hup,
    Int,
    Quit,
    Usr1,
    Usr2,
    Term,
    Kill,
    Stop,
    Cont,
}

impl Signal {
    pub(crate) fn inner(self) -> rustix::process::Signal {
        use rustix::process::Signal as S;
        match self {
            Self::Hup => S::HUP,
            Self::Int => S::INT,
            Self::Quit => S::QUIT,
            Self::Usr1 => S::USR1,
            Self::Usr2 => S::USR2,
            Self::Term => S::TERM,
            Self::Kill => S::KILL,
            Self::Stop => S::STOP,
            Self::Cont => S::CONT,
        }
    }
}

/// The usual name of a signal's number, for messages.
pub(crate) fn signal_name(number: i32) -> Option<&'static str> {
    Some(match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        10 => "SIGUSR1",
        11 => "SIGSEGV",
        12 => "SIGUSR2",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => return None,
    })
}
