//! One run: the clock, what is on its way, and the loop that takes one thing after another.

mod decisions;
mod faults;
mod heal;
mod hosts;
mod maintenance;
mod master;
mod network;
mod operators;
mod peers;
mod registries;
mod schedulers;
mod users;
mod writer;

use std::collections::BTreeMap;

use lathe_api::door::Key;
use lathe_scheduler::mesos_calls::Identity;
use lathe_standalone::cluster;

use crate::hosts::Hosts;
use crate::oracle::{Breach, Check, Oracle};
use crate::settings::{Settings, Weather};
use crate::store::Store;
use crate::trace::Trace;
use decisions::Decisions;
pub(crate) use faults::{KINDS, Kind, OPERATED};
use heal::Healing;
use maintenance::Maintenance;
use master::Master;
use network::{Coming, Network};
use registries::Registries;
use schedulers::Scheduler;
use users::Users;

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub hash: u64,
    pub lines: u64,
    /// Steps that were taken, those of the healing included.
    pub steps: u64,
    /// Incarnations that were started.
    pub started: usize,
    pub accepted: u64,
    pub refused: u64,
    /// What was decided, by number, with its moment.
    pub decisions: BTreeMap<u64, String>,
    pub failure: Option<Failure>,
}

/// A broken invariant.
#[derive(Clone, Debug)]
pub struct Failure {
    pub breach: Breach,
    /// The step of the chaos phase in which it showed; none in the healing.
    pub step: Option<u64>,
    /// The end of the trace.
    pub trace: Vec<String>,
}

/// The world of one run.
#[derive(Debug)]
struct World {
    settings: Settings,
    weather: Weather,
    now: u64,
    steps: u64,
    network: Network,
    /// Processes of the scheduler that live, by their term.
    schedulers: BTreeMap<u64, Scheduler>,
    /// How the store answers.
    store_mode: writer::Mode,
    store: Store,
    master: Master,
    hosts: Hosts,
    maintenance: Maintenance,
    registries: Registries,
    decisions: Decisions,
    users: Users,
    healing: Option<Healing>,
    identity: Identity,
    oracle: Oracle,
    trace: Trace,
    failure: Option<Breach>,
}

/// Runs one seed to its end.
#[must_use]
pub fn run(settings: &Settings) -> Outcome {
    let mut world = World::new(settings.clone());
    let failed_at = world.chaos();
    if world.failure.is_none() {
        world.heal();
    }
    let failure = world.failure.take().map(|breach| Failure {
        breach,
        step: failed_at,
        trace: world.trace.end(),
    });
    Outcome {
        hash: world.trace.hash(),
        lines: world.trace.lines(),
        steps: world.steps,
        started: world.hosts.journal.len(),
        accepted: world.users.accepted,
        refused: world.users.refused,
        decisions: world.decisions.made,
        failure,
    }
}

impl World {
    fn new(settings: Settings) -> Self {
        let seed = settings.seed;
        let weather = Weather::of_seed(seed);
        let weather = if settings.operators { weather.with_operators(seed) } else { weather };
        let weather = if settings.maintenance { weather.with_maintenance(seed) } else { weather };
        let weather = weather.with_shares(seed);
        let mut store = Store::default();
        store.unfenced = settings.sabotage == Some(crate::settings::Sabotage::NoFence);
        let mut world = Self {
            now: 1_000_000,
            steps: 0,
            network: Network::new(seed, weather.delay_ms),
            schedulers: BTreeMap::new(),
            store_mode: writer::Mode::Answers,
            store,
            master: Master::new(seed),
            hosts: Hosts::new(seed, weather.hosts, weather.trouble),
            maintenance: Maintenance::default(),
            registries: Registries::new(weather.registries),
            decisions: Decisions::default(),
            users: Users::default(),
            healing: None,
            identity: identity(),
            oracle: Oracle::default(),
            trace: Trace::new(settings.lines),
            failure: None,
            weather,
            settings,
        };
        let Weather { replace_after_ms, hold_losses_ms, .. } = world.weather;
        world.oracle.is_to_wait(replace_after_ms, hold_losses_ms);
        world.oracle.is_to_leave(world.weather.leave_before_ms);
        for at in 0..world.hosts.hosts.len() {
            world.after(1, Coming::HostComes { at });
        }
        world.after(2, Coming::Starts);
        for at in 0..world.registries.all.len() {
            world.after(3, Coming::RegistryStarts { at });
        }
        if world.weather.registries > 0 {
            world.after(1_000, Coming::Beats);
        }
        world.after(1_500, Coming::Decision(0));
        world
    }

    /// The step in which an invariant was broken, if one was.
    fn chaos(&mut self) -> Option<u64> {
        while self.steps < self.settings.steps {
            if !self.one() {
                return None;
            }
            if self.failure.is_some() {
                return Some(self.steps);
            }
        }
        None
    }

