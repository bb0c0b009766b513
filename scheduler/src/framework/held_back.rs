//! Versions that do not keep running: when half of a task's slots back off, its version is held
//! back. It is then tried by one instance, and nothing that still runs other contents is replaced by
//! it. Slots whose last life has proved itself are healed as ever.

use std::collections::BTreeSet;

use lathe_topology::TaskPath;

use super::Framework;
use super::ids::{InstanceId, Time};
use super::records::{InstanceRecord, Phase};
use super::standing::OfTask;
use super::wanted::Accepted;

/// How much of a task backs off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bad {
    pub(super) backing_off: usize,
    pub(super) slots: usize,
}

impl Framework {
    /// Set when the version that is wanted of this task is held back.
    pub(super) fn held_back(&self, accepted: &Accepted, path: &TaskPath) -> Option<Bad> {
        let backing_off = self.standings.tasks.get(path)?.backs_off.len();
        let bad =
            Bad { backing_off, slots: accepted.slots(path).len() + accepted.surge(path).len() };
        (backing_off > 0 && backing_off * 2 >= bad.slots).then_some(bad)
    }

    /// The vacant slots of a task that may be filled now. Where its version is held back, it is
    /// tried by the slot that has ended early most often, whose pause is the longest; by as many at
    /// a time as have proved themselves meanwhile, so that it comes back quickly.
    pub(super) fn may_fill(&self, now: Time, path: &TaskPath, of: &OfTask) -> BTreeSet<u32> {
        let accepted = self.wanted.owned_by(path);
        let held = accepted.filter(|accepted| self.held_back(accepted, path).is_some());
        let Some(accepted) = held else { return self.may_begin(now, accepted, path, of) };
        let tries = self.tries(now, accepted, path);
        let may = |slot: &&u32| {
            let id = InstanceId { task: path.clone(), slot: **slot };
            tries.contains(*slot) || self.has_proved_itself(&id)
        };
        of.vacant.iter().filter(may).copied().collect()
    }

    /// All vacant slots; none beyond the count while the topology is paused, and none while one of
    /// the count has no life, whose last place it could take.
    fn may_begin(
        &self,
        now: Time,
        accepted: Option<&Accepted>,
        path: &TaskPath,
        of: &OfTask,
    ) -> BTreeSet<u32> {
        // Almost always there is no such slot, and then nothing is to be asked of the others.
        let Some(accepted) = accepted.filter(|accepted| !accepted.surge(path).is_empty()) else {
            return of.vacant.clone();
        };
        let waits = accepted.record.paused
            || accepted.slots(path).iter().any(|slot| self.lacks(now, path, *slot));
        let surge = if waits { accepted.surge(path) } else { &[] };
        of.vacant.iter().filter(|slot| !surge.contains(slot)).copied().collect()
    }

    /// Whether a slot has no life worth waiting for and is to have one, now or after its back-off.
    fn lacks(&self, now: Time, path: &TaskPath, slot: u32) -> bool {
        let record = self.instances.get(&InstanceId { task: path.clone(), slot });
        let lives = |record: &InstanceRecord| {
            record.lives.last().is_some_and(|life| !self.given_up(now, life))
        };
        record.is_none_or(|record| !lives(record) && !self.is_finished(record))
    }

    /// The slots that may be tried now if they are due.
    fn tries(&self, now: Time, accepted: &Accepted, path: &TaskPath) -> BTreeSet<u32> {
        let (mut proved, mut tried, mut open) = (0_usize, 0_usize, Vec::new());
        let identity = accepted.task(path).map(|task| accepted.identity(task));
        for slot in accepted.slots(path).iter().chain(accepted.surge(path)) {
            let id = InstanceId { task: path.clone(), slot: *slot };
            let Some(record) = self.instances.get(&id) else { continue };
            // What is given up is as good as ended.
            match record.lives.last().filter(|life| !self.given_up(now, life)) {
                None => open.push((std::cmp::Reverse(record.early_ends), *slot)),
                Some(_) if is_unproved(now, record, self.proved_after_ms(&id)) => tried += 1,
                Some(life) => {
                    let ready = life.phase == Phase::Ready;
                    proved += usize::from(ready && Some(life.identity.as_str()) == identity);
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
}

fn is_unproved(now: Time, record: &InstanceRecord, proved_ms: u64) -> bool {
    record.early_ends > 0
        && record.lives.last().is_some_and(|life| match life.phase {
            Phase::Launching | Phase::Starting => true,
            Phase::Ready => now < life.ready_ms + proved_ms,
            Phase::Unreachable | Phase::Killing => false,
        })
}
