//! One executor's process from its sandbox to its end.
//!
//! Owns the process; it tells the host's loop and decides nothing.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use lathe_child::{Child, Exit, Pid, Signal, SpawnError, kill_descendants};
use tokio::sync::mpsc;

use super::executors::{Input, KnownPids};
use super::fetch::Fetcher;
use super::launch::Launch;

/// Attempts to start a program that another process holds open for writing (it forked meanwhile).
const BUSY_ATTEMPTS: u32 = 50;
const BUSY_PAUSE: Duration = Duration::from_millis(10);
/// The wait status of a process that was killed.
const KILLED: i32 = 9;

/// What a keeper tells.
#[derive(Debug)]
pub(super) enum Kept {
    Started(Pid),
    /// It could not be started.
    Refused(String),
    /// It ended with this wait status, and all that was below it.
    Ended(i32),
}

/// See the text of this module.
pub(super) struct Keeper {
    pub(super) launch: Launch,
    pub(super) fetcher: Arc<Fetcher>,
    pub(super) known: KnownPids,
    pub(super) inputs: mpsc::Sender<Input>,
}

impl Keeper {
    /// Starts the executor and waits for its end, which a word on `kill` brings about.
    pub(super) async fn run(self, mut kill: mpsc::Receiver<()>) {
        let started = tokio::select! {
            started = self.start() => started,
            Some(()) = kill.recv() => {
                self.tell(Kept::Ended(KILLED)).await;
                return;
            }
        };
        let mut child = match started {
            Ok(child) => child,
            Err(why) => {
                tracing::warn!(executor = self.launch.key.executor_id, why, "not started");
                self.tell(Kept::Refused(why)).await;
                return;
            }
        };
        let pid = child.id();
        self.tell(Kept::Started(pid)).await;
        tokio::select! {
            _ = child.wait() => {}
            Some(()) = kill.recv() => {
                // From below, so that nothing loses its parent before it is found.
                kill_descendants(pid, Signal::Kill);
                let _ = child.signal(Signal::Kill);
            }
        }
        // Ends what still runs: the process itself, or those that it left behind.
        let exit = child.end(Duration::ZERO).await;
        self.known.lock().unwrap_or_else(PoisonError::into_inner).remove(&pid);
        tracing::info!(executor = self.launch.key.executor_id, %exit, "an executor has ended");
        self.tell(Kept::Ended(wait_status(exit))).await;
    }

    async fn start(&self) -> Result<Child, String> {
        self.launch.prepare(&self.fetcher).await?;
        for attempt in 0.. {
            let spawn = self.launch.spawn()?;
            // No pause between the start and the entry: who is not in the list is killed.
            match spawn.start() {
                Ok(child) => {
                    let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                    known.insert(child.id());
                    return Ok(child);
                }
                Err(SpawnError::Busy { .. }) if attempt < BUSY_ATTEMPTS => {}
                Err(error) => return Err(full_text(&error)),
            }
            tokio::time::sleep(BUSY_PAUSE).await;
        }
        Err("the program stays open for writing".to_owned())
    }

    async fn tell(&self, news: Kept) {
        let executor = self.launch.key.clone();
        // A loop that is gone has killed everything.
        let _ = self.inputs.send(Input::Kept { executor, news }).await;
    }
}

/// An end as `waitpid` gives it.
fn wait_status(exit: Exit) -> i32 {
    match (exit.code, exit.signal) {
        (Some(code), _) => code << 8,
        (None, Some(signal)) => signal,
        (None, None) => -1,
    }
}

/// An error with its causes in one line.
pub(super) fn full_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
