//! Updates by a task's own rule: which slots are replaced next, which run beside them meanwhile, when
//! an update is over, and when it has failed and what ran before comes back.
//!
//! Owns the gates. Must not know how a life is ended or started: slots beyond the count are wanted
//! like all others for as long as the topology's record has them, and planned like all others.

mod view;

use std::collections::{BTreeMap, BTreeSet};

use lathe_placement::{Reason, Refusal};
use lathe_topology::{Code, Health, TaskPath, TaskSpec, Update};

use super::ids::{AskId, InstanceId, Time};
use super::persist::Then;
use super::records::{InstanceRecord, Life, Phase, Rollout, TopologyRecord, Write};
use super::standing::OfTask;
use super::submissions::{accepted_text, refuse};
use super::updates::PROVED_MS;
use super::wanted::Accepted;
use super::{Command, EventDraft, Framework};

/// An instance of an update that is started and not ready after so long will not be, the grace of its
/// health check beside it.
const READY_WITHIN_MS: u64 = 120_000;

/// The kind of the event that tells of it; the audit log knows it by that.
pub const ROLLED_BACK: &str = "rolled back";

/// A revision on its way to the store that takes the place of a failed one.
#[derive(Debug)]
pub(super) struct RollingBack {
    accepted: Accepted,
    why: Refusal,
}

impl RollingBack {
    pub(super) fn is_of(&self, name: &str) -> bool {
        self.accepted.record.name == name
    }
}

impl Framework {
    /// Ends updates that have reached their end, or have failed.
    pub(super) fn tend_rollouts(&mut self, now: Time, out: &mut Vec<Command>) {
        if !self.connected() || self.batches.revise() {
            return;
        }
        let under_way = self
            .wanted
            .topologies()
            .values()
            .filter(|accepted| accepted.record.rollout.is_some() && !accepted.record.paused);
        let names: Vec<String> = under_way.map(|one| one.record.name.clone()).collect();
        for name in names {
            let Some(accepted) = self.wanted.get(&name) else { continue };
            if let Some(why) = self.failure(accepted) {
                self.roll_back(now, &name, &why, out);
            } else if self.is_in_place(accepted) {
                self.finish(now, &name, out);
            }
        }
    }

    /// The update that the target begins or goes on with. Whatever ran as wanted last is what a
    /// failed one goes back to.
    pub(super) fn rollout_of(&self, target: &Accepted) -> Option<Rollout> {
        let ruled = || target.topology.tasks.iter().filter(|task| task.update.is_some());
        ruled().next()?;
        let old = self.wanted.get(&target.record.name);
        let good = match old {
            // Nothing of it has run as wanted yet.
            None => 0,
            Some(old) => old.record.rollout.as_ref().map_or(old.record.revision, |one| one.good),
        };
        let mut rollout = Rollout { good, ..Rollout::default() };
        let before = old.filter(|old| old.record.revision == good).cloned();
        let before = before.or_else(|| self.kept(&target.record.name, good));
        for task in ruled() {
            let was = before.as_ref().and_then(|before| Some((before, before.task(&task.path)?)));
            if was.is_some_and(|(before, was)| before.identity(was) != target.identity(task)) {
                rollout.changed.insert(task.path.clone());
            }
            if self.replaces(target, task) {
                self.add_surge(target, task, old, &mut rollout);
            }
        }
        let replaces = ruled().any(|task| self.replaces(target, task));
        let proves = !rollout.changed.is_empty() || good == 0;
        (replaces || proves).then_some(rollout)
    }

    fn kept(&self, name: &str, revision: u64) -> Option<Accepted> {
        let record = self.history.get(name)?.get(&revision)?;
        Accepted::read(record.clone()).ok()
    }

    /// Whether some slot that stays holds other contents than the target wants.
    fn replaces(&self, target: &Accepted, task: &TaskSpec) -> bool {
        let identity = target.identity(task);
        target.slots(&task.path).iter().any(|slot| {
            let id = InstanceId { task: task.path.clone(), slot: *slot };
            let life = self.instances.get(&id).and_then(|record| record.lives.last());
            life.is_some_and(|life| life.identity != identity)
        })
    }

