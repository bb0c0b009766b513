//! Executors: start, subscription, and delivery of tasks.
//!
//! It owns what a Mesos agent would do for executors and must not know processes.

use std::collections::BTreeSet;

use bytes::Bytes;
use lathe_mesos::v1::{self, executor, scheduler};
use v1::task_status::Reason;

use super::command::{Command, HostCommand};
use super::ids::{ExecutorKey, HostName};
use super::resources::Amount;
use super::state::{Executor, Stage, Standing, Verdict, is_terminal};
use super::subscribe::scheduler_event;
use super::updates::executor_event;
use super::{Cluster, Deadline};

impl Cluster {
    /// The executor of a host, and the agent id of the host.
    pub(super) fn executor_mut(
        &mut self,
        host: &HostName,
        key: &ExecutorKey,
    ) -> Option<(String, &mut Executor)> {
        let id = self.hosts.get(host)?.clone();
        let executor = self.agents.get_mut(&id)?.executors.get_mut(key)?;
        Some((id, executor))
    }

    /// Hands a launched task to its executor, which is started if it is not there.
    pub(super) fn give_to_executor(
        &mut self,
        (agent_id, key): (&str, &ExecutorKey),
        (info, amount): (v1::ExecutorInfo, Amount),
        task: String,
        out: &mut Vec<Command>,
    ) {
        let Some(agent) = self.agents.get_mut(agent_id) else {
            return;
        };
        let Some(executor) = agent.executors.get_mut(key) else {
            self.start_executor((agent_id, key), (info, amount), task, out);
            return;
        };
        executor.tasks.insert(task.clone());
        match executor.stage {
            Stage::Running if executor.connected => {
                self.deliver_task(agent_id, key, &task, out);
            }
            Stage::Running | Stage::Registering { .. } => executor.queued.push(task),
            Stage::Terminating { .. } => {
                let state = self.dropped_state(&key.framework_id);
                let verdict = Verdict {
                    reason: Reason::ExecutorTerminated,
                    message: "Executor terminating".to_owned(),
                };
                self.agent_update((&key.framework_id, &task), state, verdict, out);
            }
        }
    }

    fn dropped_state(&self, framework: &str) -> v1::TaskState {
        let dropped = v1::TaskState::TaskDropped;
        self.frameworks.get(framework).map_or(dropped, |framework| framework.or_lost(dropped))
    }

    fn start_executor(
        &mut self,
        (agent_id, key): (&str, &ExecutorKey),
        (info, amount): (v1::ExecutorInfo, Amount),
        task: String,
        out: &mut Vec<Command>,
    ) {
        let container_id = self.draw.uuid().to_string();
        let until = self.now + self.config.executor_registration_ms;
        let Some(framework) = self.frameworks.get_mut(&key.framework_id) else {
            return;
        };
        framework.allocated.add(&amount);
        let framework_info = framework.info.clone();
        let Some(agent) = self.agents.get_mut(agent_id) else {
            return;
        };
        agent.used.add(&amount);
        let checkpoint = framework_info.checkpoint();
        let executor = Executor {
            info: info.clone(),
            framework_info,
            container_id: container_id.clone(),
            stage: Stage::Registering { until },
            connected: false,
            pid: None,
            amount,
            queued: vec![task.clone()],
            tasks: BTreeSet::from([task]),
            has_spoken: false,
            verdict: None,
            killed: false,
        };
        agent.executors.insert(key.clone(), executor);
        let deadline = Deadline::Registration { agent: agent_id.to_owned(), executor: key.clone() };
        self.deadlines.set(until, deadline);
        let start = HostCommand::StartExecutor {
            executor: key.clone(),
            container_id,
            info: Box::new(info),
            checkpoint,
        };
        self.tell(agent_id, start, out);
    }

    fn deliver_task(&mut self, agent: &str, key: &ExecutorKey, task: &str, out: &mut Vec<Command>) {
        let known = self
            .frameworks
            .get_mut(&key.framework_id)
            .and_then(|framework| framework.tasks.get_mut(task));
        if let Some(known) = known {
            known.delivered = true;
            let event = executor::Event {
                launch: Some(executor::event::Launch { task: known.info.clone() }),
                ..executor_event(executor::event::Type::Launch)
            };
            self.deliver(agent, key, event, out);
        }
    }

