//! The catalog: who runs where and what is known of it, as data. Pure: no clock, no I/O.
//!
//! Owns the shapes that stand in the store and travel to clients, the rules by which changes of
//! the store become views of groups with versions, and the bookkeeping of heartbeats. It must not
//! know how any of it is stored, sent or served; the SDK builds on the shapes, so the crate keeps
//! its dependencies to serde.

mod entry;
pub mod paths;
mod record;
mod view;

pub use entry::{Beat, Entry, State};
pub use record::TaskRecord;
pub use view::{ConfigView, GroupKind, GroupSummary, GroupView};
