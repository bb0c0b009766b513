//! Hosts: their coming, their silence, their return and their end.
//!
//! It owns what a host's standing means for tasks and offers.

use lathe_mesos::v1::{self, scheduler};
use v1::task_status::Reason;

use super::command::{Command, HostCommand};
use super::event::HostSpec;
use super::ids::{ExecutorKey, HostName};
use super::resources::Amount;
use super::state::{Agent, Duty, Stage, Standing, Task, is_terminal};
use super::subscribe::scheduler_event;
use super::updates::update_event;
use super::{Cluster, Deadline};

impl Cluster {
    pub(super) fn host_registered(
        &mut self,
        host: HostName,
        spec: HostSpec,
        out: &mut Vec<Command>,
    ) {
        self.host_lost(&host, out);
        let id = format!("{}-S{}", self.master_id, self.made.agents);
        self.made.agents += 1;
        let agent = Agent {
            host: host.clone(),
            total: Amount::of_host(&spec),
            spec,
            standing: Standing::Active,
            duty: Duty::InUse,
            used: Amount::default(),
            offered: Amount::default(),
            offers: Default::default(),
            executors: Default::default(),
            registered_ms: self.now,
        };
        self.agents.insert(id.clone(), agent);
        self.hosts.insert(host, id.clone());
        self.tell(&id, HostCommand::Welcome { agent_id: id.clone() }, out);
        self.dirty.insert(id);
    }

    pub(super) fn host_paused(&mut self, host: &HostName) {
        let until = self.now + self.config.unreachable_after_ms;
        let Some(id) = self.hosts.get(host) else {
            return;
        };
        if let Some(agent) = self.agents.get_mut(id)
            && agent.standing == Standing::Active
        {
            agent.standing = Standing::Silent { until };
            self.deadlines.set(until, Deadline::Unreachable { agent: id.clone() });
        }
    }

    pub(super) fn agent_unreachable(&mut self, id: &str, out: &mut Vec<Command>) {
        let since_ns = i64::try_from(self.now.saturating_mul(1_000_000)).unwrap_or(i64::MAX);
        let Some(agent) = self.agents.get_mut(id) else {
            return;
        };
        agent.standing = Standing::Unreachable { since_ns };
        let mut updates = Vec::new();
        for (framework_id, framework) in &mut self.frameworks {
            let state = framework.or_lost(v1::TaskState::TaskUnreachable);
            let theirs = framework.tasks.values_mut().filter(|task| task.agent == id);
            for task in theirs.filter(|task| !is_terminal(task.latest)) {
                task.unreachable_ns = Some(since_ns);
                let status = v1::TaskStatus {
                    task_id: task.info.task_id.clone(),
                    state: state.into(),
                    executor_id: Some(v1::ExecutorId { value: task.executor.executor_id.clone() }),
                    unreachable_time: Some(v1::TimeInfo { nanoseconds: since_ns }),
                    ..v1::TaskStatus::default()
                };
                updates.push((framework_id.clone(), status));
            }
        }
        for (framework, status) in updates {
            let said = (Reason::AgentRemoved, "health check timed out");
            self.say_of_agent((id, &framework), status, said, out);
        }
        self.rescind_offers(id, out);
        self.announce_loss(id, out);
    }

    /// Fills in and sends a status that is about a whole agent.
    fn say_of_agent(
        &mut self,
        (agent, framework): (&str, &str),
        status: v1::TaskStatus,
        (reason, message): (Reason, &str),
        out: &mut Vec<Command>,
    ) {
        let plain = self.master_status(status.state());
        let status = v1::TaskStatus {
            agent_id: Some(v1::AgentId { value: agent.to_owned() }),
            reason: Some(reason.into()),
            message: Some(message.to_owned()),
            timestamp: plain.timestamp,
            source: plain.source,
            ..status
        };
        self.send(framework, update_event(status), out);
    }

    fn announce_loss(&self, agent: &str, out: &mut Vec<Command>) {
        for framework in self.frameworks.values() {
            let Some(stream) = framework.stream.clone() else {
                continue;
            };
            let failure = scheduler::event::Failure {
                agent_id: Some(v1::AgentId { value: agent.to_owned() }),
                executor_id: None,
                status: None,
            };
            let event = scheduler::Event {
                failure: Some(failure),
                ..scheduler_event(scheduler::event::Type::Failure)
            };
            out.push(Command::Send { stream, event: Box::new(event) });
        }
    }

    pub(super) fn host_resumed(&mut self, host: &HostName, out: &mut Vec<Command>) {
        let Some(id) = self.hosts.get(host).cloned() else {
            return;
        };
        let Some(agent) = self.agents.get_mut(&id) else {
            return;
        };
        match agent.standing {
            Standing::Active | Standing::Gone => return,
            Standing::Silent { until } => {
                self.deadlines.clear(until, Deadline::Unreachable { agent: id.clone() });
            }
            Standing::Unreachable { .. } => {}
        }
        agent.standing = Standing::Active;
        let mut back = Vec::new();
        for (framework_id, framework) in &mut self.frameworks {
            for (task_id, task) in &mut framework.tasks {
                if task.agent == id && task.unreachable_ns.take().is_some() {
                    back.push((framework_id.clone(), task_id.clone()));
                }
            }
        }
        for (framework, task) in back {
            self.announce_return(&id, &framework, &task, out);
        }
        self.resend_all(|task, _| task.agent == id, out);
        self.end_orphans(&id, out);
        self.kill_for_drain(&id, out);
        self.dirty.insert(id);
    }

