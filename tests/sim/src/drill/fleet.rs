//! The cluster of a drill: the framework, the master, the store, hosts, and what is on its way
//! between them.
//!
//! Owns the clock. Everything on its way takes a millisecond and a write takes two, so nothing is
//! left to chance. Must not know commands or how anything is shown.

mod wire;

use std::collections::BTreeMap;

use lathe_api::rest::{EventView, StatusView};
use lathe_placement::Host as Described;
use lathe_scheduler::framework::command::{Answer, Command};
use lathe_scheduler::framework::event::{Event, Question};
use lathe_scheduler::framework::ids::{AskId, BatchId};
use lathe_scheduler::framework::records::{Phase, Write};
use lathe_scheduler::framework::{Config, Framework};
use lathe_scheduler::mesos_calls::{Identity, hosts_of};
use lathe_standalone::cluster::{self, Cluster, StreamId};

use super::hosts::{Fault, Hosts, Later};
use crate::store::Store;
use wire::identity;

/// The drills' moment 0, in milliseconds.
const BEGIN_MS: u64 = 1_000_000;
/// How long an unreachable instance is waited for before it is replaced: shorter than the default,
/// so that a drill is too.
const REPLACE_AFTER_MS: u64 = 10_000;

enum Coming {
    Framework { life: u64, event: Box<Event> },
    Master(Box<cluster::Event>),
    Connects { life: u64, event: Box<cluster::Event> },
    Write { life: u64, batch: BatchId, writes: Vec<Write> },
    Host(Later),
    Text(String),
}

/// The cluster.
pub(super) struct Fleet {
    pub(super) now: u64,
    made: u64,
    coming: BTreeMap<(u64, u64), Coming>,
    framework: Option<Framework>,
    life: u64,
    stream: Option<StreamId>,
    identity: Identity,
    master: Cluster,
    store: Store,
    hosts: Hosts,
    /// How versions of crates behave that do not do well.
    pub(super) faults: BTreeMap<(String, String), Fault>,
    asks: u64,
    pub(super) answers: BTreeMap<u64, Vec<Answer>>,
    pub(super) events: Vec<EventView>,
    /// What happens as soon as the scheduler has taken offers in, or as launches are durable.
    pub(super) once_offered: Option<String>,
    pub(super) once_written: Option<String>,
    /// Commands whose time has come.
    pub(super) due: Vec<String>,
}

impl Fleet {
    pub(super) fn new() -> Self {
        let mut fleet = Self {
            now: BEGIN_MS,
            made: 0,
            coming: BTreeMap::new(),
            framework: None,
            life: 0,
            stream: None,
            identity: identity(),
            master: Cluster::new(cluster::Config::new(1)),
            store: Store::default(),
            hosts: Hosts::default(),
            faults: BTreeMap::new(),
            asks: 0,
            answers: BTreeMap::new(),
            events: Vec::new(),
            once_offered: None,
            once_written: None,
            due: Vec::new(),
        };
        fleet.start_scheduler();
        fleet
    }

    fn schedule(&mut self, after_ms: u64, what: Coming) {
        self.made += 1;
        self.coming.insert((self.now + after_ms, self.made), what);
    }

    /// Hands a command back when its time has come.
    pub(super) fn remind(&mut self, after_ms: u64, command: &str) {
        self.schedule(after_ms, Coming::Text(command.to_owned()));
    }

    /// Milliseconds since the drill began.
    pub(super) fn age(&self) -> u64 {
        self.now - BEGIN_MS
    }

    /// The moment of the next thing that will happen.
    fn next(&self) -> Option<u64> {
        let coming = self.coming.keys().next().map(|(at, _)| *at);
        let framework = self.framework.as_ref().and_then(Framework::next_deadline);
        [coming, framework, self.master.next_deadline()].into_iter().flatten().min()
    }

    /// Takes the next thing if it happens until then. False when there is none.
    pub(super) fn step(&mut self, until: u64) -> bool {
        let Some(at) = self.next().filter(|at| *at <= until) else {
            self.now = self.now.max(until);
            return false;
        };
        self.now = self.now.max(at);
        if self.coming.keys().next().is_some_and(|(first, _)| *first <= at) {
            if let Some((_, what)) = self.coming.pop_first() {
                self.take(what);
            }
        } else if self.master.next_deadline() == Some(at) {
            self.step_master(cluster::Event::Woke);
        } else {
            self.step_framework(Event::TimePassed);
        }
        true
    }

    fn take(&mut self, what: Coming) {
        match what {
            Coming::Framework { life, event } if life == self.life => self.step_framework(*event),
            Coming::Framework { .. } => {}
            Coming::Master(event) => self.step_master(*event),
            Coming::Connects { life, event } if life == self.life && self.framework.is_some() => {
                self.step_master(*event);
            }
            Coming::Connects { .. } => {}
            Coming::Write { life, batch, writes } => self.write(life, batch, &writes),
            Coming::Host(later) => {
                if let Some(event) = self.hosts.due(later) {
                    self.step_master(event);
                }
            }
            Coming::Text(command) => self.due.push(command),
        }
    }

    fn write(&mut self, life: u64, batch: BatchId, writes: &[Write]) {
        if self.store.commit(life, writes).is_err() {
            return;
        }
        let launches = writes.iter().any(|write| match write {
            Write::Instance(record) => {
                record.lives.last().is_some_and(|life| life.phase == Phase::Launching)
            }
            _ => false,
        });
        if launches {
            self.due.extend(self.once_written.take());
        }
        self.tell(Event::Persisted(batch));
    }

