//! A plan as people see it: every instance with what happens to it, and what differs beside them.
//! Must not decide anything.

use std::collections::BTreeSet;

use lathe_placement::{Change as Placed, Plan};

use super::Framework;
use super::command::{Change, ChangeKind, PlanView};
use super::ids::InstanceId;
use super::records::{Life, MOVING, RESTARTING, RESTARTING_IN_TURN};
use super::wanted::Accepted;

impl Framework {
    /// The plan for people: every instance, and what differs beside the instances.
    pub(super) fn view_of(&self, target: &Accepted, plan: &Plan) -> PlanView {
        let mut changes = Vec::new();
        for assignment in &plan.assignments {
            let id = InstanceId { task: assignment.task.clone(), slot: assignment.slot };
            let (mut kind, from, mut reason) = match &assignment.change {
                Placed::Start => (ChangeKind::Start, String::new(), self.why_started(target, &id)),
                Placed::Keep => (ChangeKind::Keep, String::new(), String::new()),
                Placed::Move { from } => {
                    let reason = "its place is needed, or it fits better there".to_owned();
                    (ChangeKind::Move, from.clone(), reason)
                }
            };
            let life = self.instances.get(&id).and_then(|record| record.lives.last());
            if let (Some(life), Some(task)) = (life, target.task(&id.task))
                && kind != ChangeKind::Start
                && target.identity(task) != life.identity
            {
                kind = ChangeKind::Replace;
                reason = why_replaced(life, task);
            }
            let record = self.instances.get(&id);
            if let (ChangeKind::Start, Some(task)) = (kind, target.task(&id.task))
                && record.is_some_and(|r| r.finished.as_deref() == Some(target.identity(task)))
            {
                kind = ChangeKind::Keep;
                reason = "has finished".to_owned();
            }
            let (task, host) = (id.task.to_string(), assignment.host.clone());
            changes.push(Change { kind, instance: id.to_string(), task, host, from, reason });
        }
        for stop in &plan.stops {
            changes.push(Change {
                kind: ChangeKind::Stop,
                instance: format!("{}#{}", stop.task, stop.slot),
                task: stop.task.to_string(),
                host: stop.host.clone(),
                from: String::new(),
                reason: "not wanted any more".to_owned(),
            });
        }
        let mut notes = self.notes(target);
        let replaces = changes.iter().any(|change| change.kind == ChangeKind::Replace);
        notes.extend(self.pace_notes(target, &changes));
        if target.record.paused && replaces {
            let name = &target.record.name;
            notes.push(format!("paused: replacements wait for `lathe resume {name}`"));
        }
        PlanView { changes, score: plan.score, notes }
    }

    fn why_started(&self, target: &Accepted, id: &InstanceId) -> String {
        let Some(old) = self.wanted.get(&target.record.name) else {
            return "a new topology".to_owned();
        };
        let counts = (old.task(&id.task), target.task(&id.task));
        match counts {
            (None, _) => "a new task".to_owned(),
            (Some(before), Some(task)) if !old.slots(&id.task).contains(&id.slot) => {
                format!("{} → {} instances", before.count, task.count)
            }
            _ => {
                let record = self.instances.get(id);
                let end = record.and_then(|record| record.last_end.as_deref());
                end.map_or("does not run".to_owned(), |end| format!("does not run: {end}"))
            }
        }
    }

    /// What changes without a restart.
    fn notes(&self, target: &Accepted) -> Vec<String> {
        let Some(old) = self.wanted.get(&target.record.name) else { return Vec::new() };
        let mut notes = Vec::new();
        for task in &target.topology.tasks {
            let Some(before) = old.task(&task.path) else { continue };
            if before.own != task.own {
                let by_hand = old.record.by_hand.keys.contains_key(&task.path);
                let before = if by_hand { " (some were set by hand)" } else { "" };
                notes.push(format!(
                    "{}: own keys change, without a restart: {}{before}",
                    task.path,
                    differing(
                        &old.task(&task.path).map(|t| t.own.clone()).unwrap_or_default(),
                        &task.own
                    )
                ));
            }
            let rules = |task: &lathe_topology::TaskSpec| {
                task.biases
                    .iter()
                    .map(|b| (b.target.clone(), b.word, b.weight, b.domain.clone()))
                    .collect::<Vec<_>>()
            };
            if before.tags != task.tags || rules(before) != rules(task) {
                notes.push(format!("{}: tags or biases change, without a restart", task.path));
            }
            if before.restart != task.restart {
                notes.push(format!("{}: restart rule changes", task.path));
            }
            if before.update != task.update {
                notes.push(format!("{}: update rule changes, without a restart", task.path));
            }
            if before.unreachable != task.unreachable {
                notes.push(format!("{}: another wait for hosts out of reach", task.path));
            }
            if before.count != task.count {
                let by_hand = old.record.by_hand.counts.contains_key(&task.path);
                let hand = if by_hand { " (scaled by hand before)" } else { "" };
                let (path, was, now) = (&task.path, before.count, task.count);
                notes.push(format!("{path}: {was} → {now} instances{hand}"));
            }
        }
        for task in &old.topology.tasks {
            if target.task(&task.path).is_none() {
                notes.push(format!("{}: is not in the file any more", task.path));
            }
        }
        notes
    }
}

fn why_replaced(life: &Life, task: &lathe_topology::TaskSpec) -> String {
    match life.identity.as_str() {
        MOVING => "moves".to_owned(),
        RESTARTING | RESTARTING_IN_TURN => "restarts".to_owned(),
        _ if life.version != task.version => format!("{} → {}", life.version, task.version),
        _ => "contents differ".to_owned(),
    }
}

type Own = serde_json::Map<String, serde_json::Value>;

/// The keys that came, went or have another value.
fn differing(before: &Own, after: &Own) -> String {
    let keys: BTreeSet<&String> = before
        .keys()
        .chain(after.keys())
        .filter(|key| before.get(*key) != after.get(*key))
        .collect();
    keys.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

pub(super) fn stops_something(view: &PlanView) -> bool {
    view.changes
        .iter()
        .any(|c| matches!(c.kind, ChangeKind::Stop | ChangeKind::Move | ChangeKind::Replace))
}
