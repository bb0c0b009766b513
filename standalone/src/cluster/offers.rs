//! Offers: who is offered what, when, and what a refusal keeps back.
//!
//! It owns allocation. There is no fair sharing by dominant resource here: the framework with the
//! least allocated is asked first.

use std::collections::{BTreeMap, BTreeSet};

use lathe_mesos::v1::{self, scheduler};

use super::command::Command;
use super::resources::Amount;
use super::state::{Duty, Offer, Refusal};
use super::subscribe::scheduler_event;
use super::{Cluster, Deadline};

/// A year in milliseconds: no refusal lasts longer.
const LONGEST_REFUSAL_MS: f64 = 365.0 * 86_400.0 * 1000.0;

impl Cluster {
    /// Everything may have to be offered anew.
    pub(super) fn everything_is_dirty(&mut self) {
        self.dirty.extend(self.agents.keys().cloned());
    }

    /// Offers what dirty agents have free, one offer for each agent, one event for each framework.
    pub(super) fn allocate(&mut self, out: &mut Vec<Command>) {
        let mut sent: BTreeMap<String, Vec<v1::Offer>> = BTreeMap::new();
        for agent in std::mem::take(&mut self.dirty) {
            if let Some((framework, offer)) = self.offer_of(&agent) {
                sent.entry(framework).or_default().push(offer);
            }
        }
        for (framework, offers) in sent {
            self.counts.offers += offers.len() as u64;
            let event = scheduler::Event {
                offers: Some(scheduler::event::Offers { offers }),
                ..scheduler_event(scheduler::event::Type::Offers)
            };
            self.send(&framework, event, out);
        }
    }

    fn offer_of(&mut self, agent_id: &str) -> Option<(String, v1::Offer)> {
        let agent = self.agents.get(agent_id)?;
        if !agent.is_reachable() || agent.duty != Duty::InUse {
            return None;
        }
        let amount = agent.free();
        if !amount.is_allocatable() {
            return None;
        }
        let (framework_id, role) = self.taker(agent_id, &amount)?;
        let id = format!("{}-O{}", self.master_id, self.made.offers);
        self.made.offers += 1;
        let agent = self.agents.get_mut(agent_id)?;
        agent.offered.add(&amount);
        agent.offers.insert(id.clone());
        let executors = agent.executors.keys().filter(|key| key.framework_id == framework_id);
        let message = v1::Offer {
            id: v1::OfferId { value: id.clone() },
            framework_id: v1::FrameworkId { value: framework_id.clone() },
            agent_id: v1::AgentId { value: agent_id.to_owned() },
            hostname: agent.spec.hostname.clone(),
            resources: amount.to_message(Some(&role)),
            executor_ids: executors
                .map(|key| v1::ExecutorId { value: key.executor_id.clone() })
                .collect(),
            attributes: agent.attributes(),
            url: Some(agent.url()),
            unavailability: None,
            allocation_info: Some(v1::resource::AllocationInfo { role: Some(role.clone()) }),
            domain: None,
        };
        if let Some(framework) = self.frameworks.get_mut(&framework_id) {
            framework.offers.insert(id.clone());
        }
        let agent = agent_id.to_owned();
        self.offers.insert(id, Offer { framework: framework_id.clone(), agent, role, amount });
        Some((framework_id, message))
    }

    /// The framework and role that an agent's free resources go to.
    fn taker(&self, agent: &str, amount: &Amount) -> Option<(String, String)> {
        let mut best: Option<(u64, &str, String)> = None;
        for (id, framework) in &self.frameworks {
            if framework.stream.is_none() {
                continue;
            }
            for role in framework.roles() {
                if framework.suppressed.contains(&role) {
                    continue;
                }
                let refused = framework
                    .filters
                    .get(&(agent.to_owned(), role.clone()))
                    .is_some_and(|list| list.iter().any(|refusal| refusal.amount.contains(amount)));
                let share = framework.allocated.scalar("cpus");
                if !refused && best.as_ref().is_none_or(|(least, ..)| share < *least) {
                    best = Some((share, id, role));
                }
            }
        }
        best.map(|(_, id, role)| (id.to_owned(), role))
    }

    /// Makes offers void without a word to their framework, and returns their resources.
    pub(super) fn take_back_offers(&mut self, offers: &BTreeSet<String>) {
        for id in offers {
            self.take_back(id);
        }
    }

