//! One executor with its task: how it starts, serves, fails and ends, and what it says.

use bytes::Bytes;
use lathe_api::rest::LaunchSpec;
use lathe_catalog::State;
use lathe_mesos::v1;
use lathe_mesos::v1::executor::event::Type;
use lathe_standalone::cluster::{Event, ExecutorKey, HostName};

use super::{Later, Step};
use crate::draw::Draw;

/// The version of which hardly any instance becomes ready.
pub(crate) const BAD_VERSION: &str = "1.2.0";
/// The task that ends when its work is done.
pub(crate) const FINITE_TASK: &str = "my::Job";

/// One executor's process and its task's.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) key: ExecutorKey,
    /// Another number for each start, so that a step of a dead process reaches nobody.
    pub(crate) number: u64,
    pub(crate) character: Character,
    task: Option<v1::TaskInfo>,
    /// Sent and not acknowledged by the agent.
    unacknowledged: Vec<(Bytes, v1::TaskStatus)>,
    /// Whether any status was acknowledged: until then the agent may not know the task.
    known: bool,
    pub(crate) ending: bool,
    /// It has said that it has ended; its process is about to go.
    pub(crate) ended: bool,
    pub(crate) connected: bool,
    /// It stands still: nothing of it happens, and it does not beat.
    pub(crate) hangs: bool,
    pub(crate) stash: Vec<Later>,
    said: u64,
    ready: bool,
    /// Streams that it has asked its agent for, and those that it was given.
    streams: (u64, u64),
    /// The registry that it beats to.
    pub(crate) beats_to: usize,
}

/// What an incarnation will come to, drawn from its name.
#[derive(Clone, Debug)]
pub(crate) struct Character {
    pub(crate) is_refused: bool,
    pub(crate) never_subscribes: bool,
    ready_after_ms: u64,
    fate: Fate,
    abrupt: bool,
    luck: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Serves,
    FailsAtStart,
    EndsAfter { ms: u64 },
    Finishes { ms: u64 },
}

impl Character {
    pub(crate) fn of(seed: u64, incarnation: &str, trouble: u64) -> Self {
        let mut draw = Draw::new(seed, incarnation);
        let slow = draw.permille(trouble / 2);
        let ready_after_ms = if slow { draw.between(2_000, 25_000) } else { draw.between(11, 400) };
        let fate = match draw.between(0, 999) {
            roll if roll < trouble / 2 => Fate::FailsAtStart,
            roll if roll < trouble => Fate::EndsAfter { ms: draw.between(50, 6_000) },
            roll if roll < trouble + trouble / 2 => {
                Fate::EndsAfter { ms: draw.between(9_000, 40_000) }
            }
            _ => Fate::Serves,
        };
        Self {
            is_refused: draw.permille(trouble / 8),
            never_subscribes: draw.permille(trouble / 12),
            ready_after_ms,
            fate,
            abrupt: draw.permille(300),
            luck: draw.between(0, 999),
        }
    }

    /// What happens once it is launched.
    pub(crate) fn life(&self, calm: bool) -> Vec<((u64, u64), Step)> {
        let ready = self.ready_after_ms;
        let mut steps = vec![((1, 10), Step::Update(v1::TaskState::TaskStarting))];
        let ends = |state| Step::Ends(if self.abrupt { None } else { Some(state) });
        if self.fate == Fate::FailsAtStart && !calm {
            steps.push(((ready, ready), ends(v1::TaskState::TaskFailed)));
            return steps;
        }
        steps.push(((ready, ready), Step::Update(v1::TaskState::TaskRunning)));
        match self.fate {
            Fate::EndsAfter { ms } if !calm => {
                steps.push(((ready + ms, ready + ms), ends(v1::TaskState::TaskFailed)));
            }
            Fate::Finishes { ms } => {
                let end = Step::Ends(Some(v1::TaskState::TaskFinished));
                steps.push(((ready + ms, ready + ms), end));
            }
            _ => {}
        }
        steps
    }

    fn told(&mut self, spec: &LaunchSpec) {
        if spec.task == FINITE_TASK {
            self.fate = Fate::Finishes { ms: 500 + self.luck * 10 };
        } else if spec.version == BAD_VERSION && self.luck < 900 {
            self.fate = Fate::FailsAtStart;
        }
    }
}

