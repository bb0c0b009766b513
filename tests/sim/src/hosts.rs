//! Hosts and what runs on them, with a journal of every life, which is what the invariants are
//! judged on.

mod process;

use std::collections::{BTreeMap, BTreeSet};

use lathe_mesos::v1;
use lathe_mesos::v1::executor::event::Type;
use lathe_standalone::cluster::{Event, ExecutorKey, HostCommand, HostName, HostSpec};

use crate::draw::Draw;
pub(crate) use process::Process;
pub(crate) use process::{BAD_VERSION, FINITE_TASK};
use process::{Character, is_end};

/// What happens on a host after a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Started,
    Subscribed,
    /// It could not be started at all.
    Refused,
    Update(v1::TaskState),
    Exited,
    /// Its own end, with or without a word.
    Ends(Option<v1::TaskState>),
}

/// Something to happen on a host after so many milliseconds.
#[derive(Clone, Debug)]
pub(crate) struct Later {
    pub(crate) after_ms: u64,
    pub(crate) host: usize,
    pub(crate) executor: String,
    pub(crate) number: u64,
    pub(crate) step: Step,
}

/// One host.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    pub(crate) name: HostName,
    pub(crate) up: bool,
    /// The master has taken it in: what was meant for the host before it reaches nobody.
    welcome: bool,
    /// Another number after each start, so that what was meant for the life before is lost.
    pub(crate) boot: u64,
    /// Stopped with all that runs on it.
    pub(crate) paused: bool,
    pub(crate) paused_until: u64,
    /// Counted up when it is lost sight of, and when it is back: odd while nobody hears of it.
    pub(crate) sights: u64,
    pub(crate) processes: BTreeMap<String, Process>,
    /// What was due while it was stopped.
    pub(crate) stash: Vec<Later>,
    /// What the master has told it meanwhile.
    pub(crate) inbox: Vec<(u64, HostCommand)>,
}

/// One life, as its host knows it.
#[derive(Clone, Debug)]
pub(crate) struct Birth {
    pub(crate) host: HostName,
    /// What the scheduler told the executor, once it had it.
    pub(crate) told: Option<lathe_api::rest::LaunchSpec>,
    /// It said that it was ready.
    pub(crate) ready: bool,
    /// It ended by itself, so.
    pub(crate) ended: Option<v1::TaskState>,
    /// Its host was out of reach for a time: others may have taken its place meanwhile.
    pub(crate) lost_sight_of: bool,
}

/// All hosts.
#[derive(Debug)]
pub(crate) struct Hosts {
    pub(crate) hosts: Vec<Host>,
    seed: u64,
    trouble: u64,
    started: u64,
    /// From now on nothing fails by itself.
    pub(crate) calm: bool,
    /// Every incarnation that was ever started.
    pub(crate) journal: BTreeMap<String, Birth>,
    /// The first incarnation that was started a second time.
    pub(crate) started_twice: Option<String>,
    /// Executors that the master has told to go: those without their task will never have one.
    given_up: BTreeSet<String>,
    /// How often one of those got its task all the same.
    pub(crate) got_through: usize,
    draw: Draw,
}

impl Hosts {
    #[must_use]
    pub(crate) fn new(seed: u64, number: usize, trouble: u64) -> Self {
        let hosts = (1..=number).map(|at| Host {
            name: HostName(format!("host-{at}")),
            up: false,
            welcome: false,
            boot: 0,
            paused: false,
            paused_until: 0,
            sights: 0,
            processes: BTreeMap::new(),
            stash: Vec::new(),
            inbox: Vec::new(),
        });
        Self {
            hosts: hosts.collect(),
            seed,
            trouble,
            started: 0,
            calm: false,
            journal: BTreeMap::new(),
            started_twice: None,
            given_up: BTreeSet::new(),
            got_through: 0,
            draw: Draw::new(seed, "executors"),
        }
    }

    /// What a host says when it comes up.
    #[must_use]
    pub(crate) fn spec(&self, at: usize) -> HostSpec {
        let base = 20_000 + u16::try_from(at).unwrap_or(0) * 1_000;
        HostSpec {
            hostname: self.hosts[at].name.0.clone(),
            ip: "127.0.0.1".to_owned(),
            port: base,
            cpus_milli: 4_000,
            mem_bytes: 8 << 30,
            disk_bytes: 16 << 30,
            ports: vec![(base, base + 999)],
            attributes: BTreeMap::new(),
        }
    }

