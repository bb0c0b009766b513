//! Status updates: from an executor or agent through the chain of acknowledgements to the framework.
//!
//! It owns order (one update of a task at a time), repetition and the end of a task's record.

use bytes::Bytes;
use lathe_mesos::v1::{self, executor, scheduler};

use super::command::Command;
use super::ids::{ExecutorKey, HostName};
use super::state::{Executor, Standing, Task, Verdict, is_terminal};
use super::subscribe::scheduler_event;
use super::{Cluster, Deadline};

/// Updates of one task that may wait; beyond that only its end is taken in.
const LONGEST_QUEUE: usize = 1000;

impl Cluster {
    /// An executor's UPDATE: taken in once, acknowledged to the executor each time.
    pub(super) fn executor_updated(
        &mut self,
        host: &HostName,
        executor: &ExecutorKey,
        mut status: v1::TaskStatus,
        out: &mut Vec<Command>,
    ) {
        let Some((agent, known)) = self.executor_mut(host, executor) else {
            return;
        };
        known.has_spoken = true;
        let container = container_status(known);
        let gone = self.agents.get(&agent).is_none_or(|agent| agent.standing == Standing::Gone);
        if gone || !self.frameworks.contains_key(&executor.framework_id) {
            // As a Mesos agent does for a framework that is ending, or when it ends itself.
            return;
        }
        let task_id = status.task_id.value.clone();
        let acknowledged = executor::event::Acknowledged {
            task_id: status.task_id.clone(),
            uuid: status.uuid.clone().unwrap_or_default(),
        };
        status.agent_id = Some(v1::AgentId { value: agent.clone() });
        status.container_status.get_or_insert(container);
        self.with_address(&agent, &mut status);
        self.take_update(&executor.framework_id, &task_id, status, out);
        let event = executor::Event {
            acknowledged: Some(acknowledged),
            ..executor_event(executor::event::Type::Acknowledged)
        };
        self.deliver(&agent, executor, event, out);
    }

    fn with_address(&self, agent: &str, status: &mut v1::TaskStatus) {
        let (Some(agent), Some(container)) =
            (self.agents.get(agent), status.container_status.as_mut())
        else {
            return;
        };
        if container.network_infos.is_empty() {
            let address = v1::network_info::IpAddress {
                ip_address: Some(agent.spec.ip.clone()),
                ..v1::network_info::IpAddress::default()
            };
            container.network_infos.push(v1::NetworkInfo {
                ip_addresses: vec![address],
                ..v1::NetworkInfo::default()
            });
        }
    }

    /// An update that the agent itself makes of a task.
    pub(super) fn agent_update(
        &mut self,
        (framework, task): (&str, &str),
        state: v1::TaskState,
        verdict: Verdict,
        out: &mut Vec<Command>,
    ) {
        let Some(known) = self.frameworks.get(framework).and_then(|f| f.tasks.get(task)) else {
            return;
        };
        let status = v1::TaskStatus {
            task_id: known.info.task_id.clone(),
            agent_id: Some(v1::AgentId { value: known.agent.clone() }),
            executor_id: Some(v1::ExecutorId { value: known.executor.executor_id.clone() }),
            source: Some(v1::task_status::Source::Agent.into()),
            reason: Some(verdict.reason.into()),
            message: Some(verdict.message),
            uuid: Some(Bytes::copy_from_slice(self.draw.uuid().as_bytes())),
            ..self.master_status(state)
        };
        self.take_update(framework, task, status, out);
    }

    /// A status from this master, at this time, without uuid.
    pub(super) fn master_status(&self, state: v1::TaskState) -> v1::TaskStatus {
        v1::TaskStatus {
            state: state.into(),
            timestamp: Some(seconds(self.now)),
            source: Some(v1::task_status::Source::Master.into()),
            ..v1::TaskStatus::default()
        }
    }

    /// Takes a new update into a task's queue; repeated ones and those after the end are dropped.
    fn take_update(
        &mut self,
        framework_id: &str,
        task_id: &str,
        mut status: v1::TaskStatus,
        out: &mut Vec<Command>,
    ) {
        self.rewrite_for_drain(framework_id, &mut status);
        let task = self.frameworks.get_mut(framework_id).and_then(|f| f.tasks.get_mut(task_id));
        let Some(task) = task else {
            return;
        };
        let uuid = status.uuid.clone().unwrap_or_default();
        if is_terminal(task.latest) || task.seen.contains(&uuid) {
            return;
        }
        if task.updates.len() >= LONGEST_QUEUE && !is_terminal(status.state()) {
            return;
        }
        if task.seen.len() >= LONGEST_QUEUE {
            task.seen = task.updates.iter().filter_map(|update| update.uuid.clone()).collect();
        }
        task.seen.insert(uuid);
        task.latest = status.state();
        task.container_status.clone_from(&status.container_status);
        if status.healthy.is_some() {
            task.healthy = status.healthy;
        }
        let first = task.updates.is_empty();
        let ended = is_terminal(task.latest);
        task.updates.push_back(status);
        if first {
            self.forward(framework_id, task_id, self.config.resend_ms, out);
        }
        if ended {
            self.free_task(framework_id, task_id);
        }
    }

