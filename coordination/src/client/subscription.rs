//! A watch on the client's side, shared by the watcher and the session's task. Must not know what
//! travels.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::Command;
use crate::event_queue::EventQueue;
use crate::{Listing, StoreError, WatchEvent};

/// One watch, shared by the watcher and the session's task.
#[derive(Debug)]
pub(super) struct Subscription {
    pub(super) prefix: String,
    queue: EventQueue,
}

impl Subscription {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), queue: EventQueue::default() }
    }

    pub(super) fn snapshot(&self, listing: Listing) {
        self.queue.snapshot(listing);
    }

    pub(super) fn event(&self, event: WatchEvent) {
        self.queue.events([event]);
    }

    pub(super) fn end(&self, error: StoreError) {
        self.queue.end(error);
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
        let renew = || {
            let command = Command::Renew(self.subscription.clone());
            self.commands.send(command).map_err(|_| StoreError::Expired)
        };
        self.subscription.queue.next(renew).await
    }
}

impl Drop for ClientWatch {
    fn drop(&mut self) {
        // A session that has ended has no watches to be told of.
        let _ = self.commands.send(Command::Unsubscribe(self.subscription.clone()));
    }
}