    #[must_use]
    pub(crate) fn find(&self, name: &HostName) -> Option<usize> {
        self.hosts.iter().position(|host| &host.name == name)
    }

    /// The incarnations that live on a host: nothing runs of one whose executor was given up
    /// before it had its task, though its process may not have heard of that yet.
    #[must_use]
    pub(crate) fn alive(&self, at: usize) -> Vec<&str> {
        let host = &self.hosts[at];
        let lives = |id: &str, process: &Process| {
            !process.ended && (!process.is_idle() || !self.given_up.contains(id))
        };
        let processes = host.processes.iter().filter(|(id, process)| host.up && lives(id, process));
        processes.map(|(id, _)| id.as_str()).collect()
    }

    /// The master has told an executor's host to kill it.
    pub(crate) fn gives_up(&mut self, executor: &ExecutorKey) {
        self.given_up.insert(executor.executor_id.clone());
    }

    /// Nobody hears of this host for a time.
    pub(crate) fn loses_sight_of(&mut self, at: usize) {
        self.hosts[at].sights |= 1;
        for id in self.hosts[at].processes.keys() {
            if let Some(birth) = self.journal.get_mut(id) {
                birth.lost_sight_of = true;
            }
        }
    }

    pub(crate) fn sees_again(&mut self, at: usize) {
        let sights = &mut self.hosts[at].sights;
        *sights += *sights % 2;
    }

    /// The registry that it has beaten to had no use for it.
    pub(crate) fn beats_elsewhere(&mut self, incarnation: &str) {
        let hosts = self.hosts.iter_mut();
        for process in hosts.filter_map(|host| host.processes.get_mut(incarnation)) {
            process.beats_to += 1;
        }
    }

    /// Everything on the host ends, without a word.
    pub(crate) fn dies(&mut self, at: usize) {
        let host = &mut self.hosts[at];
        host.up = false;
        host.welcome = false;
        host.paused = false;
        host.paused_until = 0;
        host.sights += host.sights % 2;
        host.boot += 1;
        host.processes.clear();
        host.stash.clear();
        host.inbox.clear();
    }

    /// Carries a command of the master out, which was given when the host had been lost sight of
    /// and seen again so often.
    pub(crate) fn told(&mut self, at: usize, sights: u64, command: HostCommand) -> Vec<Later> {
        self.hosts[at].welcome |= matches!(command, HostCommand::Welcome { .. });
        if !self.hosts[at].welcome {
            return Vec::new();
        }
        match command {
            HostCommand::Welcome { .. } => Vec::new(),
            HostCommand::StartExecutor { executor, .. } => self.start(at, sights, executor),
            HostCommand::KillExecutor { executor } => {
                self.later(at, &executor.executor_id, (1, 5), Step::Exited).into_iter().collect()
            }
            HostCommand::Deliver { executor, event } => self.deliver(at, &executor, *event),
        }
    }

    fn start(&mut self, at: usize, sights: u64, key: ExecutorKey) -> Vec<Later> {
        let id = key.executor_id.clone();
        let birth = Birth {
            host: self.hosts[at].name.clone(),
            told: None,
            ready: false,
            ended: None,
            lost_sight_of: sights % 2 == 1 || sights != self.hosts[at].sights,
        };
        if self.journal.insert(id.clone(), birth).is_some() {
            self.started_twice.get_or_insert(id.clone());
        }
        self.started += 1;
        let trouble = if self.calm { 0 } else { self.trouble };
        let character = Character::of(self.seed, &id, trouble);
        let steps = if character.is_refused {
            vec![((1, 20), Step::Refused)]
        } else if character.never_subscribes {
            vec![((1, 20), Step::Started)]
        } else {
            vec![((1, 20), Step::Started), ((21, 120), Step::Subscribed)]
        };
        let process = Process::new(key, self.started, character);
        self.hosts[at].processes.insert(id.clone(), process);
        steps.into_iter().filter_map(|(range, step)| self.later(at, &id, range, step)).collect()
    }

    fn later(&mut self, at: usize, id: &str, range: (u64, u64), step: Step) -> Option<Later> {
        let number = self.hosts[at].processes.get(id)?.number;
        let after_ms = self.draw.between(range.0, range.1);
        Some(Later { after_ms, host: at, executor: id.to_owned(), number, step })
    }

