//! Versions that do not keep running: when half of a task's slots back off, its version is held
//! back. It is then tried by one instance, and nothing that still runs other contents is replaced by
//! it. Slots whose last life has proved itself are healed as ever.

use std::collections::BTreeSet;

use lathe_topology::TaskPath;

use super::Framework;
use super::ids::{InstanceId, Time};
use super::records::{InstanceRecord, Phase};
use super::updates::{FREE_ENDS, PROVED_MS};
use super::wanted::Accepted;

/// How much of a task backs off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bad {
    pub(super) backing_off: usize,
    pub(super) slots: usize,
}

impl Framework {
    /// Set when the version that is wanted of this task is held back.
    pub(super) fn held_back(&self, now: Time, accepted: &Accepted, path: &TaskPath) -> Option<Bad> {
        let slots = accepted.slots(path);
        let backing_off = slots
            .iter()
            .filter_map(|slot| self.instances.get(&InstanceId { task: path.clone(), slot: *slot }))
            .filter(|record| backs_off(now, record))
            .count();
        let bad = Bad { backing_off, slots: slots.len() };
        (backing_off > 0 && backing_off * 2 >= slots.len()).then_some(bad)
    }

    /// Takes those out of the missing ones that are not tried now, because their version is held
    /// back. It is tried by the slot that has ended early most often, whose pause is the longest;
    /// by as many at a time as have proved themselves meanwhile, so that it comes back quickly.
    pub(super) fn leave_held_back(&self, now: Time, missing: &mut BTreeSet<InstanceId>) {
        let tasks: BTreeSet<TaskPath> = missing.iter().map(|id| id.task.clone()).collect();
        for path in tasks {
            let accepted = self.wanted.owner(&path).and_then(|n| self.wanted.topologies.get(n));
            let held = accepted.filter(|one| self.held_back(now, one, &path).is_some());
            let Some(accepted) = held else { continue };
            let tries = self.tries(now, accepted, &path);
            missing.retain(|id| {
                id.task != path || self.has_proved_itself(id) || tries.contains(&id.slot)
            });
        }
    }

    /// The slots that may be tried now if they are due.
    fn tries(&self, now: Time, accepted: &Accepted, path: &TaskPath) -> BTreeSet<u32> {
        let (mut proved, mut tried, mut open) = (0_usize, 0_usize, Vec::new());
        let identity = accepted.task(path).map(|task| accepted.identity(task));
        for slot in accepted.slots(path) {
            let id = InstanceId { task: path.clone(), slot: *slot };
            let Some(record) = self.instances.get(&id) else { continue };
            match record.lives.last() {
                None => open.push((std::cmp::Reverse(record.early_ends), *slot)),
                Some(_) if is_unproved(now, record) => tried += 1,
                Some(life) => {
                    let counts =
                        life.phase == Phase::Ready && Some(&life.identity) == identity.as_ref();
                    proved += usize::from(counts);
                }
            }
        }
        open.sort_unstable();
        let at_once = proved.max(1).saturating_sub(tried);
        open.into_iter().take(at_once).map(|(_, slot)| slot).collect()
    }

    /// Whether the slot has had a life that was not its fault to lose.
    fn has_proved_itself(&self, id: &InstanceId) -> bool {
        self.instances.get(id).is_some_and(|record| record.early_ends == 0 && record.counter > 0)
    }

    /// When a life that is being tried has proved itself: the next may be tried then.
    pub(super) fn proved_at(&self, now: Time) -> Option<Time> {
        let lives = self.instances.values().filter(|record| record.early_ends > FREE_ENDS);
        lives
            .filter_map(|record| record.lives.last())
            .filter(|life| life.phase == Phase::Ready)
            .map(|life| life.ready_ms + PROVED_MS)
            .filter(|at| *at > now)
            .min()
    }
}

/// Whether the slot has ended early too often and has not kept running since.
fn backs_off(now: Time, record: &InstanceRecord) -> bool {
    record.early_ends > FREE_ENDS
        && record
            .lives
            .last()
            .is_none_or(|life| life.phase != Phase::Ready || now < life.ready_ms + PROVED_MS)
}

fn is_unproved(now: Time, record: &InstanceRecord) -> bool {
    record.early_ends > 0
        && record.lives.last().is_some_and(|life| match life.phase {
            Phase::Launching | Phase::Starting => true,
            Phase::Ready => now < life.ready_ms + PROVED_MS,
            Phase::Unreachable | Phase::Killing => false,
        })
}
