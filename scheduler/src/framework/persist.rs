//! Writes on their way to the store, and what waits for each of them.

use std::collections::{BTreeMap, BTreeSet};

use lathe_catalog::{Entry, State, TaskRecord};
use lathe_topology::TaskPath;

use super::Framework;
use super::command::{Call, Command};
use super::ids::{BatchId, FrameworkId, Incarnation, InstanceId, Time};
use super::launches::Launching;
use super::records::{FrameworkRecord, Life, Phase, Write};
use super::restarts::Marking;
use super::rollout::RollingBack;
use super::submissions::Accepting;

/// What happens once a write is durable.
#[derive(Debug)]
pub(super) enum Then {
    Do(Vec<Command>),
    Launch(Box<Launching>),
    Accept(Box<Accepting>),
    Mark(Box<Marking>),
    RollBack(Box<RollingBack>),
}

/// Writes that are not durable yet.
#[derive(Debug, Default)]
pub(super) struct Batches {
    made: u64,
    pending: BTreeMap<BatchId, (Then, Vec<Command>)>,
    /// Those of them after which more follows than commands: a few, where a storm of statuses has
    /// thousands pending, and every step asks about them.
    decisive: BTreeSet<BatchId>,
}

impl Batches {
    fn add(&mut self, then: Then) -> BatchId {
        self.made += 1;
        let batch = BatchId(self.made);
        if !matches!(then, Then::Do(_)) {
            self.decisive.insert(batch);
        }
        self.pending.insert(batch, (then, Vec::new()));
        batch
    }

    fn remove(&mut self, batch: BatchId) -> Option<(Then, Vec<Command>)> {
        self.decisive.remove(&batch);
        self.pending.remove(&batch)
    }

    fn decisive(&self) -> impl Iterator<Item = &Then> {
        self.decisive.iter().filter_map(|batch| Some(&self.pending.get(batch)?.0))
    }

    /// Whether the intent of this incarnation is not durable yet.
    pub(super) fn has_intent_of(&self, incarnation: &Incarnation) -> bool {
        self.decisive().any(|then| match then {
            Then::Launch(launching) => launching.starts(incarnation),
            Then::Do(_) | Then::Accept(_) | Then::Mark(_) | Then::RollBack(_) => false,
        })
    }

    /// Whether a revision, a removal or a mark is on its way.
    pub(super) fn change_what_is_wanted(&self) -> bool {
        self.decisive()
            .any(|then| matches!(then, Then::Accept(_) | Then::Mark(_) | Then::RollBack(_)))
    }

    /// The same, with revisions that bring launches of their own.
    pub(super) fn revise(&self) -> bool {
        self.decisive().any(|then| match then {
            Then::Launch(launching) => launching.revises(),
            Then::Accept(_) | Then::Mark(_) | Then::RollBack(_) => true,
            Then::Do(_) => false,
        })
    }

    /// Whether that topology is on its way back.
    pub(super) fn roll_back(&self, name: &str) -> bool {
        self.decisive().any(|then| match then {
            Then::RollBack(rolling) => rolling.is_of(name),
            _ => false,
        })
    }
}

impl Framework {
    pub(super) fn persist(&mut self, writes: Vec<Write>, then: Then, out: &mut Vec<Command>) {
        let batch = self.batches.add(then);
        out.push(Command::Persist { batch, writes });
    }

    pub(super) fn persist_framework(&mut self, id: &FrameworkId, out: &mut Vec<Command>) {
        // Nothing can be launched in between: a launch's own write comes after this one, and
        // writes become durable in their order.
        let losses_confirmed_ms = self.losses.confirmed_ms();
        let record = FrameworkRecord { id: id.clone(), losses_confirmed_ms };
        self.persist(vec![Write::Framework(record)], Then::Do(Vec::new()), out);
    }

