//! One run: the clock, what is on its way, and the loop that takes one thing after another.

mod chaos;
mod links;
mod scheduler;

use std::collections::{BTreeMap, BTreeSet};

use lathe_api::door::Key;
use lathe_scheduler::framework::event::Event;
use lathe_scheduler::framework::records::Write;
use lathe_scheduler::framework::{Config, Framework};
use lathe_scheduler::mesos_calls::Identity;
use lathe_standalone::cluster::{self, Cluster, StreamId};

use crate::draw::Draw;
use crate::executors::{Hosts, Later};
use crate::oracle::Oracle;
use crate::store::Store;
use crate::trace::Trace;

/// How a run is made.
#[derive(Clone, Debug)]
pub struct Settings {
    pub seed: u64,
    /// Steps of the chaos phase.
    pub steps: u64,
    pub hosts: usize,
}

impl Settings {
    #[must_use]
    pub fn of_seed(seed: u64) -> Self {
        Self { seed, steps: 1_500, hosts: 5 }
    }
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub hash: u64,
    pub lines: u64,
    /// Incarnations that were started.
    pub started: usize,
    pub accepted: u64,
    pub refused: u64,
    /// The invariant that was broken, with the end of the trace.
    pub failure: Option<String>,
}

/// Something on its way.
#[derive(Clone, Debug)]
enum Coming {
    /// To the scheduler of that life.
    Framework {
        life: u64,
        event: Box<Event>,
    },
    /// From a scheduler's connection to the master of that life.
    Master {
        life: u64,
        event: Box<cluster::Event>,
    },
    /// A scheduler's write reaches the store.
    Write {
        life: u64,
        batch: lathe_scheduler::framework::ids::BatchId,
        writes: Vec<Write>,
    },
    Host(Later),
    SchedulerStarts,
    Connects {
        life: u64,
        event: Box<cluster::Event>,
    },
    HostComes(usize),
    HostResumes(usize),
    Fault,
    Question,
}

const HEAL_MS: u64 = 900_000;
/// The framework's own bound and a master's and a network's delays.
const HOLD_BOUND_MS: u64 = 5_000 + 1_000;

/// The world of one run.
#[derive(Debug)]
pub struct World {
    settings: Settings,
    now: u64,
    made: u64,
    coming: BTreeMap<(u64, u64), Coming>,
    /// The latest arrival on each link: a link keeps its order.
    links: BTreeMap<&'static str, u64>,
    framework: Option<Framework>,
    life: u64,
    stream: Option<StreamId>,
    /// States of statuses that want an acknowledgement, by their uuid.
    statuses: BTreeMap<Vec<u8>, bool>,
    asked: BTreeMap<u64, String>,
    asks: u64,
    master: Cluster,
    master_life: u64,
    store: Store,
    hosts: Hosts,
    identity: Identity,
    oracle: Oracle,
    trace: Trace,
    network: Draw,
    faults: Draw,
    users: Draw,
    calm: bool,
    names: BTreeSet<String>,
    failure: Option<String>,
    accepted: u64,
    refused: u64,
}

/// Runs one seed to its end.
#[must_use]
pub fn run(settings: &Settings) -> Outcome {
    let mut world = World::new(settings.clone());
    world.chaos();
    if world.failure.is_none() {
        world.heal();
    }
    let failure = world.failure.take().map(|what| {
        let end = world.trace.end().join("\n");
        format!("seed {}: {what}\n{end}", settings.seed)
    });
    Outcome {
        hash: world.trace.hash(),
        lines: world.trace.lines(),
        started: world.hosts.journal.len(),
        accepted: world.accepted,
        refused: world.refused,
        failure,
    }
}

impl World {
    fn new(settings: Settings) -> Self {
        let seed = settings.seed;
        let hosts = Hosts::new(seed, settings.hosts);
        let mut world = Self {
            now: 1_000_000,
            made: 0,
            coming: BTreeMap::new(),
            links: BTreeMap::new(),
            framework: None,
            life: 0,
            stream: None,
            statuses: BTreeMap::new(),
            asked: BTreeMap::new(),
            asks: 0,
            master: Cluster::new(cluster::Config::new(seed)),
            master_life: 1,
            store: Store::default(),
            hosts,
            identity: identity(),
            oracle: Oracle::default(),
            trace: Trace::default(),
            network: Draw::new(seed, "network"),
            faults: Draw::new(seed, "faults"),
            users: Draw::new(seed, "users"),
            calm: false,
            names: BTreeSet::new(),
            failure: None,
            accepted: 0,
            refused: 0,
            settings,
        };
        for at in 0..world.hosts.hosts.len() {
            world.schedule(1, Coming::HostComes(at));
        }
        world.schedule(2, Coming::SchedulerStarts);
        world.schedule(2_000, Coming::Question);
        world.schedule(5_000, Coming::Fault);
        world
    }

    fn schedule(&mut self, after_ms: u64, what: Coming) {
        self.made += 1;
        self.coming.insert((self.now + after_ms, self.made), what);
    }

    /// Behind everything that is on the same link already.
    fn send(&mut self, link: &'static str, what: Coming) {
        let delay = if self.calm { 1 } else { self.network.between(0, 30) };
        let at = (self.now + delay).max(self.links.get(link).copied().unwrap_or(0));
        self.links.insert(link, at);
        self.schedule(at - self.now, what);
    }

