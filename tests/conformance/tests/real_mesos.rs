//! The cases on a real Mesos 1.11, and those that only it can play: standalone's hosts do not restart
//! on their own data, and it has one master.

#![allow(clippy::unwrap_used, reason = "all of this is a test")]

use lathe_conformance::{Executor, Framework, Stage};
use lathe_mesos::v1::TaskState;
use lathe_mesos::v1::task_status::{Reason, Source};

lathe_conformance::every_case!(lathe_conformance::Stage::mesos_of);

#[tokio::test]
async fn an_agent_that_restarts_finds_its_executors_and_what_was_not_acknowledged() {
    let stage = Stage::mesos_of(1).await;
    let mut framework = Framework::new(&stage).await;
    framework.acknowledges = false;
    framework.launch(0, "one", "{}").await;
    let starting = framework.update("one", TaskState::TaskStarting).await;
    let executor = Executor::of(&framework.id().value, "one").await;
    stage.mesos().agent(0).kill().await.unwrap();
    stage.mesos().restart_agent(0).await.unwrap();
    framework.acknowledges = true;
    let again = framework.update("one", TaskState::TaskStarting).await;
    assert_eq!(again.uuid, starting.uuid, "it is the same update");
    let mut status = again;
    while status.state() == TaskState::TaskStarting {
        assert_eq!(status.uuid, starting.uuid, "the same once more");
        status = framework.next_update("one").await;
    }
    assert_eq!(status.state(), TaskState::TaskRunning);
    assert_eq!(executor.variable("MESOS_EXECUTOR_ID").as_deref(), Some("one"), "it runs still");
    executor.kill();
    let status = framework.update("one", TaskState::TaskFailed).await;
    assert_eq!(status.reason(), Reason::ExecutorTerminated);
}

#[tokio::test]
async fn an_agent_that_dies_is_unreachable_and_returns_with_its_tasks() {
    let stage = Stage::mesos_of(1).await;
    let mut framework = Framework::new(&stage).await;
    let offer = framework.run(0, "one").await;
    let rest = framework.offer(0).await;
    stage.mesos().agent(0).kill().await.unwrap();
    let rescinded = framework.find(|event| event.rescind.clone()).await;
    assert_eq!(rescinded.offer_id, rest.id);
    let status = framework.update("one", TaskState::TaskUnreachable).await;
    assert_eq!((status.reason(), status.source()), (Reason::AgentRemoved, Source::Master));
    assert_eq!(framework.failure().await.agent_id.as_ref(), Some(&offer.agent_id));
    stage.mesos().restart_agent(0).await.unwrap();
    let status = framework.update("one", TaskState::TaskRunning).await;
    assert_eq!((status.reason(), status.source()), (Reason::AgentReregistered, Source::Master));
    assert_eq!(status.agent_id, Some(offer.agent_id));
}

#[tokio::test]
async fn an_executor_that_ends_while_its_agent_is_away_leaves_a_failed_task() {
    let stage = Stage::mesos_of(1).await;
    let mut framework = Framework::new(&stage).await;
    framework.run(0, "one").await;
    let executor = Executor::of(&framework.id().value, "one").await;
    stage.mesos().agent(0).kill().await.unwrap();
    executor.kill();
    stage.mesos().restart_agent(0).await.unwrap();
    let mut status = framework.next_update("one").await;
    while status.state() == TaskState::TaskRunning {
        // Its acknowledgement did not reach the agent before that died.
        status = framework.next_update("one").await;
    }
    assert!(matches!(status.state(), TaskState::TaskFailed | TaskState::TaskGone), "{status:?}");
    assert_eq!(status.source(), Source::Agent);
}
