//! Nobody is suspect who beats.

use std::collections::{BTreeMap, BTreeSet};

use lathe_catalog::{Entry, Limits, State, paths};
use lathe_registry::directory::Set;

use super::{Breach, Check};
use crate::store::read;

/// When each registry has heard whom.
#[derive(Debug, Default)]
pub(super) struct Ears {
    heard: BTreeMap<(usize, String), u64>,
    /// When anybody has.
    last: BTreeMap<String, u64>,
    /// Whom each registry has suspected while another heard it, and has not heard itself since.
    mistaken: BTreeSet<(usize, String)>,
}

impl Ears {
    pub(super) fn heard(&mut self, registry: usize, incarnation: &str, now: u64) {
        self.heard.insert((registry, incarnation.to_owned()), now);
        self.last.insert(incarnation.to_owned(), now);
        self.mistaken.remove(&(registry, incarnation.to_owned()));
    }

    pub(super) fn ended(&mut self, registry: usize) {
        self.heard.retain(|(of, _), _| *of != registry);
    }

    /// A registry is about to write: it has heard nothing of whom it suspects for long enough.
    pub(super) fn suspects(&self, registry: usize, sets: &[Set], now: u64) -> Check {
        let silence_ms = Limits::default().suspect_after_ms;
        for entry in suspected(sets) {
            let id = entry.incarnation;
            let heard = self.heard.get(&(registry, id.clone()));
            if heard.is_none_or(|heard| now < heard + silence_ms) {
                let what = format!("registry {registry} suspects {id}, heard at {heard:?}");
                return Err(Breach::new("nobody is suspect who beats", what));
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
