//! Where Mesos's words become ours and ours become Mesos's. Only here does the scheduler know that
//! an incarnation is a task, a host an agent, and memory a number of mebibytes.

mod events;
mod resources;

use std::ops::Range;
use std::time::Duration;

use lathe_api::door::Key;
use lathe_mesos::v1;
use lathe_mesos::v1::scheduler::{Call as MesosCall, call};

pub use events::{endpoints_of, event_of, hosts_of, quota_of, windows_of};
pub use resources::{free_of, resources_of};

use crate::driver::Located;
use crate::framework::command::{Call, Launch};
use crate::framework::ids::{AgentId, FrameworkId, OfferId};

/// The executor's file name in its sandbox.
const EXECUTOR: &str = "lathe-executor";
/// How long the master keeps our tasks while no scheduler is there: 14 days.
const FAILOVER_TIMEOUT_S: f64 = 14.0 * 24.0 * 3600.0;

/// What is the same in every call of this process.
#[derive(Clone, Debug)]
pub struct Identity {
    pub name: String,
    pub role: String,
    pub user: String,
    pub hostname: String,
    pub principal: Option<String>,
    pub webui_url: Option<String>,
    /// Where executors' binary is fetched from.
    pub executor_url: String,
    /// Makes the incarnations' secrets.
    pub key: Key,
}

