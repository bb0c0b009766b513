//! Where Mesos's types become ours and ours Mesos's: the only file of this crate that knows both.
//! Decides nothing.

use std::collections::BTreeMap;

use bytes::Bytes;
use lathe_api::rest::{HealthSpec, LaunchSpec};
use lathe_mesos::executor::Environment;
use lathe_mesos::v1;
use lathe_mesos::v1::executor::{Call, Event as AgentEvent, call, event};

use crate::supervisor::command::{Cause, TaskState, Update};
use crate::supervisor::event::{Event, Health, Launch, ReadyBy, TaskId, UpdateId};

/// A larger specification is not read, bytes.
const SPECIFICATION_BYTES_MAX: usize = 1 << 20;
/// Tasks kept for a new subscription; as many as the machine keeps updates for, and some.
const TASKS_MAX: usize = 128;

/// An event of the agent in our words, with the specification of a launch that can be read.
#[derive(Debug)]
pub struct Heard {
    /// For the machine.
    pub event: Event,
    /// For the driver.
    pub specification: Option<Box<LaunchSpec>>,
}

impl From<Event> for Heard {
    fn from(event: Event) -> Self {
        Self { event, specification: None }
    }
}

/// Translates; keeps the agent's own description of each launched task, which a new subscription
/// has to repeat word for word.
#[derive(Debug)]
pub struct Translator {
    environment: Environment,
    ready_timeout_ms: u64,
    tasks: BTreeMap<TaskId, v1::TaskInfo>,
}

impl Translator {
    /// For the executor of this environment.
    pub fn new(environment: Environment, ready_timeout_ms: u64) -> Self {
        Self { environment, ready_timeout_ms, tasks: BTreeMap::new() }
    }

    /// What an event of the agent means; several for a group of tasks, none for a heartbeat.
    pub fn hear(&mut self, event: AgentEvent) -> Vec<Heard> {
        match event.r#type() {
            event::Type::Subscribed => vec![subscribed(event.subscribed.as_ref()).into()],
            event::Type::Launch => {
                event.launch.map(|launch| self.launch(launch.task)).into_iter().collect()
            }
            event::Type::LaunchGroup => {
                let tasks = event.launch_group.map(|group| group.task_group.tasks);
                tasks.unwrap_or_default().into_iter().map(|task| self.group(task)).collect()
            }
            event::Type::Kill => event.kill.map(|kill| killed(kill).into()).into_iter().collect(),
            event::Type::Acknowledged => {
                event.acknowledged.and_then(|told| acknowledged(&told)).into_iter().collect()
            }
            event::Type::Shutdown => vec![Event::ShutdownArrived.into()],
            event::Type::Error => {
                let message = event.error.map(|error| error.message).unwrap_or_default();
                vec![Event::AgentRefused { message }.into()]
            }
            event::Type::Message | event::Type::Heartbeat | event::Type::Unknown => Vec::new(),
        }
    }

    fn launch(&mut self, task: v1::TaskInfo) -> Heard {
        let id = TaskId(task.task_id.value.clone());
        let read = read_specification(task.data.as_deref());
        self.remember(&id, task);
        match read {
            Ok(specification) => {
                let health = match health(&specification) {
                    Ok(health) => health,
                    Err(problem) => {
                        return Event::LaunchArrived { task: id, launch: Err(problem) }.into();
                    }
                };
                let launch = Launch {
                    ready_by: if specification.sdk {
                        ReadyBy::Handshake { timeout_ms: self.ready_timeout_ms }
                    } else {
                        ReadyBy::Exec
                    },
                    grace_ms: specification.grace_ms,
                    health,
                };
                let event = Event::LaunchArrived { task: id, launch: Ok(launch) };
                Heard { event, specification: Some(specification) }
            }
            Err(problem) => {
                let problem = format!("the launch specification cannot be read: {problem}");
                Event::LaunchArrived { task: id, launch: Err(problem) }.into()
            }
        }
    }

    fn group(&mut self, task: v1::TaskInfo) -> Heard {
        let id = TaskId(task.task_id.value.clone());
        self.remember(&id, task);
        let problem = "groups of tasks are not run by this executor".to_owned();
        Event::LaunchArrived { task: id, launch: Err(problem) }.into()
    }

    fn remember(&mut self, id: &TaskId, task: v1::TaskInfo) {
        if self.tasks.len() < TASKS_MAX {
            self.tasks.entry(id.clone()).or_insert(task);
        }
    }

    /// The tasks of a new subscription.
    pub fn tasks(&self, ids: &[TaskId]) -> Vec<v1::TaskInfo> {
        ids.iter().filter_map(|id| self.tasks.get(id).cloned()).collect()
    }

    /// An update within a new subscription.
    pub fn update(&self, update: &Update) -> call::Update {
        #[expect(clippy::cast_precision_loss, reason = "milliseconds fit for 285,000 years")]
        let timestamp = update.at_ms as f64 / 1_000.0;
        let status = v1::TaskStatus {
            task_id: v1::TaskId { value: update.task.0.clone() },
            state: state(update.state).into(),
            message: (!update.message.is_empty()).then(|| update.message.clone()),
            agent_id: Some(v1::AgentId { value: self.environment.agent_id.clone() }),
            timestamp: Some(timestamp),
            executor_id: Some(v1::ExecutorId { value: self.environment.executor_id.clone() }),
            source: Some(v1::task_status::Source::Executor.into()),
            reason: update.cause.and_then(reason).map(Into::into),
            healthy: (update.cause == Some(Cause::Unhealthy)).then_some(false),
            uuid: Some(Bytes::copy_from_slice(&update.id.0)),
            ..v1::TaskStatus::default()
        };
        call::Update { status }
    }

    /// An update as a call of its own.
    pub fn update_call(&self, update: &Update) -> Call {
        Call { update: Some(self.update(update)), ..self.environment.call(call::Type::Update) }
    }
}

