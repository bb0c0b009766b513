//! The server of the local store: a directory on disk, served on a Unix socket.

use std::collections::BTreeSet;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::connection::{self, Context, WAITING_KIB};
use super::disk::Disk;
use super::hub::Hub;
use super::sessions::Sessions;
use super::stats::Stats;
use super::writer::{Job, MAX_JOBS, Writer};
use crate::limits::{HELLO_TIMEOUT, MAX_CONNECTIONS};
use crate::socket;
use crate::wire::Refusal;

const EXPIRY_TICK: Duration = Duration::from_millis(50);
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why a directory could not be opened as a store.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another server has it open.
    #[error("the store in {dir} is in use by another server{}", .by.map(|pid| format!(" (process {pid})")).unwrap_or_default())]
    InUse { dir: PathBuf, by: Option<u32> },
    /// The directory could not be made or its lock not taken.
    #[error("cannot use {dir} as a store")]
    Directory {
        dir: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The data is damaged or of another version.
    #[error("cannot read the store in {dir}: {reason}")]
    Data { dir: PathBuf, reason: String },
}

/// Why serving ended or could not begin.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Someone answers on the socket already.
    #[error("the socket {path} is served by another process")]
    SocketInUse { path: PathBuf },
    /// The socket could not be made.
    #[error("cannot listen on {path}")]
    Socket {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Writing to the disk failed: what was not answered may or may not be done.
    #[error("the store cannot write: {reason}")]
    Storage { reason: String },
}

/// A store on disk that is ready to be served. Dropping it stops it at once, as losing power would:
/// what was answered stays.
pub struct Server {
    hub: Arc<Hub>,
    writer: Writer,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("history", &self.hub.history).finish_non_exhaustive()
    }
}

impl Server {
    /// Opens the store in `dir`, made (0700) if it is not there. Blocks while the disk is read.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, OpenError> {
        let (disk, loaded) = Disk::open(dir.as_ref())?;
        let sessions = Sessions::resumed(&loaded.sessions, Instant::now());
        let live: BTreeSet<u64> = loaded.sessions.keys().copied().collect();
        let hub = Arc::new(Hub::new(loaded.history, loaded.tree, sessions));
        let writer = Writer::new(disk, hub.clone(), live, loaded.last_session);
        Ok(Self { hub, writer })
    }

    /// The id of the store's life.
    #[must_use]
    pub fn history(&self) -> &str {
        &self.hub.history
    }

    /// What it counts of its work, from now on.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.writer.stats().clone()
    }

    /// Makes the socket (0600; a stale one is replaced). Clients may connect from now on and are
    /// answered once [`Listening::run`] is polled. Needs a tokio runtime with I/O.
    ///
    /// # Errors
    /// `SocketInUse`, `Socket`.
    pub fn bind(self, socket_path: impl AsRef<Path>) -> Result<Listening, ServeError> {
        let path = socket_path.as_ref().to_path_buf();
        let listener = socket::listen(&path).and_then(UnixListener::from_std);
        let listener = listener.map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => ServeError::SocketInUse { path: path.clone() },
            _ => ServeError::Socket { path: path.clone(), source },
        })?;
        Ok(Listening { server: self, listener, path, limits: Limits::default() })
    }

    /// Serves on `socket_path` until `shutdown` is done: [`Server::bind`] and [`Listening::run`].
    ///
    /// # Errors
    /// See [`ServeError`].
    pub async fn serve(
        self,
        socket_path: impl AsRef<Path>,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        self.bind(socket_path)?.run(shutdown).await
    }
}

/// A server with its socket.
#[derive(Debug)]
pub struct Listening {
    server: Server,
    listener: UnixListener,
    path: PathBuf,
    limits: Limits,
}

/// What connections may cost, beside what [`crate::limits`] says for clients, too.
#[derive(Clone, Copy, Debug)]
struct Limits {
    connections: usize,
    hello_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: MAX_CONNECTIONS, hello_time: HELLO_TIMEOUT }
    }
}

