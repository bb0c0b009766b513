//! Planned maintenance: what operators plan, and what the master says of it. The stand-in does not
//! imitate it, so it is added between the two, as a real master was seen to do it: offers and the
//! schedule tell of windows, and whoever has something on such a machine is asked to leave it.

use std::collections::{BTreeMap, BTreeSet};

use lathe_mesos::v1;
use lathe_mesos::v1::scheduler::{Call, Event as MesosEvent, event};
use lathe_scheduler::framework::event::Window;
use lathe_scheduler::framework::ids::AgentId;
use lathe_standalone::cluster;

use super::World;
use super::network::Coming;
use crate::draw::Draw;
use crate::oracle::{Breach, Check};

/// So often the master looks whom to ask.
const ASKS_EACH_MS: u64 = 1_000;
/// An answer without a filter holds for so long.
const USUAL_FILTER_SECONDS: f64 = 5.0;
/// After the faults a host is left within this time, one instance after the other.
const LEFT_WITHIN_MS: u64 = 300_000;
/// With so many hosts each task of the topologies has a place without one of them.
const ENOUGH_HOSTS: usize = 5;

/// What is planned, and what was asked.
#[derive(Debug, Default)]
pub(crate) struct Maintenance {
    /// By the name of the machine.
    schedule: BTreeMap<String, Window>,
    /// Questions that have no answer, by their number, with the agent.
    asked: BTreeMap<String, String>,
    /// Agents that are not asked about before.
    not_before: BTreeMap<String, u64>,
    /// Agents of which the last answer was that they are given, or not.
    answers: BTreeMap<String, bool>,
    made: u64,
    looks: bool,
}

impl Maintenance {
    /// The stream is over, and what was asked on it.
    pub(super) fn disconnected(&mut self) {
        self.asked.clear();
    }
}

impl World {
    /// An operator plans a host's maintenance. Some call it off, some have the machine switched off,
    /// some do neither.
    pub(super) fn fault_of_maintenance(&mut self, at: usize, draw: &mut Draw) -> Option<String> {
        let start_ms = self.now + draw.between(0, 90_000);
        let length = draw.between(1_000, 60_000);
        let end_ms = draw.permille(700).then_some(start_ms + length);
        self.plan_maintenance(at, Some(Window { start_ms, end_ms }));
        if draw.permille(400) {
            let pause = draw.between(500, 120_000);
            self.after(pause, Coming::MaintenanceIsCalledOff { at, start_ms });
        }
        if draw.permille(400) {
            self.after(
                start_ms - self.now,
                Coming::MachineGoesDown { at, start_ms, for_ms: length },
            );
        }
        let name = &self.hosts.hosts[at].name;
        let begins_in = start_ms - self.now;
        Some(format!("maintenance of {name} is planned, in {begins_in} ms for {length} ms"))
    }

    /// Another window of that host, or none. What was asked for the one before is asked no more.
    pub(super) fn plan_maintenance(&mut self, at: usize, window: Option<Window>) {
        let host = self.hosts.hosts[at].name.0.clone();
        let agent = self.agent_of(&host);
        let of_agent = |id: &&String| self.maintenance.asked.get(*id) == agent.as_ref();
        let asked: Vec<String> = self.maintenance.asked.keys().filter(of_agent).cloned().collect();
        for id in asked {
            self.maintenance.asked.remove(&id);
            self.rescind_inverse(id);
        }
        if let Some(agent) = &agent {
            self.maintenance.not_before.remove(agent);
            self.maintenance.answers.remove(agent);
        }
        match window {
            Some(window) => self.maintenance.schedule.insert(host, window),
            None => self.maintenance.schedule.remove(&host),
        };
        self.oracle.maintenance_is_planned(&self.maintenance.schedule);
        if !std::mem::replace(&mut self.maintenance.looks, true) {
            self.after(ASKS_EACH_MS, Coming::MasterAsks);
        }
    }

    pub(super) fn call_maintenance_off(&mut self, at: usize, start_ms: u64) {
        if self.is_planned(at, start_ms) {
            self.note(&format!("the maintenance of {} is called off", self.hosts.hosts[at].name));
            self.plan_maintenance(at, None);
        }
    }

    pub(super) fn machine_goes_down(&mut self, at: usize, start_ms: u64, for_ms: u64) {
        let host = &self.hosts.hosts[at];
        if self.calm() || !self.is_planned(at, start_ms) || !host.up || host.paused {
            return;
        }
        self.note(&format!("the maintenance of {} begins", host.name));
        self.kill_host(at, for_ms);
    }

