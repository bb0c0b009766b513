//! Asking the master what it knows: after each subscription until everything is answered, then
//! from time to time both ways, and at once for a launch that stays silent.

use std::collections::BTreeSet;

use super::Framework;
use super::command::{Call, Command};
use super::ids::{AgentId, Incarnation, Time};
use super::records::Phase;

/// First pause between two rounds; it doubles.
const FIRST_PAUSE_MS: u64 = 1_000;
const LONGEST_PAUSE_MS: u64 = 60_000;
/// Both kinds, when nothing else asks.
const PERIOD_MS: u64 = 10 * 60_000;
/// A launch that is silent for so long is asked about.
pub(super) const SILENT_MS: u64 = 20_000;

/// The one loop of questions; there are never two at once.
#[derive(Debug, Default)]
pub(super) struct Reconciling {
    unanswered: BTreeSet<Incarnation>,
    pause_ms: u64,
    next_ms: Option<Time>,
    period_ms: Option<Time>,
    /// When silent launches were asked about last.
    silent_ms: Option<Time>,
    /// Agents that are gone, with whatever they had not passed on yet.
    lost: BTreeSet<AgentId>,
}

impl Reconciling {
    pub(super) fn answered(&mut self, incarnation: &Incarnation) {
        self.unanswered.remove(incarnation);
        if self.unanswered.is_empty() && self.lost.is_empty() {
            self.next_ms = None;
        }
    }

    pub(super) fn unanswered(&self) -> usize {
        self.unanswered.len()
    }

    fn ask_by(&mut self, at: Time) {
        if self.next_ms.is_none() {
            self.pause_ms = FIRST_PAUSE_MS;
            self.next_ms = Some(at);
        }
    }

    pub(super) fn next(&self) -> Option<Time> {
        let silent = self.silent_ms.map(|last| last + SILENT_MS);
        [self.next_ms, self.period_ms, silent].into_iter().flatten().min()
    }
}

impl Framework {
    pub(super) fn start_reconciling(&mut self, now: Time, out: &mut Vec<Command>) {
        let unanswered: BTreeSet<Incarnation> = self
            .instances
            .values()
            .flat_map(|instance| instance.lives.iter().map(|life| life.incarnation.clone()))
            .collect();
        self.reconciling = Reconciling {
            unanswered,
            pause_ms: FIRST_PAUSE_MS,
            next_ms: Some(now),
            period_ms: Some(now + PERIOD_MS),
            silent_ms: None,
            lost: BTreeSet::new(),
        };
        self.tend_reconciling(now, out);
        // What the master knows and we do not: strays of an earlier life of the store.
        out.push(Command::Call(Call::ReconcileAll));
    }

    /// The master says of each task what becomes of it, save of those of which the agent had told
    /// it the end and not us: that end is lost with the agent, and has to be asked for.
    pub(super) fn ask_of_agent(&mut self, now: Time, agent: &AgentId) {
        self.reconciling.lost.insert(agent.clone());
        self.reconciling.ask_by(now + FIRST_PAUSE_MS);
    }

    pub(super) fn tend_reconciling(&mut self, now: Time, out: &mut Vec<Command>) {
        if !self.connected() {
            return;
        }
        if self.reconciling.period_ms.is_some_and(|at| now >= at) {
            self.start_reconciling(now, out);
            return;
        }
        self.ask_of_silent_launches(now);
        let due = self.reconciling.next_ms.is_some_and(|at| now >= at);
        if !due {
            return;
        }
        let lost = std::mem::take(&mut self.reconciling.lost);
        if !lost.is_empty() {
            let lives = self.instances.values().flat_map(|instance| &instance.lives);
            let theirs = lives.filter(|life| lost.contains(&life.agent));
            self.reconciling.unanswered.extend(theirs.map(|life| life.incarnation.clone()));
        }
        let tasks: Vec<_> = self
            .reconciling
            .unanswered
            .iter()
            .filter_map(|incarnation| {
                let record = self.instances.get(&incarnation.instance)?;
                let life = record.lives.iter().find(|life| &life.incarnation == incarnation)?;
                // Of what was not even sent the master says that it is gone, and a moment later
                // it is sent.
                if self.batches.has_intent_of(incarnation) {
                    return None;
                }
                Some((incarnation.clone(), Some(life.agent.clone())))
            })
            .collect();
        // An empty list would mean everything: never by accident.
        if tasks.is_empty() {
            self.reconciling.unanswered.clear();
            self.reconciling.next_ms = None;
            return;
        }
        self.reconciling.next_ms = Some(now + self.reconciling.pause_ms);
        self.reconciling.pause_ms = (self.reconciling.pause_ms * 2).min(LONGEST_PAUSE_MS);
        out.push(Command::Call(Call::Reconcile { tasks }));
    }

    fn ask_of_silent_launches(&mut self, now: Time) {
        // One that is known and still fetches its artifact is silent for good reason.
        if self.reconciling.silent_ms.is_some_and(|last| now < last + SILENT_MS) {
            return;
        }
        let since = now.saturating_sub(SILENT_MS);
        let waiting = self.standings.silent.iter().take_while(|(at, _)| *at <= since);
        let silent: Vec<Incarnation> = waiting
            .filter_map(|(_, id)| self.instances.get(id))
            .flat_map(|instance| &instance.lives)
            .filter(|life| life.phase == Phase::Launching && now >= life.since_ms + SILENT_MS)
            .filter(|life| !self.reconciling.unanswered.contains(&life.incarnation))
            .filter(|life| !self.batches.has_intent_of(&life.incarnation))
            .map(|life| life.incarnation.clone())
            .collect();
        if silent.is_empty() {
            self.reconciling.silent_ms = None;
            return;
        }
        self.reconciling.silent_ms = Some(now);
        self.reconciling.unanswered.extend(silent);
        self.reconciling.ask_by(now);
    }
}