    fn deliver(&mut self, at: usize, key: &ExecutorKey, event: v1::executor::Event) -> Vec<Later> {
        let id = key.executor_id.clone();
        let calm = self.calm;
        let Some(process) = self.hosts[at].processes.get_mut(&id) else { return Vec::new() };
        // What was on its way on a stream before the present one is lost with it.
        let kind = event.r#type();
        if !process.hears(kind) {
            return Vec::new();
        }
        let steps = match kind {
            Type::Launch => {
                self.got_through += usize::from(self.given_up.remove(&id));
                let told = process.launched(event.launch.map(|launch| launch.task));
                if let Some(birth) = self.journal.get_mut(&id) {
                    birth.told = told;
                }
                process.character.life(calm)
            }
            Type::Kill | Type::Shutdown if process.is_idle() => vec![((1, 20), Step::Exited)],
            Type::Kill | Type::Shutdown if !process.ending => {
                process.ending = true;
                vec![((1, 300), Step::Update(v1::TaskState::TaskKilled))]
            }
            Type::Acknowledged => {
                let uuid = event.acknowledged.map(|one| one.uuid).unwrap_or_default();
                match process.acknowledged(&uuid) {
                    Some(state) if is_end(state) => vec![((1, 20), Step::Exited)],
                    _ => Vec::new(),
                }
            }
            _ => Vec::new(),
        };
        steps.into_iter().filter_map(|(range, step)| self.later(at, &id, range, step)).collect()
    }

    /// A step is due: what the host tells the master of it.
    pub(crate) fn due(&mut self, later: Later) -> Option<Event> {
        let (seed, calm) = (self.seed, self.calm);
        let host = &mut self.hosts[later.host];
        let name = host.name.clone();
        let process = host.processes.get_mut(&later.executor)?;
        if process.number != later.number || !host.up {
            return None;
        }
        if host.paused || (process.hangs && later.step != Step::Exited) {
            let stash = if host.paused { &mut host.stash } else { &mut process.stash };
            stash.push(Later { after_ms: 0, ..later });
            return None;
        }
        let executor = process.key.clone();
        match later.step {
            Step::Started => Some(Event::ExecutorStarted { host: name, executor, pid: 1 }),
            Step::Subscribed => Some(process.subscribes(name)),
            Step::Refused => {
                host.processes.remove(&later.executor);
                let message = "no such file".to_owned();
                Some(Event::ExecutorRefused { host: name, executor, message })
            }
            // Nothing fails any more: what would have failed is well.
            Step::Ends(state) if calm && state != Some(v1::TaskState::TaskFinished) => {
                let status = process.becomes_ready(seed)?;
                if let Some(birth) = self.journal.get_mut(&later.executor) {
                    birth.ready = true;
                }
                let status = Box::new(status);
                process.connected.then_some(Event::ExecutorUpdated { host: name, executor, status })
            }
            Step::Exited | Step::Ends(None) => {
                host.processes.remove(&later.executor);
                Some(Event::ExecutorExited { host: name, executor, status: 0 })
            }
            Step::Update(state) | Step::Ends(Some(state)) => {
                let status = process.update(seed, state)?;
                if let Some(birth) = self.journal.get_mut(&later.executor) {
                    birth.ready |= state == v1::TaskState::TaskRunning;
                    if matches!(later.step, Step::Ends(_)) {
                        birth.ended = Some(state);
                    }
                }
                let status = Box::new(status);
                process.connected.then_some(Event::ExecutorUpdated { host: name, executor, status })
            }
        }
    }

    /// The agent's process begins anew: all executors have lost their streams, and come back.
    pub(crate) fn agent_restarts(&mut self, at: usize) -> (Vec<Event>, Vec<Later>) {
        let host = &mut self.hosts[at];
        let (mut events, mut ids) = (Vec::new(), BTreeSet::new());
        for process in host.processes.values_mut().filter(|process| process.connected) {
            process.connected = false;
            let executor = process.key.clone();
            events.push(Event::ExecutorDisconnected { host: host.name.clone(), executor });
            ids.insert(process.key.executor_id.clone());
        }
        let back = |id: &String| self.later(at, id, (100, 1_900), Step::Subscribed);
        let later = ids.iter().filter_map(back).collect();
        (events, later)
    }

    /// What was due while the host or a process of it stood still.
    pub(crate) fn take_stash(&mut self, at: usize, executor: Option<&str>) -> Vec<Later> {
        let host = &mut self.hosts[at];
        match executor {
            None => std::mem::take(&mut host.stash),
            Some(id) => {
                host.processes.get_mut(id).map(|p| std::mem::take(&mut p.stash)).unwrap_or_default()
            }
        }
    }
}
