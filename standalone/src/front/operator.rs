//! The operator API of the master: the calls that Lathe uses.

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
        if kind == call::Type::MarkAgentGone {
            let gone = call.mark_agent_gone.ok_or_else(|| expecting("mark_agent_gone"))?;
            let answer = self.mark_agent_gone(gone.agent_id.value.clone()).await;
            if answer.status().is_success() {
                audit(peer, &who, "mark-agent-gone", &gone.agent_id.value);
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

    async fn mark_agent_gone(&self, agent_id: String) -> Response<Body> {
        let found = self.driver.ask(move |driver| {
            let found = driver.cluster.has_agent(&agent_id);
            driver.step(Event::AgentMarkedGone { agent_id });
            found
        });
        match found.await {
            Some(true) => empty(StatusCode::OK),
            Some(false) => text(StatusCode::NOT_FOUND, "Agent not found".to_owned()),
            None => unavailable(),
        }
    }
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
