//! A watch on the client's side: a bounded queue between the session's task and the watcher. Owns the
//! rule that a snapshot replaces everything before it, and that a full queue is dropped for one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, mpsc};

use super::Command;
use crate::limits::{MAX_QUEUED_EVENT_BYTES, MAX_QUEUED_EVENTS};
use crate::{Listing, StoreError, WatchEvent};

/// One watch, shared by the watcher and the session's task.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) prefix: String,
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

impl Subscription {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), queue: Mutex::default(), ready: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new state: whatever is queued is older than it.
    pub(super) fn snapshot(&self, listing: Listing) {
        let mut queue = self.lock();
        *queue = Queue { ended: queue.ended.take(), ..Queue::default() };
        queue.events.push_back(WatchEvent::Snapshot(listing));
        drop(queue);
        self.ready.notify_one();
    }

    /// A change after the last snapshot.
    pub(super) fn event(&self, event: WatchEvent) {
        let mut queue = self.lock();
        if queue.overflowed {
            return;
        }
        queue.bytes += size(&event);
        queue.events.push_back(event);
        if queue.events.len() > MAX_QUEUED_EVENTS || queue.bytes > MAX_QUEUED_EVENT_BYTES {
            *queue = Queue { overflowed: true, ended: queue.ended.take(), ..Queue::default() };
        }
        drop(queue);
        self.ready.notify_one();
    }

    /// Nothing comes any more.
    pub(super) fn end(&self, error: StoreError) {
        self.lock().ended.get_or_insert(error);
        self.ready.notify_one();
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

/// The watcher's end.
#[derive(Debug)]
pub(crate) struct ClientWatch {
    subscription: Arc<Subscription>,
    /// Also keeps the session alive while only watches are left.
    commands: mpsc::UnboundedSender<Command>,
}

impl ClientWatch {
    pub(super) fn new(
        subscription: Arc<Subscription>,
        commands: mpsc::UnboundedSender<Command>,
    ) -> Self {
        Self { subscription, commands }
    }

    pub(crate) async fn next(&mut self) -> Result<WatchEvent, StoreError> {
        loop {
            let renew = {
                let mut queue = self.subscription.lock();
                if let Some(event) = queue.events.pop_front() {
                    queue.bytes = queue.bytes.saturating_sub(size(&event));
                    return Ok(event);
                }
                if let Some(error) = &queue.ended {
                    return Err(error.clone());
                }
                let renew = queue.overflowed && !queue.renewing;
                queue.renewing |= renew;
                renew
            };
            if renew {
                let command = Command::Renew(self.subscription.clone());
                self.commands.send(command).map_err(|_| StoreError::Expired)?;
            }
            self.subscription.ready.notified().await;
        }
    }
}

impl Drop for ClientWatch {
    fn drop(&mut self) {
        // A session that has ended has no watches to be told of.
        let _ = self.commands.send(Command::Unsubscribe(self.subscription.clone()));
    }
}
