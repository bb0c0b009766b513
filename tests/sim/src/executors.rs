//! Hosts and what runs on them: executors that start, serve, fail and end, with a journal of every
//! life, which is what the invariants are judged on.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use lathe_mesos::v1;
use lathe_mesos::v1::executor::event::Type;
use lathe_standalone::cluster::{Event, ExecutorKey, HostCommand, HostName, HostSpec};

use crate::draw::Draw;

/// What happens on a host after a while.
#[derive(Clone, Debug)]
pub enum Step {
    Started,
    Subscribed,
    Update(v1::TaskState),
    Exited,
}

/// One executor's process and its task's.
#[derive(Clone, Debug)]
pub struct Process {
    pub key: ExecutorKey,
    /// Another number for each start, so that a step of a dead process reaches nobody.
    pub number: u64,
    task: Option<v1::TaskInfo>,
    /// Sent and not acknowledged.
    unacknowledged: Vec<(Bytes, v1::TaskState)>,
    ending: bool,
}

/// One host.
#[derive(Clone, Debug)]
pub struct Host {
    pub name: HostName,
    pub up: bool,
    pub paused: bool,
    pub processes: BTreeMap<String, Process>,
}

/// All hosts.
#[derive(Debug)]
pub struct Hosts {
    pub hosts: Vec<Host>,
    started: u64,
    /// Every incarnation that was ever started.
    pub journal: BTreeSet<String>,
    /// The first incarnation that was started a second time.
    pub started_twice: Option<String>,
    draw: Draw,
}

/// Something to happen on a host after so many milliseconds.
#[derive(Clone, Debug)]
pub struct Later {
    pub after_ms: u64,
    pub host: usize,
    pub executor: String,
    pub number: u64,
    pub step: Step,
}

impl Hosts {
    pub fn new(seed: u64, number: usize) -> Self {
        let hosts = (1..=number).map(|at| Host {
            name: HostName(format!("host-{at}")),
            up: false,
            paused: false,
            processes: BTreeMap::new(),
        });
        Self {
            hosts: hosts.collect(),
            started: 0,
            journal: BTreeSet::new(),
            started_twice: None,
            draw: Draw::new(seed, "executors"),
        }
    }

    /// What a host says when it comes up.
    #[must_use]
    pub fn spec(&self, at: usize) -> HostSpec {
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

    pub fn find(&self, name: &HostName) -> Option<usize> {
        self.hosts.iter().position(|host| &host.name == name)
    }

    /// Carries a command of the master out.
    pub fn told(&mut self, at: usize, command: HostCommand) -> Vec<Later> {
        match command {
            HostCommand::Welcome { .. } => Vec::new(),
            HostCommand::StartExecutor { executor, .. } => self.start(at, executor),
            HostCommand::KillExecutor { executor } => {
                self.later(at, &executor.executor_id, (1, 5), Step::Exited).into_iter().collect()
            }
            HostCommand::Deliver { executor, event } => self.deliver(at, &executor, *event),
        }
    }

    fn start(&mut self, at: usize, key: ExecutorKey) -> Vec<Later> {
        let id = key.executor_id.clone();
        if !self.journal.insert(id.clone()) {
            self.started_twice.get_or_insert(id.clone());
        }
        self.started += 1;
        let process = Process {
            key,
            number: self.started,
            task: None,
            unacknowledged: Vec::new(),
            ending: false,
        };
        self.hosts[at].processes.insert(id.clone(), process);
        let started = self.later(at, &id, (1, 20), Step::Started);
        let subscribed = self.later(at, &id, (21, 120), Step::Subscribed);
        started.into_iter().chain(subscribed).collect()
    }

    fn later(&mut self, at: usize, id: &str, range: (u64, u64), step: Step) -> Option<Later> {
        let number = self.hosts[at].processes.get(id)?.number;
        let after_ms = self.draw.between(range.0, range.1);
        Some(Later { after_ms, host: at, executor: id.to_owned(), number, step })
    }

    fn deliver(&mut self, at: usize, key: &ExecutorKey, event: v1::executor::Event) -> Vec<Later> {
        let id = key.executor_id.clone();
        let draw = &mut self.draw;
        let Some(process) = self.hosts[at].processes.get_mut(&id) else { return Vec::new() };
        let steps = match event.r#type() {
            Type::Launch => {
                process.task = event.launch.map(|launch| launch.task);
                let fails = draw.permille(60);
                let end =
                    if fails { v1::TaskState::TaskFailed } else { v1::TaskState::TaskRunning };
                vec![
                    ((1, 10), Step::Update(v1::TaskState::TaskStarting)),
                    ((11, 400), Step::Update(end)),
                ]
            }
            Type::Kill | Type::Shutdown if !process.ending => {
                process.ending = true;
                vec![((1, 300), Step::Update(v1::TaskState::TaskKilled))]
            }
            Type::Acknowledged => {
                let uuid = event.acknowledged.map(|one| one.uuid).unwrap_or_default();
                let was = process.unacknowledged.iter().position(|(sent, _)| *sent == uuid);
                match was.map(|at| process.unacknowledged.remove(at).1) {
                    Some(state) if is_end(state) => vec![((1, 20), Step::Exited)],
                    _ => Vec::new(),
                }
            }
            _ => Vec::new(),
        };
        steps.into_iter().filter_map(|(range, step)| self.later(at, &id, range, step)).collect()
    }