    /// Slots that run beside those of the plan: those that do already, then the next numbers.
    pub(super) fn add_surge(
        &self,
        target: &Accepted,
        task: &TaskSpec,
        old: Option<&Accepted>,
        to: &mut Rollout,
    ) {
        let surge = task.update.as_ref().map_or(0, |update| update.pace(task.count).surge);
        let slots = target.slots(&task.path);
        let first = slots.last().map_or(0, |last| last.saturating_add(1));
        let known = old.map_or(&[][..], |old| old.surge(&task.path)).iter().copied();
        let mut chosen: Vec<u32> = Vec::new();
        for slot in known.chain(first..=u32::MAX) {
            if chosen.len() >= usize::try_from(surge).unwrap_or(usize::MAX) {
                break;
            }
            if slots.binary_search(&slot).is_err() && !chosen.contains(&slot) {
                chosen.push(slot);
            }
        }
        chosen.sort_unstable();
        if !chosen.is_empty() {
            to.surge.insert(task.path.clone(), chosen);
        }
    }

    /// The same for new lives of what runs: the revision stays.
    pub(super) fn rollout_of_restart(
        &self,
        accepted: &Accepted,
        tasks: &BTreeSet<TaskPath>,
    ) -> Option<Rollout> {
        let before = accepted.record.rollout.clone();
        let usual = || Rollout { good: accepted.record.revision, ..Rollout::default() };
        let mut rollout = before.clone().unwrap_or_else(usual);
        let mut any = false;
        for task in tasks.iter().filter_map(|path| accepted.task(path)) {
            any |= task.update.is_some();
            self.add_surge(accepted, task, Some(accepted), &mut rollout);
        }
        if any { Some(rollout) } else { before }
    }

    /// The slots that give way next: a whole batch, and only while everything that holds the wanted
    /// contents has been ready for its time, and so many stay ready as the rule asks for.
    pub(super) fn next_by_rule(
        &self,
        accepted: &Accepted,
        (task, update): (&TaskSpec, &Update),
        of: &OfTask,
    ) -> Vec<u32> {
        let (slots, surge) = (accepted.slots(&task.path), accepted.surge(&task.path));
        let pace = update.pace(task.count);
        let is_hopeless = |slot: &u32| {
            surge.contains(slot) && of.vacant.contains(slot) && self.repair_trouble.is_some()
        };
        let waits_for = |slot: &&u32| !of.in_turn.contains(slot) && !is_hopeless(slot);
        if of.down.iter().any(|slot| waits_for(&slot)) || !of.unbaked.is_empty() {
            return Vec::new();
        }
        let replaced = slots.len() - of.in_turn.iter().filter(|slot| !surge.contains(slot)).count();
        let replaced = u32::try_from(replaced).unwrap_or(u32::MAX);
        let limit = match pace.canary.saturating_sub(replaced) {
            0 => pace.parallel,
            first => pace.parallel.min(first),
        };
        let all = slots.len() + surge.len();
        let mut ready = u32::try_from(all.saturating_sub(of.down.len())).unwrap_or(u32::MAX);
        let mut next: Vec<u32> = of.in_turn.intersection(&of.down).copied().collect();
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        for slot in of.in_turn.difference(&of.down) {
            if next.len() >= limit || ready <= pace.min_healthy {
                break;
            }
            ready -= 1;
            next.push(*slot);
        }
        next.truncate(limit);
        next
    }

    /// Whether an update of the task cannot go on without the slots beyond the count.
    pub(super) fn needs_surge(accepted: &Accepted, path: &TaskPath) -> bool {
        let task = accepted.task(path);
        task.and_then(|task| Some((task, task.update.as_ref()?)))
            .is_some_and(|(task, update)| update.pace(task.count).min_healthy >= task.count)
    }

    /// A refusal as it is told where only what would run beside has no place: the file wants fewer
    /// instances than the reasons speak of.
    pub(super) fn said_of_surge(
        &self,
        missing: &BTreeSet<InstanceId>,
        name: &str,
        refusal: &Refusal,
    ) -> Refusal {
        let mut refusal = refusal.clone();
        let mut of_it = missing.iter().filter(|id| self.wanted.owner(&id.task) == Some(name));
        if of_it.all(|id| self.is_surge(id)) {
            let why = &refusal.sentence;
            refusal.sentence = format!("the update has no place for what runs beside it: {why}");
            "add a host, or let `min_healthy` be smaller".clone_into(&mut refusal.hint);
            // They were tried for the file, which is not what is in the way.
            refusal.repairs.clear();
        }
        refusal
    }

