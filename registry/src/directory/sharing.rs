//! What the machine does with a beat: it judges its incarnation itself, or passes it on to the
//! registry that does.
//!
//! Owns the way of a beat and the looks at who is silent. Who judges whom is the catalog's `Share`'s,
//! who is silent its `Liveness`'s.

use lathe_catalog::Passed;

use super::{Command, Directory, Now, beats};

/// A beat is passed on so often at most: to the owner, or to one that can reach the owner.
const HOPS_MAX: u8 = 2;

impl Directory {
    pub(super) fn list_registries(&mut self, now: Now, mut urls: Vec<String>) {
        urls.sort();
        urls.dedup();
        if urls != self.registries {
            self.registries = urls;
            self.watchers.mark_registries();
            self.followers.mark_registries();
        }
        self.share.list(now.ms, &self.registries);
        if self.share.is_listed() {
            self.listed_since_ms.get_or_insert(now.ms);
        }
    }

    /// Takes beats from executors or from other registries.
    pub(super) fn take_beats(&mut self, now: Now, beats: Vec<Passed>, commands: &mut Vec<Command>) {
        let mut found = false;
        for passed in beats {
            let says = if passed.closed {
                self.beats.closed(&passed.incarnation);
                false
            } else {
                self.beats.heard(now.ms, &passed.incarnation, passed.beat.clone())
            };
            let owner = self.share.owner(&passed.incarnation);
            if let Some(owner) =
                owner.filter(|owner| passed.hops < HOPS_MAX && self.share.is_mute(owner))
            {
                // It may hear, and not be heard.
                self.passing.put(owner, passed.clone(), false);
            }
            found |= self.send_on_its_way(now, passed, says);
        }
        if found {
            self.look(now, commands);
        }
    }

    /// A batch did not reach the registry that it was for: each of its beats goes another way, and
    /// where there is none this registry stands in. None is lost.
    pub(super) fn not_passed_on(
        &mut self,
        now: Now,
        (to, gone): (&str, bool),
        beats: Vec<Passed>,
        commands: &mut Vec<Command>,
    ) {
        self.passing.done(to);
        self.share.not_met(to, gone);
        let mut found = false;
        // They have not come anywhere.
        let back = |passed: Passed| Passed { hops: passed.hops.saturating_sub(1), ..passed };
        let beats = beats.into_iter().map(back);
        for passed in beats.chain(self.passing.waiting_for(to)) {
            found |= self.send_on_its_way(now, passed, true);
        }
        if found {
            self.look(now, commands);
        }
    }

    /// Whether there may be something to write for it here.
    fn send_on_its_way(&mut self, now: Now, passed: Passed, urgent: bool) -> bool {
        if self.share.owns(&passed.incarnation) {
            return urgent;
        }
        let to = self.share.route(&passed.incarnation).filter(|_| passed.hops < HOPS_MAX);
        let (incarnation, closed) = (passed.incarnation.clone(), passed.closed);
        if to.is_some_and(|to| self.passing.put(to, passed, urgent)) {
            return false;
        }
        if closed {
            return false;
        }
        self.beats.stand_in(now.ms, &incarnation);
        urgent
    }

    /// At the end of each step: what has another owner goes there, and what is due is sent.
    pub(super) fn share_out(&mut self, now: Now, commands: &mut Vec<Command>) {
        self.share.set_able(self.listed && self.blind_since_ms.is_none());
        if self.shared_out != self.share.generation() {
            self.shared_out = self.share.generation();
            self.beats.assign_all(now.ms, &self.share);
            for passed in self.passing.misdirected(&self.share) {
                self.send_on_its_way(now, passed, true);
            }
        }
        let view = self.view().map(str::to_owned);
        let with = (&self.share, self.limits.liveness.beat_ms);
        self.passing.send(now.ms, with, view.as_deref(), commands);
    }

    /// The registries that this one knows, in a few characters; none while it cannot judge anybody.
    #[must_use]
    pub fn view(&self) -> Option<&str> {
        let sees = self.listed && self.blind_since_ms.is_none() && self.share.is_listed();
        sees.then(|| self.share.view())
    }

    /// Whether a beat of this incarnation is of use here: this registry can judge, or pass it on. Else
    /// whoever beats had better go to another one.
    #[must_use]
    pub fn takes(&self, incarnation: &str) -> bool {
        self.view().is_some() || self.share.route(incarnation).is_some()
    }

    /// Whether this registry is the one that judges the incarnation, as far as it knows.
    #[must_use]
    pub fn owns(&self, incarnation: &str) -> bool {
        self.share.owns(incarnation)
    }

    /// Writes what the heartbeats say and the catalog does not show. Blind means: do nothing. While
    /// who is silent here may be heard elsewhere, silence does not count.
    pub(super) fn look(&mut self, now: Now, commands: &mut Vec<Command>) {
        let span_ms = now.ms.saturating_sub(std::mem::replace(&mut self.looked_ms, now.ms));
        let judges = self.view().is_some() && !self.share.holds(now.ms);
        if !judges {
            self.beats.was_deaf(span_ms);
        } else if self.share.is_in_touch(now.ms) {
            self.beats.in_touch(now.ms);
        }
        if self.listed && self.blind_since_ms.is_none() {
            let sources = beats::Sources { catalog: &self.catalog, versions: &self.versions };
            self.beats.write(now, judges, &sources, commands);
        }
    }

    /// Since it is listed it has not listened long enough to say who lives: somebody whom it judges
    /// was not heard yet.
    #[must_use]
    pub fn is_listening(&self, now_ms: u64) -> bool {
        let Some(since_ms) = self.listed_since_ms else { return true };
        let (_, unheard) = self.beats.owned();
        unheard > 0 && now_ms.saturating_sub(since_ms) < self.limits.liveness.suspect_after_ms
    }
}