    /// Ends executors whose framework was removed while they could not be told.
    fn end_orphans(&mut self, id: &str, out: &mut Vec<Command>) {
        let Some(agent) = self.agents.get(id) else {
            return;
        };
        let orphaned = |key: &&ExecutorKey| !self.frameworks.contains_key(&key.framework_id);
        let orphans: Vec<ExecutorKey> = agent.executors.keys().filter(orphaned).cloned().collect();
        for executor in orphans {
            self.shut_down_executor(id, &executor, out);
        }
    }

    fn announce_return(
        &mut self,
        agent: &str,
        framework: &str,
        task: &str,
        out: &mut Vec<Command>,
    ) {
        let Some(known) = self.frameworks.get(framework).and_then(|f| f.tasks.get(task)) else {
            return;
        };
        // In the state that its agent knows, which may be its end; the executor's or the agent's own
        // word of it follows.
        let status = v1::TaskStatus { state: known.latest.into(), ..self.known_status(known) };
        let said = (Reason::AgentReregistered, "Unreachable agent re-reregistered");
        self.say_of_agent((agent, framework), status, said, out);
    }

    pub(super) fn host_lost(&mut self, host: &HostName, out: &mut Vec<Command>) {
        let Some(id) = self.hosts.remove(host) else {
            return;
        };
        self.declare_gone(&id, out);
        if let Some(agent) = self.agents.remove(&id) {
            for (key, executor) in agent.executors {
                self.clear_stage(&id, &key, executor.stage);
            }
        }
        self.dirty.remove(&id);
    }

    /// MARK_AGENT_GONE: the host itself may live on; its executors are told to end.
    pub(super) fn agent_marked_gone(&mut self, id: &str, out: &mut Vec<Command>) {
        self.declare_gone(id, out);
        let executors: Vec<ExecutorKey> =
            self.agents.get(id).map_or_else(Vec::new, |a| a.executors.keys().cloned().collect());
        for executor in executors {
            self.shut_down_executor(id, &executor, out);
        }
    }

    fn declare_gone(&mut self, id: &str, out: &mut Vec<Command>) {
        let Some(agent) = self.agents.get_mut(id) else {
            return;
        };
        match std::mem::replace(&mut agent.standing, Standing::Gone) {
            Standing::Gone => return,
            Standing::Silent { until } => {
                self.deadlines.clear(until, Deadline::Unreachable { agent: id.to_owned() });
            }
            Standing::Active | Standing::Unreachable { .. } => {}
        }
        super::remember(&mut self.gone, id.to_owned());
        for (framework_id, task_id, task) in self.take_tasks_of(id) {
            self.forget_task(&framework_id, &task_id, &task);
            if is_terminal(task.latest) {
                continue;
            }
            let Some(framework) = self.frameworks.get_mut(&framework_id) else {
                continue;
            };
            framework.allocated.subtract(&task.amount);
            let status = v1::TaskStatus {
                task_id: task.info.task_id,
                state: framework.or_lost(v1::TaskState::TaskGoneByOperator).into(),
                executor_id: Some(v1::ExecutorId { value: task.executor.executor_id }),
                ..v1::TaskStatus::default()
            };
            let said = (Reason::AgentRemovedByOperator, "Agent has been marked gone");
            self.say_of_agent((id, &framework_id), status, said, out);
        }
        let executors: Vec<ExecutorKey> =
            self.agents.get(id).map_or_else(Vec::new, |a| a.executors.keys().cloned().collect());
        for executor in executors {
            self.release_executor(id, &executor);
        }
        self.rescind_offers(id, out);
        self.announce_loss(id, out);
    }

    /// Takes all tasks of an agent out of their frameworks, those that have ended included.
    fn take_tasks_of(&mut self, agent: &str) -> Vec<(String, String, Task)> {
        let mut taken = Vec::new();
        for (framework_id, framework) in &mut self.frameworks {
            let ids: Vec<String> = framework
                .tasks
                .iter()
                .filter(|(_, task)| task.agent == agent)
                .map(|(id, _)| id.clone())
                .collect();
            for id in ids {
                if let Some(task) = framework.tasks.remove(&id) {
                    taken.push((framework_id.clone(), id, task));
                }
            }
        }
        taken
    }

    /// Takes back the deadline that an executor's stage has set.
    pub(super) fn clear_stage(&mut self, agent: &str, executor: &ExecutorKey, stage: Stage) {
        let (agent, executor) = (agent.to_owned(), executor.clone());
        match stage {
            Stage::Registering { until } => {
                self.deadlines.clear(until, Deadline::Registration { agent, executor });
            }
            Stage::Terminating { until } => {
                self.deadlines.clear(until, Deadline::Shutdown { agent, executor });
            }
            Stage::Running => {}
        }
    }
}
