//! The invariants, each a sentence and its check. They are judged on the hosts' own journal, on
//! what is durable, and on what crosses the wire, never on what the framework believes.

mod catalog;
mod drains;
mod ears;
mod healed;
mod launches;
mod leaving;
mod lives;
mod offers;
mod patience;
mod submissions;
mod updates;

use std::collections::BTreeMap;

use lathe_mesos::v1::scheduler::{Call, Event as MesosEvent};
use lathe_placement::Cluster;
use lathe_registry::directory::Set;
use lathe_scheduler::framework::event::{Event, Window};
use lathe_scheduler::framework::ids::BatchId;
use lathe_scheduler::framework::records::Write;

use crate::hosts::Hosts;
use crate::store::Store;
pub(crate) use catalog::{agrees, shows_what_is};
use drains::Drains;
use ears::Ears;
pub(crate) use healed::healed;
use launches::Launches;
use leaving::Leaving;
use lives::Lives;
use offers::Offers;
use patience::Patience;
use submissions::Submissions;
use updates::Updates;

/// An invariant that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The invariant in a few words: the same words mean the same fault.
    pub invariant: &'static str,
    pub what: String,
}

impl Breach {
    pub(crate) fn new(invariant: &'static str, what: impl Into<String>) -> Self {
        Self { invariant, what: what.into() }
    }
}

pub(crate) type Check = Result<(), Breach>;

/// What the judge remembers over a run.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    offers: Offers,
    launches: Launches,
    lives: Lives,
    submissions: Submissions,
    ears: Ears,
    updates: Updates,
    drains: Drains,
    leaving: Leaving,
    patience: Patience,
    term: u64,
    calls: u64,
    last_call: String,
}

impl Oracle {
    /// After every step.
    pub(crate) fn judge(&mut self, now: u64, hosts: &Hosts) -> Check {
        self.lives.judge(hosts)?;
        self.updates.judge(now, hosts)?;
        self.offers.none_is_hoarded(now)
    }

    pub(crate) fn took_over(&mut self, term: u64) {
        self.term = term;
    }

    /// A write has taken place.
    pub(crate) fn written(&mut self, term: u64, writes: &[Write], hosts: &Hosts) -> Check {
        if term < self.term {
            let what = format!("term {term} has written, and term {} leads", self.term);
            return Err(Breach::new("an old leader writes nothing", what));
        }
        for write in writes {
            match write {
                Write::Instance(record) => self.lives.written(record)?,
                Write::Entry(entry) => catalog::is_not_invented(entry, hosts)?,
                Write::Topology(record) => self.submissions.written(record)?,
                Write::TopologyRemoved(name) => self.submissions.removed(name),
                Write::Framework(_)
                | Write::Revision(_)
                | Write::RevisionRemoved { .. }
                | Write::EntryRemoved(_)
                | Write::Task(_) => {}
            }
        }
        self.lives.never_holds(hosts)
    }

    /// One batch of those that have taken place, in their order.
    pub(crate) fn decided(
        &mut self,
        now: u64,
        life: u64,
        batch: BatchId,
        writes: &[Write],
    ) -> Check {
        self.updates.written(now, life, batch, writes)?;
        self.drains.written(writes)?;
        self.patience.written(now, writes, &self.updates)
    }

    /// Something reaches a scheduler's loop.
    pub(crate) fn told(&mut self, life: u64, event: &Event, now: u64) {
        self.offers.told(life, event, now);
        self.drains.told(life, event);
        self.leaving.told(life, event);
        self.patience.told(event);
    }

