//! Hosts as the master lists them, and the picture of them that a planner gets.

use lathe_placement::{Capacity, Cluster, Host};

use super::command::Command;
use super::event::{HostInfo, HostState};
use super::ids::{AgentId, HostName, Time};
use super::{EventDraft, Framework};

/// A list older than this is asked for again before it is planned upon.
pub(super) const FRESH_MS: u64 = 10_000;

/// Without any other reason the list is asked for so often at last.
const PERIOD_MS: u64 = 30_000;
/// So soon after something was heard of hosts: agents come back to a new master one by one, and
/// nobody says so of those on which nothing runs. Each list that is like the one before doubles it.
const FIRST_PERIOD_MS: u64 = 1_000;
/// After a failure it is asked for again so soon.
const AGAIN_MS: u64 = 2_000;

impl Framework {
    /// When the list is to be asked for next: at once where it is known to be wrong.
    pub(super) fn hosts_due(&self) -> Option<Time> {
        Some(self.hosts_ask_ms)
    }

    pub(super) fn list_hosts(&mut self, now: Time, out: &mut Vec<Command>) {
        // The question is on its way: not again by the next event.
        self.hosts_ask_ms = now + PERIOD_MS;
        out.push(Command::ListHosts);
    }

    /// The list is known to be wrong.
    pub(super) fn hosts_have_changed(&mut self) {
        self.hosts_listed_ms = None;
        self.hosts_ask_ms = 0;
        self.hosts_good_for_ms = FIRST_PERIOD_MS;
    }

    pub(super) fn hosts_listed(&mut self, now: Time, hosts: Vec<HostInfo>, out: &mut Vec<Command>) {
        self.tell_states(now, &hosts, out);
        let known = std::mem::take(&mut self.agents);
        self.agents = hosts.iter().map(|host| (host.agent.clone(), host.name.clone())).collect();
        self.losses.none_is_listed();
        hosts.iter().for_each(|host| self.losses.listed(&host.name, &host.agent));
        self.hosts = hosts.into_iter().map(|host| (host.name.clone(), host)).collect();
        if self.agents == known {
            self.hosts_good_for_ms = (self.hosts_good_for_ms * 2).clamp(FIRST_PERIOD_MS, PERIOD_MS);
        } else {
            self.hosts_good_for_ms = FIRST_PERIOD_MS;
            self.repair_not_before_ms = now;
            self.room_may_have_come(now);
        }
        self.hosts_listed_ms = Some(now);
        // How far a drain is, nobody tells but the list.
        let drains = self.hosts.values().any(|host| host.state == HostState::Draining);
        self.hosts_ask_ms = now + if drains { AGAIN_MS } else { self.hosts_good_for_ms };
        self.job_hosts_listed(now, out);
    }

    /// What others do to hosts is news for people.
    fn tell_states(&mut self, now: Time, hosts: &[HostInfo], out: &mut Vec<Command>) {
        for host in hosts {
            let before = self.hosts.get(&host.name).map(|known| known.state);
            if before.is_none_or(|before| before == host.state) {
                continue;
            }
            let draft = EventDraft::new("host", host.state.as_str());
            self.publish(now, EventDraft { host: Some(host.name.to_string()), ..draft }, out);
        }
    }

    pub(super) fn hosts_unknown(&mut self, now: Time, reason: &str, out: &mut Vec<Command>) {
        // Not at once again: it may be forbidden.
        self.hosts_listed_ms = None;
        self.hosts_ask_ms = now + AGAIN_MS;
        self.job_hosts_unknown(now, reason, out);
    }

    /// The agent does not answer the master any more; what ran there comes as statuses, and what
    /// does not is asked for.
    pub(super) fn agent_lost(&mut self, now: Time, agent: &AgentId) {
        self.hosts_have_changed();
        self.ask_of_agent(now, agent);
        if let Some(name) = self.agents.remove(agent)
            && self.hosts.get(&name).is_some_and(|host| &host.agent == agent)
        {
            self.hosts.remove(&name);
            self.losses.unlisted(&name);
        }
    }

    pub(super) fn hosts_fresh(&self, now: Time) -> bool {
        self.hosts_listed_ms.is_some_and(|listed| now < listed + FRESH_MS)
    }

    /// Whether a host may get something new: it is active, and is not to be left.
    pub(super) fn is_in_use(&self, host: &HostInfo) -> bool {
        host.state == HostState::Active && !self.maintenance.is_due(&host.agent)
    }

    /// The same by name.
    pub(super) fn takes_more(&self, host: &HostName) -> bool {
        self.hosts.get(host).is_some_and(|host| self.is_in_use(host))
    }

    /// The hosts as a planner sees them.
    pub(super) fn cluster(&self) -> Cluster {
        let hosts = self
            .hosts
            .values()
            .filter(|host| self.is_in_use(host))
            .map(|host| Host {
                name: host.name.0.clone(),
                capacity: Capacity {
                    cpus_milli: host.total.cpus_milli,
                    mem_bytes: host.total.mem_bytes,
                    disk_bytes: host.total.disk_bytes,
                    ports: host.total.ports.clone(),
                },
                attributes: host.attributes.clone(),
            })
            .collect();
        Cluster { hosts }
    }
}
