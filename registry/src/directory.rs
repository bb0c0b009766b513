//! The registry's machine: what the store says, who was heard, who watches.
//!
//! Owns every decision of the registry. Pure: no I/O, no clock, no hash order; time comes with
//! each event. Nothing shows in a view that is not in the store: a finding of the heartbeats is a
//! command to write, and shows once the store says it back.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod beats;
mod exchange;
mod mailbox;
mod passing;
mod renderings;
mod sharing;
mod waits;
mod watchers;

use std::collections::BTreeMap;
use std::sync::Arc;

use lathe_catalog::{Applied, Catalog, Change, Limits as LivenessLimits, Passed, Share};

use beats::Beats;
pub use exchange::{Command, Content, Event, Node, Now, Outcome, Report, Set, Why};
pub(crate) use passing::BATCH_BEATS_MAX;
use passing::Passing;
pub use renderings::Rendered;
use renderings::Renderings;
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
    waits: Waits,
    renderings: Renderings,
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
            waits: Waits::default(),
            limits,
            catalog: Catalog::default(),
            versions: BTreeMap::new(),
            registries: Vec::new(),
            listed: false,
            blind_since_ms: None,
            wake_at_ms: None,
            renderings: Renderings::default(),
        }
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
                self.take_beats(now, vec![Passed { incarnation, beat, hops: 0 }], commands);
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
            Event::Subscribed { watcher, selection, resume } => {
                if self.has_place(watcher, commands) {
                    self.watchers.add(watcher, selection, resume, &self.catalog);
                }
            }
            Event::Awaited { watcher, wish, seen } => {
                if self.has_place(watcher, commands) {
                    self.waits.add(watcher, (wish, seen), &self.catalog, commands);
                }
            }
            Event::Drained { watcher } => self.watchers.drained(watcher),
            Event::Left { watcher } => {
                self.watchers.remove(watcher);
                self.waits.remove(watcher);
            }
            Event::Woken => {
                self.wake_at_ms = None;
                self.watchers.close_stuck(now.ms, self.limits.stuck_ms, commands);
                self.look(now, commands);
            }
            Event::Ending => {
                self.watchers.close_all(commands);
                self.waits.close_all(commands);
            }
        }
        self.tell_watchers(now, commands);
        self.share_out(now, commands);
        self.ask_to_be_woken(now, commands);
    }

    fn tell_watchers(&mut self, now: Now, commands: &mut Vec<Command>) {
        if self.listed {
            let sources = watchers::Sources {
                catalog: &self.catalog,
                registries: &self.registries,
                renderings: &self.renderings,
            };
            self.watchers.send(now.ms, &sources, commands);
        }
    }

    fn has_place(&self, watcher: WatcherId, commands: &mut Vec<Command>) -> bool {
        let full = self.is_full();
        if full {
            commands.push(Command::Close { watcher, why: Why::Full });
        }
        !full
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

    fn list(
        &mut self,
        now: Now,
        history: &str,
        commit: u64,
        nodes: Vec<Node>,
        commands: &mut Vec<Command>,
    ) {
        let mut versions = BTreeMap::new();
        let mut changes = Vec::with_capacity(nodes.len());
        for node in nodes {
            let Some(content) = &node.content else { continue };
            if let Some(change) = decode(&node, commands) {
                changes.push((content.commit, change));
                versions.insert(node.path, content.version);
            }
        }
        let another = self.listed && self.catalog.history() != history;
        match self.catalog.load(history, commit, changes) {
            Err(stale) => commands.push(Command::Report(Report::Stale {
                known: stale.known,
                offered: stale.offered,
            })),
            Ok(applied) => {
                self.listed = true;
                self.versions = versions;
                self.renderings.clear();
                self.beats.relisted(&self.catalog);
                self.beats.assign_all(now.ms, &self.share);
                if another {
                    commands.push(Command::Report(Report::AnotherHistory {
                        history: history.to_owned(),
                    }));
                    self.watchers.forget_progress();
                    self.waits.forget_progress(&self.catalog, commands);
                }
                self.watchers.mark(&applied, &self.catalog);
                self.waits.changed(&applied, &self.catalog, commands);
            }
        }
    }

    fn commit(&mut self, now: Now, commit: u64, nodes: Vec<Node>, commands: &mut Vec<Command>) {
        if commit < self.catalog.commit() {
            return;
        }
        let mut changes = Vec::with_capacity(nodes.len());
        let mut incarnations = Vec::new();
        for node in nodes {
            let Some(change) = decode(&node, commands) else { continue };
            if let Change::Entry { incarnation, .. } = &change {
                let version = node.content.as_ref().map(|content| content.version);
                let known = self.versions.get(&node.path);
                // The store may tell the sum of several commits.
                if version.zip(known).is_some_and(|(version, known)| version > known + 1) {
                    self.beats.missed(incarnation);
                }
                incarnations.push(incarnation.clone());
            }
            changes.push(change);
            match node.content {
                Some(content) => self.versions.insert(node.path, content.version),
                None => self.versions.remove(&node.path),
            };
        }
        let applied: Applied = self.catalog.apply(commit, changes);
        self.renderings.drop_changed(&applied);
        for incarnation in incarnations {
            self.beats.shown(&incarnation, self.catalog.entry(&incarnation));
            self.beats.assign(now.ms, &incarnation, &self.share);
        }
        self.beats.reached(commit);
        self.watchers.mark(&applied, &self.catalog);
        self.waits.changed(&applied, &self.catalog, commands);
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
        self.watchers.len() + self.waits.len() >= self.limits.watchers_max
    }

    /// Numbers for metrics.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            watchers: (self.watchers.len() + self.waits.len()) as u64,
            heard: self.beats.watched(),
            owned: self.beats.owned().0,
            batches: self.watchers.batches(),
            brake: self.beats.brake(),
        }
    }
}

fn decode(node: &Node, commands: &mut Vec<Command>) -> Option<Change> {
    let data = node.content.as_ref().map(|content| content.data.as_slice());
    match Change::decode(&node.path, data) {
        Ok(change) => change,
        Err(error) => {
            let detail = std::error::Error::source(&error).map(|source| format!(": {source}"));
            commands.push(Command::Report(Report::Unreadable {
                problem: format!("{error}{}", detail.unwrap_or_default()),
            }));
            None
        }
    }
}

/// Text that is shared by everybody who is sent it.
pub(crate) type Shared = Arc<str>;

#[cfg(test)]
mod tests;
