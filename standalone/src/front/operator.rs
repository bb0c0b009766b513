//! The operator API of the master: the calls that Lathe uses.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use lathe_mesos::v1::master::{Call, Response as Answer, call, response};
use lathe_mesos::wire;
use prost::Message as _;

use super::{Front, audit, unavailable};
use crate::cluster::{Cluster, Event};
use crate::driver::Driver;
use crate::http::{Body, body, checks, empty, text, with_type};

impl Front {
    pub(super) async fn operator(
        &self,
        request: Request<Incoming>,
    ) -> checks::Check<Response<Body>> {
        let headers = request.headers().clone();
        let who = checks::basic(&headers, &self.secrets, "mesos-master-readwrite")?;
        let peer = request.extensions().get().copied();
        checks::post(request.method())?;
        checks::content_type(&headers)?;
        let call: Call = checks::parse(body(request).await?)?;
        let expecting = |field: &str| {
            let why = format!("Failed to validate master::Call: Expecting '{field}' to be present");
            checks::bad_request(why)
        };
        let Some(Ok(kind)) = call.r#type.map(call::Type::try_from) else {
            return Err(expecting("type"));
        };
        checks::accept(&headers)?;
        if let Some(duty) = duty_of(kind, call).map_err(expecting)? {
            let (what, agent_id) = (duty.what, duty.agent_id.clone());
            let answer = self.carry_out(duty).await;
            if answer.status().is_success() {
                audit(peer, &who, what, &agent_id);
            }
            return Ok(answer);
        }
        let answer = self.driver.ask(move |driver| answer(driver, kind)).await;
        Ok(match answer {
            Some(Some(answer)) => {
                let bytes = Bytes::from(answer.encode_to_vec());
                with_type(StatusCode::OK, wire::PROTOBUF, bytes)
            }
            Some(None) => text(
                StatusCode::NOT_IMPLEMENTED,
                format!("lathe-standalone does not imitate {}", kind.as_str_name()),
            ),
            None => unavailable(),
        })
    }

    /// What is done to an agent is done when the answer is there; of one that is not known nothing is.
    async fn carry_out(&self, duty: Duty) -> Response<Body> {
        let Duty { agent_id, event, unknown, .. } = duty;
        let found = self.driver.ask(move |driver| {
            let found = match event {
                Event::AgentReactivated { .. } => driver.cluster.is_out_of_use(&agent_id),
                _ => driver.cluster.has_agent(&agent_id),
            };
            if found {
                driver.step(event);
            }
            found
        });
        match found.await {
            Some(true) => empty(StatusCode::OK),
            Some(false) => text(unknown.0, unknown.1.to_owned()),
            None => unavailable(),
        }
    }
}

/// Something that an operator has done to an agent.
struct Duty {
    /// As the audit has it.
    what: &'static str,
    agent_id: String,
    event: Event,
    /// The answer where nobody knows that agent, or where it cannot be taken back.
    unknown: (StatusCode, &'static str),
}

/// What a call does to an agent, if it is one of those; what is missing where it is not whole.
fn duty_of(kind: call::Type, call: Call) -> Result<Option<Duty>, &'static str> {
    let unknown = (StatusCode::BAD_REQUEST, "Unknown agent");
    let duty = match kind {
        call::Type::MarkAgentGone => {
            let agent_id = call.mark_agent_gone.ok_or("mark_agent_gone")?.agent_id.value;
            let event = Event::AgentMarkedGone { agent_id: agent_id.clone() };
            let unknown = (StatusCode::NOT_FOUND, "Agent not found");
            Duty { what: "mark-agent-gone", agent_id, event, unknown }
        }
        call::Type::DrainAgent => {
            let drain = call.drain_agent.ok_or("drain_agent")?;
            let agent_id = drain.agent_id.value.clone();
            let max_grace_ms = drain.max_grace_period.map(in_ms);
            let mark_gone = drain.mark_gone();
            let event = Event::AgentDrains { agent_id: agent_id.clone(), max_grace_ms, mark_gone };
            Duty { what: "drain-agent", agent_id, event, unknown }
        }
        call::Type::DeactivateAgent => {
            let agent_id = call.deactivate_agent.ok_or("deactivate_agent")?.agent_id.value;
            let event = Event::AgentDeactivated { agent_id: agent_id.clone() };
            Duty { what: "deactivate-agent", agent_id, event, unknown }
        }
        call::Type::ReactivateAgent => {
            let agent_id = call.reactivate_agent.ok_or("reactivate_agent")?.agent_id.value;
            let event = Event::AgentReactivated { agent_id: agent_id.clone() };
            let unknown = (StatusCode::BAD_REQUEST, "Agent is not deactivated");
            Duty { what: "reactivate-agent", agent_id, event, unknown }
        }
        _ => return Ok(None),
    };
    Ok(Some(duty))
}

/// What is below nothing is nothing.
fn in_ms(duration: impl TryInto<Duration>) -> u64 {
    let duration = duration.try_into().unwrap_or_default();
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn answer(driver: &mut Driver, kind: call::Type) -> Option<Answer> {
    use call::Type as T;
    use response::Type as R;
    let cluster = &driver.cluster;
    let typed = |kind: R| Answer { r#type: Some(kind.into()), ..Answer::default() };
    Some(match kind {
        T::GetHealth => Answer {
            get_health: Some(response::GetHealth { healthy: true }),
            ..typed(R::GetHealth)
        },
        T::GetVersion => Answer {
            get_version: Some(response::GetVersion { version_info: Cluster::version() }),
            ..typed(R::GetVersion)
        },
        T::GetAgents => Answer { get_agents: Some(cluster.get_agents()), ..typed(R::GetAgents) },
        T::GetFrameworks => {
            Answer { get_frameworks: Some(cluster.get_frameworks()), ..typed(R::GetFrameworks) }
        }
        T::GetTasks => Answer { get_tasks: Some(cluster.get_tasks()), ..typed(R::GetTasks) },
        // Nobody plans maintenance of virtual hosts.
        T::GetMaintenanceSchedule => Answer {
            get_maintenance_schedule: Some(response::GetMaintenanceSchedule::default()),
            ..typed(R::GetMaintenanceSchedule)
        },
        T::GetMaster => Answer { get_master: Some(cluster.get_master()), ..typed(R::GetMaster) },
        T::GetState => Answer {
            get_state: Some(response::GetState {
                get_tasks: Some(cluster.get_tasks()),
                get_frameworks: Some(cluster.get_frameworks()),
                get_agents: Some(cluster.get_agents()),
                ..response::GetState::default()
            }),
            ..typed(R::GetState)
        },
        _ => return None,
    })
}
