//! Hosts and the processes on them, for drills: everything takes the same time every time.
//!
//! Owns what an executor and its task say, and when. Must not know the scheduler.

use std::collections::BTreeMap;

use bytes::Bytes;
use lathe_mesos::v1;
use lathe_mesos::v1::executor::event::Type;
use lathe_placement::Host as Described;
use lathe_standalone::cluster::{Event, ExecutorKey, HostCommand, HostName, HostSpec};

/// What happens to a process after a while.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Started,
    Subscribed,
    Update(v1::TaskState, String),
    /// As `Update`, where the task is ready by then.
    EndsOnceReady(String),
    Exited,
}

/// A step, and whose.
#[derive(Clone, Debug)]
pub(super) struct Later {
    pub(super) after_ms: u64,
    pub(super) host: usize,
    pub(super) executor: String,
    number: u64,
    step: Step,
}

#[derive(Debug)]
struct Process {
    key: ExecutorKey,
    /// Another one for each start, so that a step of a dead process reaches nobody.
    number: u64,
    task: Option<v1::TaskInfo>,
    unacknowledged: Vec<(Bytes, v1::TaskState)>,
    ready: bool,
    ending: bool,
}

/// One host.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) described: Described,
    pub(super) up: bool,
    pub(super) paused: bool,
    processes: BTreeMap<String, Process>,
    /// What waits in a paused host's buffers, in both directions.
    says: Vec<Event>,
    told: Vec<HostCommand>,
}

/// How a version behaves: its instances end so long after they are ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) after_ms: u64,
}

/// All hosts.
#[derive(Debug, Default)]
pub(super) struct Hosts {
    pub(super) all: Vec<Host>,
    started: u64,
    updates: u64,
}

impl Hosts {
    pub(super) fn add(&mut self, described: Described) -> usize {
        self.all.push(Host {
            described,
            up: false,
            paused: false,
            processes: BTreeMap::new(),
            says: Vec::new(),
            told: Vec::new(),
        });
        self.all.len() - 1
    }

