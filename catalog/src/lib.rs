//! The catalog: who runs where and what is known of it, as data. Pure: no clock, no I/O.
//!
//! Owns the shapes that stand in the store and travel to clients, the rules by which changes of
//! the store become views of groups with versions, and the bookkeeping of heartbeats. It must not
//! know how any of it is stored, sent or served; the SDK builds on the shapes, so the crate keeps
//! its dependencies to serde.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod board;
mod boards;
mod change;
mod entry;
pub mod format;
mod index;
mod liveness;
mod node;
pub mod paths;
mod record;
pub mod share;
pub mod sse;
mod view;

pub use board::{Acks, Board, BoardError};
pub use change::{Change, DecodeError};
pub use entry::{Beat, Entry, State};
pub use index::{Applied, Catalog, StaleListing};
pub use liveness::{Brake, Finding, Findings, Limits, Liveness};
pub use node::{Content, Node};
pub use record::TaskRecord;
pub use share::{Passed, PassedAnswer, PassedBeats, Share};
pub use view::{
    ConfigView, GroupKind, GroupSummary, GroupView, Mail, MailView, MemberView, MessageView,
    MetadataView, Receipt,
};
