//! The bounded queue between whoever follows the store and the watcher. Owns the rule that a snapshot
//! replaces everything before it, and that a full queue is dropped for one; must not know stores.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::limits::{MAX_QUEUED_EVENT_BYTES, MAX_QUEUED_EVENTS};
use crate::{Listing, StoreError, WatchEvent};

/// The events of one watch, shared by both sides.
#[derive(Debug, Default)]
pub(crate) struct EventQueue {
    queue: Mutex<Queue>,
    ready: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<WatchEvent>,
    bytes: usize,
    /// Events were dropped: the next thing has to be a snapshot.
    overflowed: bool,
    /// The watcher has asked for that snapshot.
    renewing: bool,
    ended: Option<StoreError>,
}

impl EventQueue {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new state: whatever is queued is older than it.
    pub(crate) fn snapshot(&self, listing: Listing) {
        let mut queue = self.lock();
        *queue = Queue { ended: queue.ended.take(), ..Queue::default() };
        queue.events.push_back(WatchEvent::Snapshot(listing));
        drop(queue);
        self.ready.notify_one();
    }

    /// Changes after the last snapshot; a watcher that takes the first finds the others there.
    pub(crate) fn events(&self, events: impl IntoIterator<Item = WatchEvent>) {
        let mut queue = self.lock();
        if queue.overflowed {
            return;
        }
        for event in events {
            queue.bytes += size(&event);
            queue.events.push_back(event);
        }
        if queue.events.len() > MAX_QUEUED_EVENTS || queue.bytes > MAX_QUEUED_EVENT_BYTES {
            *queue = Queue { overflowed: true, ended: queue.ended.take(), ..Queue::default() };
        }
        drop(queue);
        self.ready.notify_one();
    }

    /// Nothing comes any more.
    pub(crate) fn end(&self, error: StoreError) {
        self.lock().ended.get_or_insert(error);
        self.ready.notify_one();
    }

    /// The next event. `renew` is called, once, when events were dropped and all that was left is
    /// taken: a snapshot has to come then. Cancelling the wait loses nothing.
    ///
    /// # Errors
    /// What the queue was ended with, and what `renew` says.
    pub(crate) async fn next(
        &self,
        renew: impl Fn() -> Result<(), StoreError>,
    ) -> Result<WatchEvent, StoreError> {
        loop {
            let wanted = {
                let mut queue = self.lock();
                if let Some(event) = queue.events.pop_front() {
                    queue.bytes = queue.bytes.saturating_sub(size(&event));
                    return Ok(event);
                }
                if let Some(error) = &queue.ended {
                    return Err(error.clone());
                }
                let wanted = queue.overflowed && !queue.renewing;
                queue.renewing |= wanted;
                wanted
            };
            if wanted {
                renew()?;
            }
            self.ready.notified().await;
        }
    }
}

/// A snapshot is not counted: it is bounded by its own limit, and there is only one.
fn size(event: &WatchEvent) -> usize {
    match event {
        WatchEvent::Snapshot(_) => 0,
        WatchEvent::Changed { path, record, .. } => path.len() + record.data.len() + 64,
        WatchEvent::Deleted { path, .. } => path.len() + 64,
    }
}
