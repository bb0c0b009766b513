//! The side that asks.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::files::{self, TlsError};

/// What connects by `http:` and `https:` URLs, for clients that keep connections.
pub type HttpsConnector = hyper_rustls::HttpsConnector<HttpConnector>;

/// Whom a client trusts, and as whom it shows itself if it is asked. Clones share it.
#[derive(Clone)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
}

impl ClientTls {
    /// Trusts the authorities whose certificates stand in a PEM file, and nobody else.
    ///
    /// # Errors
    /// Where the file cannot be read, or holds none or bad ones.
    pub fn trusting(authorities: &Path) -> Result<Self, TlsError> {
        Self::of(files::authorities(authorities)?, None)
    }

    /// The same for a client that has a certificate, with its chain in one PEM file and its key in another.
    ///
    /// # Errors
    /// Where a file cannot be read, or certificate and key do not belong together.
    pub fn showing(authorities: &Path, certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        Self::of(files::authorities(authorities)?, Some((certificate, key)))
    }

    /// Trusts nobody: a client that was told of no authority can reach no server by TLS, and says so.
    ///
    /// # Errors
    /// Where the library says no.
    pub fn nobody() -> Result<Self, TlsError> {
        Self::of(RootCertStore::empty(), None)
    }

    fn of(roots: RootCertStore, own: Option<(&Path, &Path)>) -> Result<Self, TlsError> {
        let builder = ClientConfig::builder_with_provider(files::provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::SetUp(error.to_string()))?
            .with_root_certificates(roots);
        let config = match own {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => builder
                .with_client_auth_cert(files::certificates(certificate)?, files::key(key)?)
                .map_err(|source| TlsError::Pair {
                    certificate: certificate.to_path_buf(),
                    key: key.to_path_buf(),
                    source,
                })?,
        };
        Ok(Self { config: Arc::new(config) })
    }

    /// Shakes hands over a connection to `host`, a name or an address (IPv6 with or without brackets), for
    /// which the certificate has to be.
    ///
    /// # Errors
    /// Where the other side is not trusted, is not who it should be, or speaks no TLS.
    pub async fn connect(&self, host: &str, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let name = ServerName::try_from(host).map_err(io::Error::other)?;
        TlsConnector::from(Arc::clone(&self.config)).connect(name, stream).await
    }

    /// Connects by `http:` as before and by `https:` with this; HTTP/2 where the other side speaks it.
    #[must_use]
    pub fn connector(&self, mut plain: HttpConnector) -> HttpsConnector {
        plain.enforce_http(false);
        HttpsConnectorBuilder::new()
            .with_tls_config((*self.config).clone())
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(plain)
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) mod tests;