impl Process {
    pub(super) fn new(key: ExecutorKey, number: u64, character: Character) -> Self {
        Self {
            key,
            number,
            character,
            task: None,
            unacknowledged: Vec::new(),
            known: false,
            ending: false,
            ended: false,
            connected: false,
            hangs: false,
            stash: Vec::new(),
            said: 0,
            ready: false,
            streams: (0, 0),
            beats_to: usize::try_from(number).unwrap_or(0),
        }
    }

    /// What its heartbeats say; none before its task is there.
    pub(crate) fn beats(&self) -> Option<State> {
        self.task.as_ref()?;
        Some(match (self.ending, self.ready) {
            (true, _) => State::Draining,
            (false, true) => State::Ready,
            (false, false) => State::Starting,
        })
    }

    /// Whether something of that kind comes on its present stream.
    pub(super) fn hears(&mut self, kind: Type) -> bool {
        self.streams.1 += u64::from(kind == Type::Subscribed);
        self.streams.0 == self.streams.1 || kind == Type::Shutdown
    }

    /// Whether it never got its task.
    pub(super) fn is_idle(&self) -> bool {
        self.task.is_none()
    }

    /// The task has come: what the scheduler told of it.
    pub(super) fn launched(&mut self, task: Option<v1::TaskInfo>) -> Option<LaunchSpec> {
        let task = task?;
        let spec: LaunchSpec = serde_json::from_slice(task.data.as_ref()?).ok()?;
        self.character.told(&spec);
        self.task = Some(task);
        Some(spec)
    }

    /// A status was taken in by the agent; its state.
    pub(super) fn acknowledged(&mut self, uuid: &Bytes) -> Option<v1::TaskState> {
        let at = self.unacknowledged.iter().position(|(sent, _)| sent == uuid)?;
        self.known = true;
        Some(self.unacknowledged.remove(at).1.state())
    }

    pub(super) fn subscribes(&mut self, host: HostName) -> Event {
        self.connected = true;
        self.streams.0 += 1;
        let task = self.task.clone().filter(|_| !self.known);
        let updates = self
            .unacknowledged
            .iter()
            .map(|(_, status)| v1::executor::call::Update { status: status.clone() });
        let subscribe = v1::executor::call::Subscribe {
            unacknowledged_tasks: task.into_iter().collect(),
            unacknowledged_updates: updates.collect(),
        };
        Event::ExecutorSubscribed {
            host,
            executor: self.key.clone(),
            subscribe: Box::new(subscribe),
        }
    }

    pub(super) fn becomes_ready(&mut self, seed: u64) -> Option<v1::TaskStatus> {
        if self.ready { None } else { self.update(seed, v1::TaskState::TaskRunning) }
    }

    pub(super) fn update(&mut self, seed: u64, state: v1::TaskState) -> Option<v1::TaskStatus> {
        let task = self.task.as_ref()?;
        // A task that was told to end does not become ready any more.
        if self.ending && !is_end(state) {
            return None;
        }
        if is_end(state) {
            if self.ended {
                return None;
            }
            self.ending = true;
            self.ended = true;
        }
        self.ready |= state == v1::TaskState::TaskRunning;
        self.said += 1;
        let mut draw = Draw::new(seed, &format!("{} says {}", self.key.executor_id, self.said));
        let mut bytes = draw.number().to_be_bytes().to_vec();
        bytes.extend(draw.number().to_be_bytes());
        let uuid = Bytes::from(bytes);
        let status = v1::TaskStatus {
            task_id: task.task_id.clone(),
            state: state.into(),
            source: Some(v1::task_status::Source::Executor.into()),
            executor_id: Some(v1::ExecutorId { value: self.key.executor_id.clone() }),
            agent_id: Some(task.agent_id.clone()),
            uuid: Some(uuid.clone()),
            ..v1::TaskStatus::default()
        };
        self.unacknowledged.push((uuid, status.clone()));
        Some(status)
    }
}

/// Whether the state ends a task.
pub(crate) fn is_end(state: v1::TaskState) -> bool {
    matches!(
        state,
        v1::TaskState::TaskFailed | v1::TaskState::TaskKilled | v1::TaskState::TaskFinished
    )
}
