//! Nobody is suspect who beats.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use lathe_catalog::{Entry, Limits, State, paths};
use lathe_registry::directory::Set;

use super::{Breach, Check};
use crate::store::read;

/// Beats of one incarnation that are remembered: those of more than any silence.
const BEATS_MAX: usize = 16;
/// A beat takes so long at most to the owner, when nothing is in the way: it is gathered, waits for
/// the batch before, and both are delayed.
const WAY_MS: u64 = 2_000;
/// So long has nothing to be in the way before: what was sent into a break is given up by then.
const CLEAR_MS: u64 = 3_000;

/// When each registry has heard whom.
#[derive(Debug, Default)]
pub(super) struct Ears {
    heard: BTreeMap<(usize, String), u64>,
    /// Whose connection is closed since, as each knows.
    closed: BTreeSet<(usize, String)>,
    /// Beats by executors themselves, with the registry that took each.
    taken: BTreeMap<String, VecDeque<(u64, usize)>>,
    /// When anybody has.
    last: BTreeMap<String, u64>,
    /// Whom each registry has suspected while another heard it, and has not heard itself since.
    mistaken: BTreeSet<(usize, String)>,
    /// Since when the process of each registry is there.
    started: BTreeMap<usize, u64>,
    /// Since when it has not stood still.
    there: BTreeMap<usize, u64>,
    /// Until when two of them could not reach each other.
    apart: BTreeMap<(usize, usize), u64>,
}

impl Ears {
    /// An executor's own beat.
    pub(super) fn taken(&mut self, registry: usize, incarnation: &str, now: u64) {
        let beats = self.taken.entry(incarnation.to_owned()).or_default();
        beats.push_back((now, registry));
        if beats.len() > BEATS_MAX {
            beats.pop_front();
        }
        self.last.insert(incarnation.to_owned(), now);
    }

    /// The same, or what another registry has passed on.
    pub(super) fn heard(&mut self, registry: usize, incarnation: &str, now: u64) {
        self.heard.insert((registry, incarnation.to_owned()), now);
        self.closed.remove(&(registry, incarnation.to_owned()));
        self.mistaken.remove(&(registry, incarnation.to_owned()));
    }

    pub(super) fn closed(&mut self, registry: usize, incarnation: &str) {
        self.closed.insert((registry, incarnation.to_owned()));
    }

    pub(super) fn starts(&mut self, registry: usize, now: u64) {
        self.started.insert(registry, now);
        self.is_there(registry, now);
    }

    pub(super) fn is_there(&mut self, registry: usize, now: u64) {
        self.there.insert(registry, now);
    }

    pub(super) fn is_away(&mut self, registry: usize) {
        self.there.remove(&registry);
    }

    pub(super) fn are_apart(&mut self, (one, other): (usize, usize), until: u64) {
        let end = self.apart.entry((one.min(other), one.max(other))).or_insert(0);
        *end = until.max(*end);
    }

    pub(super) fn all_is_well(&mut self, now: u64) {
        self.apart.values_mut().for_each(|until| *until = now.min(*until));
    }

    pub(super) fn ended(&mut self, registry: usize) {
        self.heard.retain(|(of, _), _| *of != registry);
        self.closed.retain(|(of, _)| *of != registry);
        self.mistaken.retain(|(of, _)| *of != registry);
        self.there.remove(&registry);
    }

    /// Since when one can reach the other, if it can.
    fn linked(&self, one: usize, other: usize) -> Option<u64> {
        let there = self.there.get(&one)?.max(self.there.get(&other)?);
        let apart = self.apart.get(&(one.min(other), one.max(other))).copied().unwrap_or(0);
        Some(apart.max(*there))
    }

    /// A registry is about to write: it has heard nothing of whom it suspects for long enough, nor
    /// has another one that can reach it.
    pub(super) fn suspects(&self, registry: usize, sets: &[Set], now: u64) -> Check {
        let limits = Limits::default();
        for entry in suspected(sets) {
            let id = entry.incarnation;
            let heard = self.heard.get(&(registry, id.clone()));
            // One that was never heard is expected first.
            let closed = self.closed.contains(&(registry, id.clone()));
            let after_ms = if closed { limits.closed_after_ms } else { limits.suspect_after_ms };
            let since = heard.map(|heard| heard + after_ms);
            let expected = self.started.get(&registry).map(|at| at + limits.first_after_ms);
            if since.or(expected).is_none_or(|since| now < since) {
                let what = format!("registry {registry} suspects {id}, heard at {heard:?}");
                return Err(Breach::new("nobody is suspect who beats", what));
            }
            let silence = now - after_ms + 1..now - WAY_MS;
            let beats = self.taken.get(&id).into_iter().flatten();
            for (at, by) in beats.filter(|(at, by)| silence.contains(at) && *by != registry) {
                if self.linked(registry, *by).is_some_and(|since| since + CLEAR_MS <= *at) {
                    let what =
                        format!("registry {registry} suspects {id}, which {by} took at {at}");
                    let words = "who is heard by a registry that its owner reaches is not suspect";
                    return Err(Breach::new(words, what));
                }
            }
        }
        Ok(())
    }

    /// It is written. An executor that beats to another registry than before is suspected once by
    /// the one that it has left; not again, for the other's word has come back meanwhile.
    pub(super) fn wrote(&mut self, registry: usize, sets: &[Set], now: u64) -> Check {
        for entry in suspected(sets) {
            let id = entry.incarnation;
            let last = self.last.get(&id).copied().unwrap_or(0);
            if now < last + 1_500 && !self.mistaken.insert((registry, id.clone())) {
                let what =
                    format!("{id} is suspect again, and another registry heard it at {last}");
                return Err(Breach::new("who beats elsewhere is not suspect again", what));
            }
        }
        Ok(())
    }
}

fn suspected(sets: &[Set]) -> impl Iterator<Item = Entry> + '_ {
    let entries = sets.iter().filter(|set| paths::entry_of(&set.path).is_some());
    entries.map(|set| read::<Entry>(&set.data)).filter(|entry| entry.state == State::Suspect)
}
