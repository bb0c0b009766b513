//! The loop: wait, step, carry out, feed back.
//!
//! Owns the clock and the channels around the machine. Every decision is the machine's; readers
//! look into it under a lock that is never held across a wait.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::{mpsc, oneshot};

use crate::directory::{
    Batch, Command, Delta, Directory, Event, Now, Report, Resume, Selection, Set, WatcherId, Why,
    Wish,
};
use crate::metrics::Metrics;
use crate::peers::Peers;

/// Inputs that may wait for the machine.
const INPUTS_MAX: usize = 1024;
/// Inputs that are taken under one lock.
const INPUTS_AT_ONCE: usize = 64;
/// Until the machine has said when it wants to be woken.
const FIRST_WAKE: Duration = Duration::from_millis(10);

/// What reaches the machine.
#[derive(Debug)]
pub(crate) enum Input {
    Event(Event),
    /// A watcher with the channel on which it takes batches, one at a time.
    Subscribe {
        watcher: WatcherId,
        selection: Selection,
        resume: Option<Resume>,
        batches: mpsc::Sender<Batch>,
    },
    /// One who keeps a copy, with the channel on which it takes deltas, one at a time.
    Follow {
        watcher: WatcherId,
        groups: BTreeSet<String>,
        resume: Option<Resume>,
        deltas: mpsc::Sender<Delta>,
    },
    /// One who waits, with the channel on which it is released; closed instead when it has no place.
    Await {
        watcher: WatcherId,
        wish: Wish,
        seen: Resume,
        released: oneshot::Sender<()>,
    },
    /// Does the loop still turn?
    Pulse(oneshot::Sender<()>),
}

/// Time since the process started, and of day.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    pub(crate) fn now(&self) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { ms: millis(self.start.elapsed()), unix_ms: millis(unix) }
    }

    pub(crate) fn at(&self, ms: u64) -> tokio::time::Instant {
        (self.start + Duration::from_millis(ms)).into()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The machine, for its driver to write and for everybody else to read.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) clock: Clock,
    directory: RwLock<Directory>,
}

impl Kept {
    /// Of a machine that knows nothing yet.
    pub(crate) fn new(directory: Directory) -> Self {
        Self { clock: Clock::start(), directory: RwLock::new(directory) }
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Directory> {
        self.directory.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn step(&self, inputs: impl Iterator<Item = Event>) -> Vec<Command> {
        let mut directory = self.directory.write().unwrap_or_else(PoisonError::into_inner);
        let mut commands = Vec::new();
        for event in inputs {
            directory.step(self.clock.now(), event, &mut commands);
        }
        commands
    }
}

/// Asks the loop whether it still turns; says why not, when it does not.
pub(crate) async fn pulse(inputs: &mpsc::Sender<Input>, patience: Duration) -> Result<(), String> {
    let (turned, turns) = oneshot::channel();
    let asked = async {
        inputs.send(Input::Pulse(turned)).await.ok()?;
        turns.await.ok()
    };
    match tokio::time::timeout(patience, asked).await {
        Ok(Some(())) => Ok(()),
        Ok(None) => Err("the registry is ending".to_owned()),
        Err(_) => Err(format!("the loop has not turned for {} ms", patience.as_millis())),
    }
}

/// A channel for inputs.
pub(crate) fn inputs() -> (mpsc::Sender<Input>, mpsc::Receiver<Input>) {
    mpsc::channel(INPUTS_MAX)
}

/// Carries out what the machine says.
#[derive(Debug)]
pub(crate) struct Driver<'a> {
    kept: &'a Kept,
    writes: mpsc::Sender<Vec<Set>>,
    peers: Peers,
    metrics: Metrics,
    streams: BTreeMap<WatcherId, mpsc::Sender<Batch>>,
    followers: BTreeMap<WatcherId, mpsc::Sender<Delta>>,
    waits: BTreeMap<WatcherId, oneshot::Sender<()>>,
    wake_at: tokio::time::Instant,
}

impl<'a> Driver<'a> {
    pub(crate) fn new(
        kept: &'a Kept,
        writes: mpsc::Sender<Vec<Set>>,
        peers: Peers,
        metrics: Metrics,
    ) -> Self {
        let wake_at = tokio::time::Instant::now() + FIRST_WAKE;
        let (streams, followers, waits) = Default::default();
        Self { kept, writes, peers, metrics, streams, followers, waits, wake_at }
    }

    /// Runs until the machine was told that the process ends.
    pub(crate) async fn run(mut self, mut inputs: mpsc::Receiver<Input>) {
        let mut taken = Vec::with_capacity(INPUTS_AT_ONCE);
        loop {
            let mut events = Vec::new();
            tokio::select! {
                count = inputs.recv_many(&mut taken, INPUTS_AT_ONCE) => {
                    if count == 0 {
                        return;
                    }
                    events.extend(taken.drain(..).filter_map(|input| self.register(input)));
                }
                () = tokio::time::sleep_until(self.wake_at) => {
                    events.extend(self.lost());
                    events.push(Event::Woken);
                }
            }
            let ends = events.contains(&Event::Ending);
            for command in self.kept.step(events.into_iter()) {
                self.carry_out(command);
            }
            if ends {
                return;
            }
        }
    }

