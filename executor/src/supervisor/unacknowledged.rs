//! Updates and tasks of which the agent has not said that it holds them; a new subscription
//! repeats them. Must not know when a subscription is made.

use std::collections::BTreeSet;

use super::command::Update;
use super::event::{TaskId, UpdateId};

#[derive(Debug)]
struct Waiting {
    update: Update,
    /// It went out over the present subscription.
    told: bool,
}

/// What the agent has not acknowledged.
#[derive(Debug, Default)]
pub(super) struct Unacknowledged {
    /// Oldest first.
    updates: Vec<Waiting>,
    /// Tasks of which no update was acknowledged, in the order of their launches.
    tasks: Vec<TaskId>,
    /// Tasks that have their terminal update.
    ended: BTreeSet<TaskId>,
}

impl Unacknowledged {
    /// Notes a launched task.
    pub(super) fn launched(&mut self, task: &TaskId) {
        if !self.tasks.contains(task) {
            self.tasks.push(task.clone());
        }
    }

    /// Notes an update; `told` when it goes out at once. False, and nothing noted, after the
    /// task's terminal update.
    pub(super) fn record(&mut self, update: &Update, told: bool) -> bool {
        if self.ended.contains(&update.task) {
            return false;
        }
        if update.state.is_terminal() {
            self.ended.insert(update.task.clone());
        }
        self.updates.push(Waiting { update: update.clone(), told });
        true
    }

    /// The agent holds this update. Unknown ones (acknowledged twice) say nothing.
    pub(super) fn acknowledge(&mut self, task: &TaskId, id: UpdateId) {
        let before = self.updates.len();
        self.updates.retain(|waiting| waiting.update.id != id || waiting.update.task != *task);
        if self.updates.len() < before {
            self.tasks.retain(|known| known != task);
        }
    }

    /// What a new subscription has to repeat; from now on these count as told.
    pub(super) fn repeat(&mut self) -> (Vec<TaskId>, Vec<Update>) {
        for waiting in &mut self.updates {
            waiting.told = true;
        }
        (self.tasks.clone(), self.updates.iter().map(|waiting| waiting.update.clone()).collect())
    }

    /// Updates that arose while there was no subscription to send them over; now told.
    pub(super) fn take_untold(&mut self) -> Vec<Update> {
        let mut untold = Vec::new();
        for waiting in self.updates.iter_mut().filter(|waiting| !waiting.told) {
            waiting.told = true;
            untold.push(waiting.update.clone());
        }
        untold
    }

    /// How many updates wait.
    pub(super) fn len(&self) -> usize {
        self.updates.len()
    }

    /// Is everything acknowledged?
    pub(super) fn is_empty(&self) -> bool {
        self.updates.is_empty()
    }

    /// Does this task have its terminal update?
    pub(super) fn has_ended(&self, task: &TaskId) -> bool {
        self.ended.contains(task)
    }
}
