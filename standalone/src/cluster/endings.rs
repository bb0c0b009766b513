//! The end of executors: by order, by time, by themselves, and what that means for their tasks.
//!
//! It owns grace and the last update of tasks that cannot speak any more.

use lathe_mesos::v1::{self, executor, scheduler};
use v1::task_status::Reason;

use super::command::{Command, HostCommand};
use super::ids::{ExecutorKey, HostName};
use super::state::{Stage, Standing, Verdict, is_terminal};
use super::subscribe::scheduler_event;
use super::updates::executor_event;
use super::{Cluster, Deadline};

impl Cluster {
    /// A KILL of a task that its executor has not seen.
    pub(super) fn kill_before_delivery(
        &mut self,
        framework: &str,
        task: &str,
        out: &mut Vec<Command>,
    ) {
        let Some(known) = self.frameworks.get(framework).and_then(|f| f.tasks.get(task)) else {
            return;
        };
        if is_terminal(known.latest) {
            return;
        }
        let (agent, key) = (known.agent.clone(), known.executor.clone());
        let verdict = Verdict {
            reason: Reason::TaskKilledDuringLaunch,
            message: "Killed before delivery to the executor".to_owned(),
        };
        self.agent_update((framework, task), v1::TaskState::TaskKilled, verdict, out);
        let useless =
            self.agents.get(&agent).and_then(|agent| agent.executors.get(&key)).is_some_and(
                |executor| {
                    executor.tasks.is_empty() && matches!(executor.stage, Stage::Registering { .. })
                },
            );
        if useless {
            self.shut_down_executor(&agent, &key, out);
            self.kill_executor(&agent, &key, out);
        }
    }

    /// An order of the master, which does not get to an agent that cannot be reached.
    pub(super) fn order_shutdown(
        &mut self,
        agent_id: &str,
        key: &ExecutorKey,
        out: &mut Vec<Command>,
    ) {
        let standing = self.agents.get(agent_id).map(|agent| agent.standing);
        if !matches!(standing, Some(Standing::Unreachable { .. })) {
            self.shut_down_executor(agent_id, key, out);
        }
    }

    pub(super) fn shut_down_executor(
        &mut self,
        agent_id: &str,
        key: &ExecutorKey,
        out: &mut Vec<Command>,
    ) {
        if self.is_terminating(agent_id, key) {
            return;
        }
        let executor = self.agents.get_mut(agent_id).and_then(|a| a.executors.get_mut(key));
        let Some(executor) = executor else {
            return;
        };
        let own = executor.info.shutdown_grace_period.as_ref();
        let grace = own
            .and_then(|grace| u64::try_from(grace.nanoseconds / 1_000_000).ok())
            .unwrap_or(self.config.executor_shutdown_grace_ms);
        let until = self.now.saturating_add(grace);
        let before = std::mem::replace(&mut executor.stage, Stage::Terminating { until });
        self.clear_stage(agent_id, key, before);
        let deadline = Deadline::Shutdown { agent: agent_id.to_owned(), executor: key.clone() };
        self.deadlines.set(until, deadline);
        self.deliver(agent_id, key, executor_event(executor::event::Type::Shutdown), out);
    }

    pub(super) fn registration_passed(
        &mut self,
        agent: &str,
        key: &ExecutorKey,
        out: &mut Vec<Command>,
    ) {
        let seconds = self.config.executor_registration_ms / 1000;
        let executor = self.agents.get_mut(agent).and_then(|agent| agent.executors.get_mut(key));
        if let Some(executor) = executor {
            executor.verdict = Some(Verdict {
                reason: Reason::ExecutorRegistrationTimeout,
                message: format!("Executor did not register within {seconds}secs"),
            });
            self.shut_down_executor(agent, key, out);
            self.kill_executor(agent, key, out);
        }
    }

    /// Has the host kill an executor, once.
    pub(super) fn kill_executor(&mut self, agent: &str, key: &ExecutorKey, out: &mut Vec<Command>) {
        let executor = self.agents.get_mut(agent).and_then(|agent| agent.executors.get_mut(key));
        if let Some(executor) = executor
            && !std::mem::replace(&mut executor.killed, true)
        {
            self.tell(agent, HostCommand::KillExecutor { executor: key.clone() }, out);
        }
    }

    pub(super) fn executor_refused(
        &mut self,
        host: &HostName,
        key: &ExecutorKey,
        message: &str,
        out: &mut Vec<Command>,
    ) {
        if let Some((_, executor)) = self.executor_mut(host, key) {
            executor.verdict = Some(Verdict {
                reason: Reason::ContainerLaunchFailed,
                message: format!("Failed to launch container: {message}"),
            });
            self.executor_exited(host, key, None, out);
        }
    }

    /// The end of an executor's process ends all its tasks.
    pub(super) fn executor_exited(
        &mut self,
        host: &HostName,
        key: &ExecutorKey,
        status: Option<i32>,
        out: &mut Vec<Command>,
    ) {
        let Some((agent_id, _)) = self.executor_mut(host, key) else {
            return;
        };
        self.release_executor(&agent_id, key);
        let Some(agent) = self.agents.get_mut(&agent_id) else {
            return;
        };
        let active = agent.standing == Standing::Active;
        let Some(executor) = agent.executors.remove(key) else {
            return;
        };
        self.clear_stage(&agent_id, key, executor.stage);
        if active {
            let failure = scheduler::event::Failure {
                agent_id: Some(v1::AgentId { value: agent_id }),
                executor_id: Some(v1::ExecutorId { value: key.executor_id.clone() }),
                status: Some(status.unwrap_or(-1)),
            };
            let event = scheduler::Event {
                failure: Some(failure),
                ..scheduler_event(scheduler::event::Type::Failure)
            };
            self.send(&key.framework_id, event, out);
        }
        let verdict = executor.verdict.unwrap_or_else(|| Verdict {
            reason: Reason::ExecutorTerminated,
            message: "Executor terminated".to_owned(),
        });
        for task in executor.tasks {
            let failed = v1::TaskState::TaskFailed;
            self.agent_update((&key.framework_id, &task), failed, verdict.clone(), out);
        }
    }

    /// Returns what an executor itself took.
    pub(super) fn release_executor(&mut self, agent_id: &str, key: &ExecutorKey) {
        let Some(agent) = self.agents.get_mut(agent_id) else {
            return;
        };
        let Some(executor) = agent.executors.get_mut(key) else {
            return;
        };
        let amount = std::mem::take(&mut executor.amount);
        agent.used.subtract(&amount);
        if let Some(framework) = self.frameworks.get_mut(&key.framework_id) {
            framework.allocated.subtract(&amount);
        }
        self.dirty.insert(agent_id.to_owned());
    }
}
