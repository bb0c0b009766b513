//! What the master says, in our words.

use std::collections::BTreeMap;

use lathe_mesos::v1;
use lathe_mesos::v1::scheduler::{Event as MesosEvent, event};

use super::free_of;
use crate::framework::event::{
    Event, HostInfo, HostState, InverseOffer, Offer, Status, TaskState, Window,
};
use crate::framework::ids::{AgentId, FrameworkId, HostName, OfferId};

/// Our event for the master's, where it says something that we act upon. `master` is where the
/// subscription is held.
#[must_use]
pub fn event_of(event: MesosEvent, role: &str, master: &str) -> Option<Event> {
    match event.r#type() {
        event::Type::Subscribed => {
            let subscribed = event.subscribed?;
            let framework_id = FrameworkId(subscribed.framework_id.value);
            Some(Event::Subscribed { framework_id, master: master.to_owned() })
        }
        event::Type::Offers => {
            let offers = event.offers?.offers.into_iter().map(|offer| offer_of(offer, role));
            Some(Event::OffersArrived(offers.collect()))
        }
        event::Type::Rescind => Some(Event::OfferRescinded(OfferId(event.rescind?.offer_id.value))),
        event::Type::Update => Some(Event::StatusArrived(status_of(event.update?.status))),
        event::Type::Failure => {
            let failure = event.failure?;
            // With an executor it is the executor that ended; its task's status says so too.
            let agent = failure.agent_id.filter(|_| failure.executor_id.is_none())?;
            Some(Event::AgentLost(AgentId(agent.value)))
        }
        event::Type::Error => {
            let message = event.error?.message;
            let removed = message.contains("removed");
            Some(Event::Refused { message, removed })
        }
        event::Type::InverseOffers => {
            let offers = event.inverse_offers?.inverse_offers.into_iter();
            Some(Event::InverseOffersArrived(offers.filter_map(inverse_offer_of).collect()))
        }
        event::Type::RescindInverseOffer => {
            let id = event.rescind_inverse_offer?.inverse_offer_id;
            Some(Event::InverseOfferRescinded(OfferId(id.value)))
        }
        event::Type::Unknown
        | event::Type::UpdateOperationStatus
        | event::Type::Message
        | event::Type::Heartbeat => None,
    }
}

fn offer_of(offer: v1::Offer, role: &str) -> Offer {
    Offer {
        id: OfferId(offer.id.value),
        agent: AgentId(offer.agent_id.value),
        hostname: offer.hostname,
        free: free_of(&offer.resources, role),
        window: offer.unavailability.as_ref().map(window_of),
    }
}

/// One that names no agent asks for nothing that could be left.
fn inverse_offer_of(offer: v1::InverseOffer) -> Option<InverseOffer> {
    Some(InverseOffer {
        id: OfferId(offer.id.value),
        agent: AgentId(offer.agent_id?.value),
        window: window_of(&offer.unavailability),
    })
}

fn window_of(unavailability: &v1::Unavailability) -> Window {
    let ms = |nanoseconds: i64| u64::try_from(nanoseconds / 1_000_000).unwrap_or(0);
    let start_ms = ms(unavailability.start.nanoseconds);
    let duration = unavailability.duration.as_ref().map(|duration| ms(duration.nanoseconds));
    Window { start_ms, end_ms: duration.map(|duration| start_ms.saturating_add(duration)) }
}

/// When which of these agents are to be away. A machine is known by its name and its address, both of
/// which must be the agent's.
#[must_use]
pub fn windows_of(
    agents: &v1::master::response::GetAgents,
    schedule: &v1::maintenance::Schedule,
) -> BTreeMap<AgentId, Window> {
    let key = |name: &str, address: &str| (name.to_ascii_lowercase(), address.to_owned());
    let mut machines = BTreeMap::new();
    for window in &schedule.windows {
        for machine in &window.machine_ids {
            let key = key(machine.hostname(), machine.ip());
            machines.insert(key, window_of(&window.unavailability));
        }
    }
    let of = |agent: &v1::master::response::get_agents::Agent| {
        let (address, _) = endpoint_of(agent)?.rsplit_once(':')?;
        let window = machines.get(&key(&agent.agent_info.hostname, address))?;
        Some((AgentId(agent.agent_info.id.as_ref()?.value.clone()), *window))
    };
    agents.agents.iter().filter_map(of).collect()
}

fn status_of(status: v1::TaskStatus) -> Status {
    let reason = status.reason.and_then(|number| v1::task_status::Reason::try_from(number).ok());
    Status {
        incarnation: status.task_id.value.parse().ok(),
        state: state_of(status.state()),
        agent: status.agent_id.as_ref().map(|agent| AgentId(agent.value.clone())),
        uuid: status.uuid.as_ref().map(|uuid| uuid.to_vec()).filter(|uuid| !uuid.is_empty()),
        message: status.message.clone().unwrap_or_default(),
        reason: reason.map(|reason| reason.as_str_name().to_owned()),
        reconciliation: reason == Some(v1::task_status::Reason::Reconciliation),
        task_id: status.task_id.value,
    }
}

