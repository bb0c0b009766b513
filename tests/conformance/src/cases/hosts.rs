//! Agents that are not heard any more, and come back.

use lathe_mesos::v1::TaskState;
use lathe_mesos::v1::task_status::{Reason, Source};

use crate::messages::kill;
use crate::{Executor, Framework, Stage};

/// Offers are rescinded, tasks unreachable, and all is as before when it is back.
pub async fn an_agent_that_is_not_heard_is_unreachable_and_comes_back(stage: &Stage) {
    let mut framework = Framework::new(stage).await;
    let offer = framework.run(0, "one").await;
    framework.run(1, "two").await;
    let rest = framework.offer(0).await;
    stage.part(0).await;
    let rescinded = framework.find(|event| event.rescind.clone()).await;
    assert_eq!(rescinded.offer_id, rest.id);
    let status = framework.update("one", TaskState::TaskUnreachable).await;
    assert_eq!(status.reason(), Reason::AgentRemoved);
    assert_eq!(status.source(), Source::Master);
    assert!(status.uuid.is_none() && status.unreachable_time.is_some());
    let failure = framework.failure().await;
    assert_eq!(failure.agent_id.as_ref(), Some(&offer.agent_id));
    assert!(failure.executor_id.is_none());
    let executor = Executor::of(&framework.id().value, "one").await;
    stage.heal(0).await;
    let status = framework.update("one", TaskState::TaskRunning).await;
    assert_eq!(status.reason(), Reason::AgentReregistered);
    assert_eq!(status.source(), Source::Master);
    assert!(status.uuid.is_none());
    let again = framework.offer(0).await;
    assert_eq!(again.agent_id, offer.agent_id, "it is the same agent");
    framework.call(kill("one", None)).await;
    framework.update("one", TaskState::TaskKilled).await;
    drop(executor);
}

/// The executor says it to its agent, and the agent when it is heard again.
pub async fn what_ended_meanwhile_is_told_on_return(stage: &Stage) {
    let mut framework = Framework::new(stage).await;
    framework.run(0, "one").await;
    let executor = Executor::of(&framework.id().value, "one").await;
    stage.part(0).await;
    framework.update("one", TaskState::TaskUnreachable).await;
    executor.kill();
    stage.heal(0).await;
    // The master says what the agent knows by then, and the agent's own word follows.
    let status = framework.next_update("one").await;
    assert_eq!(status.reason(), Reason::AgentReregistered, "{status:?}");
    assert_eq!(status.source(), Source::Master);
    assert!(status.uuid.is_none());
    let status = framework.update("one", TaskState::TaskFailed).await;
    assert_eq!(status.reason(), Reason::ExecutorTerminated);
    assert_eq!(status.source(), Source::Agent);
    assert!(status.uuid.is_some());
}
