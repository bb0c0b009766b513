//! Between registries: what they pass on to each other, who is listed, and that each incarnation has
//! one owner.

use lathe_catalog::{Passed, State};
use lathe_registry::directory::Event;

use super::World;
use super::network::{Coming, Link, Pass, PassId};
use super::registries::url;
use crate::oracle::Breach;
use crate::settings::Sabotage;

/// As long as a registry waits for the answer of another.
const ANSWER_MS: u64 = 1_000;
/// When nothing has changed between registries for so long, all agree who owns whom: one beat until
/// each has met the others, its answer, and both ways at the longest delay.
const SETTLED_MS: u64 = 5_000;

impl World {
    pub(super) fn pass_on(
        &mut self,
        from: usize,
        to: &str,
        view: Option<String>,
        beats: Vec<Passed>,
    ) {
        let Some(to) = (0..self.registries.all.len()).find(|at| url(*at) == to) else { return };
        self.registries.passes += 1;
        let number = self.registries.passes;
        let boot = self.registries.all[from].boot;
        let id = PassId { from, boot, to, number };
        self.registries.all[from].under_way.insert(to, (number, beats.clone()));
        self.after(ANSWER_MS, Coming::PassTimesOut { pass: id });
        if self.network.is_cut(self.now, Link::Peers(from, to)) {
            return;
        }
        let target = &self.registries.all[to];
        if target.up {
            let what = Coming::PassedHere(Pass { id, to_boot: target.boot, view, beats });
            self.network.send(self.now, Link::Peers(from, to), what);
        } else if !self.network.is_cut(self.now, Link::Peers(to, from)) {
            let what = Coming::PassRefused { pass: id };
            self.network.send(self.now, Link::Peers(to, from), what);
        }
    }

    pub(super) fn passed_here(&mut self, pass: Pass) {
        let Pass { id, to_boot, view, beats } = pass;
        let target = &self.registries.all[id.to];
        if !target.up || target.boot != to_boot {
            return;
        }
        let paused = target.paused;
        let here = target.directory.view().map(str::to_owned);
        let sabotage = self.settings.sabotage;
        let beats = if sabotage == Some(Sabotage::IgnorePassed) { Vec::new() } else { beats };
        let view = if sabotage == Some(Sabotage::TwoOwners) { here.clone() } else { view };
        if !paused {
            for passed in &beats {
                if passed.closed {
                    self.oracle.closed(id.to, &passed.incarnation);
                } else {
                    self.oracle.heard(id.to, &passed.incarnation, self.now);
                }
            }
        }
        self.step_registry(id.to, Event::PassedHere { from: url(id.from), view, beats });
        if !paused && !self.network.is_cut(self.now, Link::Peers(id.to, id.from)) {
            let what = Coming::PassAnswered { pass: id, view: here };
            self.network.send(self.now, Link::Peers(id.to, id.from), what);
        }
    }

    fn is_under_way(&mut self, pass: PassId) -> Option<Vec<Passed>> {
        let registry = &mut self.registries.all[pass.from];
        let (number, _) = registry.under_way.get(&pass.to)?;
        if !registry.up || registry.boot != pass.boot || *number != pass.number {
            return None;
        }
        registry.under_way.remove(&pass.to).map(|(_, beats)| beats)
    }

    pub(super) fn pass_answered(&mut self, pass: PassId, view: Option<String>) {
        if self.is_under_way(pass).is_none() {
            return;
        }
        let own = self.registries.all[pass.from].directory.view().map(str::to_owned);
        let deceived = self.settings.sabotage == Some(Sabotage::TwoOwners);
        let view = if deceived { own } else { view };
        self.step_registry(pass.from, Event::PassedOn { to: url(pass.to), view });
    }

    pub(super) fn not_passed_on(&mut self, pass: PassId, gone: bool) {
        if let Some(beats) = self.is_under_way(pass) {
            self.step_registry(pass.from, Event::NotPassedOn { to: url(pass.to), gone, beats });
        }
    }

