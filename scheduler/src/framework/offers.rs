//! Offers that are held, and the rule that none is held for long or without need.

use std::collections::{BTreeMap, BTreeSet};

use super::Framework;
use super::command::{Call, Command};
use super::event::{Free, Offer};
use super::ids::{AgentId, HostName, OfferId, Time};

/// How long the master need not offer again what nobody needs. A revive clears it.
const REFUSE_LONG_MS: u64 = 3_600_000;
/// The same while work goes on: the resources may be wanted in a moment.
const REFUSE_SHORT_MS: u64 = 1_000;
/// Revives are at least this far apart.
const REVIVE_EVERY_MS: u64 = 500;

/// The ledger of offers.
#[derive(Debug, Default)]
pub(super) struct Offers {
    held: BTreeMap<OfferId, (Offer, Time)>,
    by_agent: BTreeMap<AgentId, BTreeSet<OfferId>>,
    /// Whether the master was told to send none; unknown after a subscription.
    suppressed: Option<bool>,
    revived_ms: Option<Time>,
}

impl Offers {
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    fn hold(&mut self, offer: Offer, now: Time) {
        let of_agent = self.by_agent.entry(offer.agent.clone()).or_default();
        of_agent.insert(offer.id.clone());
        self.held.insert(offer.id.clone(), (offer, now));
    }

    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    pub(super) fn rescind(&mut self, id: &OfferId) {
        let Some((offer, _)) = self.held.remove(id) else { return };
        if let Some(of_agent) = self.by_agent.get_mut(&offer.agent) {
            of_agent.remove(id);
            if of_agent.is_empty() {
                self.by_agent.remove(&offer.agent);
            }
        }
    }

    pub(super) fn first_expiry(&self, hold_ms: u64) -> Option<Time> {
        self.held.values().map(|(_, since)| since + hold_ms).min()
    }

    /// Everything that is held of one agent, as one sum.
    pub(super) fn of_agent(&self, agent: &AgentId) -> (Vec<OfferId>, Free) {
        let mut sum = Free::default();
        let ids = self.by_agent.get(agent).into_iter().flatten();
        for (offer, _) in ids.clone().filter_map(|id| self.held.get(id)) {
            sum.add(&offer.free);
        }
        (ids.cloned().collect(), sum)
    }

    /// The offers leave the ledger: they are about to be answered.
    pub(super) fn use_up(&mut self, ids: &[OfferId]) {
        for id in ids {
            self.rescind(id);
        }
    }
}

impl Framework {
    pub(super) fn offers_arrived(&mut self, now: Time, offers: Vec<Offer>) {
        for offer in offers {
            if !self.agents.contains_key(&offer.agent) {
                // A host that the list does not have yet: ask for the list again.
                self.hosts_have_changed();
            }
            self.offer_tells(now, &offer.agent, offer.window);
            self.offers.hold(offer, now);
        }
    }

    /// Asks for offers where they are wanted, declines what is not, and is silent when idle.
    pub(super) fn tend_offers(&mut self, now: Time, out: &mut Vec<Command>) {
        if !self.connected() {
            return;
        }
        let hosts = self.hosts_awaited();
        self.decline_unused(now, &hosts, out);
        if hosts.is_empty() {
            if self.offers.suppressed != Some(true) && self.job.is_none() {
                self.offers.suppressed = Some(true);
                out.push(Command::Call(Call::Suppress));
            }
            return;
        }
        let missing = hosts.iter().any(|name| {
            self.hosts.get(name).is_some_and(|host| !self.offers.by_agent.contains_key(&host.agent))
        });
        let due = self.offers.revived_ms.is_none_or(|last| now >= last + self.config.hold_ms)
            || (self.offers.suppressed != Some(false)
                && self.offers.revived_ms.is_none_or(|last| now >= last + REVIVE_EVERY_MS));
        if missing && due {
            if self.offers.suppressed == Some(false) {
                // It was asked for them already, and has sent too few.
                out.push(Command::AskQuota);
            }
            self.offers.suppressed = Some(false);
            self.offers.revived_ms = Some(now);
            out.push(Command::Call(Call::Revive));
        }
    }

    fn decline_unused(&mut self, now: Time, hosts: &BTreeSet<HostName>, out: &mut Vec<Command>) {
        let hold_ms = self.config.hold_ms;
        let agents: BTreeSet<&AgentId> =
            hosts.iter().filter_map(|name| self.hosts.get(name)).map(|host| &host.agent).collect();
        let busy = self.job.is_some();
        let mut long = Vec::new();
        let mut short = Vec::new();
        for (id, (offer, since)) in &self.offers.held {
            if now >= since + hold_ms || (busy && !agents.contains(&offer.agent)) {
                short.push(id.clone());
            } else if !busy {
                long.push(id.clone());
            }
        }
        for (offers, refuse_ms) in [(long, REFUSE_LONG_MS), (short, REFUSE_SHORT_MS)] {
            if !offers.is_empty() {
                self.offers.use_up(&offers);
                out.push(Command::Call(Call::Decline { offers, refuse_ms }));
            }
        }
    }

    /// The moment at which a revive that was put off may be sent.
    pub(super) fn next_revive(&self) -> Option<Time> {
        if self.hosts_awaited().is_empty() || !self.connected() {
            return None;
        }
        let last = self.offers.revived_ms?;
        let pause = if self.offers.suppressed == Some(false) {
            self.config.hold_ms
        } else {
            REVIVE_EVERY_MS
        };
        Some(last + pause)
    }
}
