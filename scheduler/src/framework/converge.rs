//! After every event: what is not wanted is ended, what is missing is asked for, what has waited
//! too long is given up, and what nobody needs is handed back.

use std::collections::BTreeSet;

use lathe_topology::TaskPath;

use super::Framework;
use super::command::{Call, Command};
use super::ids::{Incarnation, InstanceId, Time};
use super::persist::Then;
use super::records::{Life, MOVING, Phase, RESTARTING};

/// A kill that was not answered is sent again.
const KILL_AGAIN_MS: u64 = 15_000;

impl Framework {
    pub(super) fn advance(&mut self, now: Time, out: &mut Vec<Command>) {
        if self.connected() && self.hosts_due().is_some_and(|at| now >= at) {
            self.list_hosts_once(now, out);
        }
        self.end_unwanted(now, out);
        self.advance_jobs(now, out);
        self.tend_offers(now, out);
        self.tend_reconciling(now, out);
        self.tend_watchers(now, out);
    }

    fn list_hosts_once(&mut self, now: Time, out: &mut Vec<Command>) {
        // The mark keeps the question from being asked again by the next event; it is too old to
        // plan upon.
        self.hosts_listed_ms = Some(now.saturating_sub(super::hosts::FRESH_MS));
        out.push(Command::ListHosts);
    }

    fn end_unwanted(&mut self, now: Time, out: &mut Vec<Command>) {
        if !self.connected() {
            return;
        }
        let unwanted: Vec<(InstanceId, Incarnation)> = self
            .instances
            .values()
            .flat_map(|record| record.lives.iter().map(move |life| (record, life)))
            .filter(|(record, life)| self.must_end(record, life))
            .filter(|(_, life)| !self.batches.has_intent_of(&life.incarnation))
            .map(|(record, life)| (record.id.clone(), life.incarnation.clone()))
            .collect();
        let mut replaced = BTreeSet::new();
        for (id, incarnation) in unwanted {
            let wanted = self.wanted.of(&id).is_some();
            // Other contents: one of a task at a time, and only while the others are ready. What
            // moves makes room that others wait for.
            if wanted && self.stays_for_now(now, &id, &incarnation, &mut replaced) {
                continue;
            }
            self.end(now, &id, &incarnation, out);
        }
    }

    /// Whether a life is not wanted any more: its slot is gone, a newer life has its place, or
    /// the slot is to hold other contents.
    pub(super) fn must_end(&self, record: &super::records::InstanceRecord, life: &Life) -> bool {
        let newest = record.lives.last().is_some_and(|last| last.incarnation == life.incarnation);
        match self.wanted.of(&record.id) {
            _ if !newest => true,
            None => true,
            Some((accepted, task)) => accepted.identity(task) != life.identity,
        }
    }

    fn stays_for_now(
        &self,
        now: Time,
        id: &InstanceId,
        incarnation: &Incarnation,
        replaced: &mut BTreeSet<TaskPath>,
    ) -> bool {
        let life = self.instances.get(id).and_then(|record| record.lives.last());
        let newest = life.filter(|life| &life.incarnation == incarnation);
        newest.is_some_and(|life| !matches!(life.identity.as_str(), MOVING | RESTARTING))
            && !self.may_replace(now, id, replaced)
    }

    fn may_replace(&self, now: Time, id: &InstanceId, replaced: &mut BTreeSet<TaskPath>) -> bool {
        let Some((accepted, task)) = self.wanted.of(id) else { return true };
        if accepted.record.paused || self.held_back(now, accepted, &task.path).is_some() {
            return false;
        }
        let already = self
            .instances
            .get(id)
            .is_some_and(|record| record.lives.iter().any(|life| life.phase == Phase::Killing));
        let others_ready =
            accepted.slots(&task.path).iter().filter(|slot| **slot != id.slot).all(|slot| {
                let other = InstanceId { task: task.path.clone(), slot: *slot };
                self.instances.get(&other).is_some_and(|record| {
                    let ready = record.lives.last().is_some_and(|l| l.phase == Phase::Ready);
                    ready || self.is_finished(record)
                })
            });
        already || (others_ready && replaced.insert(task.path.clone()))
    }

    fn end(
        &mut self,
        now: Time,
        id: &InstanceId,
        incarnation: &Incarnation,
        out: &mut Vec<Command>,
    ) {
        let key = incarnation.to_string();
        if self.kills.get(&key).is_some_and(|last| now < last + KILL_AGAIN_MS) {
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
        self.kills.insert(key.clone(), now);
        // Nothing changes where it is told again, or where nobody may hear it.
        if matches!(life.phase, Phase::Killing | Phase::Unreachable) {
            out.push(call);
            return;
        }
        life.phase = Phase::Killing;
        life.since_ms = now;
        let writes = self.instance_writes(id, &key);
        self.persist(writes, Then::Do(vec![call]), out);
    }

    /// The earliest moment at which [`super::event::Event::TimePassed`] should come, if any.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        if self.stopped || !self.recovered {
            return None;
        }
        let lives = self.instances.values().flat_map(|record| &record.lives);
        let silent = lives
            .clone()
            .filter(|life| life.phase == Phase::Launching)
            .map(|life| life.since_ms + super::reconcile::SILENT_MS);
        let lost = lives
            .filter(|life| life.phase == Phase::Unreachable)
            .map(|life| life.since_ms.saturating_add(self.config.replace_after_ms));
        let again = self.kills.values().map(|last| last + KILL_AGAIN_MS);
        let backing_off = self
            .instances
            .values()
            .filter(|record| record.lives.is_empty())
            .map(|r| r.not_before_ms);
        [
            self.offers.first_expiry(self.config.hold_ms),
            self.next_revive(),
            self.reconciling.next(),
            self.job_deadline(),
            self.hosts_due().filter(|_| self.connected()),
            self.repair_deadline(),
            self.proved_at(self.now_seen),
        ]
        .into_iter()
        .flatten()
        .chain(silent)
        .chain(lost)
        .chain(again)
        .chain(backing_off)
        .filter(|at| *at > self.now_seen)
        .min()
    }
}
