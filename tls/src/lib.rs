//! TLS for all that Lathe listens on and all that it asks: certificates and keys from files, and handshakes.
//!
//! Owns what is read of such files and what is said of those that are of no use. It must not know HTTP, nor
//! what is said once hands are shaken. rustls, with cryptography that needs no C compiler to be built.
//!
//! - [`ClientTls`]: whom a client trusts, and as whom it shows itself
//! - [`ServerTls`]: as whom a server shows itself, and whom it asks for a certificate

mod client;
mod files;
mod server;

pub use client::{ClientTls, HttpsConnector};
pub use files::TlsError;
pub use server::{ServerFiles, ServerTls, Shaken};