    fn register(&mut self, input: Input) -> Option<Event> {
        match input {
            Input::Event(event) => Some(event),
            Input::Pulse(turned) => {
                let _ = turned.send(());
                None
            }
            Input::Subscribe { watcher, selection, resume, batches } => {
                self.streams.insert(watcher, batches);
                Some(Event::Subscribed { watcher, selection, resume })
            }
            Input::Follow { watcher, groups, resume, deltas } => {
                self.followers.insert(watcher, deltas);
                Some(Event::Followed { watcher, groups, resume })
            }
            Input::Await { watcher, wish, seen, released } => {
                self.waits.insert(watcher, released);
                Some(Event::Awaited { watcher, wish, seen })
            }
        }
    }

    /// Watchers whose connection ended, and waits that were given up.
    fn lost(&mut self) -> Vec<Event> {
        let streams = self.streams.iter().filter(|(_, batches)| batches.is_closed());
        let followers = self.followers.iter().filter(|(_, deltas)| deltas.is_closed());
        let waits = self.waits.iter().filter(|(_, released)| released.is_closed());
        let lost = streams.map(|(watcher, _)| *watcher).chain(waits.map(|(watcher, _)| *watcher));
        let lost = lost.chain(followers.map(|(watcher, _)| *watcher));
        let lost: Vec<WatcherId> = lost.collect();
        for watcher in &lost {
            self.streams.remove(watcher);
            self.followers.remove(watcher);
            self.waits.remove(watcher);
        }
        lost.into_iter().map(|watcher| Event::Left { watcher }).collect()
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Write { sets } => {
                self.metrics.found(&sets);
                // The link takes one at a time, and the machine has one under way at most.
                if self.writes.try_send(sets).is_err() {
                    tracing::warn!("the link to the store has ended; a write is dropped");
                }
            }
            Command::PassOn { to, view, beats } => self.peers.pass_on(to, view, beats),
            Command::Send { watcher, batch } => {
                // A closed stream is noticed at the next wake-up; until then nothing more is sent.
                if let Some(stream) = self.streams.get(&watcher)
                    && stream.try_send(batch).is_err()
                {
                    tracing::debug!(watcher = watcher.0, "the watcher went away");
                }
            }
            Command::Tell { watcher, delta } => {
                if let Some(follower) = self.followers.get(&watcher)
                    && follower.try_send(delta).is_err()
                {
                    tracing::debug!(watcher = watcher.0, "the follower went away");
                }
            }
            Command::Release { watcher } => {
                // Who has given up is not waited for.
                self.waits.remove(&watcher).map(|released| released.send(()));
            }
            Command::Close { watcher, why } => {
                self.streams.remove(&watcher);
                self.followers.remove(&watcher);
                self.waits.remove(&watcher);
                match why {
                    Why::Ending => {}
                    Why::Full => tracing::warn!("no place for another watcher"),
                    Why::Stuck => tracing::info!(watcher = watcher.0, "closed a stuck watcher"),
                }
            }
            Command::WakeAt { ms } => self.wake_at = self.kept.clock.at(ms),
            Command::Report(report) => log(&report),
        }
    }
}

fn log(report: &Report) {
    match report {
        Report::Unreadable { problem } => {
            tracing::error!(%problem, "a node of the catalog cannot be read; it is left out");
        }
        Report::Stale { known, offered } => {
            tracing::error!(known, offered, "the store lists an older state; it is refused");
        }
        Report::AnotherHistory { history } => {
            tracing::warn!(%history, "the store has another history; everything is listed again");
        }
        Report::BrakeHolds { would, of } => {
            tracing::warn!(would, of, "many fell silent at once; nobody is made suspect");
        }
        Report::BrakeLetGo => tracing::info!("the brake on suspicion is let go"),
        Report::WasDeaf { ms } => {
            tracing::warn!(ms, "the process stood still; silence in that time does not count");
        }
    }
}

#[cfg(test)]
mod tests {
    //! A loop that is stuck, one that turns, and one that has ended.

    use lathe_api::door::Key;

    use super::*;

    #[tokio::test]
    async fn a_loop_of_the_registry_that_is_stuck_or_has_ended_is_not_well() {
        let (sender, received) = inputs();
        let stuck = pulse(&sender, Duration::from_millis(20)).await.unwrap_err();
        assert!(stuck.contains("has not turned"), "{stuck}");
        let turning = tokio::spawn(async move {
            let limits = crate::directory::Limits::default();
            let kept = Kept::new(Directory::new("http://a", limits));
            let (writes, _written) = mpsc::channel(1);
            let (key, metrics) = (Key::from_bytes(b"a key"), Metrics::default());
            let (nobody, _) = inputs();
            let peers = Peers::new(("http://a", &key), 0, nobody, metrics.clone());
            Driver::new(&kept, writes, peers, metrics).run(received).await;
        });
        assert_eq!(pulse(&sender, Duration::from_secs(30)).await, Ok(()));
        turning.abort();
        let _ = turning.await;
        let ended = pulse(&sender, Duration::from_secs(30)).await.unwrap_err();
        assert!(ended.contains("ending"), "{ended}");
    }
}
