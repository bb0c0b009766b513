//! The process of one virtual host: what a Mesos agent's process does, without its decisions.
//!
//! Owns the executors' processes, their streams and their sandboxes. What an executor is told and
//! what its words mean is decided by the machine in the master, at the other end of the link. It
//! ends with everything below it when the master is gone.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lathe_child::{Pid, become_subreaper};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::config::HostFlags;
use crate::http::{self, BindError};
use crate::link::{self, FrameReader, FromHost, Hello, LinkError, ToHost, Word};
use crate::secret::{self, SecretError};
use crate::sweep;
use executors::Executors;

mod api;
mod executors;
mod fetch;
mod files;
mod keeper;
mod launch;
mod sandbox;

/// How often the master hears that this host lives.
const PULSE: Duration = Duration::from_millis(500);
/// How many pulses lie between two looks for orphans.
const PULSES_PER_SWEEP: u32 = 10;
/// How long executors may take to end when the host ends.
const STOP_TIME: Duration = Duration::from_secs(10);
/// Messages that may wait for the master.
const OUTBOX: usize = 8192;
/// Inputs that may wait for the loop.
const INPUTS: usize = 1024;

/// Why a host could not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    #[error("there is no token")]
    Token(#[from] SecretError),
    #[error("the host cannot listen")]
    Bind(#[from] BindError),
    #[error("cannot use the folder {dir}")]
    Folder {
        dir: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the master cannot be reached")]
    Link(#[from] LinkError),
    #[error("the system refuses")]
    System(#[from] io::Error),
}

/// Which executor has which token.
pub(crate) type Tokens = Arc<Mutex<BTreeMap<String, crate::cluster::ExecutorKey>>>;

/// Runs a host until it is told to end, or the master is gone.
///
/// # Errors
/// See [`HostError`]. Nothing below this process is left in any case.
pub async fn run(flags: HostFlags) -> Result<(), HostError> {
    let parent = Pid::parent();
    let mut terminate = signal(SignalKind::terminate())?;
    become_subreaper()?;
    let secrets = secret::read(&flags.token_file)?;
    sandbox::prepare(&flags.dir)
        .map_err(|source| HostError::Folder { dir: flags.dir.clone(), source })?;
    let listener = http::bind(SocketAddr::new(flags.ip, 0)).await?;
    let address = listener.local_addr()?;
    let (mut reader, outbox) = connect(&flags, secrets.first(), address).await?;

    let (inputs, mut received) = mpsc::channel(INPUTS);
    let tokens: Tokens = Arc::default();
    let api = Arc::new(api::Api {
        secrets,
        tokens: Arc::clone(&tokens),
        inputs: inputs.clone(),
        files: files::Files::new(&flags.dir),
    });
    tokio::spawn(http::serve(listener, api, http::Limits::default()));
    let mut executors = Executors::new(&flags.dir, address, (inputs, outbox.clone()), tokens);
    executors.prune();

    let mut pulse = tokio::time::interval(PULSE);
    pulse.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut pulses = 0u32;
    let mut stop_at = None;
    let outcome = loop {
        if stop_at.is_some() && executors.is_empty() {
            break Ok(());
        }
        let word = tokio::select! {
            order = reader.next::<ToHost>() => match order {
                Ok(Some(ToHost { order })) => {
                    order.into_iter().for_each(|order| executors.order(order));
                    continue;
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error.into()),
            },
            Some(input) = received.recv() => {
                executors.take_in(input);
                continue;
            }
            _ = terminate.recv() => {
                if Pid::parent() != parent {
                    break Ok(());
                }
                stop_at.get_or_insert_with(|| tokio::time::Instant::now() + STOP_TIME);
                executors.shut_down();
                continue;
            }
            _ = pulse.tick() => FromHost { word: Some(Word::Alive(true)) },
        };
        pulses = pulses.wrapping_add(1);
        if pulses.is_multiple_of(PULSES_PER_SWEEP) {
            executors.sweep();
        }
        let late = stop_at.is_some_and(|at| tokio::time::Instant::now() >= at);
        // A master that takes nothing any more is as good as gone.
        if late || outbox.try_send(word).is_err() {
            break Ok(());
        }
    };
    sweep::everything();
    outcome
}

async fn connect(
    flags: &HostFlags,
    token: &str,
    own: SocketAddr,
) -> Result<(FrameReader<OwnedReadHalf>, mpsc::Sender<FromHost>), HostError> {
    let stream = TcpStream::connect(flags.link).await?;
    stream.set_nodelay(true)?;
    let (read, mut write) = stream.into_split();
    let hello =
        Hello { token: token.to_owned(), name: flags.name.clone(), port: u32::from(own.port()) };
    link::write(&mut write, &FromHost { word: Some(Word::Hello(hello)) }).await?;
    let (outbox, messages) = mpsc::channel(OUTBOX);
    tokio::spawn(speak(write, messages));
    Ok((FrameReader::new(read), outbox))
}

async fn speak(mut write: OwnedWriteHalf, mut messages: mpsc::Receiver<FromHost>) {
    while let Some(message) = messages.recv().await {
        if link::write(&mut write, &message).await.is_err() {
            return;
        }
    }
}

/// The table of tokens, whoever panicked while holding it.
fn table(
    tokens: &Tokens,
) -> std::sync::MutexGuard<'_, BTreeMap<String, crate::cluster::ExecutorKey>> {
    tokens.lock().unwrap_or_else(PoisonError::into_inner)
}
