//! Many hosts out of reach at once: more likely a network than so many machines. Then what runs there
//! is not replaced before enough of them are back, their end is certain, or a bounded time is over.
//!
//! Owns which hosts are out of reach, and since when. Must not know what is done about instances.

use std::collections::BTreeMap;

use super::ids::{AgentId, HostName, Time};
use super::records::{Life, Phase};
use super::{Command, EventDraft, Framework};

/// Hosts that are lost within so long are lost at once.
const WINDOW_MS: u64 = 5 * 60_000;
/// More than so many of a hundred hosts, and at least so many, are too many.
const SHARE_PERCENT: usize = 30;
const LEAST: usize = 3;

/// Hosts that do not answer, as far as instances of ours say it.
#[derive(Debug, Default)]
pub(super) struct Losses {
    away: BTreeMap<HostName, Away>,
    /// Whether `away` has changed since it was looked at.
    changed: bool,
    held: Option<Held>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Away {
    agent: AgentId,
    since_ms: Time,
    /// It was waited for in vain once.
    told: bool,
}

/// Too many are away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Held {
    /// When the first of them was lost.
    first_ms: Time,
    until_ms: Time,
}

impl Losses {
    /// A life on the host is out of reach since then.
    pub(super) fn lost(&mut self, life: &Life) {
        if life.phase != Phase::Unreachable || self.away.contains_key(&life.host) {
            return;
        }
        let away = Away { agent: life.agent.clone(), since_ms: life.since_ms, told: false };
        self.away.insert(life.host.clone(), away);
        self.changed = true;
    }

    /// Something is known for certain of what ran there.
    pub(super) fn answers(&mut self, host: &HostName) {
        self.changed |= self.away.remove(host).is_some();
    }

    /// Another agent runs there now, so that what the one before had is gone.
    pub(super) fn listed(&mut self, host: &HostName, agent: &AgentId) {
        if self.away.get(host).is_some_and(|away| &away.agent != agent) {
            self.answers(host);
        }
    }

    /// When what was lost with so many others may be given up at the earliest.
    pub(super) fn held_until(&self, life: &Life) -> Option<Time> {
        let held = self.held.filter(|held| life.since_ms >= held.first_ms)?;
        self.away.contains_key(&life.host).then_some(held.until_ms)
    }

    pub(super) fn next(&self) -> Option<Time> {
        self.held.map(|held| held.until_ms)
    }

    /// How many hosts are waited for, none where each is dealt with by itself.
    pub(super) fn waited_for(&self) -> usize {
        let Some(held) = self.held else { return 0 };
        self.away.values().filter(|away| away.since_ms >= held.first_ms).count()
    }

    /// The first moment at which more hosts were lost within the window than may be.
    fn too_many(&self, all: usize) -> Option<(Time, Time)> {
        let mut times: Vec<Time> =
            self.away.values().filter(|away| !away.told).map(|away| away.since_ms).collect();
        times.sort_unstable();
        // The smallest number of them that is more than the share.
        let few = (all * SHARE_PERCENT / 100 + 1).max(LEAST);
        let mut spans = times.windows(few).filter_map(|span| Some((*span.first()?, *span.last()?)));
        spans.find(|(first, last)| last.saturating_sub(*first) <= WINDOW_MS)
    }
}

impl Framework {
    /// Looks again at what is away, after a change and when the time is over.
    pub(super) fn tend_losses(&mut self, now: Time, out: &mut Vec<Command>) {
        let over = self.losses.held.is_some_and(|held| now >= held.until_ms);
        if over {
            for away in self.losses.away.values_mut() {
                away.told = true;
            }
        }
        if !std::mem::take(&mut self.losses.changed) && !over {
            return;
        }
        let all = self.hosts_in_all();
        let hold_ms = self.config.hold_losses_ms;
        let held = self.losses.too_many(all).map(|(first_ms, last_ms)| {
            let until_ms = self.losses.held.map_or(last_ms.saturating_add(hold_ms), |h| h.until_ms);
            Held { first_ms, until_ms }
        });
        let held = held.filter(|held| now < held.until_ms);
        if held == self.losses.held {
            return;
        }
        let before = std::mem::replace(&mut self.losses.held, held);
        self.mark_out_of_reach();
        let away = self.losses.waited_for();
        match (before, held) {
            (None, Some(_)) => {
                // A plan may count upon what was given up a moment ago.
                self.came_back = true;
                let text =
                    format!("{away} of {all} hosts went at once: nothing of theirs is replaced");
                self.publish(now, EventDraft::new("losses held", text), out);
            }
            (Some(_), None) => {
                let why = if over { "they were waited for long enough" } else { "enough are back" };
                self.publish(now, EventDraft::new("losses released", why), out);
            }
            _ => {}
        }
    }

    fn hosts_in_all(&self) -> usize {
        let unlisted = self.losses.away.keys().filter(|host| !self.hosts.contains_key(*host));
        self.hosts.len() + unlisted.count()
    }

    fn mark_out_of_reach(&mut self) {
        let out_of_reach = |life: &Life| life.phase == Phase::Unreachable;
        let ids: Vec<_> = self
            .instances
            .values()
            .filter(|record| record.lives.iter().any(out_of_reach))
            .map(|record| record.id.clone())
            .collect();
        for id in ids {
            self.instances.mark(id);
        }
    }

    /// What `lathe status` says while so many are away.
    pub(super) fn losses_text(&self) -> Option<String> {
        let away = self.losses.waited_for();
        let all = self.hosts_in_all();
        (away > 0).then(|| format!("{away} of {all} hosts, which went at once"))
    }
}
