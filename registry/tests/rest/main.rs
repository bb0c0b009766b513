//! The registry end to end: a real store server, real sockets, a client of its own.
#![expect(clippy::unwrap_used, reason = "what fails here is a test")]

mod beats;
mod dns;
mod doors;
mod follows;
mod forms;
mod hooks;
mod outage;
mod process;
mod reads;
mod rig;
mod said;
mod sharing;
mod signed;
mod tls;
mod waits;
mod watches;