    /// Those who are connected are told which registries there are.
    pub(super) fn list_registries(&mut self) {
        self.registries.moved_ms = self.registries.moved_ms.max(self.now);
        let listed: Vec<usize> = self.registries.listed.iter().map(|(at, _)| *at).collect();
        for at in 0..self.registries.all.len() {
            if !self.registries.all[at].connected {
                continue;
            }
            let deceived = self.settings.sabotage == Some(Sabotage::TwoOwners) && at == 1;
            let told = listed.iter().filter(|one| !deceived || **one == at);
            let urls = told.map(|one| url(*one)).collect();
            self.send_watched(at, Event::RegistriesListed { urls });
        }
    }

    /// The store will notice that nobody keeps this session up.
    pub(super) fn session_will_end(&mut self, at: usize, session: u64) {
        self.registries.moved_ms = self.registries.moved_ms.max(self.now);
        let pause = if self.calm() { 10 } else { self.network.between_beside(500, 5_000) };
        self.after(pause, Coming::SessionEnds { at, session });
    }

    /// The registry does not keep its session up, and may do so again before the store notices.
    pub(super) fn session_may_end(&mut self, at: usize) {
        let session = self.registries.all[at].session;
        self.session_will_end(at, session);
    }

    pub(super) fn session_ends(&mut self, at: usize, session: u64) {
        if !self.store_is_up() {
            self.after(500, Coming::SessionEnds { at, session });
            return;
        }
        let registry = &self.registries.all[at];
        let kept = registry.up
            && registry.session == session
            && !registry.paused
            && !self.network.is_cut(self.now, Link::Watch(at));
        if kept || !self.registries.listed.remove(&(at, session)) {
            return;
        }
        self.note(&format!("the session of registry {at} is over"));
        self.list_registries();
        let registry = &self.registries.all[at];
        // One that stands still hears of it when it goes on.
        if registry.up && registry.session == session && !registry.paused {
            self.lose_session(at);
        }
    }

    pub(super) fn pause_registry(&mut self, at: usize) {
        self.registries.all[at].paused = true;
        self.oracle.registry_is_away(at);
        self.session_may_end(at);
    }

    pub(super) fn cut_apart(
        &mut self,
        (one, other): (usize, usize),
        ways: (bool, bool),
        for_ms: u64,
    ) {
        let until = self.now + for_ms;
        for (cut, link) in [(ways.0, Link::Peers(one, other)), (ways.1, Link::Peers(other, one))] {
            if cut {
                self.network.cut(link, until);
            }
        }
        self.oracle.registries_are_cut_apart((one, other), until);
        self.registries.moved_ms = self.registries.moved_ms.max(until);
    }

    /// When nothing was in the way for a while, each incarnation has exactly one owner.
    pub(super) fn each_has_one_owner(&mut self) {
        let number = self.registries.all.len();
        let there: Vec<usize> = (0..number).filter(|at| self.registries.all[*at].up).collect();
        let in_the_way = there.iter().any(|at| {
            let one = &self.registries.all[*at];
            let cut = |link| self.network.is_cut(self.now, link);
            one.paused || !one.connected || cut(Link::Watch(*at)) || cut(Link::Suspicions(*at))
        });
        if in_the_way || !self.store_is_up() {
            self.registries.moved_ms = self.now.max(self.registries.moved_ms);
        }
        if there.is_empty() || self.now < self.registries.moved_ms + SETTLED_MS {
            return;
        }
        for entry in self.store.entries().iter().filter(|entry| entry.state != State::Gone) {
            let id = &entry.incarnation;
            let owns = |at: &&usize| self.registries.all[**at].directory.owns(id);
            let owners: Vec<usize> = there.iter().filter(owns).copied().collect();
            if owners.len() != 1 {
                let what = format!("{id} is judged by registries {owners:?} of {there:?}");
                self.check(Err(Breach::new("each has one owner", what)));
                return;
            }
        }
    }
}
