//! Callers that wait for what was accepted: told when it is reached, or why it was undone.

use std::collections::BTreeSet;

use lathe_placement::Refusal;

use super::Framework;
use super::command::{Answer, Command};
use super::ids::{AskId, InstanceId, Time};
use super::records::InstanceRecord;
use super::submissions::refuse;
use super::wanted::Accepted;

/// A caller that waits for its topology to be as wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Watcher {
    pub(super) ask: AskId,
    pub(super) topology: String,
    pub(super) revision: u64,
    /// Whether its own submission made that revision.
    pub(super) changed: bool,
}

/// So many early ends of one slot end the caller's waiting.
pub(super) const HOPELESS_ENDS: u32 = 3;

impl Framework {
    /// The rest of a submission cannot be carried out any more: a new revision says what the one
    /// before it said, and the caller is told why. Without a caller nothing is undone: it was all
    /// accepted once, and what cannot be placed waits with its reasons.
    pub(super) fn revert(&mut self, now: Time, refusal: &Refusal, out: &mut Vec<Command>) {
        // What is on its way may be the very change that helps, and its revision is not known here.
        if self.batches.change_what_is_wanted() {
            return;
        }
        let missing = self.missing_for_certain(now);
        let broken: BTreeSet<String> = missing
            .iter()
            .filter_map(|id| self.wanted.owner(&id.task).map(str::to_owned))
            .collect();
        for name in broken {
            let (mut hit, kept): (Vec<Watcher>, Vec<Watcher>) = std::mem::take(&mut self.watchers)
                .into_iter()
                .partition(|watcher| watcher.changed && watcher.topology == name);
            self.watchers = kept;
            let Some(before) = (if hit.is_empty() { None } else { self.undo.remove(&name) }) else {
                self.watchers.extend(hit);
                continue;
            };
            let refusal = &self.said_of_surge(&missing, &name, refusal);
            let first = hit.remove(0);
            for other in hit {
                refuse(other.ask, "reverted", refusal.clone(), out);
            }
            let why = Some(refusal.clone());
            // The first of several callers asked for an earlier one than the present.
            let present = self.revision(&name);
            let old = before.and_then(|mut record| {
                record.revision = present + 1;
                record.cause = format!("went back on revision {present}");
                record.rollout = None;
                let mut old = Accepted::read(record).ok()?;
                old.record.rollout = self.rollout_of(&old);
                Some(old)
            });
            match old {
                Some(old) => self.accept(first.ask, old, Vec::new(), why, out),
                None => self.forget(first.ask, &name, why, out),
            }
        }
    }

    /// What is missing and cannot be done without: an update may go on without what would run beside.
    fn missing_for_certain(&self, now: Time) -> BTreeSet<InstanceId> {
        let mut missing = self.missing(now);
        missing.retain(|id| {
            let accepted = self.wanted.owned_by(&id.task);
            accepted.is_none_or(|accepted| {
                !accepted.surge(&id.task).contains(&id.slot)
                    || Self::needs_surge(accepted, &id.task)
            })
        });
        missing
    }

    /// A caller that has gone is not answered, and what it asked for is not begun.
    pub(super) fn asker_left(&mut self, ask: AskId) {
        self.questions.retain(|(asked, _, _)| *asked != ask);
        self.watchers.retain(|watcher| watcher.ask != ask);
        self.job_asker_left(ask);
        self.queued_asker_left(ask);
    }

    /// Tells callers whose topology has become what they wanted, or will not soon.
    pub(super) fn tend_watchers(&mut self, out: &mut Vec<Command>) {
        let watchers = std::mem::take(&mut self.watchers);
        for watcher in watchers {
            match self.outcome(&watcher.topology) {
                Some(ready) => {
                    let Watcher { revision, changed, .. } = watcher;
                    let answer = Answer::Done { revision, changed, ready };
                    out.push(Command::Answer { ask: watcher.ask, answer });
                }
                None => self.watchers.push(watcher),
            }
        }
        // What is settled, or has nobody waiting, is not undone any more.
        let watched: BTreeSet<&String> = self.watchers.iter().map(|one| &one.topology).collect();
        self.undo.retain(|name, _| watched.contains(name));
    }

    /// How many are ready, once nothing more is to be expected.
    fn outcome(&self, name: &str) -> Option<u32> {
        let sums = self.standings.of_topology(name);
        if !self.wanted.topologies().contains_key(name) {
            return (sums.open == 0).then_some(0);
        }
        if self.goes_back(name) {
            return None;
        }
        let over = sums.open == 0 && !self.is_updated(name);
        (sums.hopeless > 0 || over).then_some(sums.as_wanted)
    }

    /// Whether the topology is updated by a rule, and not over it. A first revision is no update; one
    /// on top of a revision that has not held yet is, and something may run beside it.
    fn is_updated(&self, name: &str) -> bool {
        let record = self.wanted.get(name).map(|accepted| &accepted.record);
        let rollout = record.filter(|record| !record.paused).and_then(|one| one.rollout.as_ref());
        rollout.is_some_and(|rollout| rollout.good != 0 || !rollout.surge.is_empty())
    }

    /// Whether the instance has ended for good by its task's own rule, with the present contents.
    pub(super) fn is_finished(&self, record: &InstanceRecord) -> bool {
        let wanted = self.wanted.of(&record.id);
        wanted.is_some_and(|(accepted, task)| {
            record.finished.as_deref() == Some(accepted.identity(task))
        })
    }
}
