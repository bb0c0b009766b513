//! Planned maintenance: which hosts are to be left by when, and what the master is told when it asks
//! for one (an inverse offer, in Mesos's words).
//!
//! Must not know which instance goes where: `leaving.rs` does.

use std::collections::{BTreeMap, BTreeSet};

use super::command::{Call, Command};
use super::event::{InverseOffer, Window};
use super::ids::{AgentId, OfferId, Time};
use super::{EventDraft, Framework};

/// Of windows that nobody has spoken of since the subscription, those of hosts with our instances are
/// told within a second or so; who has said nothing for this long may have called it off.
const CONFIRMED_WITHIN_MS: u64 = 60_000;
/// The master asks again so soon after a refusal, for it may be different by then.
const REFUSE_MS: u64 = 1_000;
/// The same where the window is over: it is the operator's turn.
const REFUSE_LONG_MS: u64 = 3_600_000;

/// A window of an agent's host.
#[derive(Clone, Copy, Debug)]
struct Known {
    window: Window,
    /// Within which subscription it was told last.
    told_in: u64,
    /// Whether the schedule has shown it. Where ACLs hide a machine from us, a schedule without it
    /// says nothing of it.
    listed: bool,
}

/// What is known of planned maintenance.
#[derive(Debug, Default)]
pub(super) struct Maintenance {
    windows: BTreeMap<AgentId, Known>,
    /// Agents that are left now.
    due: BTreeSet<AgentId>,
    /// The master's questions that are not answered yet.
    asked: BTreeMap<OfferId, (AgentId, Window)>,
    /// Why a host was refused last: the same is not said twice.
    refused: BTreeMap<AgentId, String>,
    subscriptions: u64,
    subscribed_ms: Time,
}

impl Maintenance {
    fn told(&mut self, now: Time, agent: &AgentId, window: Option<Window>) {
        let told_in = self.subscriptions;
        match window.filter(|window| !window.is_over(now)) {
            Some(window) => {
                let before = self.windows.get(agent).filter(|known| known.window == window);
                let listed = before.is_some_and(|known| known.listed);
                self.windows.insert(agent.clone(), Known { window, told_in, listed });
            }
            None => {
                self.windows.remove(agent);
            }
        }
    }

    fn listed(&mut self, now: Time, windows: BTreeMap<AgentId, Window>) {
        self.windows.retain(|agent, known| !known.listed || windows.contains_key(agent));
        for (agent, window) in windows {
            self.told(now, &agent, Some(window));
            if let Some(known) = self.windows.get_mut(&agent) {
                known.listed = true;
            }
        }
    }

    /// Whether the host of this agent is left now.
    pub(super) fn is_due(&self, agent: &AgentId) -> bool {
        self.due.contains(agent)
    }

    /// Agents whose hosts are left now.
    pub(super) fn due(&self) -> &BTreeSet<AgentId> {
        &self.due
    }

    /// When the host of this agent is to be away.
    pub(super) fn window(&self, agent: &AgentId) -> Option<Window> {
        self.windows.get(agent).map(|known| known.window)
    }

    /// Questions belong to a subscription. Windows are an operator's, and outlast it for a while.
    pub(super) fn subscribed(&mut self, now: Time) {
        self.subscribed_ms = now;
        self.subscriptions += 1;
        self.disconnected();
    }

    pub(super) fn disconnected(&mut self) {
        self.asked.clear();
        self.refused.clear();
    }

    fn doubtful_at(&self) -> Time {
        self.subscribed_ms.saturating_add(CONFIRMED_WITHIN_MS)
    }

    /// When the next window comes near, is over, or is in doubt.
    pub(super) fn next(&self, now: Time, leave_before_ms: u64) -> Option<Time> {
        let times = self.windows.values().flat_map(|known| {
            let doubt = (known.told_in != self.subscriptions).then(|| self.doubtful_at());
            [Some(known.window.begins_ms(leave_before_ms)), known.window.end_ms, doubt]
        });
        times.flatten().filter(|at| *at > now).min()
    }
}

impl Framework {
    /// The whole schedule, as far as it is about agents that are there.
    pub(super) fn windows_listed(&mut self, now: Time, windows: BTreeMap<AgentId, Window>) {
        self.maintenance.listed(now, windows);
    }

    pub(super) fn offer_tells(&mut self, now: Time, agent: &AgentId, window: Option<Window>) {
        self.maintenance.told(now, agent, window);
    }