impl Identity {
    /// The framework as it subscribes.
    #[must_use]
    pub fn framework_info(&self, id: Option<&FrameworkId>) -> v1::FrameworkInfo {
        use v1::framework_info::{Capability, capability::Type};
        let capabilities = [
            Type::TaskKillingState,
            Type::PartitionAware,
            Type::MultiRole,
            Type::ReservationRefinement,
        ];
        v1::FrameworkInfo {
            user: self.user.clone(),
            name: self.name.clone(),
            id: id.map(|id| v1::FrameworkId { value: id.0.clone() }),
            failover_timeout: Some(FAILOVER_TIMEOUT_S),
            checkpoint: Some(true),
            hostname: Some(self.hostname.clone()),
            principal: self.principal.clone(),
            webui_url: self.webui_url.clone(),
            capabilities: capabilities
                .into_iter()
                .map(|kind| Capability { r#type: Some(kind.into()) })
                .collect(),
            roles: vec![self.role.clone()],
            ..v1::FrameworkInfo::default()
        }
    }

    /// One of our calls as Mesos takes it.
    #[must_use]
    pub fn call_of(&self, framework: &FrameworkId, call: Call) -> MesosCall {
        let mut made = MesosCall {
            framework_id: Some(v1::FrameworkId { value: framework.0.clone() }),
            ..MesosCall::default()
        };
        let kind = match call {
            Call::Accept { offers, agent, launches } => {
                made.accept = Some(self.accept(framework, offers, &agent, launches));
                call::Type::Accept
            }
            Call::Decline { offers, refuse_ms } => {
                let filters = Some(filters(refuse_ms));
                made.decline = Some(call::Decline { offer_ids: offer_ids(offers), filters });
                call::Type::Decline
            }
            Call::AcceptInverse { offers } => {
                let inverse_offer_ids = offer_ids(offers);
                made.accept_inverse_offers =
                    Some(call::AcceptInverseOffers { inverse_offer_ids, filters: None });
                call::Type::AcceptInverseOffers
            }
            Call::DeclineInverse { offers, refuse_ms } => {
                let inverse_offer_ids = offer_ids(offers);
                let filters = Some(filters(refuse_ms));
                made.decline_inverse_offers =
                    Some(call::DeclineInverseOffers { inverse_offer_ids, filters });
                call::Type::DeclineInverseOffers
            }
            Call::Revive => {
                made.revive = Some(call::Revive { roles: vec![self.role.clone()] });
                call::Type::Revive
            }
            Call::Suppress => {
                made.suppress = Some(call::Suppress { roles: vec![self.role.clone()] });
                call::Type::Suppress
            }
            Call::Kill { incarnation, agent, grace_ms } => {
                made.kill = Some(kill(incarnation.to_string(), agent.as_ref(), Some(grace_ms)));
                call::Type::Kill
            }
            Call::KillStray { task_id, agent } => {
                made.kill = Some(kill(task_id, agent.as_ref(), None));
                call::Type::Kill
            }
            Call::Acknowledge { task_id, agent, uuid } => {
                made.acknowledge = Some(call::Acknowledge {
                    agent_id: agent_id(&agent),
                    task_id: v1::TaskId { value: task_id },
                    uuid: uuid.into(),
                });
                call::Type::Acknowledge
            }
            Call::Reconcile { tasks } => {
                let tasks = tasks.into_iter().map(|(incarnation, agent)| call::reconcile::Task {
                    task_id: v1::TaskId { value: incarnation.to_string() },
                    agent_id: agent.as_ref().map(agent_id),
                });
                made.reconcile = Some(call::Reconcile { tasks: tasks.collect() });
                call::Type::Reconcile
            }
            Call::ReconcileAll => {
                made.reconcile = Some(call::Reconcile { tasks: Vec::new() });
                call::Type::Reconcile
            }
        };
        made.r#type = Some(kind.into());
        made
    }

    fn accept(
        &self,
        framework: &FrameworkId,
        offers: Vec<OfferId>,
        agent: &AgentId,
        launches: Vec<Launch>,
    ) -> call::Accept {
        use v1::offer::{Operation, operation};
        let task_infos =
            launches.into_iter().map(|launch| self.task_info(framework, agent, launch)).collect();
        let operation = Operation {
            r#type: Some(operation::Type::Launch.into()),
            launch: Some(operation::Launch { task_infos }),
            ..Operation::default()
        };
        call::Accept {
            offer_ids: offer_ids(offers),
            operations: vec![operation],
            // What is left may be wanted at once.
            filters: Some(filters(0)),
        }
    }

    fn task_info(&self, framework: &FrameworkId, agent: &AgentId, launch: Launch) -> v1::TaskInfo {
        let Launch { mut spec, resources, overhead } = launch;
        spec.secret = self.key.secret(&spec.incarnation);
        let data = serde_json::to_vec(&spec).expect("plain values always serialise");
        let executor = v1::ExecutorInfo {
            executor_id: v1::ExecutorId { value: spec.incarnation.clone() },
            framework_id: Some(v1::FrameworkId { value: framework.0.clone() }),
            r#type: Some(v1::executor_info::Type::Custom.into()),
            name: Some(spec.instance.clone()),
            resources: resources_of(&overhead, &self.role),
            command: Some(v1::CommandInfo {
                uris: vec![v1::command_info::Uri {
                    value: self.executor_url.clone(),
                    executable: Some(true),
                    extract: Some(false),
                    cache: Some(true),
                    output_file: Some(EXECUTOR.to_owned()),
                }],
                shell: Some(false),
                value: Some(format!("./{EXECUTOR}")),
                arguments: vec![EXECUTOR.to_owned()],
                ..v1::CommandInfo::default()
            }),
            shutdown_grace_period: Some(duration(spec.grace_ms + 2_000)),
            ..v1::ExecutorInfo::default()
        };
        v1::TaskInfo {
            name: spec.instance.clone(),
            task_id: v1::TaskId { value: spec.incarnation.clone() },
            agent_id: agent_id(agent),
            resources: resources_of(&resources, &self.role),
            executor: Some(executor),
            data: Some(data.into()),
            kill_policy: Some(v1::KillPolicy { grace_period: Some(duration(spec.grace_ms)) }),
            ..v1::TaskInfo::default()
        }
    }
}

/// Asks the master for its agents.
#[must_use]
pub fn list_agents() -> v1::master::Call {
    v1::master::Call {
        r#type: Some(v1::master::call::Type::GetAgents.into()),
        ..v1::master::Call::default()
    }
}

/// Asks the master when which machines are to be away.
#[must_use]
pub fn get_schedule() -> v1::master::Call {
    v1::master::Call {
        r#type: Some(v1::master::call::Type::GetMaintenanceSchedule.into()),
        ..v1::master::Call::default()
    }
}

/// Asks the master for the quota of each role.
#[must_use]
pub fn get_quota() -> v1::master::Call {
    v1::master::Call {
        r#type: Some(v1::master::call::Type::GetQuota.into()),
        ..v1::master::Call::default()
    }
}

/// Has the master end everything on an agent and offer nothing of it. Each task ends within its own
/// grace, and within `max_grace_ms` where that is given. With `mark_gone` the agent is gone for good
/// once it is empty.
#[must_use]
pub fn drain_agent(
    agent: &AgentId,
    max_grace_ms: Option<u64>,
    mark_gone: bool,
) -> v1::master::Call {
    let max_grace_period = max_grace_ms.and_then(|ms| Duration::from_millis(ms).try_into().ok());
    v1::master::Call {
        r#type: Some(v1::master::call::Type::DrainAgent.into()),
        drain_agent: Some(v1::master::call::DrainAgent {
            agent_id: agent_id(agent),
            max_grace_period,
            mark_gone: Some(mark_gone),
        }),
        ..v1::master::Call::default()
    }
}

/// Has the master offer an agent again that was drained or deactivated.
#[must_use]
pub fn reactivate_agent(agent: &AgentId) -> v1::master::Call {
    v1::master::Call {
        r#type: Some(v1::master::call::Type::ReactivateAgent.into()),
        reactivate_agent: Some(v1::master::call::ReactivateAgent { agent_id: agent_id(agent) }),
        ..v1::master::Call::default()
    }
}

/// Asks an agent for a piece of a file in an incarnation's newest sandbox.
#[must_use]
pub fn read_sandbox_file(located: &Located, file: &str, piece: Range<u64>) -> v1::agent::Call {
    let Located { framework_id, incarnation, .. } = located;
    let path = format!("/frameworks/{framework_id}/executors/{incarnation}/runs/latest/{file}");
    v1::agent::Call {
        r#type: Some(v1::agent::call::Type::ReadFile.into()),
        read_file: Some(v1::agent::call::ReadFile {
            path,
            offset: piece.start,
            length: Some(piece.end - piece.start),
        }),
        ..v1::agent::Call::default()
    }
}

fn agent_id(agent: &AgentId) -> v1::AgentId {
    v1::AgentId { value: agent.0.clone() }
}

fn offer_ids(offers: Vec<OfferId>) -> Vec<v1::OfferId> {
    offers.into_iter().map(|offer| v1::OfferId { value: offer.0 }).collect()
}

fn kill(task_id: String, agent: Option<&AgentId>, grace_ms: Option<u64>) -> call::Kill {
    call::Kill {
        task_id: v1::TaskId { value: task_id },
        agent_id: agent.map(agent_id),
        kill_policy: grace_ms.map(|ms| v1::KillPolicy { grace_period: Some(duration(ms)) }),
    }
}

fn filters(refuse_ms: u64) -> v1::Filters {
    let refused = Duration::from_millis(refuse_ms);
    v1::Filters { refuse_seconds: Some(refused.as_secs_f64()) }
}

fn duration(ms: u64) -> v1::DurationInfo {
    let nanoseconds = ms.saturating_mul(1_000_000);
    v1::DurationInfo { nanoseconds: i64::try_from(nanoseconds).unwrap_or(i64::MAX) }
}

#[cfg(test)]
mod tests;