    pub(super) fn kill_scheduler(&mut self) {
        self.framework = None;
        self.close_stream();
    }

    pub(super) fn scheduler_lives(&self) -> bool {
        self.framework.is_some()
    }

    pub(super) fn start_scheduler(&mut self) {
        if self.framework.is_some() {
            return;
        }
        let recovered = self.store.take_over(vec!["http://127.0.0.1:1".to_owned()]);
        self.life = recovered.term;
        let config = Config {
            replace_after_ms: REPLACE_AFTER_MS,
            url: "http://127.0.0.1:2".to_owned(),
            ..Config::default()
        };
        self.framework = Some(Framework::new(config));
        self.step_framework(Event::Recovered(recovered));
    }

    fn step_framework(&mut self, event: Event) {
        let Some(framework) = &mut self.framework else { return };
        if matches!(event, Event::OffersArrived(_)) {
            self.due.extend(self.once_offered.take());
        }
        let mut commands = Vec::new();
        framework.step(self.now, event, &mut commands);
        for command in commands {
            self.carry_out(command);
        }
    }

    fn tell(&mut self, event: Event) {
        self.schedule(1, Coming::Framework { life: self.life, event: Box::new(event) });
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Subscribe { framework_id } => self.subscribe(framework_id.as_ref()),
            Command::Call(call) => self.call(call),
            Command::ListHosts => {
                let hosts = hosts_of(&self.master.get_agents(), &self.identity.role);
                self.tell(Event::HostsListed(hosts));
            }
            // Of roles this master knows nothing.
            Command::AskQuota => {}
            Command::Plan { job, input } => {
                let verdict = lathe_scheduler::planner::plan(&input);
                self.tell(Event::Planned { job, verdict });
            }
            Command::Persist { batch, writes } => {
                self.schedule(2, Coming::Write { life: self.life, batch, writes });
            }
            Command::Answer { ask, answer } => self.answers.entry(ask.0).or_default().push(answer),
            Command::Publish(event) => self.events.push(event),
            Command::Stop { .. } => self.kill_scheduler(),
        }
    }

    fn fault_of(&self, incarnation: &str) -> Option<Fault> {
        let record = self.store.instance_of(incarnation)?;
        let mut lives = record.lives.iter();
        let life = lives.find(|life| life.incarnation.to_string() == incarnation)?;
        self.faults.get(&(life.crate_name.clone(), life.version.clone())).copied()
    }

    fn later(&mut self, steps: Vec<Later>) {
        for later in steps {
            self.schedule(later.after_ms, Coming::Host(later));
        }
    }

    pub(super) fn add_host(&mut self, described: Described) {
        let at = self.hosts.add(described);
        self.bring_up(at);
    }

    /// A host that was lost comes back, empty.
    pub(super) fn bring_up(&mut self, at: usize) {
        self.hosts.all[at].up = true;
        let (host, spec) = (self.hosts.name(at), Box::new(self.hosts.spec(at)));
        self.step_master(cluster::Event::HostRegistered { host, spec });
    }

    pub(super) fn host(&self, name: &str) -> Option<usize> {
        self.hosts.find(name)
    }

    pub(super) fn lose_host(&mut self, at: usize) {
        self.hosts.lose(at);
        let host = self.hosts.name(at);
        self.step_master(cluster::Event::HostLost { host });
    }

    pub(super) fn pause_host(&mut self, at: usize) {
        self.hosts.all[at].paused = true;
        let host = self.hosts.name(at);
        self.step_master(cluster::Event::HostPaused { host });
    }

    pub(super) fn resume_host(&mut self, at: usize) {
        let (told, says) = self.hosts.resume(at);
        let host = self.hosts.name(at);
        self.step_master(cluster::Event::HostResumed { host: host.clone() });
        for event in says {
            self.step_master(event);
        }
        for command in told {
            self.host_told(&host, command);
        }
    }

    /// Ends the task or the executor of the newest incarnation of an instance.
    pub(super) fn kill(&mut self, instance: &str, executor: bool) -> bool {
        let instances = self.store.instances();
        let record = instances.iter().find(|record| record.id.to_string() == instance);
        let Some(life) = record.and_then(|record| record.lives.last()) else { return false };
        let id = life.incarnation.to_string();
        let steps =
            if executor { self.hosts.kill_executor(&id) } else { self.hosts.kill_task(&id) };
        let found = !steps.is_empty();
        self.later(steps);
        found
    }

    /// Asks the scheduler something; the number of the question.
    pub(super) fn ask(&mut self, question: Question) -> u64 {
        self.asks += 1;
        let ask = AskId(self.asks);
        self.tell(Event::Asked { ask, question });
        self.asks
    }

    /// Whoever asked does not wait any more.
    pub(super) fn leave(&mut self, ask: u64) {
        self.tell(Event::AskerLeft(AskId(ask)));
    }

    pub(super) fn status(&self) -> Option<StatusView> {
        self.framework.as_ref().map(Framework::status)
    }

    pub(super) fn framework(&self) -> Option<&Framework> {
        self.framework.as_ref()
    }

    /// How many writes were made so far.
    pub(super) fn writes(&self) -> u64 {
        self.store.commits()
    }
}
