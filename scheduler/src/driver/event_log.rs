//! The last events for people, and their followers. A follower names the last event that it has
//! and misses nothing, as long as it is not further behind than the log is long.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use lathe_api::rest::EventView;
use tokio::sync::broadcast;

/// Events that are kept for late followers.
const KEPT: usize = 2_000;

/// The log.
#[derive(Debug)]
pub struct EventLog {
    kept: Mutex<VecDeque<EventView>>,
    live: broadcast::Sender<EventView>,
}

/// What a follower gets: what it has missed, then what happens.
#[derive(Debug)]
pub struct Followed {
    pub missed: Vec<EventView>,
    pub live: broadcast::Receiver<EventView>,
}

impl Default for EventLog {
    fn default() -> Self {
        Self { kept: Mutex::new(VecDeque::new()), live: broadcast::Sender::new(KEPT) }
    }
}

impl EventLog {
    pub(super) fn add(&self, event: EventView) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(event.clone());
        // Sent under the lock, so that no follower sees an event twice or not at all.
        let _ = self.live.send(event);
    }

    /// Follows from the event after `last`; all that is kept without one.
    #[must_use]
    pub fn follow(&self, last: Option<u64>) -> Followed {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let missed =
            kept.iter().filter(|event| last.is_none_or(|last| event.id > last)).cloned().collect();
        Followed { missed, live: self.live.subscribe() }
    }
}
