//! The loop around the machine: wait, step, carry out, feed back.
//!
//! Owns the clock, the tasks that talk to registries, and the file of the copy. Every decision is the machine's;
//! readers look into it under a lock that is never held across a wait.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lathe_hooks::{Hooks, Order, Snapshot};
use lathe_tls::ClientTls;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::copy::{Copy, Selection};
use crate::follower::{Command, Event, Follower, Kept, Report};
use crate::gossip::Shared;
use crate::metrics::Metrics;
use crate::stream::Ears;
use crate::{saved, stream};

/// Events of a stream that may wait for the machine; then the registry waits.
const EVENTS_MAX: usize = 16;

/// The machine, for its driver to write and for everybody else to read.
#[derive(Debug)]
pub(crate) struct State {
    clock: Instant,
    follower: RwLock<Follower>,
    /// Counts what was shown; who waits for a change waits for this.
    pub(crate) shown: watch::Sender<u64>,
}

impl State {
    pub(crate) fn new(follower: Follower) -> Self {
        let (shown, _) = watch::channel(0);
        Self { clock: Instant::now(), follower: RwLock::new(follower), shown }
    }

    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Follower> {
        self.follower.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now_ms(&self) -> u64 {
        millis(self.clock.elapsed())
    }

    fn step(&self, event: Option<Event>) -> Vec<Command> {
        let mut commands = Vec::new();
        let mut follower = self.follower.write().unwrap_or_else(PoisonError::into_inner);
        match event {
            Some(event) => follower.step(self.now_ms(), event, &mut commands),
            None => follower.start(self.now_ms(), &mut commands),
        }
        commands
    }
}

pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds since the Unix epoch.
pub(crate) fn unix_ms() -> u64 {
    millis(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// A task that ends with its value.
#[derive(Debug)]
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Carries out what the machine says.
#[derive(Debug)]
pub(crate) struct Driver {
    pub(crate) state: Arc<State>,
    pub(crate) hooks: Hooks,
    pub(crate) selection: Selection,
    pub(crate) file: PathBuf,
    /// Whom it trusts where registries are asked by TLS.
    pub(crate) tls: ClientTls,
    pub(crate) metrics: Metrics,
    /// Gossip, where it is configured: what registries sign goes there, and what others pass on comes from there.
    pub(crate) gossip: Option<Arc<Shared>>,
}

/// What is under way.
struct Work {
    stream: Option<(Task, mpsc::Receiver<Event>)>,
    poll: Option<Task>,
    events: (mpsc::Sender<Event>, mpsc::Receiver<Event>),
    wake_at: Option<Instant>,
}

impl Driver {
    /// Runs for as long as it is awaited; takes what others pass on.
    pub(crate) async fn run(self, mut passed: mpsc::Receiver<Event>) {
        let mut work =
            Work { stream: None, poll: None, events: mpsc::channel(EVENTS_MAX), wake_at: None };
        self.carry_out_all(None, &mut work).await;
        loop {
            let wake_at = work.wake_at;
            let woken = async {
                match wake_at {
                    Some(at) => tokio::time::sleep_until(at.into()).await,
                    None => std::future::pending().await,
                }
            };
            let said = async {
                match &mut work.stream {
                    Some((_, events)) => events.recv().await,
                    None => std::future::pending().await,
                }
            };
            let event = tokio::select! {
                event = said => event.unwrap_or_else(|| Event::Broken { problem: "its task ended".to_owned() }),
                Some(event) = work.events.1.recv() => event,
                Some(event) = passed.recv() => event,
                () = woken => {
                    work.wake_at = None;
                    Event::Woken
                }
            };
            if matches!(event, Event::Broken { .. }) {
                work.stream = None;
            }
            self.carry_out_all(Some(event), &mut work).await;
        }
    }

    async fn carry_out_all(&self, event: Option<Event>, work: &mut Work) {
        for command in self.state.step(event) {
            self.carry_out(command, work).await;
        }
    }

    async fn carry_out(&self, command: Command, work: &mut Work) {
        match command {
            Command::Open { registry, resume } => {
                self.metrics.streams.inc();
                let (sender, events) = mpsc::channel(EVENTS_MAX);
                let (selection, tls) = (self.selection.clone(), self.tls.clone());
                let ears = self.ears(sender);
                let task = Task(tokio::spawn(async move {
                    let registry = (registry.as_str(), &tls);
                    let problem = stream::follow(registry, &selection, resume, &ears).await;
                    let _ = ears.events.send(Event::Broken { problem }).await;
                }));
                work.stream = Some((task, events));
            }
            Command::Close => work.stream = None,
            Command::Poll { registry, history, wishes } => {
                self.metrics.polls.inc();
                let (ears, tls) = (self.ears(work.events.0.clone()), self.tls.clone());
                work.poll = Some(Task(tokio::spawn(async move {
                    let problem = stream::poll((&registry, &tls), &history, wishes, &ears).await;
                    let _ = ears.events.send(Event::PollEnded { problem }).await;
                })));
            }
            Command::Show(copy) => {
                self.hooks.order(Order::Seen(Arc::new(snapshot(&copy)))).await;
                self.state.shown.send_modify(|number| *number += 1);
            }
            Command::Lost { age_ms } => self.hooks.order(Order::Lost { age_ms }).await,
            Command::Fresh => self.hooks.order(Order::Fresh).await,
            Command::Save(kept) => self.save(kept, work.events.0.clone()),
            Command::WakeAt { ms } => {
                work.wake_at = Some(self.state.clock + Duration::from_millis(ms));
            }
            Command::Report(report) => self.log(&report),
        }
    }

    fn ears(&self, events: mpsc::Sender<Event>) -> Ears {
        let signed = self.gossip.as_ref().map(|gossip| gossip.heard.clone());
        Ears { events, signed }
    }

    fn save(&self, kept: Kept, events: mpsc::Sender<Event>) {
        let (file, metrics) = (self.file.clone(), self.metrics.clone());
        let signatures = self.gossip.as_ref().map(|gossip| gossip.signatures()).unwrap_or_default();
        tokio::spawn(async move {
            let save = move || saved::save(&file, (&kept, &signatures), unix_ms());
            let saved = tokio::task::spawn_blocking(save);
            if let Ok(Err(error)) = saved.await {
                metrics.unsaved.inc();
                tracing::error!(%error, "the copy cannot be put on disk");
            }
            let _ = events.send(Event::Saved).await;
        });
    }

    fn log(&self, report: &Report) {
        match report {
            Report::Followed { registry } => tracing::info!(%registry, "followed"),
            Report::Broken { registry, problem, again_ms } => {
                tracing::warn!(%registry, %problem, again_ms, "the stream is over; the next registry is tried");
            }
            Report::NotPolled { registry, problem } => {
                tracing::warn!(%registry, %problem, "the registry does not answer what it is asked");
            }
            Report::Older(alarm) => {
                self.metrics.alarms.inc();
                let (name, known, told) = (&alarm.name, alarm.known, alarm.told);
                tracing::error!(%name, known, told, "a registry tells older state; it is refused");
            }
            Report::Contradiction(alarm) => {
                self.metrics.alarms.inc();
                let (name, version) = (&alarm.name, alarm.told);
                tracing::error!(%name, version, "a registry tells another state of a version that is known; it is refused");
            }
            Report::AnotherHistory { history } => {
                tracing::warn!(%history, "the store has another history; everything was taken anew");
            }
        }
    }
}

fn snapshot(copy: &Copy) -> Snapshot {
    Snapshot { history: copy.history().to_owned(), groups: copy.groups().clone() }
}