    fn chaos(&mut self) {
        for _ in 0..self.settings.steps {
            if !self.one() || self.failure.is_some() {
                return;
            }
        }
    }

    fn heal(&mut self) {
        self.calm = true;
        for at in 0..self.hosts.hosts.len() {
            if self.hosts.hosts[at].paused {
                self.resume(at);
            }
            if !self.hosts.hosts[at].up {
                self.schedule(1, Coming::HostComes(at));
            }
        }
        let end = self.now + HEAL_MS;
        while self.now < end && self.failure.is_none() && self.one() {
            let quiet = self.now + HEAL_MS / 2 > end;
            if quiet && self.oracle.healed(&self.store, &self.hosts).is_ok() {
                return;
            }
        }
        if self.failure.is_none() {
            self.failure = self.oracle.healed(&self.store, &self.hosts).err();
        }
        if self.failure.is_some() {
            let waiting = self.framework.as_ref().map(|framework| framework.status());
            for one in waiting.iter().flat_map(|status| &status.instances) {
                if one.state != "ready" {
                    let reason = one.reason.clone().unwrap_or_default();
                    self.trace.line(self.now, &format!("{} {} {reason}", one.instance, one.state));
                }
            }
        }
    }

    /// Takes the next thing, whatever it is. False when nothing will ever happen again.
    fn one(&mut self) -> bool {
        let next = self.coming.keys().next().map(|(at, _)| *at);
        let framework = self.framework.as_ref().and_then(Framework::next_deadline);
        let master = self.master.next_deadline();
        let Some(at) = [next, framework, master].into_iter().flatten().min() else {
            return false;
        };
        self.now = self.now.max(at);
        if next == Some(at) {
            if let Some((_, what)) = self.coming.pop_first() {
                self.take(what);
            }
        } else if master == Some(at) {
            self.step_master(cluster::Event::Woke);
        } else {
            self.step_framework(Event::TimePassed);
        }
        self.judge();
        true
    }

    fn take(&mut self, what: Coming) {
        match what {
            Coming::Framework { life, event } if life == self.life => self.step_framework(*event),
            Coming::Master { life, event } if life == self.master_life => self.step_master(*event),
            // The connection of a scheduler that has died meanwhile is never made.
            Coming::Connects { life, event } if life == self.life && self.framework.is_some() => {
                self.step_master(*event);
            }
            Coming::Write { life, batch, writes } => self.write(life, batch, &writes),
            Coming::Host(later) => {
                let (event, more) = self.hosts.due(&later);
                self.trace.line(self.now, &format!("{} {:?}", later.executor, later.step));
                if let Some(event) = event {
                    self.host_says(later.host, event);
                }
                self.later(more);
            }
            Coming::SchedulerStarts => self.start_scheduler(),
            Coming::HostComes(at) => self.host_comes(at),
            Coming::HostResumes(at) => self.resume(at),
            Coming::Fault if !self.calm => self.fault(),
            Coming::Question if !self.calm => self.question(),
            Coming::Framework { .. }
            | Coming::Master { .. }
            | Coming::Connects { .. }
            | Coming::Fault
            | Coming::Question => {}
        }
    }

    fn later(&mut self, more: Vec<Later>) {
        for later in more {
            self.schedule(later.after_ms, Coming::Host(later));
        }
    }

    fn judge(&mut self) {
        if self.failure.is_some() {
            return;
        }
        let checks = [
            Oracle::started_once(&self.hosts),
            self.oracle.never_holds(&self.hosts),
            self.oracle.none_is_hoarded(self.now, HOLD_BOUND_MS),
        ];
        self.failure = checks.into_iter().find_map(Result::err);
    }

    fn fail(&mut self, check: Result<(), String>) {
        if self.failure.is_none() {
            self.failure = check.err();
        }
    }

    fn start_scheduler(&mut self) {
        // It was killed while it was dead already: one start is enough.
        if self.framework.is_some() {
            return;
        }
        self.life += 1;
        self.stream = None;
        let recovered = self.store.take_over();
        self.trace.line(self.now, &format!("scheduler starts, term {}", recovered.term));
        let config = Config {
            replace_after_ms: if self.settings.seed.is_multiple_of(2) { 0 } else { 8_000 },
            url: "http://127.0.0.1:2".to_owned(),
            budget_steps: 200_000,
            ..Config::default()
        };
        self.framework = Some(Framework::new(config));
        self.step_framework(Event::Recovered(recovered));
    }

    fn step_framework(&mut self, event: Event) {
        let Some(framework) = &mut self.framework else { return };
        let mut commands = Vec::new();
        framework.step(self.now, event, &mut commands);
        for command in commands {
            self.carry_out(command);
        }
    }

    fn step_master(&mut self, event: cluster::Event) {
        self.judge_call(&event);
        let mut commands = Vec::new();
        self.master.step(self.now, event, &mut commands);
        for command in commands {
            self.master_says(command);
        }
    }

    fn tell_framework(&mut self, link: &'static str, event: Event) {
        self.send(link, Coming::Framework { life: self.life, event: Box::new(event) });
    }
}

fn identity() -> Identity {
    Identity {
        name: "lathe".to_owned(),
        role: "lathe".to_owned(),
        user: "root".to_owned(),
        hostname: "simulated".to_owned(),
        principal: None,
        webui_url: None,
        executor_url: "http://127.0.0.1:2/executor".to_owned(),
        key: Key::from_bytes(b"a key for simulations only"),
    }
}
