//! An event that waits until a durable picture shows what came of it.
//!
//! Owns when that is so, and how the picture looks without it.

use super::event::{Event, Kind};
use super::picture::{Life, Page, PageId, Task, page_of};

#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) event: Event,
    pub(super) back: Back,
    /// The commit up to which what it is about was seen.
    pub(super) seen: u64,
    /// When it was seen here.
    pub(super) since_ms: u64,
}

/// What the picture was before an event.
#[derive(Clone, Debug)]
pub(super) enum Back {
    Life { slot: u32, life: u64, before: Life },
    Task { before: Option<Task> },
}

impl Pending {
    pub(super) fn page(&self) -> PageId {
        match &self.back {
            Back::Life { slot, .. } => page_of(&self.event.task, *slot),
            Back::Task { .. } => (self.event.task.clone(), 0),
        }
    }

    /// Whether this durable page shows what came of it.
    pub(super) fn is_in(&self, page: &Page) -> bool {
        match &self.back {
            Back::Task { .. } => page.task.as_ref().is_some_and(|task| task.at >= self.seen),
            Back::Life { slot, life, .. } => page.slots.get(slot).is_some_and(|slot| {
                slot.is_over(*life, self.seen)
                    || slot.lives.get(life).is_some_and(|life| match self.event.kind {
                        Kind::Started => life.ready,
                        Kind::Unhealthy => life.ill_at >= self.seen,
                        Kind::Died | Kind::Changed => false,
                    })
            }),
        }
    }

    pub(super) fn undo(&self, page: &mut Page) {
        match &self.back {
            Back::Task { before } => page.task.clone_from(before),
            Back::Life { slot, life, before } => {
                page.slots.entry(*slot).or_default().lives.insert(*life, before.clone());
            }
        }
    }
}
