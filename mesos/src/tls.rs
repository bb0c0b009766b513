//! TLS towards masters and agents: whom to trust, and the handshake. Knows no HTTP.
//!
//! rustls, with cryptography that needs no C compiler to be built.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::address::Url;

/// Whom a client trusts. Clones share it.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
}

/// Why a file of certificates is of no use.
#[derive(Debug, Error)]
pub enum TlsError {
    #[error("the certificates in {path} cannot be read: {problem}")]
    Read { path: PathBuf, problem: String },
    #[error("there is no certificate in {path}")]
    Empty { path: PathBuf },
    #[error("a certificate in {path} is not one of an authority")]
    Certificate {
        path: PathBuf,
        #[source]
        source: rustls::Error,
    },
    #[error("TLS cannot be set up")]
    SetUp(#[source] rustls::Error),
}

impl Tls {
    /// Trusts the authorities whose certificates stand in a PEM file, and nobody else.
    ///
    /// # Errors
    /// Where the file cannot be read, or holds none or bad ones.
    pub fn trusting(path: &Path) -> Result<Self, TlsError> {
        let unread = |problem: String| TlsError::Read { path: path.to_path_buf(), problem };
        let found =
            CertificateDer::pem_file_iter(path).map_err(|error| unread(error.to_string()))?;
        let mut roots = RootCertStore::empty();
        for certificate in found {
            let certificate = certificate.map_err(|error| unread(error.to_string()))?;
            roots
                .add(certificate)
                .map_err(|source| TlsError::Certificate { path: path.to_path_buf(), source })?;
        }
        if roots.is_empty() {
            return Err(TlsError::Empty { path: path.to_path_buf() });
        }
        let provider = Arc::new(rustls_graviola::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::SetUp)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { config: Arc::new(config) })
    }

    /// Shakes hands over a connection to `url`, whose certificate must be for its host.
    pub(crate) async fn connect(
        &self,
        url: &Url,
        stream: TcpStream,
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let host = url.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host).map_err(std::io::Error::other)?;
        TlsConnector::from(Arc::clone(&self.config)).connect(name, stream).await
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
