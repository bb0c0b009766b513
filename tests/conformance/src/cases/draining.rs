//! Agents that operators take out of use: deactivated, drained, drained for good, and taken back.

use std::time::Duration;

use lathe_mesos::operator::Client;
use lathe_mesos::v1;
use lathe_mesos::v1::master;
use lathe_mesos::v1::master::call::{DeactivateAgent, DrainAgent, ReactivateAgent, Type};
use lathe_mesos::v1::master::response::get_agents::Agent;
use lathe_mesos::v1::scheduler::call;
use lathe_mesos::v1::task_status::{Reason, Source};
use lathe_mesos::v1::{DrainState, TaskState};
use lathe_mesos::{Limits, wire};

use super::offering::hear_all;
use crate::messages::{self, decline, kill};
use crate::{Executor, Framework, Request, Stage};

fn of_type(kind: Type) -> master::Call {
    master::Call { r#type: Some(kind.into()), ..Default::default() }
}

fn drain(agent: &v1::AgentId, mark_gone: bool) -> master::Call {
    let drain = DrainAgent {
        agent_id: agent.clone(),
        max_grace_period: Duration::from_secs(5).try_into().ok(),
        mark_gone: Some(mark_gone),
    };
    master::Call { drain_agent: Some(drain), ..of_type(Type::DrainAgent) }
}

fn deactivate(agent: &v1::AgentId) -> master::Call {
    let deactivate = DeactivateAgent { agent_id: agent.clone() };
    master::Call { deactivate_agent: Some(deactivate), ..of_type(Type::DeactivateAgent) }
}

fn reactivate(agent: &v1::AgentId) -> master::Call {
    let reactivate = ReactivateAgent { agent_id: agent.clone() };
    master::Call { reactivate_agent: Some(reactivate), ..of_type(Type::ReactivateAgent) }
}

async fn ask(stage: &Stage, call: master::Call) -> master::Response {
    let client = Client::new(stage.endpoint(), Limits::default()).unwrap();
    client.master_call(call).await.unwrap()
}

/// The agent as an operator sees it; none where the master does not list it.
async fn seen(stage: &Stage, id: &v1::AgentId) -> Option<Agent> {
    let agents = ask(stage, of_type(Type::GetAgents)).await.get_agents.unwrap().agents;
    agents.into_iter().find(|agent| agent.agent_info.id.as_ref() == Some(id))
}

/// Waits until its drain is in that state.
async fn drains(stage: &Stage, id: &v1::AgentId, state: DrainState) {
    loop {
        let agent = seen(stage, id).await.expect("it is listed");
        assert!(agent.deactivated(), "{agent:?}");
        if agent.drain_info.expect("it drains").state() == state {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Of a cluster with an agent out of use only the other one is offered, to whoever comes.
async fn only_the_other_is_offered(stage: &Stage, framework: &mut Framework, out: &v1::AgentId) {
    let other = framework.offer(1).await;
    framework.call(decline(&[&other], 0.0)).await;
    let mut second = Framework::new(stage).await;
    let other = second.offer(1).await;
    assert_ne!(&other.agent_id, out);
    hear_all(&mut second).await;
    let of_it = |event: &v1::scheduler::Event| {
        let offers = event.offers.as_ref()?;
        offers.offers.iter().any(|offer| &offer.agent_id == out).then_some(())
    };
    assert!(!second.has_heard(of_it), "nothing of it is offered");
    second.call(messages::of_type(call::Type::Teardown)).await;
}

/// All that ran there is killed by that, nothing of it is offered, and it is drained once the ends are
/// acknowledged; when it is taken back it is offered as before.
pub async fn an_agent_that_is_drained_is_emptied_and_taken_back(stage: &Stage) {
    let mut framework = Framework::new(stage).await;
    let offer = framework.run(0, "one").await;
    framework.run(1, "two").await;
    let agent = &offer.agent_id;
    let executor = Executor::of(&framework.id().value, "one").await;
    let rest = framework.offer(0).await;
    ask(stage, drain(agent, false)).await;
    let rescinded = framework.find(|event| event.rescind.clone()).await;
    assert_eq!(rescinded.offer_id, rest.id);
    let status = framework.update("one", TaskState::TaskKilled).await;
    assert_eq!(status.reason(), Reason::AgentDraining);
    assert_eq!(status.source(), Source::Executor);
    assert!(status.uuid.is_some());
    drains(stage, agent, DrainState::Drained).await;
    only_the_other_is_offered(stage, &mut framework, agent).await;
    // As long as the executor is there a real agent goes on dropping tasks, whatever its master says.
    executor.kill();
    framework.failure().await;
    ask(stage, reactivate(agent)).await;
    let seen = seen(stage, agent).await.unwrap();
    assert!(!seen.deactivated() && seen.drain_info.is_none(), "{seen:?}");
    framework.run(0, "three").await;
    framework.call(kill("two", None)).await;
    let status = framework.update("two", TaskState::TaskKilled).await;
    assert_ne!(status.reason(), Reason::AgentDraining, "the other has not drained");
}

/// It keeps what it has and gets nothing, and is taken back by the same call.
pub async fn an_agent_that_is_deactivated_keeps_its_tasks(stage: &Stage) {
    let mut framework = Framework::new(stage).await;
    let offer = framework.run(0, "one").await;
    let agent = &offer.agent_id;
    let rest = framework.offer(0).await;
    ask(stage, deactivate(agent)).await;
    let rescinded = framework.find(|event| event.rescind.clone()).await;
    assert_eq!(rescinded.offer_id, rest.id);
    let now = seen(stage, agent).await.unwrap();
    assert!(now.deactivated() && now.drain_info.is_none(), "{now:?}");
    only_the_other_is_offered(stage, &mut framework, agent).await;
    framework.call(kill("one", None)).await;
    let status = framework.update("one", TaskState::TaskKilled).await;
    assert_ne!(status.reason(), Reason::AgentDraining);
    ask(stage, reactivate(agent)).await;
    framework.run(0, "two").await;
}

/// What is drained for good ends by the operator's word, and the agent is gone behind it.
pub async fn an_agent_that_is_drained_for_good_is_gone(stage: &Stage) {
    let mut framework = Framework::new(stage).await;
    let offer = framework.run(0, "one").await;
    let agent = &offer.agent_id;
    ask(stage, drain(agent, true)).await;
    let status = framework.update("one", TaskState::TaskGoneByOperator).await;
    assert_eq!(status.reason(), Reason::AgentDraining);
    let failure = framework.failure().await;
    assert_eq!(failure.agent_id.as_ref(), Some(agent));
    assert_eq!(seen(stage, agent).await, None);
    framework.run(1, "two").await;
}

/// An agent that nobody knows, one that is in use, and calls that name none.
pub async fn what_is_asked_of_agents_is_checked(stage: &Stage) {
    let post = || Request::post(wire::OPERATOR_PATH).signed(stage.credentials());
    let nobody = v1::AgentId { value: "nobody".to_owned() };
    let offer = Framework::new(stage).await.offer(0).await;
    let asked = [
        (drain(&nobody, false), "Unknown agent"),
        (deactivate(&nobody), "Unknown agent"),
        (reactivate(&nobody), "Agent is not deactivated"),
        (reactivate(&offer.agent_id), "Agent is not deactivated"),
    ];
    for (call, text) in asked {
        let kind = call.r#type();
        let answer = post().message(&call).send(&stage.master()).await;
        assert_eq!((answer.status, answer.body.as_str()), (400, text), "{kind:?}");
        let answer = post().message(&of_type(kind)).send(&stage.master()).await;
        assert_eq!(answer.status, 400, "{kind:?}");
    }
}
