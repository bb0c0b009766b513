//! The registry's machine: what the store says, who was heard, who watches.
//!
//! Owns every decision of the registry. Pure: no I/O, no clock, no hash order; time comes with
//! each event. Nothing shows in a view that is not in the store: a finding of the heartbeats is a
//! command to write, and shows once the store says it back.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod beats;
mod exchange;
mod followers;
mod heard;
mod mailbox;
mod passing;
mod renderings;
mod sharing;
mod signatures;
mod waits;
mod watchers;

use std::collections::BTreeMap;
use std::sync::Arc;

use lathe_catalog::{Beat, Catalog, Limits as LivenessLimits, Passed, Share, State};
use lathe_gossip::{Signer, Subject};

use beats::Beats;
pub use exchange::{Command, Event, Now, Outcome, Report, Set, Why};
pub use followers::Delta;
use followers::Followers;
pub use lathe_catalog::{Content, Node};
pub(crate) use passing::BATCH_BEATS_MAX;
use passing::Passing;
pub use renderings::Rendered;
use renderings::Renderings;
use signatures::Signatures;
pub use signatures::Signed;
use waits::Waits;
pub use waits::Wish;
use watchers::Watchers;
pub use watchers::{Batch, Frame, Kind, Resume, Selection, WatcherId};

/// How often the machine wants to be woken, in milliseconds.
const TICK_MS: u64 = 250;
/// A wake-up that comes so much too late means that the process was stopped or starved.
const DEAF_MS: u64 = 1000;
/// So old may the state be and still count as fresh, in milliseconds: a reconnect is no outage.
const FRESH_MS: u64 = 5000;

/// What the machine is told to hold to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// When silence counts.
    pub liveness: LivenessLimits,
    /// Watchers at one time, look-ups that wait among them.
    pub watchers_max: usize,
    /// A watcher that takes nothing for so long is closed, in milliseconds.
    pub stuck_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { liveness: LivenessLimits::default(), watchers_max: 2048, stuck_ms: 60_000 }
    }
}

/// Numbers for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Streams that are open, and look-ups that wait.
    pub watchers: u64,
    /// Incarnations that were heard and are watched.
    pub heard: u64,
    /// Batches sent since the start.
    pub batches: u64,
    /// Incarnations that this registry judges.
    pub owned: u64,
    /// Whether the brake holds.
    pub brake: bool,
}

/// The machine.
#[derive(Debug)]
pub struct Directory {
    limits: Limits,
    catalog: Catalog,
    /// Versions of nodes, for writes that expect them.
    versions: BTreeMap<String, u64>,
    /// The commits of their last changes.
    commits: BTreeMap<String, u64>,
    registries: Vec<String>,
    listed: bool,
    blind_since_ms: Option<u64>,
    wake_at_ms: Option<u64>,
    /// When it was looked who is silent.
    looked_ms: u64,
    /// Since when this registry is listed among the others.
    listed_since_ms: Option<u64>,
    share: Share,
    /// The share's generation that the heartbeats go by.
    shared_out: u64,
    passing: Passing,
    beats: Beats,
    watchers: Watchers,
    followers: Followers,
    waits: Waits,
    renderings: Renderings,
    signatures: Signatures,
}

impl Directory {
    /// A machine that knows nothing yet, of the registry whose URL is told to others so.
    #[must_use]
    pub fn new(url: &str, limits: Limits) -> Self {
        Self {
            share: Share::new(url, &limits.liveness),
            shared_out: 0,
            passing: Passing::default(),
            looked_ms: 0,
            listed_since_ms: None,
            beats: Beats::new(limits.liveness),
            watchers: Watchers::default(),
            followers: Followers::default(),
            waits: Waits::default(),
            limits,
            catalog: Catalog::default(),
            versions: BTreeMap::new(),
            commits: BTreeMap::new(),
            registries: Vec::new(),
            listed: false,
            blind_since_ms: None,
            wake_at_ms: None,
            renderings: Renderings::default(),
            signatures: Signatures::default(),
        }
    }

