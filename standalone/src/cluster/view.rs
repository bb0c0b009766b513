//! What the machine shows of itself: to operators, to metrics, to `lathe hosts`.
//!
//! It reads and changes nothing.

use lathe_mesos::v1;

use super::Cluster;
use super::ids::HostName;
use super::state::{Agent, Duty, Standing};
use super::subscribe::VERSION;

/// How much of each went by since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Scheduler calls, refused ones included.
    pub calls: u64,
    /// Offers sent.
    pub offers: u64,
    /// Tasks launched.
    pub launched: u64,
    /// Status updates sent, repetitions included.
    pub updates: u64,
}

/// How a host stands, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostState {
    /// Registered and heard of.
    Active,
    /// Silent, not yet given up.
    Silent,
    /// Given up; may return.
    Unreachable,
    /// Declared gone; does not return under this agent id.
    Gone,
}

/// One host, for people.
#[derive(Clone, Debug)]
pub struct HostView {
    pub host: HostName,
    pub agent_id: String,
    pub state: HostState,
    pub executors: usize,
}

impl Cluster {
    /// Counters since the start.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Frameworks: all, and those that are subscribed.
    pub fn framework_counts(&self) -> (usize, usize) {
        let subscribed = self.frameworks.values().filter(|f| f.stream.is_some()).count();
        (self.frameworks.len(), subscribed)
    }

    /// Offers that were made and neither used nor taken back.
    pub fn offers_outstanding(&self) -> usize {
        self.offers.len()
    }

    /// Tasks that are not yet forgotten.
    pub fn task_count(&self) -> usize {
        self.frameworks.values().map(|framework| framework.tasks.len()).sum()
    }

    /// The registered hosts by name.
    pub fn hosts(&self) -> Vec<HostView> {
        let view = |(host, id): (&HostName, &String)| {
            let agent = self.agents.get(id)?;
            let state = match agent.standing {
                Standing::Active => HostState::Active,
                Standing::Silent { .. } => HostState::Silent,
                Standing::Unreachable { .. } => HostState::Unreachable,
                Standing::Gone => HostState::Gone,
            };
            let executors = agent.executors.len();
            Some(HostView { host: host.clone(), agent_id: id.clone(), state, executors })
        };
        self.hosts.iter().filter_map(view).collect()
    }

    /// The agent ids under which an operator can mean a host that is still there.
    pub fn has_agent(&self, id: &str) -> bool {
        self.agents.contains_key(id)
    }

    /// Whether an operator has taken that agent out of use.
    pub fn is_out_of_use(&self, id: &str) -> bool {
        self.agents.get(id).is_some_and(|agent| agent.duty != Duty::InUse)
    }

    /// The answer to GET_AGENTS: agents that are registered (unreachable ones are not).
    pub fn get_agents(&self) -> v1::master::response::GetAgents {
        let registered =
            |(id, agent): (&String, &Agent)| agent.is_reachable().then(|| operator_view(id, agent));
        v1::master::response::GetAgents {
            agents: self.agents.iter().filter_map(registered).collect(),
            ..Default::default()
        }
    }

    /// The answer to GET_FRAMEWORKS.
    pub fn get_frameworks(&self) -> v1::master::response::GetFrameworks {
        let view = |framework: &super::Framework| v1::master::response::get_frameworks::Framework {
            framework_info: framework.info.clone(),
            active: framework.stream.is_some(),
            connected: framework.stream.is_some(),
            registered_time: Some(time(framework.registered_ms)),
            ..Default::default()
        };
        v1::master::response::GetFrameworks {
            frameworks: self.frameworks.values().map(view).collect(),
            ..Default::default()
        }
    }

    /// The answer to GET_TASKS.
    pub fn get_tasks(&self) -> v1::master::response::GetTasks {
        let mut list = v1::master::response::GetTasks::default();
        for (id, framework) in &self.frameworks {
            for task in framework.tasks.values() {
                let view = v1::Task {
                    name: task.info.name.clone(),
                    task_id: task.info.task_id.clone(),
                    framework_id: v1::FrameworkId { value: id.clone() },
                    executor_id: Some(v1::ExecutorId { value: task.executor.executor_id.clone() }),
                    agent_id: v1::AgentId { value: task.agent.clone() },
                    state: task.latest.into(),
                    status_update_state: Some(task.told.into()),
                    resources: task.amount.to_message(Some(&task.role)),
                    labels: task.info.labels.clone(),
                    ..v1::Task::default()
                };
                match task.unreachable_ns {
                    None => list.tasks.push(view),
                    Some(_) => list
                        .unreachable_tasks
                        .push(v1::Task { state: v1::TaskState::TaskUnreachable.into(), ..view }),
                }
            }
        }
        list
    }

    /// The answer to GET_MASTER.
    pub fn get_master(&self) -> v1::master::response::GetMaster {
        v1::master::response::GetMaster {
            master_info: Some(self.master_info()),
            ..Default::default()
        }
    }

    /// The answer to GET_VERSION.
    pub fn version() -> v1::VersionInfo {
        v1::VersionInfo { version: VERSION.to_owned(), ..v1::VersionInfo::default() }
    }
}

fn operator_view(id: &str, agent: &Agent) -> v1::master::response::get_agents::Agent {
    v1::master::response::get_agents::Agent {
        agent_info: agent.info(id),
        active: agent.duty == Duty::InUse,
        version: VERSION.to_owned(),
        pid: Some(agent.pid()),
        registered_time: Some(time(agent.registered_ms)),
        total_resources: agent.total.to_message(None),
        allocated_resources: agent.used.to_message(None),
        offered_resources: agent.offered.to_message(None),
        deactivated: Some(agent.duty != Duty::InUse),
        drain_info: drain_info(agent.duty),
        ..Default::default()
    }
}

fn drain_info(of: Duty) -> Option<v1::DrainInfo> {
    let (state, max_grace_ms, mark_gone) = match of {
        Duty::InUse | Duty::Deactivated => return None,
        Duty::Draining { max_grace_ms, mark_gone } => {
            (v1::DrainState::Draining, max_grace_ms, mark_gone)
        }
        Duty::Drained => (v1::DrainState::Drained, None, false),
    };
    let nanoseconds = max_grace_ms.and_then(|ms| i64::try_from(ms).ok()?.checked_mul(1_000_000));
    let max_grace_period = nanoseconds.map(|nanoseconds| v1::DurationInfo { nanoseconds });
    let config = v1::DrainConfig { max_grace_period, mark_gone: Some(mark_gone) };
    Some(v1::DrainInfo { state: state.into(), config })
}

fn time(ms: u64) -> v1::TimeInfo {
    let nanoseconds = i64::try_from(ms.saturating_mul(1_000_000)).unwrap_or(i64::MAX);
    v1::TimeInfo { nanoseconds }
}
