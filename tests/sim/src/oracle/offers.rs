//! Every offer is answered at most once, and none is held beyond its bound.

use std::collections::{BTreeMap, BTreeSet};

use lathe_mesos::v1::scheduler::Call;
use lathe_scheduler::framework::event::Event;

use super::{Breach, Check};

/// The framework's own bound, and what a step's commands may take.
const BOUND_MS: u64 = 5_000 + 1_000;

/// Offers by the process that has them.
#[derive(Debug, Default)]
pub(super) struct Offers {
    open: BTreeMap<(u64, String), u64>,
    answered: BTreeSet<String>,
    paused: BTreeSet<u64>,
    /// Troubles of the store that are not over.
    away: u32,
}

impl Offers {
    pub(super) fn told(&mut self, life: u64, event: &Event, now: u64) {
        match event {
            Event::OffersArrived(offers) => {
                let new = offers.iter().map(|offer| ((life, offer.id.0.clone()), now));
                self.open.extend(new);
            }
            Event::OfferRescinded(id) => {
                self.open.remove(&(life, id.0.clone()));
            }
            Event::Subscribed { .. } | Event::Disconnected { .. } => self.ended(life),
            _ => {}
        }
    }

    pub(super) fn ended(&mut self, life: u64) {
        self.open.retain(|(of, _), _| *of != life);
    }

    pub(super) fn leaves(&mut self, life: u64, call: &Call) -> Check {
        let accepted = call.accept.iter().flat_map(|accept| &accept.offer_ids);
        let declined = call.decline.iter().flat_map(|decline| &decline.offer_ids);
        for offer in accepted.chain(declined) {
            self.open.remove(&(life, offer.value.clone()));
            if !self.answered.insert(offer.value.clone()) {
                let what = format!("offer {} is answered again", offer.value);
                return Err(Breach::new("an offer is answered once", what));
            }
        }
        Ok(())
    }

    /// A process that stands still, or whose writes have no answer, cannot keep the bound.
    pub(super) fn none_is_hoarded(&self, now: u64) -> Check {
        if self.away > 0 {
            return Ok(());
        }
        let late = self
            .open
            .iter()
            .find(|((life, _), since)| now > **since + BOUND_MS && !self.paused.contains(life));
        match late {
            Some(((_, id), since)) => {
                let what = format!("offer {id} is held since {since}");
                Err(Breach::new("no offer is held beyond its bound", what))
            }
            None => Ok(()),
        }
    }

    pub(super) fn paused(&mut self, life: u64) {
        self.paused.insert(life);
    }

    pub(super) fn resumed(&mut self, life: u64, now: u64) {
        self.paused.remove(&life);
        for ((_, _), since) in self.open.iter_mut().filter(|((of, _), _)| *of == life) {
            *since = now;
        }
    }

    pub(super) fn store_is_away(&mut self) {
        self.away += 1;
    }

    pub(super) fn store_answers(&mut self, now: u64) {
        self.away = self.away.saturating_sub(1);
        for since in self.open.values_mut() {
            *since = now;
        }
    }

    pub(super) fn all_is_well(&mut self, now: u64) {
        self.away = 0;
        self.store_answers(now);
    }

    pub(super) fn open(&self, life: u64) -> Vec<String> {
        self.open.keys().filter(|(of, _)| *of == life).map(|(_, offer)| offer.clone()).collect()
    }
}
