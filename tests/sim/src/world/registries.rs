//! The registries: each the machine of the real one behind links, with its own session with the
//! store and its own ears.

use std::collections::{BTreeMap, BTreeSet};

use lathe_catalog::{Beat, Entry, Limits as Liveness, Passed, State, paths};
use lathe_registry::directory::{Command, Directory, Event, Limits, Node, Now, Outcome, Set};

use super::World;
use super::network::{Coming, Link};
use crate::settings::Sabotage;
use crate::store::{Commit, HISTORY, read};

/// Of so many beats one is followed by the end of its connection.
const CLOSED_EACH: usize = 5;

/// One registry's process.
#[derive(Debug)]
pub(crate) struct Registry {
    pub(crate) directory: Directory,
    pub(crate) up: bool,
    pub(crate) paused: bool,
    /// Counts its processes.
    pub(crate) boot: u64,
    /// Counts its sessions with the store, over all processes.
    pub(super) session: u64,
    pub(super) connected: bool,
    wake_at: Option<u64>,
    stash: Vec<Event>,
    /// What it passes on to whom, with the number of the batch.
    pub(super) under_way: BTreeMap<usize, (u64, Vec<Passed>)>,
    /// What the store has told it, put together by us.
    shadow: BTreeMap<String, Entry>,
}

/// All registries.
#[derive(Debug)]
pub(crate) struct Registries {
    pub(crate) all: Vec<Registry>,
    /// Those that the store lists, by their sessions.
    pub(super) listed: BTreeSet<(usize, u64)>,
    /// Batches between registries so far.
    pub(super) passes: u64,
    /// To whom each host's executors have beaten last.
    connected: BTreeMap<usize, BTreeMap<String, usize>>,
    /// Something changed between them, or between them and the store.
    pub(super) moved_ms: u64,
}

impl Registries {
    pub(crate) fn new(number: usize) -> Self {
        let registry = |_| Registry {
            directory: Directory::new("", Limits::default()),
            up: false,
            paused: false,
            boot: 0,
            session: 0,
            connected: false,
            wake_at: None,
            stash: Vec::new(),
            under_way: BTreeMap::new(),
            shadow: BTreeMap::new(),
        };
        let all = (0..number).map(registry).collect();
        Self { all, listed: BTreeSet::new(), passes: 0, connected: BTreeMap::new(), moved_ms: 0 }
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        let up = self.all.iter().enumerate().filter(|(_, registry)| registry.up);
        up.map(|(at, _)| url(at)).collect()
    }

    pub(crate) fn wakes(&self) -> Option<(u64, usize)> {
        let awake = self.all.iter().enumerate().filter(|(_, one)| one.up && !one.paused);
        awake.filter_map(|(at, registry)| Some((registry.wake_at?, at))).min()
    }
}

impl World {
    pub(super) fn start_registry(&mut self, at: usize) {
        let mut limits = Limits::default();
        if self.settings.sabotage == Some(Sabotage::Distrust) {
            limits.liveness = Liveness { suspect_after_ms: 700, ..Liveness::default() };
        }
        let registry = &mut self.registries.all[at];
        if registry.up {
            return;
        }
        registry.up = true;
        registry.paused = false;
        registry.boot += 1;
        registry.directory = Directory::new(&url(at), limits);
        registry.wake_at = None;
        registry.stash.clear();
        registry.under_way.clear();
        self.oracle.registry_starts(at, self.now);
        self.note(&format!("registry {at} starts"));
        self.lose_session(at);
    }

    pub(super) fn kill_registry(&mut self, at: usize) {
        let registry = &mut self.registries.all[at];
        registry.up = false;
        registry.connected = false;
        registry.boot += 1;
        let session = registry.session;
        self.oracle.registry_ended(at);
        self.session_will_end(at, session);
    }

    /// Its session with the store is over: it is told, and seeks another.
    pub(super) fn lose_session(&mut self, at: usize) {
        let registry = &mut self.registries.all[at];
        registry.connected = false;
        let before = registry.session;
        registry.session += 1;
        let session = registry.session;
        self.session_will_end(at, before);
        let registry = &self.registries.all[at];
        if registry.up {
            self.step_registry(at, Event::StoreLost);
        }
        let pause = if self.calm() { 10 } else { self.network.between(20, 1_500) };
        self.after(pause, Coming::RegistryConnects { at, session });
    }

