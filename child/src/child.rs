//! A process that was started here: its end, its signals, its output.

use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::process::{PidfdFlags, WaitId, WaitIdOptions};
use tokio::io::unix::AsyncFd;
use tokio::time::{Instant, sleep, timeout};

use crate::tree::{Hunt, KILL_PAUSE, KILL_ROUNDS};
use crate::{OutputReader, Pid, Signal, known};

/// How often a group that is ending is looked at.
const LOOK_PAUSE: Duration = Duration::from_millis(20);

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
/// end, so that no signal ever reaches a stranger. Dropping the value ends nothing.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    handle: AsyncFd<OwnedFd>,
    own_group: bool,
    exit: Option<Exit>,
    stdout: Option<OutputReader>,
    stderr: Option<OutputReader>,
}

impl Child {
    /// Takes over a process that has just been started and is in `known::Known::owned`.
    pub(crate) fn adopt(
        pid: Pid,
        own_group: bool,
        stdout: Option<OwnedFd>,
        stderr: Option<OwnedFd>,
    ) -> io::Result<Self> {
        let handle = rustix::process::pidfd_open(pid.inner(), PidfdFlags::NONBLOCK)?;
        let handle = crate::sys::watch_handle(handle)?;
        let stdout = stdout.map(OutputReader::new).transpose()?;
        let stderr = stderr.map(OutputReader::new).transpose()?;
        Ok(Self { pid, handle, own_group, exit: None, stdout, stderr })
    }

    /// Its id; also the id of its process group when it has its own.
    #[must_use]
    pub fn id(&self) -> Pid {
        self.pid
    }

    /// Its standard output, once, if that is a pipe.
    pub fn stdout(&mut self) -> Option<OutputReader> {
        self.stdout.take()
    }

    /// Its standard error, once, if that is a pipe.
    pub fn stderr(&mut self) -> Option<OutputReader> {
        self.stderr.take()
    }

    /// Waits for its end. May be called again and cancelled at any time.
    pub async fn wait(&mut self) -> Exit {
        loop {
            if let Some(exit) = self.try_wait() {
                return exit;
            }
            match self.handle.readable().await {
                Ok(mut ready) => {
                    if has_ended(self.pid).is_none() {
                        ready.clear_ready();
                    }
                }
                // The runtime is shutting down: nobody will ever see an answer.
                Err(_) => std::future::pending().await,
            }
        }
    }

    /// Its end, if it has ended.
    pub fn try_wait(&mut self) -> Option<Exit> {
        if self.exit.is_none() {
            self.exit = has_ended(self.pid);
        }
        self.exit
    }

    /// Sends it a signal. One that has ended gets nothing, and that is no error.
    ///
    /// # Errors
    /// No permission.
    pub fn signal(&self, signal: Signal) -> io::Result<()> {
        reached(rustix::process::pidfd_send_signal(&self.handle, signal.inner()))
    }

    /// Sends a signal to everyone in its group; to itself alone when it has no group of its own.
    ///
    /// # Errors
    /// No permission.
    pub fn signal_group(&self, signal: Signal) -> io::Result<()> {
        if self.own_group {
            reached(rustix::process::kill_process_group(self.pid.inner(), signal.inner()))
        } else {
            self.signal(signal)
        }
    }

    /// Ends it and everything that came from it: TERM to the group, up to `grace` for the group to
    /// end, then KILL to the group and to all descendants. One that has ended already has its
    /// leftovers ended.
    ///
    /// A descendant that left the group and lost its parent before anyone looked is not found here;
    /// a subreaper finds it by [`crate::kill_descendants`] of itself.
    pub async fn end(&mut self, grace: Duration) -> Exit {
        let mut hunt = Hunt::new(self.pid, self.own_group.then_some(self.pid));
        hunt.survey();
        // Both can only fail for processes that are gone or not ours to signal; KILL follows anyway.
        let _ = self.signal_group(Signal::Term);
        // A stopped process sees the TERM only when it goes on.
        let _ = self.signal_group(Signal::Cont);
        let deadline = Instant::now() + grace;
        while hunt.group_lives() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            hunt.survey();
            let pause = left.min(LOOK_PAUSE);
            if self.exit.is_some() {
                sleep(pause).await;
            } else {
                let _ = timeout(pause, self.wait()).await;
            }
        }
        self.kill_all(&mut hunt).await;
        self.wait().await
    }

    async fn kill_all(&mut self, hunt: &mut Hunt) {
        hunt.freeze();
        for _ in 0..KILL_ROUNDS {
            let _ = self.signal(Signal::Kill);
            let living = hunt.strike();
            if living == 0 && self.try_wait().is_some() {
                return;
            }
            sleep(KILL_PAUSE).await;
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let mut known = known::lock();
        known.owned.remove(&self.pid);
        if known::still_runs(self.pid) {
            known.abandoned.insert(self.pid);
        }
    }
}

/// The end of a child, left to be reaped: its id stays taken until then.
fn has_ended(pid: Pid) -> Option<Exit> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    match rustix::process::waitid(WaitId::Pid(pid.inner()), options) {
        Ok(None) | Err(rustix::io::Errno::INTR) => None,
        Ok(Some(status)) => {
            Some(Exit { code: status.exit_status(), signal: status.terminating_signal() })
        }
        Err(_) => Some(Exit { code: None, signal: None }),
    }
}

/// Somebody who is gone is as good as signalled.
fn reached(result: rustix::io::Result<()>) -> io::Result<()> {
    match result {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests;
