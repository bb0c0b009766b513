//! A process that was started here: its end, its signals, its output.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::{OutputReader, Pid, Signal, Spawn, SpawnError};

/// How a process ended: by itself with a code, or by a signal. Both are `None` only when the system
/// gave its end to someone else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    pub code: Option<i32>,
    pub signal: Option<i32>,
}

impl Exit {
    /// Whether it ended by itself with code 0.
    #[must_use]
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "exit status {code}"),
            (None, Some(signal)) => match crate::ids::signal_name(signal) {
                Some(name) => write!(f, "signal {signal} ({name})"),
                None => write!(f, "signal {signal}"),
            },
            (None, None) => f.write_str("an end that the system did not tell"),
        }
    }
}

/// A process that was started here. Its id stays its own as long as this value lives, even after its
/// end; dropping the value ends nothing.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
}

pub(crate) fn start(spawn: Spawn) -> Result<Child, SpawnError> {
    Err(SpawnError::NotFound { program: spawn.program })
}

impl Child {
    /// Its id; also the id of its process group when it has its own.
    #[must_use]
    pub fn id(&self) -> Pid {
        self.pid
    }

    /// Its standard output, once, if that is a pipe.
    pub fn stdout(&mut self) -> Option<OutputReader> {
        None
    }

    /// Its standard error, once, if that is a pipe.
    pub fn stderr(&mut self) -> Option<OutputReader> {
        None
    }

    /// Waits for its end. May be called again and cancelled at any time.
    #[expect(clippy::unused_async, reason = "signatures first")]
    pub async fn wait(&mut self) -> Exit {
        Exit { code: None, signal: None }
    }

    /// Its end, if it has ended.
    pub fn try_wait(&mut self) -> Option<Exit> {
        None
    }

    /// Sends it a signal. One that has ended gets nothing, and that is no error.
    ///
    /// # Errors
    /// No permission.
    pub fn signal(&self, _signal: Signal) -> io::Result<()> {
        Ok(())
    }

    /// Sends a signal to everyone in its group; to itself alone when it has no group of its own.
    ///
    /// # Errors
    /// No permission.
    pub fn signal_group(&self, _signal: Signal) -> io::Result<()> {
        Ok(())
    }

    /// Ends it and everything that came from it: TERM to the group, up to `grace` for the group to
    /// end, then KILL to the group and to all descendants.
    pub async fn end(&mut self, _grace: Duration) -> Exit {
        self.wait().await
    }
}