    pub(super) fn connect_registry(&mut self, at: usize, session: u64) {
        let away = !self.store_is_up() || self.network.is_cut(self.now, Link::Watch(at));
        let registry = &mut self.registries.all[at];
        if !registry.up || registry.session != session || registry.connected {
            return;
        }
        if away {
            self.after(500, Coming::RegistryConnects { at, session });
            return;
        }
        registry.connected = true;
        let Commit { number, nodes } = self.store.listing();
        let event = Event::Listed { history: HISTORY.to_owned(), commit: number, nodes };
        self.send_watched(at, event);
        self.registries.listed.insert((at, session));
        self.list_registries();
    }

    pub(super) fn send_watched(&mut self, at: usize, event: Event) {
        let session = self.registries.all[at].session;
        let what = Coming::Watched { at, session, event: Box::new(event) };
        self.network.send(self.now, Link::Watch(at), what);
    }

    pub(super) fn send_commit(&mut self, commit: &Commit) {
        for at in 0..self.registries.all.len() {
            if self.registries.all[at].connected {
                let Commit { number, nodes } = commit.clone();
                self.send_watched(at, Event::Committed { commit: number, nodes });
            }
        }
    }

    pub(super) fn watched(&mut self, at: usize, session: u64, event: Event) {
        let registry = &self.registries.all[at];
        if registry.up && registry.session == session {
            self.step_registry(at, event);
        }
    }

    pub(super) fn wake_registry(&mut self, at: usize) {
        self.registries.all[at].wake_at = None;
        self.step_registry(at, Event::Woken);
    }

    pub(super) fn resume_registry(&mut self, at: usize) {
        let registry = &mut self.registries.all[at];
        if !registry.up || !std::mem::replace(&mut registry.paused, false) {
            return;
        }
        let stash = std::mem::take(&mut registry.stash);
        self.oracle.registry_is_there(at, self.now);
        self.registries.moved_ms = self.registries.moved_ms.max(self.now);
        self.note(&format!("registry {at} goes on"));
        for event in stash {
            self.step_registry(at, event);
        }
        let registry = &self.registries.all[at];
        if !self.registries.listed.contains(&(at, registry.session)) && registry.connected {
            self.lose_session(at);
        }
    }

    pub(super) fn step_registry(&mut self, at: usize, event: Event) {
        let registry = &mut self.registries.all[at];
        if registry.paused {
            registry.stash.push(event);
            return;
        }
        let shown = match &event {
            Event::Listed { nodes, .. } => {
                registry.shadow.clear();
                Some(nodes.clone())
            }
            Event::Committed { nodes, .. } => Some(nodes.clone()),
            _ => None,
        };
        let mut commands = Vec::new();
        let now = Now { ms: self.now, unix_ms: self.now };
        registry.directory.step(now, event, &mut commands);
        if let Some(nodes) = shown {
            follow(&mut registry.shadow, &nodes);
            let check = crate::oracle::shows_what_is(at, &registry.directory, &registry.shadow);
            self.check(check);
        }
        for command in commands {
            match command {
                Command::WakeAt { ms } => self.registries.all[at].wake_at = Some(ms),
                Command::Write { sets } => self.suspect(at, sets),
                Command::PassOn { to, view, beats } => self.pass_on(at, &to, view, beats),
                Command::Report(report) => self.note(&format!("registry {at}: {report:?}")),
                Command::Send { .. }
                | Command::Tell { .. }
                | Command::Release { .. }
                | Command::Close { .. } => {}
            }
        }
    }

    fn suspect(&mut self, at: usize, sets: Vec<Set>) {
        let check = self.oracle.suspects(at, &sets, self.now);
        self.check(check);
        let entries = sets.iter().filter_map(|set| paths::entry_of(&set.path));
        let text = format!("registry {at} writes {}", entries.collect::<Vec<_>>().join(" "));
        self.note(&text);
        let Registry { boot, session, .. } = self.registries.all[at];
        let what = Coming::RegistryWrites { at, boot, session, sets };
        self.network.send(self.now, Link::Suspicions(at), what);
    }

