//! The end of all faults: everything is repaired, and within a bound the cluster must be as wanted,
//! at rest, and of one mind.

use lathe_catalog::State;
use lathe_scheduler::framework::command::{ChangeKind, PlanView};
use lathe_scheduler::framework::event::{Edit, Question};

use super::World;
use super::network::Coming;
use super::writer::Mode;
use crate::hosts::Host;
use crate::oracle::{Breach, Check};

/// The longest wait: some ends are learned only when all is reconciled, 10 minutes after a
/// subscription that may be one of the healing's own; then it must come to rest. Longer than the
/// longest back-off of a slot as well.
const HEAL_MS: u64 = 900_000;
/// More steps than any healing takes: a cluster that never comes to rest ends here.
const HEAL_STEPS: u64 = 200_000;
/// So long must it be at rest: longer than the period of anything but reconciliation.
const REST_MS: u64 = 40_000;
const LOOK_MS: u64 = 1_000;
const PLAN_MS: u64 = 5_000;
/// A beat before the silence, its three seconds, and the way to its owner and to the store.
const SUSPECT_MS: u64 = 6_000;

/// What is looked at after the faults.
#[derive(Debug, Default)]
pub(crate) struct Healing {
    /// The last question from before: later ones are its own.
    asked_before: u64,
    plans: usize,
    changes: Option<String>,
}

impl Healing {
    /// A plan of what is there already must not change anything.
    pub(crate) fn planned(&mut self, ask: u64, name: &str, view: &PlanView) {
        if ask <= self.asked_before {
            return;
        }
        self.plans += 1;
        if let Some(odd) = view.changes.iter().find(|change| change.kind != ChangeKind::Keep) {
            self.changes = Some(format!("{name}: {:?} {} {}", odd.kind, odd.instance, odd.reason));
        }
        if let Some(note) = view.notes.first() {
            self.changes = Some(format!("{name}: {note}"));
        }
    }
}

impl World {
    pub(super) fn heal(&mut self) {
        self.note("faults end");
        let asked_before = self.users.asks;
        self.healing = Some(Healing { asked_before, ..Healing::default() });
        self.repair();
        self.maintenance_ends();
        let check = if self.weather.operators { self.drains_end() } else { Ok(()) };
        self.check(check);
        if self.failure.is_none() {
            let check = self.comes_to_rest();
            self.check(check);
        }
        if self.failure.is_none() {
            let check = self.plans_nothing();
            self.check(check);
        }
        if self.failure.is_none() && self.weather.maintenance {
            let check = self.a_host_is_left();
            self.check(check);
        }
        if self.failure.is_none() {
            let check = self.who_falls_silent_is_suspect();
            self.check(check);
        }
        if self.failure.is_some() {
            self.say_what_waits();
        }
    }

    fn repair(&mut self) {
        self.hosts.calm = true;
        self.network.heal(self.now);
        if self.store_mode != Mode::Answers {
            self.store_mode = Mode::Answers;
        }
        self.oracle.all_is_well(self.now);
        for life in self.schedulers.keys().copied().collect::<Vec<_>>() {
            if let Some(scheduler) = self.schedulers.get_mut(&life) {
                scheduler.crash_after = None;
            }
            self.resume_scheduler(life);
        }
        for at in 0..self.hosts.hosts.len() {
            let host = &mut self.hosts.hosts[at];
            host.paused_until = 0;
            let (boot, up) = (host.boot, host.up);
            let hanging = host.processes.values().filter(|process| process.hangs);
            let hanging: Vec<String> =
                hanging.map(|process| process.key.executor_id.clone()).collect();
            let what = if up { Coming::HostResumes { at, boot } } else { Coming::HostComes { at } };
            self.after(1, what);
            for executor in hanging {
                self.wake_process(at, &executor);
            }
        }
        self.master.comes_back(self.now);
        for at in 0..self.registries.all.len() {
            if self.registries.all[at].up {
                self.resume_registry(at);
                if !self.registries.all[at].connected {
                    self.lose_session(at);
                }
            } else {
                self.after(1, Coming::RegistryStarts { at });
            }
        }
        if self.schedulers.is_empty() {
            self.after(1, Coming::Starts);
        }
    }

    /// Everything wanted runs, nothing else does, all agree, and nobody calls anybody.
    pub(super) fn comes_to_rest(&mut self) -> Check {
        let (end, last_step) = (self.now + HEAL_MS, self.steps + HEAL_STEPS);
        let mut look_at = self.now;
        let mut rest: Option<(u64, u64)> = None;
        let mut why = Breach::new("all heals", "nothing was looked at");
        while self.now < end && self.steps < last_step && self.failure.is_none() && self.one() {
            if self.now < look_at {
                continue;
            }
            look_at = self.now + LOOK_MS;
            self.unpause();
            let calls = self.oracle.calls();
            match self.is_healed() {
                Err(breach) => (why, rest) = (breach, None),
                Ok(()) => match rest {
                    Some((since, before)) if before == calls => {
                        if self.now >= since + REST_MS {
                            return Ok(());
                        }
                    }
                    _ => {
                        why = Breach::new("all rests", self.oracle.last_call());
                        rest = Some((self.now, calls));
                    }
                },
            }
        }
        Err(why)
    }

