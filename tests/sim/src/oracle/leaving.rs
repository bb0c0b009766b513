//! Hosts whose maintenance is near: nothing new is planned there by whoever has heard of it.

use std::collections::BTreeMap;

use lathe_placement::Cluster;
use lathe_scheduler::framework::event::{Event, Window};
use lathe_scheduler::framework::ids::AgentId;

use super::{Breach, Check};

/// What is planned, and who was told.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    leave_before_ms: u64,
    /// By the name of the host.
    planned: BTreeMap<String, Window>,
    /// What each scheduler was told last of an agent, within its subscription.
    told: BTreeMap<u64, BTreeMap<AgentId, Window>>,
    /// The agents of hosts, as each scheduler was told last.
    listed: BTreeMap<u64, BTreeMap<String, AgentId>>,
}

impl Leaving {
    pub(super) fn new(leave_before_ms: u64) -> Self {
        Self { leave_before_ms, ..Self::default() }
    }

    pub(super) fn planned(&mut self, schedule: &BTreeMap<String, Window>) {
        self.planned.clone_from(schedule);
    }

    pub(super) fn told(&mut self, life: u64, event: &Event) {
        let told = self.told.entry(life).or_default();
        match event {
            // Who has lost the stream may have missed a word, and which agent is asked for no more
            // is not said: until it is told again, nothing is held against it.
            Event::Subscribed { .. }
            | Event::Disconnected { .. }
            | Event::InverseOfferRescinded(_) => told.clear(),
            Event::WindowsListed(windows) => told.clone_from(windows),
            Event::OffersArrived(offers) => {
                for offer in offers {
                    match offer.window {
                        Some(window) => told.insert(offer.agent.clone(), window),
                        None => told.remove(&offer.agent),
                    };
                }
            }
            Event::InverseOffersArrived(asked) => {
                told.extend(asked.iter().map(|one| (one.agent.clone(), one.window)));
            }
            Event::HostsListed(hosts) => {
                let all = hosts.iter().map(|host| (host.name.0.clone(), host.agent.clone()));
                self.listed.insert(life, all.collect());
            }
            _ => {}
        }
    }

    pub(super) fn plans(&self, now: u64, life: u64, cluster: &Cluster) -> Check {
        let (Some(told), Some(listed)) = (self.told.get(&life), self.listed.get(&life)) else {
            return Ok(());
        };
        let is_due = |host: &str| {
            let window = listed.get(host).and_then(|agent| told.get(agent));
            window.is_some_and(|window| {
                self.planned.get(host) == Some(window)
                    && !window.is_over(now)
                    && now >= window.begins_ms(self.leave_before_ms)
            })
        };
        match cluster.hosts.iter().find(|host| is_due(&host.name)) {
            Some(host) => {
                let what = format!("scheduler {life} plans with {}", host.name);
                Err(Breach::new("nothing is planned on a host that is to be left", what))
            }
            None => Ok(()),
        }
    }
}
