//! The loop around the machine of gossip: wait, step, carry out, feed back.
//!
//! Owns its clock and its tasks. Every decision is the machine's.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lathe_catalog::{ConfigView, GroupView};
use lathe_gossip::{Command, Event, Kind, Now, Passed, Report, Statement};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Shared;
use super::connections::{self, Asks, Places, Questions};
use super::key_file::Watched;
use crate::copy::News;
use crate::driver::{millis, unix_ms};
use crate::follower;

/// Datagrams that are taken before anything else is looked at.
const DATAGRAMS_AT_ONCE: usize = 64;
/// A datagram that is longer is none of ours; one byte more shows that it is.
const DATAGRAM_BYTES: usize = lathe_gossip::DATAGRAM_BYTES_MAX + 1;
/// How often it is looked whether the file of keys is another one.
const KEYS_LOOK: Duration = Duration::from_secs(1);
/// How often names of seeds are looked up.
const SEEDS_LOOK: Duration = Duration::from_secs(30);
/// After a connection that the system did not give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// Names may take as long.
const NAMES_PATIENCE: Duration = Duration::from_secs(5);

/// Gossip that is set up.
#[derive(Debug)]
pub(crate) struct Running {
    pub(super) shared: Arc<Shared>,
    pub(super) datagrams: UdpSocket,
    pub(super) connections: TcpListener,
    pub(super) events: mpsc::Receiver<Event>,
    pub(super) passed: mpsc::Sender<follower::Event>,
    pub(super) seeds: Vec<String>,
    pub(super) key_file: PathBuf,
}

/// What is under way.
struct Work {
    clock: Instant,
    wake_at: Option<Instant>,
    asks: Asks,
    tasks: JoinSet<()>,
}

