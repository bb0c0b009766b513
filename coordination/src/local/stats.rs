//! What a server counts of its work, for whoever shows it. Knows no names and no text.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

#[derive(Debug, Default)]
struct Counts {
    writes: AtomicU64,
    jobs: AtomicU64,
    nanos: AtomicU64,
    connections: AtomicU64,
}

/// The numbers; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Stats(Arc<Counts>);

impl Stats {
    /// Transactions that were made durable.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.0.writes.load(Ordering::Relaxed)
    }

    /// Requests that were in them.
    #[must_use]
    pub fn jobs(&self) -> u64 {
        self.0.jobs.load(Ordering::Relaxed)
    }

    /// How long making them durable took, all together.
    #[must_use]
    pub fn write_time(&self) -> Duration {
        Duration::from_nanos(self.0.nanos.load(Ordering::Relaxed))
    }

    /// Connections that are open.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.0.connections.load(Ordering::Relaxed)
    }

    pub(super) fn written(&self, jobs: usize, took: Duration) {
        let count = |of: &AtomicU64, by: u64| of.fetch_add(by, Ordering::Relaxed);
        count(&self.0.writes, 1);
        count(&self.0.jobs, u64::try_from(jobs).unwrap_or(u64::MAX));
        count(&self.0.nanos, u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(super) fn connected(&self, now: usize) {
        self.0.connections.store(u64::try_from(now).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}
