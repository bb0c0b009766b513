//! Restarts and pauses: changes that make no revision. A restart marks lives, durably, as not what
//! is wanted; what ends them and starts their successors is the same as for other contents.

use lathe_placement::Refusal;
use lathe_topology::{Code, TaskPath};

use super::command::{Answer, Change, ChangeKind, Command, PlanView};
use super::ids::{AskId, InstanceId, Time};
use super::persist::Then;
use super::records::{Life, MOVING, Phase, RESTARTING, RESTARTING_IN_TURN, Write};
use super::submissions::{plain, refuse};
use super::watchers::Watcher;
use super::{EventDraft, Framework};

/// What a caller named: an instance, a task or a topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) topology: String,
    instances: Vec<InstanceId>,
    /// One instance alone: it is not made to wait for others.
    alone: bool,
}

/// A mark on its way to the store.
#[derive(Debug)]
pub(super) struct Marking {
    ask: AskId,
    topology: String,
    kind: &'static str,
    message: String,
    /// Whether the caller waits until all is as wanted again.
    waits: bool,
}

/// Who asks, under which id, whether something may be stopped, and whether it waits for room.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    pub(super) ask: AskId,
    pub(super) id: String,
    pub(super) may_stop: bool,
    pub(super) queues: bool,
}

impl Framework {
    pub(super) fn named(&self, what: &str) -> Result<Named, Refusal> {
        let bare = what.strip_prefix("task.").unwrap_or(what);
        if let Some((path, slot)) = bare.split_once('#') {
            let id = path
                .parse::<TaskPath>()
                .ok()
                .zip(slot.parse().ok())
                .map(|(task, slot)| InstanceId { task, slot });
            let found = id.and_then(|id| self.wanted.of(&id).map(|(owner, _)| (id.clone(), owner)));
            let Some((id, owner)) = found else {
                let hint = "`lathe status` lists the instances";
                let sentence = format!("there is no instance `{what}`");
                return Err(plain(Code::UNKNOWN_TASK, &sentence, hint));
            };
            let topology = owner.record.name.clone();
            return Ok(Named { topology, instances: vec![id], alone: true });
        }
        if let Some(accepted) = self.wanted.get(what) {
            let instances = accepted.instances().collect();
            return Ok(Named { topology: what.to_owned(), instances, alone: false });
        }
        let (path, accepted) = self.task_named(bare)?;
        let slots = accepted.slots(&path).iter();
        let instances = slots.map(|slot| InstanceId { task: path.clone(), slot: *slot }).collect();
        Ok(Named { topology: accepted.record.name.clone(), instances, alone: false })
    }

    /// What a restart would do, as a plan.
    pub(super) fn view_of_restart(&self, named: &Named) -> PlanView {
        let changes = named.instances.iter().map(|id| {
            let life = self.instances.get(id).and_then(|record| record.lives.last());
            Change {
                kind: if life.is_some() { ChangeKind::Replace } else { ChangeKind::Start },
                instance: id.to_string(),
                task: id.task.to_string(),
                host: life.map(|life| life.host.to_string()).unwrap_or_default(),
                from: String::new(),
                reason: "restart".to_owned(),
            }
        });
        PlanView { changes: changes.collect(), ..PlanView::default() }
    }

    pub(super) fn restart(&mut self, now: Time, what: &str, asker: &Asker, out: &mut Vec<Command>) {
        let ask = asker.ask;
        let named =
            match self.named(what).and_then(|named| self.may_restart(&named).map(|()| named)) {
                Ok(named) => named,
                Err(refusal) => return refuse(ask, "refused", refusal, out),
            };
        let view = self.view_of_restart(&named);
        let stops = view.changes.iter().any(|change| change.kind == ChangeKind::Replace);
        if stops && !asker.may_stop {
            let sentence = "the restart would stop running instances";
            let refusal = plain(Code::BLOCKED, sentence, "say --yes to go on");
            return refuse(ask, "refused", refusal, out);
        }
        out.push(Command::Answer { ask, answer: Answer::Planned(view) });
        self.begin_restart(&named);
        let mut writes = self.signed(&named.topology, &asker.id, None);
        for id in &named.instances {
            let Some(record) = self.instances.get_mut(id) else { continue };
            record.early_ends = 0;
            record.not_before_ms = 0;
            record.finished = None;
            if let Some(life) = record.lives.last_mut() {
                mark(life, named.alone);
            }
            writes.push(Write::Instance(record.clone()));
        }
        self.repair_not_before_ms = now;
        let marking = Marking {
            ask,
            topology: named.topology,
            kind: "restarted",
            message: what.to_owned(),
            waits: true,
        };
        self.persist(writes, Then::Mark(Box::new(marking)), out);
    }

