//! Agents that an operator takes out of use and back: deactivated, or drained as well.
//!
//! It owns what becomes of their offers and tasks, and when a drain is over. Like the flag in a
//! real master's registry, what is asked for stays over the agent's own trouble.

use lathe_mesos::v1;
use v1::task_status::Reason;

use super::command::Command;
use super::state::{Duty, is_terminal};
use super::updates::executor_event;
use super::{Cluster, state};

impl Cluster {
    /// DEACTIVATE_AGENT: nothing of it is offered; what runs there runs on.
    pub(super) fn agent_deactivated(&mut self, id: &str, out: &mut Vec<Command>) {
        let Some(agent) = self.agents.get_mut(id) else {
            return;
        };
        if agent.duty == Duty::InUse {
            agent.duty = Duty::Deactivated;
            self.rescind_offers(id, out);
        }
    }

    /// REACTIVATE_AGENT: it is offered again. What was told to end meanwhile ends all the same.
    pub(super) fn agent_reactivated(&mut self, id: &str) {
        if let Some(agent) = self.agents.get_mut(id) {
            agent.duty = Duty::InUse;
            self.dirty.insert(id.to_owned());
        }
    }

    /// DRAIN_AGENT: nothing of it is offered, and all that runs there is killed, each task within its
    /// own grace and `max_grace_ms`. With `mark_gone` it is gone once it is empty.
    pub(super) fn agent_drains(
        &mut self,
        id: &str,
        max_grace_ms: Option<u64>,
        mark_gone: bool,
        out: &mut Vec<Command>,
    ) {
        let Some(agent) = self.agents.get_mut(id) else {
            return;
        };
        if agent.standing == state::Standing::Gone {
            return;
        }
        agent.duty = Duty::Draining { max_grace_ms, mark_gone };
        self.rescind_offers(id, out);
        self.kill_for_drain(id, out);
        self.drain_may_be_over(id, out);
    }

    /// Tells what runs on a draining agent to end, now or when the agent is back.
    pub(super) fn kill_for_drain(&mut self, id: &str, out: &mut Vec<Command>) {
        let Some(agent) = self.agents.get(id).filter(|agent| agent.is_reachable()) else {
            return;
        };
        let Duty::Draining { max_grace_ms, .. } = agent.duty else {
            return;
        };
        let mut waiting = Vec::new();
        for (framework_id, framework) in &mut self.frameworks {
            for (task_id, task) in &mut framework.tasks {
                if task.agent != id || is_terminal(task.latest) {
                    continue;
                }
                let order = v1::executor::event::Kill {
                    task_id: task.info.task_id.clone(),
                    kill_policy: capped(task.info.kill_policy.as_ref(), max_grace_ms),
                };
                if task.delivered {
                    task.kill = Some(order.clone());
                }
                let key = task.executor.clone();
                let order = task.delivered.then_some(order);
                waiting.push((framework_id.clone(), task_id.clone(), key, order));
            }
        }
        for (framework, task, executor, order) in waiting {
            match order {
                Some(order) => {
                    let event = v1::executor::Event {
                        kill: Some(order),
                        ..executor_event(v1::executor::event::Type::Kill)
                    };
                    self.deliver(id, &executor, event, out);
                }
                None => self.kill_before_delivery(&framework, &task, out),
            }
        }
    }

    /// What a draining agent makes of a status before it sends it.
    pub(super) fn rewrite_for_drain(&self, framework: &str, status: &mut v1::TaskStatus) {
        let agent = status.agent_id.as_ref().and_then(|id| self.agents.get(&id.value));
        let Some(Duty::Draining { mark_gone, .. }) = agent.map(|agent| agent.duty) else {
            return;
        };
        let killed = status.state() == v1::TaskState::TaskKilled;
        if killed || status.state() == v1::TaskState::TaskKilling {
            status.reason = Some(Reason::AgentDraining.into());
            let aware = self.frameworks.get(framework).is_some_and(|known| known.partition_aware());
            if killed && mark_gone && aware {
                status.state = v1::TaskState::TaskGoneByOperator.into();
            }
        }
    }

    /// A drain is over when the end of every task is acknowledged.
    pub(super) fn drain_may_be_over(&mut self, id: &str, out: &mut Vec<Command>) {
        let mut tasks = self.frameworks.values().flat_map(|framework| framework.tasks.values());
        if tasks.any(|task| task.agent == id) {
            return;
        }
        let Some(agent) = self.agents.get_mut(id) else {
            return;
        };
        if let Duty::Draining { mark_gone, .. } = agent.duty {
            agent.duty = Duty::Drained;
            if mark_gone {
                self.agent_marked_gone(id, out);
            }
        }
    }

    /// Whether an operator has taken the agent out of use.
    pub(super) fn is_draining(&self, agent: &str) -> bool {
        let known = self.agents.get(agent);
        known.is_some_and(|known| matches!(known.duty, Duty::Draining { .. } | Duty::Drained))
    }
}

/// A task's own grace, as long as the drain leaves it.
fn capped(own: Option<&v1::KillPolicy>, max_grace_ms: Option<u64>) -> Option<v1::KillPolicy> {
    let Some(most) = max_grace_ms.and_then(|ms| i64::try_from(ms).ok()?.checked_mul(1_000_000))
    else {
        return own.cloned();
    };
    let own = own.and_then(|policy| policy.grace_period.as_ref()).map(|grace| grace.nanoseconds);
    let nanoseconds = own.map_or(most, |own| own.min(most));
    Some(v1::KillPolicy { grace_period: Some(v1::DurationInfo { nanoseconds }) })
}