    pub(super) fn inverse_offers_arrived(&mut self, now: Time, offers: Vec<InverseOffer>) {
        for InverseOffer { id, agent, window } in offers {
            self.maintenance.told(now, &agent, Some(window));
            self.maintenance.asked.insert(id, (agent, window));
        }
        self.hosts_have_changed();
    }

    /// Nobody asks any more: there is another schedule, or none.
    pub(super) fn inverse_offer_rescinded(&mut self, id: &OfferId) {
        let Some((agent, _)) = self.maintenance.asked.remove(id) else { return };
        self.maintenance.windows.remove(&agent);
        self.maintenance.refused.remove(&agent);
        self.hosts_have_changed();
    }

    /// Sees which hosts are to be left now, and which are free again.
    pub(super) fn tend_maintenance(&mut self, now: Time, out: &mut Vec<Command>) {
        let Self { maintenance, .. } = self;
        let (newest, doubtful_at) = (maintenance.subscriptions, maintenance.doubtful_at());
        let is_doubtful = |known: &Known| known.told_in != newest && now >= doubtful_at;
        maintenance.windows.retain(|_, known| !known.window.is_over(now) && !is_doubtful(known));
        let lead_ms = self.config.leave_before_ms;
        let due: BTreeSet<AgentId> = maintenance
            .windows
            .iter()
            .filter(|(_, known)| now >= known.window.begins_ms(lead_ms))
            .map(|(agent, _)| agent.clone())
            .collect();
        if due == maintenance.due {
            return;
        }
        let before = std::mem::replace(&mut maintenance.due, due);
        let changed: BTreeSet<AgentId> =
            before.symmetric_difference(&self.maintenance.due).cloned().collect();
        self.instances.mark_all_on(&changed);
        self.repair_not_before_ms = now;
        self.room_may_have_come(now);
        for agent in &changed {
            self.tell_of_maintenance(now, agent, out);
        }
    }

    fn tell_of_maintenance(&mut self, now: Time, agent: &AgentId, out: &mut Vec<Command>) {
        let Some(host) = self.hosts.values().find(|host| &host.agent == agent) else { return };
        let name = host.name.to_string();
        let message = match self.maintenance.window(agent) {
            Some(window) => {
                let seconds = window.start_ms.saturating_sub(now) / 1_000;
                format!("asked to be left, its maintenance begins in {seconds} s")
            }
            None => "in use again, no maintenance is planned any more".to_owned(),
        };
        let draft = EventDraft::new("host", message);
        self.publish(now, EventDraft { host: Some(name), ..draft }, out);
    }

    /// A host is given when nothing of ours is there any more, and refused when that cannot be had.
    /// While instances are on their way the master hears nothing, which is what that means.
    pub(super) fn answer_inverse_offers(&mut self, now: Time, out: &mut Vec<Command>) {
        if !self.connected() {
            return;
        }
        let mut empty = Vec::new();
        let mut refused: BTreeMap<(String, u64), Vec<OfferId>> = BTreeMap::new();
        for (id, (agent, window)) in &self.maintenance.asked {
            if window.is_over(now) {
                let why = "its maintenance is over".to_owned();
                refused.entry((why, REFUSE_LONG_MS)).or_default().push(id.clone());
            } else if !self.maintenance.is_due(agent) {
                // Later: it is in use until then.
            } else if !self.is_used(agent) {
                empty.push(id.clone());
            } else if let Some(why) = self.why_not_left(agent)
                && self.maintenance.refused.get(agent) != Some(&why)
            {
                refused.entry((why, REFUSE_MS)).or_default().push(id.clone());
            }
        }
        if !empty.is_empty() {
            for id in &empty {
                self.answered(now, id, "nothing of it is left there".to_owned(), None, out);
            }
            out.push(Command::Call(Call::AcceptInverse { offers: empty }));
        }
        for ((why, refuse_ms), offers) in refused {
            for id in &offers {
                self.answered(now, id, format!("cannot be left: {why}"), Some(&why), out);
            }
            out.push(Command::Call(Call::DeclineInverse { offers, refuse_ms }));
        }
    }

    fn answered(
        &mut self,
        now: Time,
        id: &OfferId,
        message: String,
        refused: Option<&str>,
        out: &mut Vec<Command>,
    ) {
        let Some((agent, _)) = self.maintenance.asked.remove(id) else { return };
        let host = self.hosts.values().find(|host| host.agent == agent);
        let host = host.map(|host| host.name.to_string());
        self.publish(now, EventDraft { host, ..EventDraft::new("host", message) }, out);
        match refused {
            Some(why) => self.maintenance.refused.insert(agent, why.to_owned()),
            None => self.maintenance.refused.remove(&agent),
        };
    }
}
