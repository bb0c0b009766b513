//! What waits to be written to one client: answers, and the queues of its watches, all bounded. Owns
//! the queues; must not know sockets or the tree.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use tokio::sync::Notify;

use crate::limits::{
    MAX_QUEUED_EVENT_BYTES, MAX_QUEUED_EVENTS, MAX_QUEUED_REPLY_BYTES, MAX_WATCHES,
};
use crate::wire::{ToClient, put_event};

/// How much is put together for one write.
const WRITE_BYTES: usize = 256 * 1024;

/// The queues of one connection.
#[derive(Default)]
pub(crate) struct Outbox {
    queues: Mutex<Queues>,
    /// There is something to write, or the end.
    ready: Notify,
    /// There is room for answers again.
    room: Notify,
    /// The connection is to end.
    closed: Notify,
}

#[derive(Default)]
struct Queues {
    replies: BytesMut,
    /// Multis that were taken in and not yet answered.
    owed: usize,
    watches: BTreeMap<u64, WatchQueue>,
    closing: bool,
}

struct WatchQueue {
    prefix: String,
    /// It needs a snapshot before events make sense again.
    stale: bool,
    events: VecDeque<Bytes>,
    bytes: usize,
}

/// What to write next.
#[derive(Debug)]
pub(crate) enum Next {
    /// What was put into the buffer.
    Write,
    /// A snapshot of this watch.
    Snapshot { id: u64, prefix: String },
    /// Nothing more, ever.
    End,
}

/// Multis that one connection may have unanswered: the reading of it waits beyond.
const MAX_OWED: usize = 16_384;

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues an answer.
    pub(crate) fn reply(&self, reply: &ToClient) {
        reply.put(&mut self.lock().replies);
        self.ready.notify_one();
    }

    /// Counts a multi that will be answered by [`Outbox::settle`].
    pub(crate) fn owe(&self) {
        self.lock().owed += 1;
    }

    /// Queues the answer of a multi.
    pub(crate) fn settle(&self, reply: &ToClient) {
        let mut queues = self.lock();
        queues.owed = queues.owed.saturating_sub(1);
        reply.put(&mut queues.replies);
        drop(queues);
        self.ready.notify_one();
        self.room.notify_one();
    }

    /// Queues a last answer and ends the connection after it.
    pub(crate) fn close_with(&self, last: &ToClient) {
        let mut queues = self.lock();
        if !queues.closing {
            last.put(&mut queues.replies);
            queues.closing = true;
        }
        drop(queues);
        self.ready.notify_one();
        self.closed.notify_one();
    }

    /// Returns when the connection is to end.
    pub(crate) async fn closed(&self) {
        while !self.lock().closing {
            self.closed.notified().await;
        }
    }

    /// Returns when the client has read enough of its answers that more may be asked.
    pub(crate) async fn room(&self) {
        loop {
            {
                let queues = self.lock();
                if queues.replies.len() < MAX_QUEUED_REPLY_BYTES && queues.owed < MAX_OWED {
                    return;
                }
            }
            self.room.notified().await;
        }
    }

    /// Adds a watch, which begins with a snapshot. `false` when there are too many, or one of the id.
    pub(crate) fn watch(&self, id: u64, prefix: &str) -> bool {
        let mut queues = self.lock();
        if queues.watches.len() >= MAX_WATCHES || queues.watches.contains_key(&id) {
            return false;
        }
        let queue = WatchQueue {
            prefix: prefix.to_owned(),
            stale: true,
            events: VecDeque::new(),
            bytes: 0,
        };
        queues.watches.insert(id, queue);
        drop(queues);
        self.ready.notify_one();
        true
    }

    /// Removes a watch and returns its prefix.
    pub(crate) fn unwatch(&self, id: u64) -> Option<String> {
        self.lock().watches.remove(&id).map(|watch| watch.prefix)
    }

    /// All watches.
    pub(crate) fn watches(&self) -> Vec<(u64, String)> {
        self.lock().watches.iter().map(|(id, watch)| (*id, watch.prefix.clone())).collect()
    }

    /// Queues an event of a watch; beyond the bound the queue is dropped for a fresh snapshot.
    pub(crate) fn event(&self, id: u64, event: &Bytes) {
        let mut queues = self.lock();
        let Some(watch) = queues.watches.get_mut(&id) else { return };
        if watch.stale {
            return;
        }
        watch.events.push_back(event.clone());
        watch.bytes += event.len();
        if watch.events.len() > MAX_QUEUED_EVENTS || watch.bytes > MAX_QUEUED_EVENT_BYTES {
            watch.events = VecDeque::new();
            watch.bytes = 0;
            watch.stale = true;
        }
        drop(queues);
        self.ready.notify_one();
    }

    /// The watch's snapshot is being taken, under the lock under which events are published: what is
    /// queued from here on comes after it.
    pub(crate) fn fresh(&self, id: u64) {
        if let Some(watch) = self.lock().watches.get_mut(&id) {
            watch.stale = false;
        }
    }

    /// Waits for something to write and puts it into `out`: answers first, then events.
    pub(crate) async fn next(&self, out: &mut BytesMut) -> Next {
        loop {
            if let Some(next) = self.take(out) {
                return next;
            }
            self.ready.notified().await;
        }
    }

    fn take(&self, out: &mut BytesMut) -> Option<Next> {
        let mut queues = self.lock();
        if !queues.replies.is_empty() {
            let size = queues.replies.len().min(WRITE_BYTES);
            // Frames may be cut anywhere: this is the only writer, and it writes in order.
            out.unsplit(queues.replies.split_to(size));
            drop(queues);
            self.room.notify_one();
            return Some(Next::Write);
        }
        if queues.closing {
            return Some(Next::End);
        }
        for (id, watch) in &mut queues.watches {
            while out.len() < WRITE_BYTES {
                let Some(event) = watch.events.pop_front() else { break };
                watch.bytes -= event.len();
                put_event(out, *id, &event);
            }
        }
        if !out.is_empty() {
            return Some(Next::Write);
        }
        let stale = queues.watches.iter().find(|(_, watch)| watch.stale);
        stale.map(|(id, watch)| Next::Snapshot { id: *id, prefix: watch.prefix.clone() })
    }
}