fn subscribed(subscribed: Option<&event::Subscribed>) -> Event {
    use v1::framework_info::capability::Type::TaskKillingState;
    let wants_killing = subscribed.is_some_and(|subscribed| {
        subscribed
            .framework_info
            .capabilities
            .iter()
            .any(|capability| capability.r#type() == TaskKillingState)
    });
    Event::Subscribed { wants_killing }
}

fn killed(kill: event::Kill) -> Event {
    let grace = kill.kill_policy.and_then(|policy| policy.grace_period);
    let grace_ms = grace.map(|grace| u64::try_from(grace.nanoseconds / 1_000_000).unwrap_or(0));
    Event::KillArrived { task: TaskId(kill.task_id.value), grace_ms }
}

fn acknowledged(told: &event::Acknowledged) -> Option<Heard> {
    let bytes: [u8; 16] = told.uuid.as_ref().try_into().ok()?;
    let task = TaskId(told.task_id.value.clone());
    Some(Event::Acknowledged { task, update: UpdateId(bytes) }.into())
}

fn read_specification(data: Option<&[u8]>) -> Result<Box<LaunchSpec>, String> {
    let data = data.ok_or("the task carries no data")?;
    if data.len() > SPECIFICATION_BYTES_MAX {
        return Err(format!("{} bytes are more than {SPECIFICATION_BYTES_MAX}", data.len()));
    }
    serde_json::from_slice(data).map_err(|error| error.to_string())
}

fn health(specification: &LaunchSpec) -> Result<Health, String> {
    Ok(match specification.health() {
        HealthSpec::None => Health::None,
        HealthSpec::Beat { .. } if !specification.sdk => {
            return Err(
                "its health is to be told by the SDK's beat, and the program has no SDK".to_owned()
            );
        }
        HealthSpec::Beat { interval_ms, timeout_ms } => Health::Beat { interval_ms, timeout_ms },
        HealthSpec::Probe { interval_ms, failures, grace_ms, .. } => {
            Health::Probe { interval_ms, failures, grace_ms }
        }
    })
}

fn state(state: TaskState) -> v1::TaskState {
    match state {
        TaskState::Starting => v1::TaskState::TaskStarting,
        TaskState::Running => v1::TaskState::TaskRunning,
        TaskState::Killing => v1::TaskState::TaskKilling,
        TaskState::Finished => v1::TaskState::TaskFinished,
        TaskState::Failed => v1::TaskState::TaskFailed,
        TaskState::Killed => v1::TaskState::TaskKilled,
        TaskState::Error => v1::TaskState::TaskError,
    }
}

/// Mesos has no reason for a program that simply ended, nor for one that was never ready.
fn reason(cause: Cause) -> Option<v1::task_status::Reason> {
    use v1::task_status::Reason;
    match cause {
        Cause::InvalidTask => Some(Reason::TaskInvalid),
        Cause::LaunchFailed => Some(Reason::ContainerLaunchFailed),
        Cause::KilledDuringLaunch => Some(Reason::TaskKilledDuringLaunch),
        Cause::OutOfMemory => Some(Reason::ContainerLimitationMemory),
        Cause::ShutDown => Some(Reason::ExecutorTerminated),
        Cause::Unhealthy => Some(Reason::TaskHealthCheckStatusUpdated),
        Cause::NotReady | Cause::Ended => None,
    }
}

#[cfg(test)]
mod tests;