    fn is_planned(&self, at: usize, start_ms: u64) -> bool {
        let window = self.maintenance.schedule.get(&self.hosts.hosts[at].name.0);
        window.is_some_and(|window| window.start_ms == start_ms)
    }

    fn agent_of(&self, host: &str) -> Option<String> {
        let views = self.master.cluster.hosts();
        views.into_iter().find(|view| view.host.0 == host).map(|view| view.agent_id)
    }

    /// The schedule as agents have it that this master knows.
    pub(super) fn windows(&self) -> BTreeMap<AgentId, Window> {
        let views = self.master.cluster.hosts().into_iter();
        let of = |view: cluster::HostView| {
            let window = self.maintenance.schedule.get(&view.host.0)?;
            Some((AgentId(view.agent_id), *window))
        };
        views.filter_map(of).collect()
    }

    /// Offers of machines say when those are to be away.
    pub(super) fn with_windows(&self, mut said: MesosEvent) -> MesosEvent {
        for offer in said.offers.iter_mut().flat_map(|offers| &mut offers.offers) {
            let window = self.maintenance.schedule.get(&offer.hostname);
            offer.unavailability = window.map(unavailability);
        }
        said
    }

    /// Asks for what is planned and still used, whatever was answered some time ago.
    pub(super) fn master_asks(&mut self) {
        if self.maintenance.schedule.is_empty() {
            self.maintenance.looks = false;
            return;
        }
        self.after(ASKS_EACH_MS, Coming::MasterAsks);
        let Some((stream, ..)) = self.master.all_streams().pop() else { return };
        let Some(framework) = self.master.framework_of(&stream) else { return };
        if self.master.is_down(self.now) {
            return;
        }
        let tasks = self.master.cluster.get_tasks().tasks;
        let used: BTreeSet<String> = tasks.into_iter().map(|task| task.agent_id.value).collect();
        let asked: BTreeSet<&String> = self.maintenance.asked.values().collect();
        let not_yet = |agent: &String| {
            asked.contains(agent)
                || self.maintenance.not_before.get(agent).is_some_and(|at| self.now < *at)
        };
        let windows = self.windows();
        let due = windows.iter().filter(|(agent, _)| used.contains(&agent.0) && !not_yet(&agent.0));
        let due: Vec<(String, Window)> =
            due.map(|(agent, window)| (agent.0.clone(), *window)).collect();
        let mut inverse_offers = Vec::new();
        for (agent, window) in due {
            self.maintenance.made += 1;
            let id = format!("inverse-{}", self.maintenance.made);
            self.maintenance.asked.insert(id.clone(), agent.clone());
            inverse_offers.push(v1::InverseOffer {
                id: v1::OfferId { value: id },
                framework_id: v1::FrameworkId { value: framework.clone() },
                agent_id: Some(v1::AgentId { value: agent }),
                unavailability: unavailability(&window),
                ..v1::InverseOffer::default()
            });
        }
        if !inverse_offers.is_empty() {
            let said = MesosEvent {
                r#type: Some(event::Type::InverseOffers.into()),
                inverse_offers: Some(event::InverseOffers { inverse_offers }),
                ..MesosEvent::default()
            };
            self.forward(&stream, said);
        }
    }

    fn rescind_inverse(&mut self, id: String) {
        let Some((stream, ..)) = self.master.all_streams().pop() else { return };
        let inverse_offer_id = v1::OfferId { value: id };
        let said = MesosEvent {
            r#type: Some(event::Type::RescindInverseOffer.into()),
            rescind_inverse_offer: Some(event::RescindInverseOffer { inverse_offer_id }),
            ..MesosEvent::default()
        };
        self.forward(&stream, said);
    }

    /// Takes an answer to such a question; false where the call is none.
    pub(super) fn takes_answer(&mut self, call: &Call) -> bool {
        let (accepted, filters, ids) =
            match (&call.accept_inverse_offers, &call.decline_inverse_offers) {
                (Some(accept), _) => (true, accept.filters, &accept.inverse_offer_ids),
                (None, Some(decline)) => (false, decline.filters, &decline.inverse_offer_ids),
                (None, None) => return false,
            };
        let seconds = filters.and_then(|filters| filters.refuse_seconds);
        let filter_ms = (seconds.unwrap_or(USUAL_FILTER_SECONDS) * 1_000.0) as u64;
        for id in ids {
            let Some(agent) = self.maintenance.asked.remove(&id.value) else { continue };
            self.maintenance.not_before.insert(agent.clone(), self.now + filter_ms);
            self.maintenance.answers.insert(agent, accepted);
        }
        true
    }

