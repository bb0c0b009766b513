//! Gossip: what agents tell each other of the catalog, for when no registry can be heard.
//!
//! Owns the packets, their seals and signatures, who is a member, and what is asked of whom. It must not know
//! sockets or clocks: packets, times and seeds come in, packets go out. What a statement says is text to it.
//!
//! - `machine`: the pure machine: whom to tell what, what to ask for, what to hand on
//! - `swim`, `member`, `rumour`: who is there, and that there is something new
//! - `shelf`, `peers`: what is known, and with whom to talk of it
//! - `statement`, `signature`: what a registry has said, and how that is known
//! - `wire`: messages and their bounds; `counts`: numbers
//! - `keys`, `seal`, `window`, `session`: a packet is read by who has a key, once
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod counts;
#[doc(hidden)]
pub mod fuzz;
pub mod hex;
mod keys;
mod machine;
mod member;
mod peers;
mod rumour;
mod seal;
mod session;
mod shelf;
mod signature;
mod statement;
mod swim;
mod window;
mod wire;

pub use counts::{Counts, Round};
pub use machine::{AskId, Command, Event, Gossip, Now, Passed, Report, Settings};
pub use member::Member;

pub use keys::{KEYS_MAX, Keys, KeysError};
pub use seal::{OVERHEAD, Opened, Refused, Seals};
pub use session::Session;
pub use signature::{Signature, Signer, Trust, TrustError};
pub use statement::{CONTENT_BYTES_MAX, Kind, Statement, Subject};
pub use swim::MEMBERS_MAX;
pub use window::{SESSIONS_MAX, SESSIONS_OVER_MAX};
pub use wire::{ASK_BYTES_MAX, DATAGRAM_BYTES_MAX, FRAME_BYTES_MAX};