    fn calm(&self) -> bool {
        self.healing.is_some()
    }

    /// Puts something on the clock, beside all links.
    fn after(&mut self, ms: u64, what: Coming) {
        self.network.put(self.now + ms, what);
    }

    fn note(&mut self, text: &str) {
        self.trace.line(self.now, text);
    }

    /// Takes the next thing, whatever it is. False when nothing will ever happen again.
    fn one(&mut self) -> bool {
        let next = self.network.next();
        let scheduler =
            self.schedulers.iter().filter_map(|(life, one)| Some((one.wakes()?, *life)));
        let scheduler = scheduler.min();
        let master = self.master.wakes();
        let registry = self.registries.wakes();
        let due = [next, scheduler.map(|(at, _)| at), master, registry.map(|(at, _)| at)];
        let Some(at) = due.into_iter().flatten().min() else { return false };
        self.now = self.now.max(at);
        match (scheduler, registry) {
            _ if next == Some(at) => {
                if let Some(what) = self.network.take() {
                    self.steps += u64::from(!what.is_small_talk());
                    self.take(what);
                }
                let check = self.oracle.judge(self.now, &self.hosts);
                self.check(check);
                return true;
            }
            _ if master == Some(at) => self.step_master(cluster::Event::Woke),
            (Some((due, life)), _) if due == at => self.time_passes(life),
            (_, Some((due, registry))) if due == at => self.wake_registry(registry),
            _ => {}
        }
        self.steps += 1;
        let check = self.oracle.judge(self.now, &self.hosts);
        self.check(check);
        true
    }

    fn take(&mut self, what: Coming) {
        match what {
            Coming::Decision(number) => self.decide(number),
            Coming::Starts => self.start_scheduler(),
            Coming::Told { life, told } => self.tell(life, told),
            Coming::Resumes { life } => self.resume_scheduler(life),
            Coming::Retries { life } => self.retry(life),
            Coming::Write { life, group } => self.write(life, &group),
            Coming::StoreAnswers => self.store_answers(),
            Coming::Connects { life, generation } => self.connects(life, generation),
            Coming::Called { life, stream, call } => self.called(life, stream, *call),
            Coming::StreamEnds { stream } => self.stream_ends(&stream),
            Coming::Lists { life } => self.lists(life),
            Coming::Offers { stream, event } => self.release_offers(&stream, *event),
            Coming::MasterReturns => self.master_returns(),
            Coming::ToHost { at, boot, sights, command } => {
                self.host_is_told(at, boot, sights, *command);
            }
            Coming::FromHost { master, at, boot, event } => {
                self.host_has_said(master, (at, boot), *event);
            }
            Coming::Process(later) => self.process(later),
            Coming::HostComes { at } => self.host_comes(at),
            Coming::HostResumes { at, boot } => self.resume_host(at, boot),
            Coming::HostLost { at, boot } => self.host_lost(at, boot),
            Coming::HostRetires { at, boot } => self.retire_host(at, boot),
            Coming::Reactivates { agent } => self.reactivate(agent),
            Coming::MasterAsks => self.master_asks(),
            Coming::MaintenanceIsCalledOff { at, start_ms } => {
                self.call_maintenance_off(at, start_ms);
            }
            Coming::MachineGoesDown { at, start_ms, for_ms } => {
                self.machine_goes_down(at, start_ms, for_ms);
            }
            Coming::Wakes { at, executor } => self.wake_process(at, &executor),
            Coming::Beats => self.beat(),
            Coming::Heard { at, beats } => self.heard(at, &beats),
            Coming::Closed { at, incarnation } => self.closed(at, incarnation),
            Coming::Watched { at, session, event } => self.watched(at, session, *event),
            Coming::RegistryStarts { at } => self.start_registry(at),
            Coming::RegistryConnects { at, session } => self.connect_registry(at, session),
            Coming::RegistryResumes { at } => self.resume_registry(at),
            Coming::RegistryWrites { at, boot, session, sets } => {
                self.registry_writes((at, boot), session, &sets);
            }
            Coming::SessionEnds { at, session } => self.session_ends(at, session),
            Coming::PassedHere(pass) => self.passed_here(pass),
            Coming::PassAnswered { pass, view } => self.pass_answered(pass, view),
            Coming::PassRefused { pass } => self.not_passed_on(pass, true),
            Coming::PassTimesOut { pass } => self.not_passed_on(pass, false),
            Coming::RegistryAnswered { at, boot, outcome } => {
                self.registry_answered(at, boot, outcome);
            }
        }
    }

    fn check(&mut self, check: Check) {
        if self.failure.is_none() {
            self.failure = check.err();
        }
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