    /// The same, with the key by which all registries of the cluster sign.
    #[must_use]
    pub fn signing(self, signer: Signer) -> Self {
        Self { signatures: Signatures::of(signer), ..self }
    }

    /// Takes an event, appends what is to be done.
    pub fn step(&mut self, now: Now, event: Event, commands: &mut Vec<Command>) {
        self.mind_deafness(now, commands);
        match event {
            Event::Listed { history, commit, nodes } => {
                self.blind_since_ms = None;
                self.list(now, &history, commit, nodes, commands);
            }
            Event::Committed { commit, nodes } => self.commit(now, commit, nodes, commands),
            // Nobody is told anything before the end of the step.
            Event::CommittedTogether { commits } => {
                for (commit, nodes) in commits {
                    self.commit(now, commit, nodes, commands);
                }
            }
            Event::RegistriesListed { urls } => self.list_registries(now, urls),
            Event::StoreLost => {
                self.blind_since_ms.get_or_insert(now.ms);
            }
            Event::StoreFound => self.blind_since_ms = None,
            Event::Beaten { incarnation, beat } => {
                let passed = Passed { incarnation, beat, hops: 0, closed: false };
                self.take_beats(now, vec![passed], commands);
            }
            Event::Closed { incarnation } => {
                let beat = Beat { state: State::Ready, failing: None };
                let passed = Passed { incarnation, beat, hops: 0, closed: true };
                self.take_beats(now, vec![passed], commands);
            }
            Event::PassedHere { from, view, beats } => {
                self.share.met(now.ms, &from, view.as_deref());
                self.take_beats(now, beats, commands);
            }
            Event::PassedOn { to, view } => {
                self.passing.done(&to);
                self.share.answered(now.ms, &to, view.as_deref());
            }
            Event::NotPassedOn { to, gone, beats } => {
                self.not_passed_on(now, (&to, gone), beats, commands);
            }
            Event::Written { outcome } => {
                self.beats.written(outcome, self.catalog.commit());
                if matches!(outcome, Outcome::Durable { .. }) {
                    self.look(now, commands);
                }
            }
            Event::Subscribed { .. }
            | Event::Followed { .. }
            | Event::Awaited { .. }
            | Event::Drained { .. }
            | Event::Left { .. } => self.attend(event, commands),
            Event::Woken => {
                self.wake_at_ms = None;
                self.watchers.close_stuck(now.ms, self.limits.stuck_ms, commands);
                self.followers.close_stuck(now.ms, self.limits.stuck_ms, commands);
                self.look(now, commands);
            }
            Event::Ending => {
                self.watchers.close_all(commands);
                self.followers.close_all(commands);
                self.waits.close_all(commands);
            }
        }
        self.tell_watchers(now, commands);
        self.share_out(now, commands);
        self.ask_to_be_woken(now, commands);
    }

    /// What comes of those who listen.
    fn attend(&mut self, event: Event, commands: &mut Vec<Command>) {
        match event {
            Event::Subscribed { watcher, .. }
            | Event::Followed { watcher, .. }
            | Event::Awaited { watcher, .. }
                if self.is_full() =>
            {
                commands.push(Command::Close { watcher, why: Why::Full });
            }
            Event::Subscribed { watcher, selection, resume } => {
                self.watchers.add(watcher, selection, resume, &self.catalog);
            }
            Event::Followed { watcher, groups, resume } => {
                let known = (&self.catalog, &self.commits);
                self.followers.add(watcher, (groups, resume), known);
            }
            Event::Awaited { watcher, wish, seen } => {
                self.waits.add(watcher, (wish, seen), &self.catalog, commands);
            }
            Event::Drained { watcher } => {
                self.watchers.drained(watcher);
                self.followers.drained(watcher);
            }
            Event::Left { watcher } => {
                self.watchers.remove(watcher);
                self.followers.remove(watcher);
                self.waits.remove(watcher);
            }
            _ => {}
        }
    }