    /// Sends the first update of a task's queue and waits `pause` for its acknowledgement.
    fn forward(&mut self, framework_id: &str, task_id: &str, pause: u64, out: &mut Vec<Command>) {
        let Some(framework) = self.frameworks.get_mut(framework_id) else {
            return;
        };
        let stream = framework.stream.clone();
        let Some(task) = framework.tasks.get_mut(task_id) else {
            return;
        };
        let Some(status) = task.updates.front().cloned() else {
            return;
        };
        let active = |agent: &str| {
            self.agents.get(agent).is_some_and(|agent| agent.standing == Standing::Active)
        };
        if !active(&task.agent) {
            return;
        }
        task.told = status.state();
        let Some(stream) = stream else {
            return;
        };
        let at = self.now + pause;
        task.resend = Some((at, pause));
        let deadline =
            Deadline::Resend { framework: framework_id.to_owned(), task: task_id.to_owned() };
        self.deadlines.set(at, deadline);
        self.counts.updates += 1;
        out.push(Command::Send { stream, event: Box::new(update_event(status)) });
    }

    /// No acknowledgement came: once more, with twice the patience.
    pub(super) fn resend(&mut self, framework: &str, task: &str, out: &mut Vec<Command>) {
        let known = self.frameworks.get_mut(framework).and_then(|f| f.tasks.get_mut(task));
        if let Some((_, pause)) = known.and_then(|task| task.resend.take()) {
            let pause = pause.saturating_mul(2).min(self.config.resend_cap_ms);
            self.forward(framework, task, pause, out);
        }
    }

    /// Sends again at once what waits for acknowledgement, for the chosen tasks.
    pub(super) fn resend_all(
        &mut self,
        chosen: impl Fn(&Task, &str) -> bool,
        out: &mut Vec<Command>,
    ) {
        let mut waiting = Vec::new();
        for (framework, known) in &mut self.frameworks {
            for (id, task) in &mut known.tasks {
                if !task.updates.is_empty() && chosen(task, framework) {
                    waiting.push((framework.clone(), id.clone(), task.resend.take()));
                }
            }
        }
        for (framework, task, resend) in waiting {
            if let Some((at, _)) = resend {
                let deadline =
                    Deadline::Resend { framework: framework.clone(), task: task.clone() };
                self.deadlines.clear(at, deadline);
            }
            self.forward(&framework, &task, self.config.resend_ms, out);
        }
    }

    pub(super) fn acknowledge(
        &mut self,
        framework_id: &str,
        acknowledge: &scheduler::call::Acknowledge,
        out: &mut Vec<Command>,
    ) {
        let task_id = &acknowledge.task_id.value;
        let Some(framework) = self.frameworks.get_mut(framework_id) else {
            return;
        };
        let Some(task) = framework.tasks.get_mut(task_id) else {
            return;
        };
        let head = task.updates.front();
        let fits = head.is_some_and(|status| status.uuid.as_ref() == Some(&acknowledge.uuid));
        // An acknowledgement does not reach an agent that cannot be reached.
        if !fits || task.agent != acknowledge.agent_id.value || task.unreachable_ns.is_some() {
            return;
        }
        let ended = task.updates.pop_front().is_some_and(|status| is_terminal(status.state()));
        if let Some((at, _)) = task.resend.take() {
            let deadline =
                Deadline::Resend { framework: framework_id.to_owned(), task: task_id.clone() };
            self.deadlines.clear(at, deadline);
        }
        if ended {
            framework.tasks.remove(task_id);
            self.drain_may_be_over(&acknowledge.agent_id.value, out);
        } else {
            self.forward(framework_id, task_id, self.config.resend_ms, out);
        }
    }

    /// Returns what an ended task took.
    fn free_task(&mut self, framework_id: &str, task_id: &str) {
        let Some(framework) = self.frameworks.get_mut(framework_id) else {
            return;
        };
        let Some(task) = framework.tasks.get(task_id) else {
            return;
        };
        framework.allocated.subtract(&task.amount);
        let Some(agent) = self.agents.get_mut(&task.agent) else {
            return;
        };
        agent.used.subtract(&task.amount);
        if let Some(executor) = agent.executors.get_mut(&task.executor) {
            executor.tasks.remove(task_id);
            executor.queued.retain(|queued| queued != task_id);
        }
        self.dirty.insert(task.agent.clone());
    }

    /// Clears what the tables hold of a task that was taken out of its framework.
    pub(super) fn forget_task(&mut self, framework_id: &str, task_id: &str, task: &Task) {
        if let Some((at, _)) = task.resend {
            let deadline =
                Deadline::Resend { framework: framework_id.to_owned(), task: task_id.to_owned() };
            self.deadlines.clear(at, deadline);
        }
        if is_terminal(task.latest) {
            return;
        }
        if let Some(agent) = self.agents.get_mut(&task.agent) {
            agent.used.subtract(&task.amount);
            if let Some(executor) = agent.executors.get_mut(&task.executor) {
                executor.tasks.remove(task_id);
                executor.queued.retain(|queued| queued != task_id);
            }
            self.dirty.insert(task.agent.clone());
        }
    }
}

/// An UPDATE event.
pub(super) fn update_event(status: v1::TaskStatus) -> scheduler::Event {
    scheduler::Event {
        update: Some(scheduler::event::Update { status }),
        ..scheduler_event(scheduler::event::Type::Update)
    }
}

/// An executor event with nothing but its type.
pub(super) fn executor_event(kind: executor::event::Type) -> executor::Event {
    executor::Event { r#type: Some(kind.into()), ..executor::Event::default() }
}

fn container_status(executor: &Executor) -> v1::ContainerStatus {
    v1::ContainerStatus {
        container_id: Some(v1::ContainerId {
            value: executor.container_id.clone(),
            ..v1::ContainerId::default()
        }),
        executor_pid: executor.pid,
        ..v1::ContainerStatus::default()
    }
}

/// Milliseconds as the seconds of a timestamp.
#[expect(clippy::cast_precision_loss, reason = "milliseconds since the epoch fit for ages")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1000.0
}
