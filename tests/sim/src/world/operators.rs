//! What operators do to hosts by way of the master: they drain, deactivate and take back. And the loss
//! of many hosts at once.

use lathe_mesos::v1;
use lathe_standalone::cluster;

use super::World;
use super::faults::Kind;
use super::network::Coming;
use crate::draw::Draw;
use crate::oracle::{Breach, Check};

/// A drain is over within this time of the healing: what was told last may be told again after ten
/// minutes only.
const DRAINED_WITHIN_MS: u64 = 900_000;
/// Whoever is to come back has done so by then.
const BACK_WITHIN_MS: u64 = 1_000;
const STEPS_MAX: u64 = 100_000;

impl World {
    pub(super) fn fault_of_operators(
        &mut self,
        kind: Kind,
        at: usize,
        draw: &mut Draw,
    ) -> Option<String> {
        if kind == Kind::RackIsCutOff {
            return self.cut_a_rack(draw);
        }
        let host = &self.hosts.hosts[at];
        if !host.up || host.paused {
            return None;
        }
        let (name, boot) = (host.name.clone(), host.boot);
        let views = self.master.cluster.hosts();
        let agent_id = views.into_iter().find(|view| view.host == name)?.agent_id;
        let pause = draw.between(1_000, 60_000);
        let text = if kind == Kind::HostIsDeactivated {
            self.step_master(cluster::Event::AgentDeactivated { agent_id: agent_id.clone() });
            format!("{name} is deactivated for {pause} ms")
        } else {
            let max_grace_ms = draw.pick(&[None, Some(0), Some(5_000)]).copied().flatten();
            let agent_id = agent_id.clone();
            let mark_gone = draw.permille(200);
            self.step_master(cluster::Event::AgentDrains { agent_id, max_grace_ms, mark_gone });
            if mark_gone {
                self.after(pause, Coming::HostRetires { at, boot });
                return Some(format!("{name} is drained for good"));
            }
            format!("{name} is drained for {pause} ms")
        };
        // Some are forgotten until all faults end.
        if draw.permille(700) {
            self.after(pause, Coming::Reactivates { agent: agent_id });
        }
        Some(text)
    }

    /// A network's end: half of the hosts and more are lost within a moment.
    fn cut_a_rack(&mut self, draw: &mut Draw) -> Option<String> {
        let pause = draw.between(4_000, 40_000);
        let up: Vec<usize> = (0..self.hosts.hosts.len())
            .filter(|at| self.hosts.hosts[*at].up && !self.hosts.hosts[*at].paused)
            .collect();
        let first = usize::try_from(draw.between(0, 2)).unwrap_or(0);
        let cut: Vec<usize> = up.into_iter().skip(first).take(4).collect();
        for at in &cut {
            self.cut_host(*at, (true, true), pause);
        }
        (!cut.is_empty()).then(|| format!("{} hosts are cut off for {pause} ms", cut.len()))
    }

    pub(super) fn reactivate(&mut self, agent: String) {
        self.note(&format!("an operator takes {agent} into use"));
        self.step_master(cluster::Event::AgentReactivated { agent_id: agent });
    }

    /// Every drain comes to its end by itself; then all is taken into use again.
    pub(super) fn drains_end(&mut self) -> Check {
        let (end, last_step) = (self.now + DRAINED_WITHIN_MS, self.steps + STEPS_MAX);
        // Hosts come back first, and what they had is drained then.
        let soonest = self.now + BACK_WITHIN_MS;
        while self.now < end
            && self.steps < last_step
            && self.failure.is_none()
            && (self.now < soonest || self.is_draining().is_some())
            && self.one()
        {}
        let late = self.is_draining();
        let agents = self.master.cluster.get_agents().agents;
        let out_of_use = agents.into_iter().filter(|agent| agent.deactivated());
        let ids: Vec<String> =
            out_of_use.filter_map(|agent| Some(agent.agent_info.id?.value)).collect();
        for agent in ids {
            self.reactivate(agent);
        }
        match late {
            Some(host) => Err(Breach::new("a drain comes to its end", format!("{host} drains"))),
            None => Ok(()),
        }
    }

    fn is_draining(&self) -> Option<String> {
        let agents = self.master.cluster.get_agents().agents;
        let draining = |agent: &v1::master::response::get_agents::Agent| {
            let info = agent.drain_info.as_ref();
            info.is_some_and(|info| info.state() == v1::DrainState::Draining)
        };
        agents.into_iter().find(draining).map(|agent| agent.agent_info.hostname)
    }

    /// Whether an operator has that agent emptied.
    pub(super) fn drains(&self, agent: &str) -> bool {
        let agents = self.master.cluster.get_agents().agents;
        let found = agents
            .iter()
            .find(|one| one.agent_info.id.as_ref().is_some_and(|id| id.value == agent));
        found.is_some_and(|one| one.drain_info.is_some())
    }
}