    pub(super) fn executor_subscribed(
        &mut self,
        host: &HostName,
        key: &ExecutorKey,
        subscribe: executor::call::Subscribe,
        out: &mut Vec<Command>,
    ) {
        let Some((agent, known)) = self.executor_mut(host, key) else {
            return;
        };
        known.connected = true;
        let stage = known.stage;
        match stage {
            Stage::Terminating { .. } => {
                let event = executor_event(executor::event::Type::Shutdown);
                self.deliver(&agent, key, event, out);
                return;
            }
            Stage::Registering { .. } | Stage::Running => known.stage = Stage::Running,
        }
        self.clear_stage(&agent, key, stage);
        self.welcome_executor(&agent, key, out);
        let again = stage == Stage::Running;
        let held: BTreeSet<String> =
            subscribe.unacknowledged_tasks.into_iter().map(|task| task.task_id.value).collect();
        for update in subscribe.unacknowledged_updates {
            self.executor_updated(host, key, update.status, out);
        }
        if again {
            self.repair_after_break(&agent, key, &held, out);
        }
        let Some((_, known)) = self.executor_mut(host, key) else {
            return;
        };
        let queued = std::mem::take(&mut known.queued);
        // Its tasks were killed or lost before it had one: it would wait for ever.
        let useless = known.tasks.is_empty() && !known.has_spoken;
        for task in queued {
            self.deliver_task(&agent, key, &task, out);
        }
        if useless {
            self.shut_down_executor(&agent, key, out);
        }
    }

    fn welcome_executor(&mut self, agent_id: &str, key: &ExecutorKey, out: &mut Vec<Command>) {
        let Some(agent) = self.agents.get(agent_id) else {
            return;
        };
        let Some(executor) = agent.executors.get(key) else {
            return;
        };
        let subscribed = executor::event::Subscribed {
            executor_info: executor.info.clone(),
            framework_info: executor.framework_info.clone(),
            agent_info: agent.info(agent_id),
            container_id: Some(v1::ContainerId {
                value: executor.container_id.clone(),
                ..v1::ContainerId::default()
            }),
        };
        let event = executor::Event {
            subscribed: Some(subscribed),
            ..executor_event(executor::event::Type::Subscribed)
        };
        self.deliver(agent_id, key, event, out);
    }

    /// A stream came back: what was lost on the old one is said or sent again.
    fn repair_after_break(
        &mut self,
        agent: &str,
        key: &ExecutorKey,
        held: &BTreeSet<String>,
        out: &mut Vec<Command>,
    ) {
        let Some(framework) = self.frameworks.get(&key.framework_id) else {
            return;
        };
        let (mut lost, mut kills) = (Vec::new(), Vec::new());
        for (id, task) in &framework.tasks {
            if task.agent != agent || task.executor != *key || is_terminal(task.latest) {
                continue;
            }
            let staging = task.latest == v1::TaskState::TaskStaging;
            if task.delivered && staging && !held.contains(id) {
                lost.push(id.clone());
            } else if let Some(kill) = &task.kill {
                kills.push(kill.clone());
            }
        }
        for id in lost {
            let verdict = Verdict {
                reason: Reason::AgentRestarted,
                message: "Task launched during agent restart".to_owned(),
            };
            let state = self.dropped_state(&key.framework_id);
            self.agent_update((&key.framework_id, &id), state, verdict, out);
        }
        for kill in kills {
            let event =
                executor::Event { kill: Some(kill), ..executor_event(executor::event::Type::Kill) };
            self.deliver(agent, key, event, out);
        }
    }

    pub(super) fn executor_messaged(
        &mut self,
        host: &HostName,
        key: ExecutorKey,
        data: Vec<u8>,
        out: &mut Vec<Command>,
    ) {
        let Some((agent, _)) = self.executor_mut(host, &key) else {
            return;
        };
        let message = scheduler::event::Message {
            agent_id: v1::AgentId { value: agent.clone() },
            executor_id: v1::ExecutorId { value: key.executor_id },
            data: Bytes::from(data),
        };
        let event = scheduler::Event {
            message: Some(message),
            ..scheduler_event(scheduler::event::Type::Message)
        };
        if self.agents.get(&agent).is_some_and(|agent| agent.standing == Standing::Active) {
            self.send(&key.framework_id, event, out);
        }
    }
}