    fn tell_watchers(&mut self, now: Now, commands: &mut Vec<Command>) {
        if self.listed {
            let sources = watchers::Sources {
                catalog: &self.catalog,
                registries: &self.registries,
                renderings: &self.renderings,
                signatures: &self.signatures,
                heard_ms: self.heard_ms(now),
            };
            self.watchers.send(now.ms, &sources, commands);
            let sources = followers::Sources {
                catalog: &self.catalog,
                registries: &self.registries,
                commits: &self.commits,
            };
            self.followers.send(now.ms, &sources, commands);
        }
    }

    fn ask_to_be_woken(&mut self, now: Now, commands: &mut Vec<Command>) {
        if self.wake_at_ms.is_none() {
            let ms = now.ms.saturating_add(TICK_MS);
            self.wake_at_ms = Some(ms);
            commands.push(Command::WakeAt { ms });
        }
    }

    /// Who was stopped heard nobody, which says nothing about those who spoke.
    fn mind_deafness(&mut self, now: Now, commands: &mut Vec<Command>) {
        let late_ms = self.wake_at_ms.map_or(0, |at| now.ms.saturating_sub(at));
        if late_ms >= DEAF_MS {
            self.beats.was_deaf(late_ms);
            self.looked_ms = now.ms;
            // The wake-up itself is still to come; this much of its delay is counted.
            self.wake_at_ms = Some(now.ms);
            commands.push(Command::Report(Report::WasDeaf { ms: late_ms }));
        }
    }

    /// The catalog as it is known.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// How often the node at this path was set, as far as is known; none where there is no node.
    #[must_use]
    pub fn version_of(&self, path: &str) -> Option<u64> {
        self.versions.get(path).copied()
    }

    /// The registries that are alive.
    #[must_use]
    pub fn registries(&self) -> &[String] {
        &self.registries
    }

    /// A group as JSON, with its version.
    #[must_use]
    pub fn group(&self, name: &str) -> Rendered {
        self.renderings.group(&self.catalog, name)
    }

    /// What a group, or a task's own keys, is signed with as it is shown; nothing where nothing is signed.
    #[must_use]
    pub fn signed(&self, now: Now, subject: &Subject, content: &str) -> Option<Signed> {
        let version = watchers::version(&self.catalog, subject);
        let history = self.catalog.history();
        self.signatures.sign((subject, history), (version, self.heard_ms(now)), content)
    }

    /// The public key of what is signed.
    #[must_use]
    pub fn public_key(&self) -> Option<String> {
        self.signatures.public_key()
    }

    /// When the store was heard last, in milliseconds since the Unix epoch.
    fn heard_ms(&self, now: Now) -> u64 {
        now.unix_ms.saturating_sub(self.age_ms(now.ms))
    }

    /// Whether there ever was a listing: before it nothing can be said.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        self.listed
    }

    /// How long the store was not heard, in milliseconds; 0 while it is heard.
    #[must_use]
    pub fn age_ms(&self, now_ms: u64) -> u64 {
        self.blind_since_ms.map_or(0, |since| now_ms.saturating_sub(since))
    }

    /// Whether the state is there and fresh, and it has listened long enough to judge.
    #[must_use]
    pub fn is_ready(&self, now_ms: u64) -> bool {
        self.listed && self.age_ms(now_ms) < FRESH_MS && !self.is_listening(now_ms)
    }

    /// Whether there are as many watchers as there may be, look-ups that wait among them.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.open() >= self.limits.watchers_max
    }

    fn open(&self) -> usize {
        self.watchers.len() + self.followers.len() + self.waits.len()
    }

    /// Numbers for metrics.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            watchers: self.open() as u64,
            heard: self.beats.watched(),
            owned: self.beats.owned().0,
            batches: self.watchers.batches(),
            brake: self.beats.brake(),
        }
    }
}

/// Text that is shared by everybody who is sent it.
pub(crate) type Shared = Arc<str>;

#[cfg(test)]
mod tests;