    pub(super) fn persisted(&mut self, now: Time, batch: BatchId, out: &mut Vec<Command>) {
        let Some((then, also)) = self.batches.remove(batch) else { return };
        match then {
            Then::Do(commands) => {
                out.extend(commands.into_iter().filter(|command| self.still_holds(command)));
            }
            Then::Launch(launching) => self.launch_committed(now, *launching, out),
            Then::Accept(accepting) => self.accept_committed(now, *accepting, out),
            Then::Mark(marking) => self.mark_committed(now, *marking, out),
            Then::RollBack(rolling) => self.rollback_committed(now, *rolling, out),
        }
        out.extend(also);
    }

    /// Whether nothing has overtaken a kill on its way through the store: a life that has come back
    /// meanwhile is told to end anew, with its own record.
    fn still_holds(&self, command: &Command) -> bool {
        let Command::Call(Call::Kill { incarnation, .. }) = command else { return true };
        let record = self.instances.get(&incarnation.instance);
        let mut lives = record.iter().flat_map(|record| &record.lives);
        lives.any(|life| {
            &life.incarnation == incarnation
                && matches!(life.phase, Phase::Killing | Phase::Unreachable)
        })
    }

    /// Commands that depend on what is known by now: at once where all of it is durable, else
    /// after the newest write that is still on its way.
    pub(super) fn once_durable(&mut self, commands: Vec<Command>, out: &mut Vec<Command>) {
        match self.batches.pending.last_entry() {
            Some(mut newest) => newest.get_mut().1.extend(commands),
            None => out.extend(commands),
        }
    }

    /// Commands that are the leader's alone, and that no record of their own goes before: they leave
    /// once the store has said, to a write of nothing under the term, that this one still leads.
    pub(super) fn once_leading(&mut self, commands: Vec<Command>, out: &mut Vec<Command>) {
        self.persist(Vec::new(), Then::Do(commands), out);
    }

    /// The writes that bring the store's picture of one instance up to date: its record, the
    /// catalog's entry of `incarnation`, and the task's record that carries the group's version.
    pub(super) fn instance_writes(&mut self, id: &InstanceId, incarnation: &str) -> Vec<Write> {
        let Some(record) = self.instances.get(id) else { return Vec::new() };
        let life = record.lives.iter().find(|life| life.incarnation.to_string() == incarnation);
        let entry = match life.and_then(|life| entry_of(&record.topology, life)) {
            Some(entry) => Write::Entry(entry),
            None => Write::EntryRemoved(incarnation.to_owned()),
        };
        let mut writes = vec![Write::Instance(record.clone()), entry];
        writes.extend(self.touch(&id.task).map(Write::Task));
        writes
    }

    /// Counts the task's record up, so that its group gets a new version in the same commit.
    pub(super) fn touch(&mut self, path: &TaskPath) -> Option<TaskRecord> {
        let record = self.tasks.get_mut(path)?;
        record.touched += 1;
        Some(record.clone())
    }
}

/// What the catalog says of a life. An intent alone is not told to anybody, nor one that was lost or
/// told to end before it was ready: its process may never have existed.
pub(super) fn entry_of(topology: &str, life: &Life) -> Option<Entry> {
    let state = match life.phase {
        Phase::Launching => return None,
        Phase::Starting => State::Starting,
        Phase::Ready => State::Ready,
        Phase::Unreachable | Phase::Killing if life.ready_ms == 0 => return None,
        Phase::Unreachable => State::Suspect,
        Phase::Killing => State::Draining,
    };
    Some(Entry {
        topology: topology.to_owned(),
        task: life.incarnation.instance.task.to_string(),
        slot: life.incarnation.instance.slot,
        incarnation: life.incarnation.to_string(),
        host: life.host.to_string(),
        address: life.address.clone(),
        ports: life.ports.clone(),
        tags: life.tags.clone(),
        crate_name: life.crate_name.clone(),
        version: life.version.clone(),
        state,
        reason: life.reason.clone(),
        since_ms: life.since_ms,
    })
}