    /// Whether all tasks with rules hold what is wanted, and have done so for long enough.
    fn is_in_place(&self, accepted: &Accepted) -> bool {
        accepted.topology.tasks.iter().filter(|task| task.update.is_some()).all(|task| {
            let Some(of) = self.standings.tasks.get(&task.path) else { return true };
            let surge = accepted.surge(&task.path);
            [&of.in_turn, &of.down, &of.unbaked, &of.backs_off]
                .iter()
                .all(|set| set.iter().all(|slot| surge.contains(slot)))
        })
    }

    /// The revision has become what is gone back to, and nothing runs beside it any more.
    fn finish(&mut self, now: Time, name: &str, out: &mut Vec<Command>) {
        let Some(record) = self.wanted.record_mut(name) else { return };
        let Some(rollout) = record.rollout.take() else { return };
        let write = Write::Topology(record.clone());
        let revision = record.revision;
        self.instances.mark_all_of(name);
        self.persist(vec![write], Then::Do(Vec::new()), out);
        if rollout.good != 0 {
            let draft = EventDraft::new("updated", format!("revision {revision} is in place"));
            self.publish(now, draft.of_topology(name), out);
        }
        self.judge(now);
    }

    /// Why an update has failed, where its rule says that it goes back then.
    fn failure(&self, accepted: &Accepted) -> Option<String> {
        let rollout = accepted.record.rollout.as_ref()?;
        if self.no_way_back.get(&accepted.record.name) == Some(&accepted.record.revision) {
            return None;
        }
        rollout.changed.iter().find_map(|path| {
            let task = accepted.task(path)?;
            task.update.as_ref().filter(|update| update.auto_rollback)?;
            let of = self.standings.tasks.get(path)?;
            let of_slot = |slot: &u32| {
                let id = InstanceId { task: path.clone(), slot: *slot };
                self.instances.get(&id).map(|record| (id, record))
            };
            if let Some((id, record)) = of.backs_off.first().and_then(of_slot) {
                let last = record.last_end.as_deref().unwrap_or("it ended");
                let (ends, version) = (record.early_ends, &task.version);
                return Some(format!("{id} of {version} ended early {ends} times; last: {last}"));
            }
            let (id, _) = of.stuck.first().and_then(of_slot)?;
            let within = (READY_WITHIN_MS + probe_grace_ms(task)) / 1_000;
            Some(format!("{id} of {} was not ready within {within} s", task.version))
        })
    }

    /// Whether the topology is about to go back, or on its way.
    pub(super) fn goes_back(&self, name: &str) -> bool {
        let Some(accepted) = self.wanted.get(name) else { return false };
        self.batches.roll_back(name)
            || (!accepted.record.paused && self.failure(accepted).is_some())
    }

    fn roll_back(&mut self, now: Time, name: &str, why: &str, out: &mut Vec<Command>) {
        let Some(accepted) = self.wanted.get(name) else { return };
        let present = accepted.record.revision;
        let target =
            self.way_back(now, accepted, why).and_then(|record| self.read_record(record).ok());
        let Some(mut target) = target else {
            // What ran before is kept no more, or may not run any more: the version is held back.
            self.no_way_back.insert(name.to_owned(), present);
            return;
        };
        target.record.rollout = self.rollout_of(&target);
        let sentence = format!("revision {present} was rolled back: {why}");
        let reason = Reason {
            code: Code::ROLLED_BACK,
            task: None,
            statement: sentence.clone(),
            span: None,
            topology: None,
        };
        let hint = "`lathe logs INSTANCE --previous` shows what it said last".to_owned();
        let why = Refusal { reasons: vec![reason], sentence, hint, repairs: Vec::new() };
        self.keep_revision(name, out);
        let mut writes = vec![Write::Topology(target.record.clone())];
        writes.extend(self.task_writes(&target));
        let rolling = RollingBack { accepted: target, why };
        self.persist(writes, Then::RollBack(Box::new(rolling)), out);
    }

