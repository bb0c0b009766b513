//! The supervisor's dealings with its agent: subscribing, losing it, waiting for its last
//! acknowledgement, shutting down. Must not know what a task needs to run.

use rand::RngExt;

use super::command::Command;
use super::deadline::Deadline;
use super::event::{TaskId, UpdateId};
use super::{Out, Phase, Supervisor, Why};

/// No pause between two attempts is shorter, so that a dead agent costs nothing.
const PAUSE_MIN_MS: u64 = 10;

impl Supervisor {
    pub(super) fn start(&mut self, out: &mut Out<'_>) {
        if self.ever_connected || self.deadlines.is_set(Deadline::Recovery) {
            return;
        }
        let timeout_ms = self.config.first_subscription_timeout_ms;
        self.deadlines.set(Deadline::Recovery, out.now_ms.saturating_add(timeout_ms));
        self.subscribe(out);
    }

    pub(super) fn subscribe(&mut self, out: &mut Out<'_>) {
        self.deadlines.clear(Deadline::Subscribe);
        if self.connected || self.agent_given_up {
            return;
        }
        let (tasks, updates) = self.unacknowledged.repeat();
        out.push(Command::Subscribe { tasks, updates });
    }

    pub(super) fn subscribed(&mut self, wants_killing: bool, out: &mut Out<'_>) {
        if self.agent_given_up {
            return;
        }
        if self.ever_connected && !self.connected {
            out.note("the agent is back");
        }
        self.connected = true;
        self.ever_connected = true;
        self.wants_killing = wants_killing;
        self.deadlines.clear(Deadline::Subscribe);
        self.deadlines.clear(Deadline::Recovery);
        for update in self.unacknowledged.take_untold() {
            out.push(Command::SendUpdate(update));
        }
        if self.phase == Phase::Over {
            self.await_acknowledgements(out);
        }
    }

    pub(super) fn disconnected(&mut self, reason: &str, out: &mut Out<'_>) {
        if self.agent_given_up {
            return;
        }
        let was_connected = std::mem::replace(&mut self.connected, false);
        if was_connected {
            out.note(format!("lost the agent: {reason}"));
            // While nobody can acknowledge, the recovery time-out bounds the wait instead.
            self.deadlines.clear(Deadline::Acknowledgement);
            if !self.config.checkpoint {
                self.give_agent_up(out);
                return;
            }
        }
        if !self.deadlines.is_set(Deadline::Recovery) {
            let timeout_ms = if self.ever_connected {
                self.config.recovery_timeout_ms
            } else {
                self.config.first_subscription_timeout_ms
            };
            self.deadlines.set(Deadline::Recovery, out.now_ms.saturating_add(timeout_ms));
        }
        let pause_max_ms = self.config.subscription_pause_max_ms.max(PAUSE_MIN_MS);
        let pause_ms = self.random.random_range(PAUSE_MIN_MS..=pause_max_ms);
        self.deadlines.bring_forward(Deadline::Subscribe, out.now_ms.saturating_add(pause_ms));
    }

    pub(super) fn agent_refused(&mut self, message: &str, out: &mut Out<'_>) {
        if self.agent_given_up {
            return;
        }
        out.note(format!("the agent refuses this executor: {message}"));
        self.exit_code = 1;
        self.give_agent_up(out);
    }

    pub(super) fn recovery_failed(&mut self, out: &mut Out<'_>) {
        out.note("the agent was away for too long");
        if !self.ever_connected {
            self.exit_code = 1;
        }
        self.give_agent_up(out);
    }

    /// Ends the task without anybody to report to, and leaves.
    fn give_agent_up(&mut self, out: &mut Out<'_>) {
        self.agent_given_up = true;
        self.connected = false;
        self.deadlines.clear(Deadline::Subscribe);
        self.deadlines.clear(Deadline::Recovery);
        self.end_within_shutdown_grace(Why::AgentLost, out);
    }

    pub(super) fn shut_down(&mut self, reason: &str, out: &mut Out<'_>) {
        out.note(reason);
        self.end_within_shutdown_grace(Why::ShutDown, out);
    }

    /// The agent kills the container once the shutdown grace is over: the task's own grace must
    /// leave time for KILL and for the last update.
    fn end_within_shutdown_grace(&mut self, why: Why, out: &mut Out<'_>) {
        let whole_ms = self.config.shutdown_grace_ms;
        let wait_ms = self.config.acknowledgement_timeout_ms;
        let latest_ms = out.now_ms.saturating_add(whole_ms).saturating_add(wait_ms);
        self.deadlines.bring_forward(Deadline::Leave, latest_ms);
        let own_ms = self.task.as_ref().map_or(0, |(_, launch)| launch.grace_ms);
        let grace_ms = own_ms.min(whole_ms - whole_ms / 5);
        self.end_task(why, grace_ms, out);
        if self.phase == Phase::Idle {
            self.phase = Phase::Over;
        }
        if self.phase == Phase::Over {
            self.await_acknowledgements(out);
        }
    }

    /// Everything about the task is said; leaves as soon as the agent holds it, or when waiting
    /// makes no sense any more.
    pub(super) fn await_acknowledgements(&mut self, out: &mut Out<'_>) {
        if self.agent_given_up || self.unacknowledged.is_empty() {
            self.leave(out);
            return;
        }
        let wait_ms = self.config.acknowledgement_timeout_ms;
        if self.connected {
            let at_ms = out.now_ms.saturating_add(wait_ms);
            self.deadlines.set(Deadline::Acknowledgement, at_ms);
        }
        // An agent that comes and goes for ever must not keep this process for ever.
        let latest_ms = self.config.recovery_timeout_ms.saturating_add(wait_ms);
        self.deadlines.bring_forward(Deadline::Leave, out.now_ms.saturating_add(latest_ms));
    }

    pub(super) fn acknowledged(&mut self, task: &TaskId, id: UpdateId, out: &mut Out<'_>) {
        self.unacknowledged.acknowledge(task, id);
        if self.phase == Phase::Over && self.unacknowledged.is_empty() {
            self.leave(out);
        }
    }
}
