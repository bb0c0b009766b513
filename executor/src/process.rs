//! The task's process: started with its environment and its outputs, signalled, waited for, and
//! with its end everything that it left behind ended too. Must not decide when any of it happens.

use std::path::Path;
use std::time::Duration;

use lathe_api::rest::LaunchSpec;
use lathe_child::{Child, Output, OutputReader, Pid, Signal, Spawn, SpawnError, kill_descendants};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::causes::with_causes;
use crate::logs::{self, ERR_FILE, OUT_FILE, SharedTail};
use crate::memory;
use crate::supervisor::event::{Event, Exit, Failure};
use crate::{artifact, sandbox};

/// After the end of every process the pipes are empty at once; this is for what must not happen.
const LAST_WORDS_LIMIT: Duration = Duration::from_secs(1);
/// Orders waiting for a process; repeated ones add nothing.
const ORDERS_MAX: usize = 8;

/// What a process can be made to do.
#[derive(Debug, Clone, Copy)]
enum Order {
    Term,
    Kill,
}

/// A running process and its outputs.
#[derive(Debug)]
pub struct Process {
    orders: mpsc::Sender<Order>,
    out: SharedTail,
    err: SharedTail,
}

impl Process {
    /// Starts the program of the specification. Its end becomes [`Event::ChildExited`], after its
    /// last words are in the log. Must be called on the thread that lives as long as this process,
    /// for that thread's end is the end of the child.
    ///
    /// # Errors
    /// It cannot be started; permanent when it could not be started anywhere.
    pub fn start(
        folder: &Path,
        spec: &LaunchSpec,
        path: Option<&str>,
        events: mpsc::Sender<Event>,
    ) -> Result<Self, Failure> {
        let memory = memory::Watch::start();
        let mut child = spawn(folder, spec, path).map_err(|error| failure(&error))?;
        tracing::info!(pid = %child.id(), "the process runs");
        let (out, err) = (logs::new_tail(), logs::new_tail());
        let pumps = [
            start_pump(child.stdout(), folder, OUT_FILE, &out),
            start_pump(child.stderr(), folder, ERR_FILE, &err),
        ];
        let (orders, incoming) = mpsc::channel(ORDERS_MAX);
        tokio::spawn(async move {
            let ended = watch(child, incoming).await;
            for pump in pumps.into_iter().flatten() {
                if timeout(LAST_WORDS_LIMIT, pump).await.is_err() {
                    tracing::warn!("somebody still holds an output of the ended process");
                }
            }
            let exit =
                Exit { code: ended.code, signal: ended.signal, out_of_memory: memory.ran_out() };
            tracing::info!(exit = %ended, "the process ended");
            // Only the end of the driver closes this.
            let _ = events.send(Event::ChildExited(exit)).await;
        });
        Ok(Self { orders, out, err })
    }

    /// TERM to the process's group.
    pub fn terminate(&self) {
        // A full queue holds the same order already; a closed one belongs to an ended process.
        let _ = self.orders.try_send(Order::Term);
    }

    /// KILL to the group and to all descendants.
    pub fn kill(&self) {
        let _ = self.orders.try_send(Order::Kill);
    }

    /// Writes the crash log of its end.
    pub fn write_crash_log(&self, folder: &Path, exit: Exit) {
        if let Err(error) = logs::write_crash_log(folder, exit, &self.out, &self.err) {
            tracing::error!(%error, "the crash log cannot be written");
        }
    }
}

fn spawn(folder: &Path, spec: &LaunchSpec, path: Option<&str>) -> Result<Child, SpawnError> {
    let mut spawn = Spawn::new(folder.join(artifact::program_path(&spec.crate_name)))
        .args(&spec.args)
        .envs(sandbox::environment(folder, spec, path))
        .dir(folder)
        .stdout(Output::Pipe)
        .stderr(Output::Pipe)
        .parent_death(Signal::Kill)
        .own_group();
    if let Some(user) = &spec.user {
        spawn = spawn.user(user);
    }
    spawn.start()
}

fn failure(error: &SpawnError) -> Failure {
    let permanent = matches!(
        error,
        SpawnError::Format { .. }
            | SpawnError::WrongArchitecture { .. }
            | SpawnError::NoInterpreter { .. }
            | SpawnError::Invalid { .. }
            | SpawnError::TooLarge { .. }
    );
    Failure { message: with_causes(error), permanent }
}

fn start_pump(
    reader: Option<OutputReader>,
    folder: &Path,
    name: &'static str,
    tail: &SharedTail,
) -> Option<JoinHandle<()>> {
    let (folder, tail) = (folder.to_owned(), SharedTail::clone(tail));
    reader.map(|reader| tokio::spawn(async move { logs::pump(reader, &folder, name, tail).await }))
}

/// Waits for the end and carries out orders until then; afterwards nothing of it lives.
async fn watch(mut child: Child, mut orders: mpsc::Receiver<Order>) -> lathe_child::Exit {
    let exit = loop {
        tokio::select! {
            exit = child.wait() => break exit,
            order = orders.recv() => match order {
                Some(Order::Term) => signal(&child, Signal::Term),
                Some(Order::Kill) => end_all(&child),
                // The driver is gone, and with it this process.
                None => break child.wait().await,
            },
        }
    };
    end_all(&child);
    exit
}

fn end_all(child: &Child) {
    signal(child, Signal::Kill);
    let left = kill_descendants(Pid::own(), Signal::Kill);
    if !left.is_empty() {
        tracing::error!(?left, "processes do not end");
    }
}

fn signal(child: &Child, signal: Signal) {
    if let Err(error) = child.signal_group(signal) {
        tracing::warn!(%error, ?signal, "the process group gets no signal");
    }
}
