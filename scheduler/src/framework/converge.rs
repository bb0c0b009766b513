//! After every event: what is not wanted is ended, what is missing is asked for, what has waited
//! too long is given up, and what nobody needs is handed back.

use lathe_topology::TaskPath;

use super::Framework;
use super::command::{Call, Command};
use super::ids::{Incarnation, InstanceId, Time};
use super::persist::Then;
use super::records::{InstanceRecord, Life, MOVING, Phase, RESTARTING};
use super::standing::OfTask;

/// A kill that was not answered is sent again.
pub(super) const KILL_AGAIN_MS: u64 = 15_000;

impl Framework {
    pub(super) fn advance(&mut self, now: Time, out: &mut Vec<Command>) {
        if self.connected() && self.hosts_due().is_some_and(|at| now >= at) {
            self.list_hosts(now, out);
        }
        self.tend_losses(now, out);
        self.tend_maintenance(now, out);
        self.judge(now);
        self.tend_leaving(now, out);
        self.judge(now);
        self.tend_rollouts(now, out);
        self.end_unwanted(now, out);
        self.judge(now);
        self.advance_jobs(now, out);
        self.tend_offers(now, out);
        self.tend_reconciling(now, out);
        self.judge(now);
        self.answer_inverse_offers(now, out);
        self.tend_watchers(out);
    }

    fn end_unwanted(&mut self, now: Time, out: &mut Vec<Command>) {
        if !self.connected() {
            return;
        }
        let ids: Vec<InstanceId> = self.standings.to_end.iter().cloned().collect();
        for id in ids {
            for incarnation in self.ends_at_once(&id) {
                self.end(now, &id, &incarnation, out);
            }
        }
        self.judge(now);
        let by_turns = self.standings.tasks.iter().filter(|(_, of)| !of.in_turn.is_empty());
        let turns: Vec<InstanceId> =
            by_turns.flat_map(|(path, of)| self.next_in_turn(path, of)).collect();
        for id in turns {
            let newest = self.instances.get(&id).and_then(|record| record.lives.last());
            let Some(incarnation) = newest.map(|life| life.incarnation.clone()) else { continue };
            if !self.batches.has_intent_of(&incarnation) {
                self.end(now, &id, &incarnation, out);
            }
        }
    }

    /// Lives of an instance that wait for nobody's turn, and whose intents are durable.
    fn ends_at_once(&self, id: &InstanceId) -> Vec<Incarnation> {
        let Some(record) = self.instances.get(id) else { return Vec::new() };
        record
            .lives
            .iter()
            .filter(|life| self.must_end(record, life) && !self.ends_by_turns(record, life))
            .filter(|life| !self.batches.has_intent_of(&life.incarnation))
            .map(|life| life.incarnation.clone())
            .collect()
    }

    /// Whether a life that must end gives way to other contents of its slot: one of a task at a
    /// time. What moves makes room that others wait for, and does not wait itself.
    pub(super) fn ends_by_turns(&self, record: &InstanceRecord, life: &Life) -> bool {
        let newest = record.lives.last().is_some_and(|last| last.incarnation == life.incarnation);
        newest
            && !matches!(life.identity.as_str(), MOVING | RESTARTING)
            && life.phase != Phase::Killing
            && self.wanted.of(&record.id).is_some()
    }

    /// The instances of a task that are replaced next: by its own rule, or else one, and only while
    /// all others are ready and have kept running if they had ended early; neither while the topology
    /// is paused nor while the new version is held back or about to give way.
    fn next_in_turn(&self, path: &TaskPath, of: &OfTask) -> Vec<InstanceId> {
        let Some(accepted) = self.wanted.owned_by(path) else { return Vec::new() };
        if accepted.record.paused
            || self.held_back(accepted, path).is_some()
            || self.goes_back(&accepted.record.name)
        {
            return Vec::new();
        }
        let ruled = accepted.task(path).and_then(|task| Some((task, task.update.as_ref()?)));
        let of_slot = |slot: u32| InstanceId { task: path.clone(), slot };
        if let Some(ruled) = ruled {
            return self.next_by_rule(accepted, ruled, of).into_iter().map(of_slot).collect();
        }
        if !of.shaky.is_empty() {
            return Vec::new();
        }
        let slot = match (of.down.len(), of.down.first()) {
            (0, _) => of.in_turn.first(),
            (1, Some(down)) => of.in_turn.get(down),
            _ => None,
        };
        slot.copied().map(of_slot).into_iter().collect()
    }

    /// Whether a life is not wanted any more: its slot is gone, a newer life has its place, the slot
    /// is to hold other contents, or its host is to be left.
    pub(super) fn must_end(&self, record: &InstanceRecord, life: &Life) -> bool {
        let newest = record.lives.last().is_some_and(|last| last.incarnation == life.incarnation);
        match self.wanted.of(&record.id) {
            _ if !newest => true,
            None => true,
            // What was told to end is told again until it has: its slot may be wanted again by now,
            // and the word may have reached nobody.
            Some((accepted, task)) => {
                life.phase == Phase::Killing
                    || accepted.identity(task) != life.identity
                    || self.leaving.goes(life)
            }
        }
    }

    fn end(
        &mut self,
        now: Time,
        id: &InstanceId,
        incarnation: &Incarnation,
        out: &mut Vec<Command>,
    ) {
        if self.kills.get(incarnation).is_some_and(|last| now < last + KILL_AGAIN_MS) {
            return;
        }
        let Some(record) = self.instances.get_mut(id) else { return };
        let Some(life) = record.lives.iter_mut().find(|life| &life.incarnation == incarnation)
        else {
            return;
        };
        let call = Command::Call(Call::Kill {
            incarnation: incarnation.clone(),
            agent: Some(life.agent.clone()),
            grace_ms: life.grace_ms,
        });
        self.kills.insert(incarnation.clone(), now);
        // Nothing changes where it is told again, or where nobody may hear it; but its record may
        // still be on its way, and another may lead by now.
        if matches!(life.phase, Phase::Killing | Phase::Unreachable) {
            self.once_leading(vec![call], out);
            return;
        }
        life.phase = Phase::Killing;
        life.since_ms = now;
        let writes = self.instance_writes(id, &incarnation.to_string());
        self.persist(writes, Then::Do(vec![call]), out);
    }

    /// The earliest moment at which [`super::event::Event::TimePassed`] should come, if any.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        if self.stopped || !self.recovered {
            return None;
        }
        [
            self.offers.first_expiry(self.config.hold_ms),
            self.next_revive(),
            self.reconciling.next(),
            self.losses.next(),
            self.maintenance.next(self.now_seen, self.config.leave_before_ms),
            self.leaving.next().filter(|_| self.connected()),
            self.job_deadline(),
            self.hosts_due().filter(|_| self.connected()),
            self.repair_deadline(),
            self.standings.next(),
            self.next_queued().filter(|_| self.job.is_none()),
        ]
        .into_iter()
        .flatten()
        .filter(|at| *at > self.now_seen)
        .min()
    }
}
