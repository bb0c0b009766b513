//! When a change is followed: settling, urgency, splay, the brake.
//!
//! Owns times alone. Times are milliseconds of a clock that never goes back.

use std::collections::VecDeque;

use sha2::{Digest as _, Sha256};

use crate::recipe::{Brake, Pace};

/// A change that is not followed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Want {
    first_ms: u64,
    last_ms: u64,
    /// Since when somebody is gone who was ready.
    urgent_ms: Option<u64>,
}

impl Want {
    /// One more change at this time.
    pub(super) fn more(before: Option<Self>, now_ms: u64, urgent: bool) -> Self {
        let urgent_now = urgent.then_some(now_ms);
        match before {
            None => Self { first_ms: now_ms, last_ms: now_ms, urgent_ms: urgent_now },
            Some(before) => {
                Self { last_ms: now_ms, urgent_ms: before.urgent_ms.or(urgent_now), ..before }
            }
        }
    }

    /// When it has settled.
    pub(super) fn due_ms(self, pace: Pace, splay_ms: u64) -> u64 {
        let quiet = self.last_ms.saturating_add(pace.settle_ms);
        let longest = self.first_ms.saturating_add(pace.max_wait_ms);
        let usual = quiet.min(longest).saturating_add(splay_ms);
        let urgent = self.urgent_ms.map(|since| since.saturating_add(pace.urgent_settle_ms));
        urgent.map_or(usual, |urgent| urgent.min(usual))
    }
}

/// The place of a host in the splay of a hook: always the same, and another one on other hosts.
pub(super) fn splay_ms(pace: Pace, host: &str, hook: &str) -> u64 {
    let digest = Sha256::digest(format!("{host}\n{hook}").as_bytes());
    let number = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    if pace.splay_ms == 0 { 0 } else { number % pace.splay_ms }
}

/// How many entries were followed lately, and since when too few are seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Numbers {
    /// Of the last state, and of those within the brake's time before it.
    lately: VecDeque<(u64, u64)>,
    held_since_ms: Option<u64>,
}

impl Numbers {
    /// A state of so many entries was followed.
    pub(super) fn followed(&mut self, now_ms: u64, count: u64, brake: Brake) {
        self.lately.push_back((now_ms, count));
        while self.lately.len() > 1
            && self
                .lately
                .front()
                .is_some_and(|(at, _)| now_ms.saturating_sub(*at) >= brake.hold_ms)
        {
            self.lately.pop_front();
        }
        // A hook that follows a change each millisecond is not to fill the memory.
        if self.lately.len() > 1024 {
            self.lately.pop_front();
        }
        self.held_since_ms = None;
    }

    /// The most that were followed within the brake's time; the last state counts however old it is.
    fn reference(&self, now_ms: u64, brake: Brake) -> u64 {
        let last = self.lately.len().saturating_sub(1);
        let counts = self.lately.iter().enumerate().filter(|(at, (since, _))| {
            *at == last || now_ms.saturating_sub(*since) < brake.hold_ms
        });
        counts.map(|(_, (_, count))| *count).max().unwrap_or(0)
    }

    /// Until when a state of so many entries is held up, if it is; with the number before, and whether it
    /// is news.
    pub(super) fn hold(&mut self, now_ms: u64, count: u64, brake: Brake) -> Option<Hold> {
        let from = self.reference(now_ms, brake);
        let gone = from.saturating_sub(count);
        let many = gone.saturating_mul(100) > from.saturating_mul(brake.percent);
        if !many {
            self.held_since_ms = None;
            return None;
        }
        let news = self.held_since_ms.is_none();
        let since = *self.held_since_ms.get_or_insert(now_ms);
        let until_ms = since.saturating_add(brake.hold_ms);
        (now_ms < until_ms).then_some(Hold { until_ms, from, news })
    }

    /// Whether a state is held up.
    pub(super) fn is_held(&self) -> bool {
        self.held_since_ms.is_some()
    }

    /// Nothing is held up any more.
    pub(super) fn let_go(&mut self) {
        self.held_since_ms = None;
    }
}

/// A state that is held up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hold {
    pub(super) until_ms: u64,
    pub(super) from: u64,
    pub(super) news: bool,
}
