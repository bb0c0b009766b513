//! Many who watch the same, and a round: a change, until the last of them has heard of it.
//!
//! Owns the waiting. It must not know whom they watch, or how.

use std::collections::BTreeSet;
use std::io::Error;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::failure::Failure;

const PATIENCE: Duration = Duration::from_secs(120);

/// One who hears of changes.
pub(super) trait Hears: Send + 'static {
    /// Waits for the next: when all of it was there, and how many bytes that took.
    fn next(&mut self) -> impl Future<Output = Result<(Instant, usize), Error>> + Send;
}

/// What came of a round.
#[derive(Clone, Copy, Debug)]
pub(super) struct Round {
    /// From the beginning of the change to the last who has heard of it, in milliseconds.
    pub(super) heard: f64,
    /// From there to the answer that it is made.
    pub(super) made: f64,
    /// The most bytes that one of them was sent.
    pub(super) bytes: usize,
}

/// Who has heard, and what.
type Told = (usize, Result<(Instant, usize), Error>);

/// Those who watch, each on a connection of its own.
pub(super) struct Crowd {
    heard: mpsc::UnboundedReceiver<Told>,
    work: JoinSet<()>,
    size: usize,
}

impl Crowd {
    /// So many, opened one after the other.
    pub(super) async fn open<W: Hears>(
        size: usize,
        mut open: impl AsyncFnMut() -> Result<W, Error>,
    ) -> Result<Self, Failure> {
        let (told, heard) = mpsc::unbounded_channel();
        let mut work = JoinSet::new();
        for who in 0..size {
            let mut one = open().await.map_err(|error| Failure::io("opening a watch", error))?;
            let told = told.clone();
            work.spawn(async move { while told.send((who, one.next().await)).is_ok() {} });
        }
        Ok(Self { heard, work, size })
    }

    /// Makes a change, and waits until all have heard of it.
    pub(super) async fn round<T>(
        &mut self,
        change: impl Future<Output = Result<T, Failure>>,
    ) -> Result<Round, Failure> {
        // Whoever was told of something twice is not to count for what comes.
        while self.heard.try_recv().is_ok() {}
        let start = Instant::now();
        change.await?;
        let made = start.elapsed();
        let (mut last, mut most) = (start, 0);
        let mut missing: BTreeSet<usize> = (0..self.size).collect();
        while !missing.is_empty() {
            let told = timeout(PATIENCE, self.heard.recv()).await.ok().flatten();
            let late = || Failure::Late { what: "the last watcher".to_owned(), limit: PATIENCE };
            let (who, heard) = told.ok_or_else(late)?;
            let (at, bytes) = heard.map_err(|error| Failure::io("reading a watch", error))?;
            if missing.remove(&who) {
                (last, most) = (last.max(at), most.max(bytes));
            }
        }
        let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
        Ok(Round { heard: milliseconds(last - start), made: milliseconds(made), bytes: most })
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.work.abort_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tells of each change as often as it was made to.
    struct Told(tokio::sync::broadcast::Receiver<u32>, u32);

    impl Hears for Told {
        async fn next(&mut self) -> Result<(Instant, usize), Error> {
            if self.1 == 0 {
                self.1 = self.0.recv().await.map_err(Error::other)?;
            }
            self.1 -= 1;
            Ok((Instant::now(), 7))
        }
    }

    #[tokio::test]
    async fn a_round_ends_when_each_has_heard_and_who_hears_twice_counts_once() {
        let (change, _) = tokio::sync::broadcast::channel(8);
        let (all, odd) = (change.clone(), tokio::sync::broadcast::channel(8).0);
        let mut opened = 0;
        let mut crowd = Crowd::open(4, async || {
            opened += 1;
            let from = if opened % 2 == 0 { &all } else { &odd };
            Ok(Told(from.subscribe(), 0))
        })
        .await
        .unwrap();
        for _ in 0..3 {
            let (first, second) = (change.clone(), odd.clone());
            let changed = async move {
                first.send(2).map_err(|error| Failure::Unexpected(error.to_string()))?;
                // By now the first two have heard, each twice, which is as often as there are watchers.
                tokio::task::yield_now().await;
                tokio::task::yield_now().await;
                second.send(1).map_err(|error| Failure::Unexpected(error.to_string()))?;
                Ok(Instant::now())
            };
            let round = crowd.round(changed).await.unwrap();
            assert!(round.heard >= round.made, "{round:?}");
            assert_eq!(round.bytes, 7);
        }
    }
}