    /// Restarts of several go by their tasks' update rules.
    fn begin_restart(&mut self, named: &Named) {
        if named.alone {
            return;
        }
        let tasks = named.instances.iter().map(|id| id.task.clone()).collect();
        let rollout = self
            .wanted
            .get(&named.topology)
            .and_then(|accepted| self.rollout_of_restart(accepted, &tasks));
        if let Some(record) = self.wanted.record_mut(&named.topology) {
            record.rollout = rollout;
        }
        self.know_all_of(&named.topology);
    }

    /// Slots beyond the count are instances like all others from now on.
    pub(super) fn know_all_of(&mut self, name: &str) {
        let ids: Vec<InstanceId> =
            self.wanted.get(name).into_iter().flat_map(|one| one.instances()).collect();
        for id in ids {
            self.instances.of(id, name);
        }
        self.instances.mark_all_of(name);
    }

    fn may_restart(&self, named: &Named) -> Result<(), Refusal> {
        let paused = self.wanted.get(&named.topology).is_some_and(|a| a.record.paused);
        if paused && !named.alone {
            let sentence = format!("topology `{}` is paused", named.topology);
            let hint = format!("`lathe resume {}` first", named.topology);
            return Err(plain(Code::CANNOT_ACT_NOW, &sentence, &hint));
        }
        Ok(())
    }

    pub(super) fn pause(
        &mut self,
        name: &str,
        paused: bool,
        asker: &Asker,
        out: &mut Vec<Command>,
    ) {
        let ask = asker.ask;
        if let Err(refusal) = self.topology_named(name) {
            return refuse(ask, "unknown topology", refusal, out);
        }
        let writes = self.signed(name, &asker.id, Some(paused));
        let kind = if paused { "paused" } else { "resumed" };
        let message = String::new();
        let marking = Marking { ask, topology: name.to_owned(), kind, message, waits: !paused };
        self.persist(writes, Then::Mark(Box::new(marking)), out);
    }

    /// The topology's record with the id of what is done to it, so that a retry is known.
    fn signed(&mut self, name: &str, id: &str, paused: Option<bool>) -> Vec<Write> {
        let Some(record) = self.wanted.record_mut(name) else { return Vec::new() };
        if !id.is_empty() {
            id.clone_into(&mut record.submission_id);
        }
        record.paused = paused.unwrap_or(record.paused);
        let writes = vec![Write::Topology(record.clone())];
        if paused.is_some() {
            self.instances.mark_all_of(name);
        }
        writes
    }

    pub(super) fn mark_committed(&mut self, now: Time, marking: Marking, out: &mut Vec<Command>) {
        let Marking { ask, topology, kind, message, waits } = marking;
        let draft = EventDraft::new(kind, message).of_topology(&topology);
        self.publish(now, draft, out);
        let revision = self.revision(&topology);
        out.push(Command::Answer { ask, answer: Answer::Committed { revision } });
        if waits {
            self.watchers.push(Watcher { ask, topology, revision, changed: true });
            return;
        }
        let ready = self.ready_of(&topology);
        out.push(Command::Answer { ask, answer: Answer::Done { revision, changed: true, ready } });
    }

    fn ready_of(&self, name: &str) -> u32 {
        let Some(accepted) = self.wanted.get(name) else { return 0 };
        let ready = |id: &InstanceId| {
            let life = self.instances.get(id).and_then(|record| record.lives.last());
            life.is_some_and(|life| life.phase == Phase::Ready)
        };
        u32::try_from(accepted.instances().filter(ready).count()).unwrap_or(u32::MAX)
    }
}

fn mark(life: &mut Life, alone: bool) {
    if life.identity != MOVING {
        let mark = if alone { RESTARTING } else { RESTARTING_IN_TURN };
        mark.clone_into(&mut life.identity);
    }
}