    /// What somebody has paused is not as wanted before somebody lets it go on.
    fn unpause(&mut self) {
        let Some(life) = self.leader() else { return };
        for record in self.store.topologies() {
            if !record.paused || self.users.waits_for(&record.name) {
                continue;
            }
            let edit = Edit::Pause { topology: record.name.clone(), paused: false };
            let question = Question::Submit {
                edit,
                max_moves: 0,
                wait_ms: 0,
                id: String::new(),
                may_stop: true,
                queues: false,
            };
            self.put_question(life, &record.name, "", question);
        }
    }

    fn is_healed(&self) -> Check {
        crate::oracle::healed(&self.store, &self.hosts)?;
        for (at, registry) in self.registries.all.iter().enumerate() {
            crate::oracle::agrees(at, &registry.directory, &self.store)?;
        }
        match self.schedulers.len() {
            1 => Ok(()),
            number => Err(Breach::new("one leads", format!("{number} schedulers run"))),
        }
    }

    /// The topologies as they are: a satisfied cluster has nothing to do for them.
    fn plans_nothing(&mut self) -> Check {
        let Some(life) = self.leader() else { return Ok(()) };
        let topologies = self.store.topologies();
        let asked = topologies.len();
        for record in topologies {
            let name = record.name;
            // As it is: its source alone may say less than what was set by hand since.
            let edit = Edit::Pause { topology: name.clone(), paused: record.paused };
            self.put_question(life, &name, "", Question::Plan { edit, max_moves: 0 });
        }
        let end = self.now + PLAN_MS;
        let told = |world: &Self| world.healing.as_ref().map_or(0, |healing| healing.plans);
        while told(self) < asked && self.now < end && self.failure.is_none() && self.one() {}
        let changes = self.healing.as_mut().and_then(|healing| healing.changes.take());
        match changes {
            Some(change) => Err(Breach::new("what is satisfied is planned as it is", change)),
            None if told(self) < asked => {
                Err(Breach::new("what is satisfied is planned as it is", "no plan was told"))
            }
            None => Ok(()),
        }
    }

    /// One that stands still is suspect in bounded time, it alone, and comes back when it goes on.
    fn who_falls_silent_is_suspect(&mut self) -> Check {
        if self.registries.all.is_empty() {
            return Ok(());
        }
        let ready = self.store.entries().into_iter().find(|entry| entry.state == State::Ready);
        let Some(id) = ready.map(|entry| entry.incarnation) else { return Ok(()) };
        let on = |host: &Host| host.processes.contains_key(&id);
        let Some(at) = self.hosts.hosts.iter().position(on) else { return Ok(()) };
        if let Some(process) = self.hosts.hosts[at].processes.get_mut(&id) {
            process.hangs = true;
        }
        self.note(&format!("{id} falls silent"));
        // A life that nobody can find any more may be suspect for good.
        let before = self.suspects(&[]);
        let end = self.now + SUSPECT_MS;
        while self.suspects(&before).is_empty() && self.now < end && self.one() {}
        let suspects = self.suspects(&before);
        if suspects != [id.clone()] {
            let what = format!("{id} is silent, and suspect are {suspects:?}");
            return Err(Breach::new("who falls silent is suspect", what));
        }
        self.wake_process(at, &id);
        let end = self.now + SUSPECT_MS;
        while !self.suspects(&before).is_empty() && self.now < end && self.one() {}
        match self.suspects(&before).first() {
            Some(left) => Err(Breach::new("who is heard again is back", left.clone())),
            None => Ok(()),
        }
    }

    /// Those who are suspect, but these.
    fn suspects(&self, but: &[String]) -> Vec<String> {
        let entries = self.store.entries().into_iter();
        let suspect = entries.filter(|entry| entry.state == State::Suspect);
        let names = suspect.map(|entry| entry.incarnation);
        names.filter(|name| !but.contains(name)).collect()
    }

    fn say_what_waits(&mut self) {
        let statuses: Vec<_> =
            self.schedulers.values().map(|scheduler| scheduler.framework.status()).collect();
        for one in statuses.iter().flat_map(|status| &status.instances) {
            if one.state != "ready" {
                let reason = one.reason.clone().unwrap_or_default();
                self.note(&format!("{} {} {reason}", one.instance, one.state));
            }
        }
    }
}