    /// Makes an offer void and returns its resources to its agent.
    pub(super) fn take_back(&mut self, id: &str) -> Option<Offer> {
        let offer = self.offers.remove(id)?;
        if let Some(framework) = self.frameworks.get_mut(&offer.framework) {
            framework.offers.remove(id);
        }
        if let Some(agent) = self.agents.get_mut(&offer.agent) {
            agent.offered.subtract(&offer.amount);
            agent.offers.remove(id);
        }
        self.dirty.insert(offer.agent.clone());
        Some(offer)
    }

    /// Makes all offers of an agent void and says so.
    pub(super) fn rescind_offers(&mut self, agent: &str, out: &mut Vec<Command>) {
        let offers = match self.agents.get(agent) {
            Some(agent) => agent.offers.clone(),
            None => return,
        };
        for id in offers {
            if let Some(offer) = self.take_back(&id) {
                let rescind = scheduler::event::Rescind { offer_id: v1::OfferId { value: id } };
                let event = scheduler::Event {
                    rescind: Some(rescind),
                    ..scheduler_event(scheduler::event::Type::Rescind)
                };
                self.send(&offer.framework, event, out);
            }
        }
    }

    pub(super) fn decline(&mut self, framework: &str, decline: &scheduler::call::Decline) {
        let pause = self.refusal_ms(decline.filters.as_ref()).max(self.config.min_refuse_ms);
        for id in &decline.offer_ids {
            let theirs = self.offers.get(&id.value).is_some_and(|o| o.framework == framework);
            if theirs && let Some(offer) = self.take_back(&id.value) {
                self.refuse(&offer, pause);
            }
        }
    }

    /// What filters ask for, in milliseconds.
    pub(super) fn refusal_ms(&self, filters: Option<&v1::Filters>) -> u64 {
        let default = v1::Filters::default().refuse_seconds();
        let asked = filters.map_or(default, v1::Filters::refuse_seconds);
        let seconds = if asked < 0.0 || asked.is_nan() { default } else { asked };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "between 0 and a year"
        )]
        let pause = (seconds * 1000.0).min(LONGEST_REFUSAL_MS) as u64;
        pause
    }

    /// Keeps these resources of this agent from the framework for a while.
    pub(super) fn refuse(&mut self, offer: &Offer, pause: u64) {
        let Some(framework) = self.frameworks.get_mut(&offer.framework) else {
            return;
        };
        if pause == 0 || offer.amount.is_empty() {
            return;
        }
        let until = self.now + pause;
        let list = framework.filters.entry((offer.agent.clone(), offer.role.clone())).or_default();
        list.push(Refusal { until, amount: offer.amount.clone() });
        let deadline = Deadline::Filter {
            framework: offer.framework.clone(),
            agent: offer.agent.clone(),
            role: offer.role.clone(),
        };
        self.deadlines.set(until, deadline);
    }

    pub(super) fn filter_passed(&mut self, framework: &str, key: (String, String)) {
        if let Some(framework) = self.frameworks.get_mut(framework) {
            if let Some(list) = framework.filters.get_mut(&key) {
                list.retain(|refusal| refusal.until > self.now);
                if list.is_empty() {
                    framework.filters.remove(&key);
                }
            }
            self.dirty.insert(key.0);
        }
    }

    /// Forgets a framework's refusals for some roles.
    pub(super) fn clear_filters(&mut self, id: &str, roles: &[String]) {
        let Some(framework) = self.frameworks.get_mut(id) else {
            return;
        };
        let deadlines = &mut self.deadlines;
        framework.filters.retain(|(agent, role), list| {
            let keep = !roles.contains(role);
            if !keep {
                for refusal in list {
                    let deadline = Deadline::Filter {
                        framework: id.to_owned(),
                        agent: agent.clone(),
                        role: role.clone(),
                    };
                    deadlines.clear(refusal.until, deadline);
                }
            }
            keep
        });
    }

    /// Forgets all refusals of a framework.
    pub(super) fn clear_all_filters(&mut self, id: &str) {
        let roles: Vec<String> = self.frameworks.get(id).map_or_else(Vec::new, |framework| {
            framework.filters.keys().map(|(_, role)| role.clone()).collect()
        });
        self.clear_filters(id, &roles);
    }
}
