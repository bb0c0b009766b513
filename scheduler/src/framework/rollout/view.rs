//! Updates as people see them: how one would go, and how far one is. Must not decide anything.

use lathe_api::rest::RolloutView;
use lathe_topology::{TaskSpec, Update};

use super::super::Framework;
use super::super::command::{Change, ChangeKind};
use super::super::ids::InstanceId;
use super::super::wanted::Accepted;

impl Framework {
    /// How each task with a rule would be updated.
    pub(in super::super) fn pace_notes(
        &self,
        target: &Accepted,
        changes: &[Change],
    ) -> Vec<String> {
        let ruled = target.topology.tasks.iter().filter_map(|task| {
            let replaced = changes.iter().filter(|change| {
                change.kind == ChangeKind::Replace && change.task == task.path.as_str()
            });
            let number = u32::try_from(replaced.count()).unwrap_or(u32::MAX);
            let update = task.update.as_ref().filter(|_| number > 0)?;
            Some(format!("{}: {}", task.path, pace_text(update, task.count, number)))
        });
        ruled.collect()
    }

    /// How far the update of a task is; none where it is not updated.
    pub(in super::super) fn rollout_view(
        &self,
        accepted: &Accepted,
        task: &TaskSpec,
    ) -> Option<RolloutView> {
        let of = self.standings.tasks.get(&task.path);
        let in_turn = of.map(|of| &of.in_turn);
        let (slots, surge) = (accepted.slots(&task.path), accepted.surge(&task.path));
        let rollout = accepted.record.rollout.as_ref();
        let changed = rollout.is_some_and(|one| one.good != 0 && one.changed.contains(&task.path));
        if !changed && surge.is_empty() && in_turn.is_none_or(|slots| slots.is_empty()) {
            return None;
        }
        let waiting = in_turn.into_iter().flatten().filter(|slot| !surge.contains(slot)).count();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let is_open = |slot: &&u32| {
            of.is_some_and(|of| of.in_turn.contains(*slot) || of.down.contains(*slot))
        };
        let replaced = count(slots.iter().filter(|slot| !is_open(slot)).count());
        let first = task.update.as_ref().map_or(0, |update| update.pace(task.count).canary);
        let unbaked = of.is_some_and(|of| !of.unbaked.is_empty());
        let mut view = RolloutView {
            replaced,
            of: count(slots.len()),
            surge: count(surge.iter().filter(|slot| self.lives(task, **slot)).count()),
            state: "replacing".to_owned(),
            canary: waiting > 0
                && (replaced < first || (replaced == first && first > 0 && unbaked)),
            until_ms: None,
            reason: None,
        };
        self.tell_state(accepted, task, &mut view);
        Some(view)
    }

    fn tell_state(&self, accepted: &Accepted, task: &TaskSpec, view: &mut RolloutView) {
        let Some(of) = self.standings.tasks.get(&task.path) else { return };
        let mut comes = of.down.iter().filter(|slot| !of.in_turn.contains(slot));
        if accepted.record.paused {
            "paused".clone_into(&mut view.state);
            view.reason = Some(format!("`lathe resume {}` goes on", accepted.record.name));
        } else if let Some(bad) = self.held_back(accepted, &task.path) {
            "halted".clone_into(&mut view.state);
            let (version, ends, slots) = (&task.version, bad.backing_off, bad.slots);
            view.reason =
                Some(format!("version {version} is held back, {ends} of {slots} end early"));
        } else if let Some(slot) = comes.next() {
            let id = InstanceId { task: task.path.clone(), slot: *slot };
            view.reason = Some(match &self.repair_trouble {
                Some(why) if of.vacant.contains(slot) => format!("{id} has no place: {why}"),
                _ => format!("waits until {id} is ready"),
            });
        } else if !of.unbaked.is_empty() {
            "baking".clone_into(&mut view.state);
            view.until_ms = of.unbaked.iter().filter_map(|slot| self.baked_at(task, *slot)).max();
        }
    }

    fn lives(&self, task: &TaskSpec, slot: u32) -> bool {
        let id = InstanceId { task: task.path.clone(), slot };
        self.instances.get(&id).is_some_and(|record| !record.lives.is_empty())
    }

    fn baked_at(&self, task: &TaskSpec, slot: u32) -> Option<u64> {
        let record = self.instances.get(&InstanceId { task: task.path.clone(), slot })?;
        self.bakes_until(record, record.lives.last()?)
    }
}

/// What a rule comes to for a task of so many instances, of which `number` are replaced.
fn pace_text(update: &Update, count: u32, number: u32) -> String {
    let pace = update.pace(count);
    let room = count.saturating_add(pace.surge).saturating_sub(pace.min_healthy);
    let at_a_time = pace.parallel.min(room).min(number);
    let mut parts = vec![format!("{number} replaced, {at_a_time} at a time")];
    if pace.canary > 0 && pace.canary < number {
        parts.push(format!("{} first as canary", pace.canary));
    }
    if pace.surge > 0 {
        parts.push(format!("{} more than {count} run meanwhile", pace.surge));
    }
    parts.push(format!("at least {} stay ready", pace.min_healthy));
    if update.bake_ms > 0 {
        parts.push(format!("each batch bakes for {}", seconds(update.bake_ms)));
    }
    let end = if update.auto_rollback { "is rolled back by itself" } else { "halts" };
    parts.push(format!("what fails {end}"));
    parts.join(", ")
}

fn seconds(ms: u64) -> String {
    if ms.is_multiple_of(1_000) { format!("{} s", ms / 1_000) } else { format!("{ms} ms") }
}
