//! The side that listens.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use crate::files::{self, TlsError};

/// A connection after the handshake.
pub type Shaken = tokio_rustls::server::TlsStream<TcpStream>;

/// How often the files are looked at for others.
const LOOK_EACH: Duration = Duration::from_secs(10);
/// Connections say that they speak these, in this order.
const SPOKEN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The files by which a server shows itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerFiles {
    /// The certificate with its chain, in PEM.
    pub certificate: PathBuf,
    /// Its key, in PEM.
    pub key: PathBuf,
    /// The authorities of clients, in PEM. With them a client without a certificate of theirs is not served.
    pub client_authorities: Option<PathBuf>,
}

/// As whom a server shows itself. Clones share it, and a renewed certificate reaches all of them.
#[derive(Clone)]
pub struct ServerTls {
    files: Arc<ServerFiles>,
    config: Arc<RwLock<Arc<ServerConfig>>>,
}

/// What tells that a file was replaced.
type Mark = Vec<Option<(SystemTime, u64)>>;

impl ServerTls {
    /// Reads the files.
    ///
    /// # Errors
    /// Where one cannot be read, or certificate and key do not belong together.
    pub fn load(files: ServerFiles) -> Result<Self, TlsError> {
        let config = config(&files)?;
        Ok(Self { files: Arc::new(files), config: Arc::new(RwLock::new(config)) })
    }

    /// Shakes hands. The caller bounds how long that may take.
    ///
    /// # Errors
    /// Where the other side speaks no TLS, or has no certificate that is asked for.
    pub async fn accept(&self, stream: TcpStream) -> io::Result<Shaken> {
        let config = Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner));
        TlsAcceptor::from(config).accept(stream).await
    }

    /// Sees to it for ever that files which were replaced are used. Files of no use change nothing, and are
    /// logged once.
    pub async fn follow(self) {
        let mut seen = mark(&self.files);
        loop {
            tokio::time::sleep(LOOK_EACH).await;
            seen = self.look(seen);
        }
    }

    /// Takes the files if they are others than those of the mark; what they are now.
    fn look(&self, seen: Mark) -> Mark {
        let now = mark(&self.files);
        if now == seen {
            return seen;
        }
        match config(&self.files) {
            Ok(config) => {
                *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
                tracing::info!(certificate = %self.files.certificate.display(), "TLS uses new files");
            }
            Err(error) => {
                tracing::warn!(%error, "new files of TLS are of no use; the old ones stay in use");
            }
        }
        now
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").field("files", &self.files).finish_non_exhaustive()
    }
}

fn mark(files: &ServerFiles) -> Mark {
    let of = |path: &Path| {
        let facts = fs::metadata(path).ok()?;
        Some((facts.modified().ok()?, facts.len()))
    };
    [Some(&files.certificate), Some(&files.key), files.client_authorities.as_ref()]
        .into_iter()
        .flatten()
        .map(|path| of(path))
        .collect()
}

fn config(files: &ServerFiles) -> Result<Arc<ServerConfig>, TlsError> {
    let set_up = |error: &dyn fmt::Display| TlsError::SetUp(error.to_string());
    let builder = ServerConfig::builder_with_provider(files::provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| set_up(&error))?;
    let builder = match &files.client_authorities {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let roots = Arc::new(files::authorities(path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, files::provider());
            builder.with_client_cert_verifier(verifier.build().map_err(|error| set_up(&error))?)
        }
    };
    let (certificate, key) = (files::certificates(&files.certificate)?, files::key(&files.key)?);
    let mut config = builder.with_single_cert(certificate, key).map_err(|source| {
        TlsError::Pair { certificate: files.certificate.clone(), key: files.key.clone(), source }
    })?;
    config.alpn_protocols = SPOKEN.map(<[u8]>::to_vec).to_vec();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests;