    pub(super) fn name(&self, at: usize) -> HostName {
        HostName(self.all[at].described.name.clone())
    }

    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.all.iter().position(|host| host.described.name == name)
    }

    /// What a host says of itself when it comes up.
    pub(super) fn spec(&self, at: usize) -> HostSpec {
        let Described { name, capacity, attributes } = &self.all[at].described;
        HostSpec {
            hostname: name.clone(),
            ip: "127.0.0.1".to_owned(),
            port: 5_051 + u16::try_from(at).unwrap_or(0),
            cpus_milli: capacity.cpus_milli,
            mem_bytes: capacity.mem_bytes,
            disk_bytes: capacity.disk_bytes,
            ports: capacity.ports.clone(),
            attributes: attributes.clone(),
        }
    }

    /// Everything on the host is gone at once.
    pub(super) fn lose(&mut self, at: usize) {
        let host = &mut self.all[at];
        host.up = false;
        host.paused = false;
        host.processes.clear();
        host.says.clear();
        host.told.clear();
    }

    /// The host goes on: what it was told meanwhile, and what it had wanted to say.
    pub(super) fn resume(&mut self, at: usize) -> (Vec<HostCommand>, Vec<Event>) {
        let host = &mut self.all[at];
        host.paused = false;
        (std::mem::take(&mut host.told), std::mem::take(&mut host.says))
    }

    /// Carries a command of the master out. `fault` is how the version behaves that is launched.
    pub(super) fn told(
        &mut self,
        at: usize,
        command: HostCommand,
        fault: Option<Fault>,
    ) -> Vec<Later> {
        if self.all[at].paused {
            self.all[at].told.push(command);
            return Vec::new();
        }
        match command {
            HostCommand::Welcome { .. } => Vec::new(),
            HostCommand::StartExecutor { executor, .. } => self.start(at, executor),
            HostCommand::KillExecutor { executor } => {
                self.later(at, &executor.executor_id, 5, Step::Exited)
            }
            HostCommand::Deliver { executor, event } => {
                self.deliver(at, &executor.executor_id, *event, fault)
            }
        }
    }

    fn start(&mut self, at: usize, key: ExecutorKey) -> Vec<Later> {
        let id = key.executor_id.clone();
        self.started += 1;
        let process = Process {
            key,
            number: self.started,
            task: None,
            unacknowledged: Vec::new(),
            ready: false,
            ending: false,
        };
        self.all[at].processes.insert(id.clone(), process);
        let mut steps = self.later(at, &id, 5, Step::Started);
        steps.extend(self.later(at, &id, 20, Step::Subscribed));
        steps
    }

    fn later(&self, at: usize, id: &str, after_ms: u64, step: Step) -> Vec<Later> {
        let process = self.all[at].processes.get(id);
        let made = process.map(|process| Later {
            after_ms,
            host: at,
            executor: id.to_owned(),
            number: process.number,
            step,
        });
        made.into_iter().collect()
    }

    fn deliver(
        &mut self,
        at: usize,
        id: &str,
        event: v1::executor::Event,
        fault: Option<Fault>,
    ) -> Vec<Later> {
        let Some(process) = self.all[at].processes.get_mut(id) else { return Vec::new() };
        let steps = match event.r#type() {
            Type::Launch => {
                process.task = event.launch.map(|launch| launch.task);
                let mut steps = vec![
                    (5, Step::Update(v1::TaskState::TaskStarting, String::new())),
                    (100, Step::Update(v1::TaskState::TaskRunning, String::new())),
                ];
                let ends = "exit status 1; its last lines are in crash.log".to_owned();
                steps.extend(fault.map(|fault| (101 + fault.after_ms, Step::EndsOnceReady(ends))));
                steps
            }
            Type::Kill | Type::Shutdown if !process.ending => {
                process.ending = true;
                let why = "killed on request".to_owned();
                vec![(50, Step::Update(v1::TaskState::TaskKilled, why))]
            }
            Type::Acknowledged => {
                let uuid = event.acknowledged.map(|one| one.uuid).unwrap_or_default();
                let was = process.unacknowledged.iter().position(|(sent, _)| *sent == uuid);
                match was.map(|at| process.unacknowledged.remove(at).1) {
                    Some(state) if is_end(state) => vec![(5, Step::Exited)],
                    _ => Vec::new(),
                }
            }
            _ => Vec::new(),
        };
        steps.into_iter().flat_map(|(after, step)| self.later(at, id, after, step)).collect()
    }

    /// Ends the task of an incarnation as `kill -9` does.
    pub(super) fn kill_task(&mut self, id: &str) -> Vec<Later> {
        let why = "ended by signal 9; its last lines are in crash.log".to_owned();
        self.of_incarnation(id, Step::Update(v1::TaskState::TaskFailed, why))
    }

    /// Ends the executor of an incarnation, and its task with it.
    pub(super) fn kill_executor(&mut self, id: &str) -> Vec<Later> {
        self.of_incarnation(id, Step::Exited)
    }

    fn of_incarnation(&self, id: &str, step: Step) -> Vec<Later> {
        let at = self.all.iter().position(|host| host.processes.contains_key(id));
        at.map(|at| self.later(at, id, 0, step)).unwrap_or_default()
    }

    /// A step is due: what the host tells the master of it now.
    pub(super) fn due(&mut self, later: Later) -> Option<Event> {
        let host = &mut self.all[later.host];
        let name = HostName(host.described.name.clone());
        let process = host.processes.get_mut(&later.executor)?;
        if process.number != later.number || !host.up {
            return None;
        }
        let executor = process.key.clone();
        self.updates += 1;
        let number = self.updates;
        let event = match later.step {
            Step::Started => Event::ExecutorStarted { host: name, executor, pid: 1 },
            Step::Subscribed => Event::ExecutorSubscribed {
                host: name,
                executor,
                subscribe: Box::new(v1::executor::call::Subscribe::default()),
            },
            Step::Exited => {
                host.processes.remove(&later.executor);
                Event::ExecutorExited { host: name, executor, status: 9 }
            }
            Step::EndsOnceReady(_) if !process.ready => return None,
            Step::EndsOnceReady(message) => {
                let status = process.update(v1::TaskState::TaskFailed, message, number)?;
                Event::ExecutorUpdated { host: name, executor, status: Box::new(status) }
            }
            Step::Update(state, message) => {
                let status = process.update(state, message, number)?;
                Event::ExecutorUpdated { host: name, executor, status: Box::new(status) }
            }
        };
        if host.paused {
            host.says.push(event);
            return None;
        }
        Some(event)
    }
}

impl Process {
    fn update(
        &mut self,
        state: v1::TaskState,
        message: String,
        number: u64,
    ) -> Option<v1::TaskStatus> {
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
        self.ready |= state == v1::TaskState::TaskRunning;
        let uuid = Bytes::from(u128::from(number).to_be_bytes().to_vec());
        self.unacknowledged.push((uuid.clone(), state));
        Some(v1::TaskStatus {
            task_id: task.task_id.clone(),
            state: state.into(),
            message: (!message.is_empty()).then_some(message),
            source: Some(v1::task_status::Source::Executor.into()),
            executor_id: Some(v1::ExecutorId { value: self.key.executor_id.clone() }),
            agent_id: Some(task.agent_id.clone()),
            uuid: Some(uuid),
            ..v1::TaskStatus::default()
        })
    }
}

fn is_end(state: v1::TaskState) -> bool {
    matches!(
        state,
        v1::TaskState::TaskFailed | v1::TaskState::TaskKilled | v1::TaskState::TaskFinished
    )
}
