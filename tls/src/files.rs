//! Files in PEM: certificates, authorities, keys.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why a file of certificates, or a key, is of no use.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// It cannot be read as such a file.
    #[error("the certificates in {path} cannot be read: {problem}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// There is none in it.
    #[error("there is no certificate in {path}")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// It is not one that others can be signed by.
    #[error("a certificate in {path} is not one of an authority")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: rustls::Error,
    },
    /// There is no key in it that can be used.
    #[error("the key in {path} cannot be read: {problem}")]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Both can be read, and do not belong together.
    #[error("the certificate in {certificate} and the key in {key} cannot be used together")]
    Pair {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
        /// What is wrong.
        #[source]
        source: rustls::Error,
    },
    /// The library says no.
    #[error("TLS cannot be set up: {0}")]
    SetUp(String),
}

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls_graviola::default_provider())
}

/// The certificates of authorities, at least one.
pub(crate) fn authorities(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots
            .add(certificate)
            .map_err(|source| TlsError::Certificate { path: path.to_path_buf(), source })?;
    }
    Ok(roots)
}

/// A certificate with what signed it, in that order.
pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unread = |problem: String| TlsError::Read { path: path.to_path_buf(), problem };
    let found = CertificateDer::pem_file_iter(path).map_err(|error| unread(error.to_string()))?;
    let found: Vec<_> =
        found.collect::<Result<_, _>>().map_err(|error| unread(error.to_string()))?;
    if found.is_empty() {
        return Err(TlsError::Empty { path: path.to_path_buf() });
    }
    Ok(found)
}

/// The first key of a file.
pub(crate) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path)
        .map_err(|error| TlsError::Key { path: path.to_path_buf(), problem: error.to_string() })
}