    /// A host is given when nothing that is known to run there is left.
    pub(super) fn gives_what_is_empty(&self, life: u64, call: &Call) -> Check {
        let given = call.accept_inverse_offers.iter().flat_map(|accept| &accept.inverse_offer_ids);
        for id in given.filter(|_| self.leader() == Some(life)) {
            let Some(agent) = self.maintenance.asked.get(&id.value) else { continue };
            let views = self.master.cluster.hosts();
            let view = views.into_iter().find(|view| &view.agent_id == agent);
            let Some(at) = view.and_then(|view| self.hosts.find(&view.host)) else { continue };
            // What nobody has heard of for a time may count as gone.
            let seen = |id: &str| self.hosts.journal.get(id).is_some_and(|one| !one.lost_sight_of);
            let known = |id: &&str| seen(id) && self.store.instance_of(id).is_some();
            if let Some(id) = self.hosts.alive(at).into_iter().find(known) {
                let what = format!("{} is given, and {id} runs there", self.hosts.hosts[at].name);
                return Err(Breach::new("a host is given when nothing is left there", what));
            }
        }
        Ok(())
    }

    /// After the faults: nothing is planned any more.
    pub(super) fn maintenance_ends(&mut self) {
        for at in 0..self.hosts.hosts.len() {
            if self.maintenance.schedule.contains_key(&self.hosts.hosts[at].name.0) {
                self.plan_maintenance(at, None);
            }
        }
    }

    /// One maintenance in quiet: the host is left before it begins, and what has no place elsewhere
    /// stays where it is, and says so.
    pub(super) fn a_host_is_left(&mut self) -> Check {
        let at = (0..self.hosts.hosts.len()).max_by_key(|at| self.hosts.alive(*at).len());
        let Some(at) = at else { return Ok(()) };
        let start_ms = self.now + self.weather.leave_before_ms + 1_000;
        let end_ms = Some(start_ms + 2 * LEFT_WITHIN_MS);
        self.note(&format!("the maintenance of {} is planned in quiet", self.hosts.hosts[at].name));
        self.plan_maintenance(at, Some(Window { start_ms, end_ms }));
        let end = start_ms + LEFT_WITHIN_MS;
        while self.now < end
            && !self.hosts.alive(at).is_empty()
            && self.failure.is_none()
            && self.one()
        {}
        self.comes_to_rest()?;
        let host = self.hosts.hosts[at].name.0.clone();
        let agent = self.agent_of(&host).unwrap_or_default();
        let answer = self.maintenance.answers.get(&agent).copied();
        let stays = self.hosts.alive(at).first().map(|id| (*id).to_owned());
        let check = match stays {
            // Whoever was never asked, since nothing was there, has answered nothing.
            None if answer != Some(false) => Ok(()),
            None => Err(format!("{host} is empty, and was not given")),
            Some(id) if answer != Some(false) => {
                Err(format!("{id} stays on {host} without a word"))
            }
            Some(id) if self.hosts.hosts.len() >= ENOUGH_HOSTS && !self.is_held_back(&id) => {
                Err(format!("{id} stays on {host}, and there is room elsewhere"))
            }
            Some(_) => Ok(()),
        };
        check.map_err(|what| Breach::new("a host is left before its maintenance", what))?;
        self.plan_maintenance(at, None);
        self.comes_to_rest()
    }

    /// Whether the scheduler says that this version is not trusted to run elsewhere.
    fn is_held_back(&self, id: &str) -> bool {
        let statuses = self.schedulers.values().flat_map(|one| one.framework.status().instances);
        let mut reasons = statuses.filter(|one| id.starts_with(&format!("{}.", one.instance)));
        reasons.any(|one| one.reason.is_some_and(|reason| reason.contains("is held back")))
    }
}

fn unavailability(window: &Window) -> v1::Unavailability {
    let nanoseconds = |ms: u64| i64::try_from(ms * 1_000_000).unwrap_or(i64::MAX);
    let start = v1::TimeInfo { nanoseconds: nanoseconds(window.start_ms) };
    let length = window.end_ms.map(|end| end - window.start_ms);
    let duration = length.map(|ms| v1::DurationInfo { nanoseconds: nanoseconds(ms) });
    v1::Unavailability { start, duration }
}