    /// A call leaves a scheduler.
    pub(crate) fn leaves(&mut self, life: u64, call: &Call, store: &Store) -> Check {
        self.calls += 1;
        self.last_call = format!("{} is called", call.r#type().as_str_name());
        self.offers.leaves(life, call)?;
        // What a leader of the past says is judged where it is heard.
        if life == self.term { self.launches.waits_for_its_record(call, store) } else { Ok(()) }
    }

    /// A call of a subscription that holds reaches the master.
    pub(crate) fn reaches_master(&mut self, life: u64, call: &Call, store: &Store) -> Check {
        if life != self.term {
            self.launches.waits_for_its_record(call, store)?;
        }
        self.launches.reaches_master(call)
    }

    pub(crate) fn master_said(&mut self, event: &MesosEvent) {
        self.launches.master_said(event);
        self.drains.master_said(event);
        self.patience.master_said(event);
    }

    /// What a scheduler says to its own planner.
    pub(crate) fn plans(&self, now: u64, life: u64, cluster: &Cluster) -> Check {
        self.drains.plans(life, cluster)?;
        self.leaving.plans(now, life, cluster)
    }

    /// How long before its maintenance a host is to be left.
    pub(crate) fn is_to_leave(&mut self, leave_before_ms: u64) {
        self.leaving = Leaving::new(leave_before_ms);
    }

    /// The whole schedule, by names of hosts.
    pub(crate) fn maintenance_is_planned(&mut self, schedule: &BTreeMap<String, Window>) {
        self.leaving.planned(schedule);
    }

    /// How long is waited where a task says nothing else, and for many that are lost at once.
    pub(crate) fn is_to_wait(&mut self, replace_after_ms: u64, hold_losses_ms: u64) {
        self.patience = Patience::new(replace_after_ms, hold_losses_ms);
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls
    }

    pub(crate) fn last_call(&self) -> String {
        self.last_call.clone()
    }

    pub(crate) fn scheduler_ended(&mut self, life: u64) {
        self.offers.ended(life);
    }

    pub(crate) fn scheduler_paused(&mut self, life: u64) {
        self.offers.paused(life);
    }

    pub(crate) fn scheduler_resumed(&mut self, life: u64, now: u64) {
        self.offers.resumed(life, now);
    }

    /// Writes wait: what depends on them may be held longer.
    pub(crate) fn store_is_away(&mut self) {
        self.offers.store_is_away();
    }

    pub(crate) fn store_answers(&mut self, now: u64) {
        self.offers.store_answers(now);
    }

    /// Faults have ended.
    pub(crate) fn all_is_well(&mut self, now: u64) {
        self.offers.all_is_well(now);
        self.ears.all_is_well(now);
    }

    pub(crate) fn open_offers(&self, life: u64) -> Vec<String> {
        self.offers.open(life)
    }

    pub(crate) fn accepted(&mut self, name: &str, revision: u64, store: &Store) -> Check {
        self.submissions.accepted(name, revision, store)
    }

    /// A submission that was refused perhaps, and may be accepted now.
    pub(crate) fn sent_again(&mut self, id: &str) {
        self.submissions.sent_again(id);
    }

    pub(crate) fn refused(&mut self, id: &str) -> Check {
        self.submissions.refused(id)
    }

    pub(crate) fn heard(&mut self, registry: usize, incarnation: &str, now: u64) {
        self.ears.heard(registry, incarnation, now);
    }

    pub(crate) fn closed(&mut self, registry: usize, incarnation: &str) {
        self.ears.closed(registry, incarnation);
    }

    pub(crate) fn taken(&mut self, registry: usize, incarnation: &str, now: u64) {
        self.ears.taken(registry, incarnation, now);
    }

    pub(crate) fn registry_starts(&mut self, registry: usize, now: u64) {
        self.ears.starts(registry, now);
    }

    pub(crate) fn registry_is_there(&mut self, registry: usize, now: u64) {
        self.ears.is_there(registry, now);
    }

    pub(crate) fn registry_is_away(&mut self, registry: usize) {
        self.ears.is_away(registry);
    }

    pub(crate) fn registries_are_cut_apart(&mut self, both: (usize, usize), until: u64) {
        self.ears.are_apart(both, until);
    }

    pub(crate) fn registry_ended(&mut self, registry: usize) {
        self.ears.ended(registry);
    }

    pub(crate) fn suspects(&mut self, registry: usize, sets: &[Set], now: u64) -> Check {
        self.ears.suspects(registry, sets, now)
    }

    pub(crate) fn registry_wrote(&mut self, registry: usize, sets: &[Set], now: u64) -> Check {
        self.ears.wrote(registry, sets, now)
    }
}