    /// A step is due: what the host tells the master of it.
    pub fn due(&mut self, later: &Later) -> (Option<Event>, Vec<Later>) {
        let host = &mut self.hosts[later.host];
        let name = host.name.clone();
        let Some(process) = host.processes.get_mut(&later.executor) else {
            return (None, Vec::new());
        };
        if process.number != later.number || !host.up {
            return (None, Vec::new());
        }
        let executor = process.key.clone();
        let event = match &later.step {
            Step::Started => Event::ExecutorStarted { host: name, executor, pid: 1 },
            Step::Subscribed => Event::ExecutorSubscribed {
                host: name,
                executor,
                subscribe: Box::new(v1::executor::call::Subscribe::default()),
            },
            Step::Exited => {
                host.processes.remove(&later.executor);
                Event::ExecutorExited { host: name, executor, status: 0 }
            }
            Step::Update(state) => match process.update(*state, &mut self.draw) {
                Some(status) => {
                    Event::ExecutorUpdated { host: name, executor, status: Box::new(status) }
                }
                None => return (None, Vec::new()),
            },
        };
        (Some(event), Vec::new())
    }

    /// The incarnations that live on a host.
    #[must_use]
    pub fn alive(&self, at: usize) -> Vec<&str> {
        let host = &self.hosts[at];
        if host.up { host.processes.keys().map(String::as_str).collect() } else { Vec::new() }
    }
}

impl Process {
    fn update(&mut self, state: v1::TaskState, draw: &mut Draw) -> Option<v1::TaskStatus> {
        let task = self.task.as_ref()?;
        // A task that was told to end does not become ready any more.
        if self.ending && !is_end(state) {
            return None;
        }
        if is_end(state) {
            if self.unacknowledged.iter().any(|(_, sent)| is_end(*sent)) {
                return None;
            }
            self.ending = true;
        }
        let mut bytes = draw.number().to_be_bytes().to_vec();
        bytes.extend(draw.number().to_be_bytes());
        let uuid = Bytes::from(bytes);
        self.unacknowledged.push((uuid.clone(), state));
        Some(v1::TaskStatus {
            task_id: task.task_id.clone(),
            state: state.into(),
            source: Some(v1::task_status::Source::Executor.into()),
            executor_id: Some(v1::ExecutorId { value: self.key.executor_id.clone() }),
            agent_id: Some(task.agent_id.clone()),
            uuid: Some(uuid),
            ..v1::TaskStatus::default()
        })
    }
}

/// Whether the state ends a task.
#[must_use]
pub fn is_end(state: v1::TaskState) -> bool {
    matches!(
        state,
        v1::TaskState::TaskFailed | v1::TaskState::TaskKilled | v1::TaskState::TaskFinished
    )
}
