//! Where a listener may stand.
//!
//! Owns the rule that only loopback is open without a word in the configuration.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use super::code;

/// Why a listener could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The address is not loopback and `insecure = true` is not configured.
    #[error(
        "{code}: {address} can be reached from other machines, and this listener has no TLS; \
         listen on 127.0.0.1, let others in by TLS at `tls_listen`, or write `insecure = true` if the \
         network is trusted",
        code = code::BIND
    )]
    Refused {
        /// The address that was asked for.
        address: SocketAddr,
    },
    /// The system said no.
    #[error("cannot listen on {address}")]
    Io {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// Refuses every address but loopback unless `insecure` is configured.
///
/// # Errors
/// [`BindError::Refused`] (LT0504).
pub fn allow(address: SocketAddr, insecure: bool) -> Result<(), BindError> {
    // An IPv4 address written as IPv6 is judged by what it means.
    if insecure || address.ip().to_canonical().is_loopback() {
        Ok(())
    } else {
        Err(BindError::Refused { address })
    }
}

/// Listens, if the rule allows it. Port 0 lets the system choose.
///
/// # Errors
/// [`BindError`]
pub async fn bind(address: SocketAddr, insecure: bool) -> Result<TcpListener, BindError> {
    allow(address, insecure)?;
    TcpListener::bind(address).await.map_err(|source| BindError::Io { address, source })
}

#[cfg(test)]
mod tests;