fn state_of(state: v1::TaskState) -> TaskState {
    match state {
        v1::TaskState::TaskStaging => TaskState::Staging,
        v1::TaskState::TaskStarting => TaskState::Starting,
        v1::TaskState::TaskRunning => TaskState::Running,
        v1::TaskState::TaskKilling => TaskState::Killing,
        v1::TaskState::TaskFinished => TaskState::Finished,
        v1::TaskState::TaskFailed => TaskState::Failed,
        v1::TaskState::TaskKilled => TaskState::Killed,
        v1::TaskState::TaskError => TaskState::Error,
        v1::TaskState::TaskLost => TaskState::Lost,
        v1::TaskState::TaskDropped => TaskState::Dropped,
        v1::TaskState::TaskUnreachable => TaskState::Unreachable,
        v1::TaskState::TaskGone => TaskState::Gone,
        v1::TaskState::TaskGoneByOperator => TaskState::GoneByOperator,
        v1::TaskState::TaskUnknown => TaskState::Unknown,
    }
}

/// The hosts of the master's list of agents. Agents that share a host name are told apart by the
/// port of their API.
#[must_use]
pub fn hosts_of(agents: &v1::master::response::GetAgents, role: &str) -> Vec<HostInfo> {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for agent in &agents.agents {
        *counts.entry(agent.agent_info.hostname.as_str()).or_default() += 1;
    }
    let shared = |name: &str| counts.get(name).is_some_and(|count| *count > 1);
    agents.agents.iter().filter_map(|agent| host_of(agent, role, &shared)).collect()
}

/// What a role may have at the most, as a sentence; none where nothing bounds it.
#[must_use]
pub fn quota_of(quota: &v1::master::response::GetQuota, role: &str) -> Option<String> {
    let config = quota.status.configs.iter().find(|config| config.role == role)?;
    let limits: Vec<String> =
        config.limits.iter().map(|(name, limit)| format!("{name} {}", limit.value)).collect();
    if limits.is_empty() {
        return None;
    }
    Some(format!("the quota of the role `{role}` is at most {}", limits.join(", ")))
}

/// Where the agents of the master's list have their APIs.
#[must_use]
pub fn endpoints_of(agents: &v1::master::response::GetAgents) -> Vec<String> {
    agents.agents.iter().filter_map(endpoint_of).map(str::to_owned).collect()
}

/// Of `slave(1)@10.0.0.1:5051`, what is behind the sign.
fn endpoint_of(agent: &v1::master::response::get_agents::Agent) -> Option<&str> {
    agent.pid.as_deref()?.split_once('@').map(|(_, at)| at)
}

fn host_of(
    agent: &v1::master::response::get_agents::Agent,
    role: &str,
    shared: &impl Fn(&str) -> bool,
) -> Option<HostInfo> {
    let info = &agent.agent_info;
    let id = info.id.as_ref()?;
    let endpoint = endpoint_of(agent)?;
    let (address, port) = endpoint.rsplit_once(':')?;
    let name = if shared(&info.hostname) {
        format!("{}:{port}", info.hostname)
    } else {
        info.hostname.clone()
    };
    let mut attributes: BTreeMap<String, String> = info
        .attributes
        .iter()
        .filter_map(|attribute| Some((attribute.name.clone(), text_of(attribute)?)))
        .collect();
    if let Some(fault) = info.domain.as_ref().and_then(|domain| domain.fault_domain.as_ref()) {
        attributes.entry("region".to_owned()).or_insert_with(|| fault.region.name.clone());
        attributes.entry("zone".to_owned()).or_insert_with(|| fault.zone.name.clone());
    }
    let total =
        if agent.total_resources.is_empty() { &info.resources } else { &agent.total_resources };
    Some(HostInfo {
        name: HostName(name),
        agent: AgentId(id.value.clone()),
        address: address.to_owned(),
        endpoint: endpoint.to_owned(),
        total: free_of(total, role),
        attributes,
        state: host_state_of(agent),
    })
}

/// An agent that is drained is deactivated as well, and one that is deactivated is not active.
fn host_state_of(agent: &v1::master::response::get_agents::Agent) -> HostState {
    match agent.drain_info.as_ref().map(v1::DrainInfo::state) {
        Some(v1::DrainState::Drained) => HostState::Drained,
        Some(_) => HostState::Draining,
        None if agent.deactivated == Some(true) => HostState::Deactivated,
        None if agent.active => HostState::Active,
        None => HostState::Disconnected,
    }
}

fn text_of(attribute: &v1::Attribute) -> Option<String> {
    match (&attribute.text, &attribute.scalar) {
        (Some(text), _) => Some(text.value.clone()),
        (None, Some(scalar)) => Some(scalar.value.to_string()),
        (None, None) => None,
    }
}
