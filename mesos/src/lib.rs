//! The Mesos v1 HTTP API: its messages, its framing, and clients for schedulers, executors and
//! operators.
//!
//! What lies here is what Mesos 1.11 says on the wire and nothing else: no type of Lathe appears,
//! no decision about offers or tasks is taken. [`v1`] has the messages, [`recordio`] the framing of
//! streams, [`wire`] the names that both sides of the protocol need, [`backoff`] the pauses between
//! attempts, [`detector`] the way to the leader; [`scheduler`], [`executor`] and [`operator`] are the
//! clients.

pub mod address;
pub mod backoff;
mod calls;
mod connection;
pub mod detector;
pub mod executor;
pub mod limits;
mod masters;
pub mod operator;
pub mod recordio;
pub mod refusal;
pub mod scheduler;
#[cfg(test)]
mod scripted;
mod stream;
#[cfg(any(test, feature = "transcripts"))]
pub mod transcript;
pub mod v1;
pub mod wire;

pub use limits::Limits;
pub use refusal::Refusal;
pub use stream::StreamError;
pub use v1::DESCRIPTORS;
pub use wire::Credentials;