    /// The record of what ran as wanted last, one revision later. Its slots are those that run, so
    /// far as it wants them; where new ones are missing they are planned like anything that is.
    fn way_back(&self, now: Time, accepted: &Accepted, why: &str) -> Option<TopologyRecord> {
        let rollout = accepted.record.rollout.as_ref()?;
        let good = self.kept(&accepted.record.name, rollout.good)?;
        let mut record = good.record.clone();
        let present = accepted.record.revision;
        record.cause = format!("rolled back by itself from revision {present}: {why}");
        record.revision = present + 1;
        record.paused = false;
        record.submission_id = String::new();
        record.submitted_ms = now;
        record.rollout = None;
        record.slots = good
            .topology
            .tasks
            .iter()
            .map(|task| (task.path.clone(), slots_of(accepted.slots(&task.path), task.count)))
            .collect();
        Some(record)
    }

    pub(super) fn rollback_committed(
        &mut self,
        now: Time,
        rolling: RollingBack,
        out: &mut Vec<Command>,
    ) {
        let RollingBack { accepted, why } = rolling;
        let name = accepted.record.name.clone();
        let draft = EventDraft::new(ROLLED_BACK, accepted_text(&accepted.record));
        self.adopt(accepted);
        self.publish(now, draft.of_topology(&name), out);
        self.undo.remove(&name);
        self.repair_not_before_ms = now;
        self.room_may_have_come(now);
        let asks: Vec<AskId> = self
            .watchers
            .extract_if(.., |watcher| watcher.topology == name)
            .map(|watcher| watcher.ask)
            .collect();
        for ask in asks {
            refuse(ask, "reverted", why.clone(), out);
        }
    }

    /// How long an instance must have been ready before its end counts for nothing: longer in an
    /// update whose instances bake longer.
    pub(super) fn proved_after_ms(&self, id: &InstanceId) -> u64 {
        self.bake_of(id).map_or(PROVED_MS, |bake_ms| bake_ms.max(PROVED_MS))
    }

    /// How long an instance is ready before it counts, while its topology is updated by a rule.
    fn bake_of(&self, id: &InstanceId) -> Option<u64> {
        let (accepted, task) = self.wanted.of(id)?;
        accepted.record.rollout.as_ref()?;
        task.update.as_ref().map(|update| update.bake_ms)
    }

    /// When a ready life with the wanted contents counts, if it does not yet.
    pub(super) fn bakes_until(&self, record: &InstanceRecord, life: &Life) -> Option<Time> {
        let bake_ms = self.bake_of(&record.id)?;
        let bakes = life.phase == Phase::Ready && !self.must_end(record, life);
        bakes.then(|| life.ready_ms.saturating_add(bake_ms))
    }

    /// When a life of an update that has begun and is not ready will have failed.
    pub(super) fn stuck_at(&self, record: &InstanceRecord, life: &Life) -> Option<Time> {
        self.bake_of(&record.id)?;
        let (_, task) = self.wanted.of(&record.id)?;
        let starts = life.phase == Phase::Starting && !self.must_end(record, life);
        starts.then(|| life.since_ms.saturating_add(READY_WITHIN_MS + probe_grace_ms(task)))
    }

    /// Slots that run beside the count, which a plan of something else leaves alone.
    pub(super) fn is_surge(&self, id: &InstanceId) -> bool {
        self.wanted.owned_by(&id.task).is_some_and(|one| one.surge(&id.task).contains(&id.slot))
    }
}

fn probe_grace_ms(task: &TaskSpec) -> u64 {
    match &task.health {
        Some(Health::Probe { grace_ms, .. }) => *grace_ms,
        _ => 0,
    }
}

/// So many slots, the lowest of those that are there, then the lowest others.
fn slots_of(present: &[u32], count: u32) -> Vec<u32> {
    let taken: BTreeSet<u32> = present.iter().copied().collect();
    let others = (0..=u32::MAX).filter(|slot| !taken.contains(slot));
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let mut slots: Vec<u32> = taken.iter().copied().chain(others).take(count).collect();
    slots.sort_unstable();
    slots
}

/// The counts that a repair plans for: with what runs beside.
pub(super) fn with_surge(accepted: &Accepted) -> lathe_topology::Topology {
    let mut topology = accepted.topology.clone();
    let surge: BTreeMap<&TaskPath, &Vec<u32>> =
        accepted.record.rollout.iter().flat_map(|rollout| &rollout.surge).collect();
    for task in &mut topology.tasks {
        let more = surge.get(&task.path).map_or(0, |slots| slots.len());
        task.count = task.count.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
    }
    topology
}