impl Listening {
    /// Serves until `shutdown` is done or the disk fails; then ends all connections, not the
    /// sessions, which have their timeout to come back after the next start.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
        let Self { server: Server { hub, writer }, listener, path, limits } = self;
        let stats = writer.stats().clone();
        let (mut thread, jobs, mut failed) = WriterThread::start(writer)?;
        let memory = Arc::new(Semaphore::new(WAITING_KIB));
        let context = Context { hub, jobs, memory, hello_time: limits.hello_time };
        let mut connections = JoinSet::new();
        let result = tokio::select! {
            () = shutdown => Ok(()),
            reason = &mut failed => Err(ServeError::Storage {
                reason: reason.unwrap_or_else(|_| "the writer has stopped".to_owned()),
            }),
            () = accept(&context, (&listener, limits), (&mut connections, &stats)) => Ok(()),
            () = expire(&context) => Ok(()),
        };
        connections.shutdown().await;
        drop(context);
        thread.join();
        // Only what is surely our own file: it is listened on until here.
        let _ = std::fs::remove_file(&path);
        drop(listener);
        result
    }
}

/// The writer's thread, stopped and joined when it is dropped, so that the store is closed by then.
struct WriterThread {
    thread: Option<std::thread::JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    jobs: mpsc::WeakSender<Job>,
}

impl WriterThread {
    /// Starts it; the receiver tells why it stopped, if the disk failed.
    fn start(writer: Writer) -> Result<(Self, mpsc::Sender<Job>, Failure), ServeError> {
        let (jobs, waiting) = mpsc::channel(MAX_JOBS);
        let (failed, failure) = oneshot::channel();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let work = move || {
            if let Err(error) = writer.run(waiting, &stopped) {
                // Whoever serves may be gone by now; then nobody is waiting for an answer either.
                let _ = failed.send(error.to_string());
            }
        };
        let thread = std::thread::Builder::new().name("store-writer".to_owned()).spawn(work);
        let thread = thread.map_err(|error| ServeError::Storage { reason: error.to_string() })?;
        Ok((Self { thread: Some(thread), stop, jobs: jobs.downgrade() }, jobs, failure))
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            // A panic there was printed there; there is nothing to be saved here.
            let _ = thread.join();
        }
    }
}

impl Drop for WriterThread {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // Connections may not be dropped yet and hold their end, so that it has to be woken. A full
        // queue means that it does not sleep.
        if let Some(jobs) = self.jobs.upgrade() {
            let _ = jobs.try_send(Job::Stop);
        }
        self.join();
    }
}

type Failure = oneshot::Receiver<String>;

async fn accept(
    context: &Context,
    (listener, limits): (&UnixListener, Limits),
    (connections, stats): (&mut JoinSet<()>, &Stats),
) {
    loop {
        while connections.try_join_next().is_some() {}
        stats.connected(connections.len());
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of handles or memory: others may end and free some.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if connections.len() >= limits.connections {
            tracing::warn!(limit = limits.connections, "too many connections");
            connections.spawn(connection::refuse(stream.into_split().1, Refusal::TooMany));
            continue;
        }
        let context = context.clone();
        connections.spawn(async move {
            let ended = connection::serve(&context, stream).await;
            tracing::debug!(reason = %ended, "a connection ended");
        });
        stats.connected(connections.len());
    }
}

/// Ends the sessions of which nothing was heard for their timeout.
async fn expire(context: &Context) {
    loop {
        let planned = Instant::now() + EXPIRY_TICK;
        tokio::time::sleep_until(planned).await;
        let now = Instant::now();
        let late = now.saturating_duration_since(planned);
        let expired = {
            let mut sessions = context.hub.sessions();
            if late > EXPIRY_TICK {
                // This process stood still, and what clients said meanwhile is not read yet.
                sessions.excuse(late, now);
            }
            sessions.expire(now)
        };
        for session in expired {
            tracing::info!(session, "a session has expired");
            if context.jobs.send(Job::End { session, answer: None }).await.is_err() {
                return std::future::pending().await;
            }
        }
    }
}

#[cfg(test)]
mod tests;
