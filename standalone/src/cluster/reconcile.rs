//! Reconciliation: what a master says when it is asked about tasks.
//!
//! It owns the answers and changes nothing.

use lathe_mesos::v1::{self, scheduler};
use v1::task_status::Reason;

use super::Cluster;
use super::command::Command;
use super::state::{Standing, Task};
use super::updates::update_event;

impl Cluster {
    pub(super) fn reconcile(
        &self,
        framework: &str,
        reconcile: &scheduler::call::Reconcile,
        out: &mut Vec<Command>,
    ) {
        if !reconcile.tasks.is_empty() {
            for task in &reconcile.tasks {
                self.answer_about(framework, &task.task_id.value, task.agent_id.as_ref(), out);
            }
            return;
        }
        let Some(known) = self.frameworks.get(framework) else {
            return;
        };
        for task in known.tasks.values().filter(|task| task.unreachable_ns.is_none()) {
            self.reply(framework, self.latest_status(task), out);
        }
    }

    /// The answer about one task, known or not.
    pub(super) fn answer_about(
        &self,
        framework: &str,
        id: &str,
        agent_id: Option<&v1::AgentId>,
        out: &mut Vec<Command>,
    ) {
        let Some(known) = self.frameworks.get(framework) else {
            return;
        };
        let task = known.tasks.get(id);
        if let Some(task) = task.filter(|task| task.unreachable_ns.is_none()) {
            self.reply(framework, self.latest_status(task), out);
            return;
        }
        let agent_id = task.map(|task| task.agent.clone()).or(agent_id.map(|id| id.value.clone()));
        let agent = agent_id.as_ref().and_then(|id| self.agents.get(id));
        let was_removed = agent_id.as_ref().is_some_and(|id| self.gone.contains(id));
        let (state, message, since) = match agent.map(|agent| agent.standing) {
            Some(Standing::Active | Standing::Silent { .. }) => {
                (v1::TaskState::TaskGone, "Reconciliation: Task is unknown to the agent", None)
            }
            Some(Standing::Unreachable { since_ns }) => (
                v1::TaskState::TaskUnreachable,
                "Reconciliation: Task is unreachable",
                Some(v1::TimeInfo { nanoseconds: since_ns }),
            ),
            _ if was_removed => {
                (v1::TaskState::TaskGoneByOperator, "Reconciliation: Task is gone", None)
            }
            _ => (v1::TaskState::TaskUnknown, "Reconciliation: Task is unknown", None),
        };
        let status = v1::TaskStatus {
            task_id: v1::TaskId { value: id.to_owned() },
            agent_id: agent_id.map(|value| v1::AgentId { value }),
            message: Some(message.to_owned()),
            reason: Some(Reason::Reconciliation.into()),
            unreachable_time: since,
            ..self.master_status(known.or_lost(state))
        };
        self.reply(framework, status, out);
    }

    /// What the framework was told last of a task, without what only the update itself carries.
    fn latest_status(&self, task: &Task) -> v1::TaskStatus {
        v1::TaskStatus {
            message: Some("Reconciliation: Latest task state".to_owned()),
            reason: Some(Reason::Reconciliation.into()),
            ..self.known_status(task)
        }
    }

    /// A master's status of a known task.
    pub(super) fn known_status(&self, task: &Task) -> v1::TaskStatus {
        v1::TaskStatus {
            task_id: task.info.task_id.clone(),
            agent_id: Some(v1::AgentId { value: task.agent.clone() }),
            executor_id: Some(v1::ExecutorId { value: task.executor.executor_id.clone() }),
            healthy: task.healthy,
            container_status: task.container_status.clone(),
            ..self.master_status(task.told)
        }
    }

    fn reply(&self, framework: &str, status: v1::TaskStatus, out: &mut Vec<Command>) {
        if let Some(stream) = self.frameworks.get(framework).and_then(|f| f.stream.clone()) {
            out.push(Command::Send { stream, event: Box::new(update_event(status)) });
        }
    }
}