    pub(super) fn registry_writes(&mut self, (at, boot): (usize, u64), session: u64, sets: &[Set]) {
        let lucky = self.network.between(0, 1) == 0;
        let done = match self.store_mode {
            super::writer::Mode::Answers => true,
            super::writer::Mode::Down => false,
            super::writer::Mode::Mute => lucky,
        };
        let done = done && self.registries.listed.contains(&(at, session));
        let mut outcome = Outcome::Failed;
        if done && let Ok(commit) = self.store.set_if(sets) {
            let check = self.oracle.registry_wrote(at, sets, self.now);
            self.check(check);
            self.send_commit(&commit);
            if self.store_is_up() {
                outcome = Outcome::Durable { commit: commit.number };
            }
        }
        let what = Coming::RegistryAnswered { at, boot, outcome };
        self.network.send(self.now, Link::Suspicions(at), what);
    }

    pub(super) fn registry_answered(&mut self, at: usize, boot: u64, outcome: Outcome) {
        let registry = &self.registries.all[at];
        if registry.up && registry.boot == boot {
            self.step_registry(at, Event::Written { outcome });
        }
    }

    /// Every executor that can says that it lives, to the registry that has answered it last.
    pub(super) fn beat(&mut self) {
        self.after(1_000, Coming::Beats);
        self.each_has_one_owner();
        let number = self.registries.all.len();
        for host in 0..self.hosts.hosts.len() {
            let mut said: BTreeMap<usize, Vec<(String, State)>> = BTreeMap::new();
            if !self.hosts.hosts[host].up || self.hosts.hosts[host].paused {
                continue;
            }
            for process in self.hosts.hosts[host].processes.values_mut() {
                let Some(state) = process.beats().filter(|_| !process.hangs) else { continue };
                let to = process.beats_to % number;
                let registry = &self.registries.all[to];
                let reached = registry.up
                    && !registry.paused
                    && !self.network.is_cut(self.now, Link::Beats(host, to));
                if reached {
                    let id = process.key.executor_id.clone();
                    said.entry(to).or_default().push((id, state));
                } else {
                    process.beats_to += 1;
                }
            }
            self.close_those_left(host, &said);
            for (at, beats) in said {
                let what = Coming::Heard { at, beats };
                self.network.send(self.now, Link::Beats(host, at), what);
            }
        }
    }

    /// Who beats to another registry than before, or is no more, has closed its connection; and now and then
    /// somebody does for no reason.
    fn close_those_left(&mut self, host: usize, said: &BTreeMap<usize, Vec<(String, State)>>) {
        let second = usize::try_from(self.now / 1_000).unwrap_or(0);
        let now: BTreeMap<String, usize> = said
            .iter()
            .flat_map(|(at, beats)| beats.iter().map(|(id, _)| (id.clone(), *at)))
            .collect();
        let before = self.registries.connected.insert(host, now.clone()).unwrap_or_default();
        for (number, (incarnation, at)) in before.into_iter().enumerate() {
            let stays = now.get(&incarnation) == Some(&at);
            if !stays || (second + number) % CLOSED_EACH == 0 {
                let what = Coming::Closed { at, incarnation };
                self.network.send(self.now, Link::Beats(host, at), what);
            }
        }
    }

    pub(super) fn closed(&mut self, at: usize, incarnation: String) {
        if self.registries.all[at].up && !self.registries.all[at].paused {
            self.oracle.closed(at, &incarnation);
            self.step_registry(at, Event::Closed { incarnation });
        }
    }

    pub(super) fn heard(&mut self, at: usize, beats: &[(String, State)]) {
        if !self.registries.all[at].up || self.registries.all[at].paused {
            return;
        }
        for (incarnation, said) in beats {
            if !self.registries.all[at].directory.takes(incarnation) {
                self.hosts.beats_elsewhere(incarnation);
                continue;
            }
            self.oracle.taken(at, incarnation, self.now);
            self.oracle.heard(at, incarnation, self.now);
            let beat = Beat { state: *said, failing: None };
            let event = Event::Beaten { incarnation: incarnation.clone(), beat };
            self.step_registry(at, event);
        }
    }
}

/// Where others find it.
pub(super) fn url(at: usize) -> String {
    format!("http://127.0.0.1:{}", 3_000 + at)
}

fn follow(shadow: &mut BTreeMap<String, Entry>, nodes: &[Node]) {
    for node in nodes {
        let Some(incarnation) = paths::entry_of(&node.path) else { continue };
        match &node.content {
            Some(content) => shadow.insert(incarnation.to_owned(), read(&content.data)),
            None => shadow.remove(incarnation),
        };
    }
}
