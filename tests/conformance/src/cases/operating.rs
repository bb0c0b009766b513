//! The operator API of masters, as far as Lathe uses it.

use lathe_mesos::operator::Client;
use lathe_mesos::v1::TaskState;
use lathe_mesos::v1::master;
use lathe_mesos::v1::master::call::Type;
use lathe_mesos::v1::task_status::{Reason, Source};
use lathe_mesos::{Limits, wire};

use crate::messages::{amount, reconcile, text_of};
use crate::{Framework, Request, Stage};

async fn ask(stage: &Stage, call: master::Call) -> master::Response {
    let client = Client::new(stage.endpoint(), Limits::default()).unwrap();
    client.master_call(call).await.unwrap()
}

fn of_type(kind: Type) -> master::Call {
    master::Call { r#type: Some(kind.into()), ..Default::default() }
}

/// Totals and what is used of them, who is there, what runs.
pub async fn an_operator_sees_agents_frameworks_and_tasks(stage: &Stage) {
    let mut framework = Framework::new(stage).await;
    let offer = framework.run(0, "one").await;
    let agents = ask(stage, of_type(Type::GetAgents)).await.get_agents.unwrap().agents;
    assert_eq!(agents.len(), 2);
    let of_id = |agent: &&master::response::get_agents::Agent| {
        agent.agent_info.id.as_ref() == Some(&offer.agent_id)
    };
    let agent = agents.iter().find(of_id).unwrap();
    assert!(agent.active && !agent.deactivated());
    assert_eq!(text_of(&agent.agent_info.attributes, "rack").as_deref(), Some("r1"));
    assert!((amount(&agent.total_resources, "cpus") - 4.0).abs() < 1e-9);
    assert!((amount(&agent.allocated_resources, "cpus") - 0.2).abs() < 1e-9, "task and executor");
    let pid = agent.pid.as_deref().unwrap();
    assert!(pid.starts_with("slave(1)@127.0.0.1:"), "{pid}");
    assert!(agent.registered_time.is_some());
    let state = ask(stage, of_type(Type::GetState)).await.get_state.unwrap();
    let frameworks = state.get_frameworks.unwrap().frameworks;
    let known = frameworks.iter().find(|known| known.framework_info.id == Some(framework.id()));
    let known = known.unwrap();
    assert!(known.active && known.connected);
    let info = &known.framework_info;
    assert_eq!(info.principal.as_deref(), Some("lathe"), "who is not named is who asked");
    assert_eq!((info.checkpoint, info.failover_timeout), (Some(true), Some(3600.0)));
    assert_eq!(info.capabilities, framework.info.capabilities);
    let tasks = state.get_tasks.unwrap().tasks;
    assert_eq!(tasks.len(), 1);
    assert_eq!(tasks[0].task_id.value, "one");
    assert_eq!(tasks[0].state(), TaskState::TaskRunning);
    assert_eq!(tasks[0].agent_id, offer.agent_id);
    assert_eq!(state.get_agents.unwrap().agents.len(), 2);
    // Nobody has planned to have a machine away.
    let schedule = ask(stage, of_type(Type::GetMaintenanceSchedule)).await;
    assert!(schedule.get_maintenance_schedule.unwrap().schedule.windows.is_empty());

    let post = || Request::post(wire::OPERATOR_PATH).signed(stage.credentials());
    let status = |request: Request| async move { request.send(&stage.master()).await.status };
    assert_eq!(status(post().method("GET")).await, 405);
    assert_eq!(status(post()).await, 400);
    assert_eq!(status(post().header("Content-Type", "text/plain")).await, 415);
    assert_eq!(status(post().message(&master::Call::default())).await, 400);
    let call = of_type(Type::MarkAgentGone);
    assert_eq!(status(post().message(&call)).await, 400);
    let unacceptable = post().header("Accept", "text/html");
    assert_eq!(status(unacceptable.message(&of_type(Type::GetAgents))).await, 406);
}

/// For good: its tasks are gone by the operator's word, and so it is said when asked.
pub async fn an_agent_that_is_marked_gone_takes_its_tasks_with_it(stage: &Stage) {
    let mut framework = Framework::new(stage).await;
    let offer = framework.run(0, "one").await;
    let mark = master::call::MarkAgentGone { agent_id: offer.agent_id.clone() };
    let call = master::Call { mark_agent_gone: Some(mark), ..of_type(Type::MarkAgentGone) };
    ask(stage, call).await;
    let status = framework.update("one", TaskState::TaskGoneByOperator).await;
    assert_eq!(status.reason(), Reason::AgentRemovedByOperator);
    assert_eq!(status.source(), Source::Master);
    assert!(status.uuid.is_none());
    let failure = framework.failure().await;
    assert_eq!(failure.agent_id.as_ref(), Some(&offer.agent_id));
    framework
        .call(reconcile(&[("one", Some(&offer.agent_id)), ("x", Some(&offer.agent_id))]))
        .await;
    for task in ["one", "x"] {
        let status = framework.update(task, TaskState::TaskGoneByOperator).await;
        assert_eq!(status.reason(), Reason::Reconciliation);
    }
    framework.run(1, "two").await;
}