impl Running {
    /// Runs until it is told to end, and then says good-bye.
    pub(crate) async fn run(mut self, end: impl Future<Output = ()>) {
        let mut work = Work {
            clock: Instant::now(),
            wake_at: None,
            asks: Asks::default(),
            tasks: JoinSet::new(),
        };
        let (asks, mut asked) = mpsc::channel(1);
        work.tasks.spawn(look_up(self.seeds.clone(), self.shared.heard.clone()));
        let mut keys = Watched::new(self.key_file.clone());
        let mut keys_look = tokio::time::interval(KEYS_LOOK);
        let mut reread = signal(SignalKind::hangup()).ok();
        let places = Places::default();
        let mut buffer = vec![0; DATAGRAM_BYTES];
        self.step(Event::Woken, &mut work).await;
        tokio::pin!(end);
        loop {
            let woken = wait(work.wake_at);
            let hung_up = async {
                match &mut reread {
                    Some(signal) => _ = signal.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = &mut end => break,
                ready = self.datagrams.readable() => {
                    if ready.is_ok() { self.datagrams(&mut buffer, &mut work).await }
                }
                Some(event) = self.events.recv() => self.step(event, &mut work).await,
                Some((frame, answer)) = asked.recv() => {
                    let id = work.asks.add(answer);
                    self.step(Event::Asked { id, frame }, &mut work).await;
                }
                accepted = self.connections.accept() => match accepted {
                    Ok(accepted) => accept(accepted, (&places, &asks), &mut work),
                    // It lacks something that a moment may bring back.
                    Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
                },
                () = woken => {
                    work.wake_at = None;
                    self.step(Event::Woken, &mut work).await;
                }
                _ = keys_look.tick() => self.rekey(keys.look(false), &mut work).await,
                () = hung_up => self.rekey(keys.look(true), &mut work).await,
                Some(_) = work.tasks.join_next(), if !work.tasks.is_empty() => {}
            }
        }
        self.step(Event::Ending, &mut work).await;
    }

    async fn datagrams(&self, buffer: &mut [u8], work: &mut Work) {
        for _ in 0..DATAGRAMS_AT_ONCE {
            // What the system says of datagrams before (nobody listens there) is none of this one.
            let Ok((length, _)) = self.datagrams.try_recv_from(buffer) else { return };
            self.step(Event::Packet(buffer[..length].to_vec()), work).await;
        }
    }

    async fn rekey(&self, keys: Option<lathe_gossip::Keys>, work: &mut Work) {
        if let Some(keys) = keys {
            self.shared.lock().rekey(keys);
            self.step(Event::Rekeyed, work).await;
        }
    }

    async fn step(&self, event: Event, work: &mut Work) {
        let now = Now { ms: millis(work.clock.elapsed()), unix_ms: unix_ms() };
        let mut commands = Vec::new();
        self.shared.lock().step(now, event, &mut commands);
        for command in commands {
            match command {
                Command::Send { to, packet } => {
                    // Lost as one that is lost on its way.
                    if let Err(error) = self.datagrams.send_to(&packet, to).await {
                        tracing::debug!(%to, %error, "a datagram was not sent");
                    }
                }
                Command::Fetch { to, frame } => {
                    let events = self.shared.heard.clone();
                    work.tasks.spawn(connections::fetch(to, frame, events));
                }
                Command::Answer { id, frames } => work.asks.answer(id, frames),
                Command::Pass(passed) => self.pass(now, passed).await,
                Command::WakeAt { ms } => {
                    work.wake_at = Some(work.clock + Duration::from_millis(ms));
                }
                Command::Report(report) => log(&report),
            }
        }
    }

    async fn pass(&self, now: Now, passed: Passed) {
        let age_ms = passed.heard_ms.map(|heard| now.unix_ms.saturating_sub(heard));
        let (whole, number) = (passed.whole, passed.statements.len());
        let news: Vec<News> = passed.statements.iter().filter_map(read).collect();
        let whole = whole && news.len() == number;
        let _ = self.passed.send(follower::Event::Passed { whole, news, age_ms }).await;
    }
}

async fn wait(until: Option<Instant>) {
    match until {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// One who asks by a connection, if there is a place.
fn accept(
    (stream, peer): (TcpStream, SocketAddr),
    (places, asks): (&Places, &Questions),
    work: &mut Work,
) {
    let Some(place) = places.take(peer.ip().to_canonical()) else { return };
    let asks = asks.clone();
    work.tasks.spawn(async move {
        connections::answer(stream, asks).await;
        drop(place);
    });
}

/// Looks up where seeds are, again and again: hosts move.
async fn look_up(seeds: Vec<String>, events: mpsc::Sender<Event>) {
    loop {
        let mut found = Vec::new();
        for seed in &seeds {
            match tokio::time::timeout(NAMES_PATIENCE, tokio::net::lookup_host(seed)).await {
                Ok(Ok(addresses)) => found.extend(addresses.take(4)),
                Ok(Err(error)) => tracing::warn!(%seed, %error, "the seed is not found"),
                Err(_) => tracing::warn!(%seed, "the seed is not found in time"),
            }
        }
        if events.send(Event::Seeds(found)).await.is_err() {
            return;
        }
        tokio::time::sleep(SEEDS_LOOK).await;
    }
}

/// What a statement says, if that is what it is of.
fn read(statement: &Statement) -> Option<News> {
    let Statement { subject, history, version, content, .. } = statement;
    let news = match subject.kind {
        Kind::Group => serde_json::from_str::<GroupView>(content)
            .map(|view| (view.group == subject.name).then_some(News::Group(view))),
        Kind::Config => serde_json::from_str::<ConfigView>(content)
            .map(|view| (view.task == subject.name).then_some(News::Config(view))),
    };
    let news =
        news.ok().flatten().filter(|news| news.history() == history && news.version() == *version);
    if news.is_none() {
        // A registry has signed it; a later version of it may write what this one cannot read.
        tracing::error!(name = %subject.name, version, "what was passed on cannot be read");
    }
    news
}

fn log(report: &Report) {
    match report {
        Report::Forged { name, from } => {
            tracing::error!(%name, %from, "an agent passes on what no registry that is trusted has signed; it is refused");
        }
        Report::NotBelieved { name } => {
            tracing::error!(%name, "the registry signs with a key that `trust` does not name; nothing of it is passed on");
        }
        Report::Full => tracing::error!("there are as many members as may be; no more are taken"),
    }
}
