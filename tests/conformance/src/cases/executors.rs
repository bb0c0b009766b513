//! Executors: their death, their end, and what they may say.

use lathe_mesos::v1;
use lathe_mesos::v1::TaskState;
use lathe_mesos::v1::executor;
use lathe_mesos::v1::scheduler::{Call, call};
use lathe_mesos::v1::task_status::{Reason, Source};
use lathe_mesos::wire;

use crate::messages::{of_type, task_id};
use crate::{Executor, Framework, Kind, Request, Stage};

/// And its framework is told of the executor by itself.
pub async fn an_executor_that_dies_fails_its_tasks(stage: &Stage) {
    let mut framework = Framework::new(stage).await;
    let offer = framework.run(0, "one").await;
    Executor::of(&framework.id().value, "one").await.kill();
    let status = framework.update("one", TaskState::TaskFailed).await;
    assert_eq!(status.reason(), Reason::ExecutorTerminated);
    assert_eq!(status.source(), Source::Agent);
    assert_eq!(status.executor_id.unwrap().value, "one");
    assert!(status.uuid.is_some());
    let failure = framework.failure().await;
    assert_eq!(failure.status, Some(9), "as wait() has it");
    assert_eq!(failure.executor_id.unwrap().value, "one");
    assert_eq!(failure.agent_id, Some(offer.agent_id));
    // The host is as good as before.
    framework.run(0, "two").await;
}

/// SHUTDOWN of a framework: the executor says the last word on its tasks.
pub async fn an_executor_that_is_shut_down_ends_its_tasks(stage: &Stage) {
    let mut framework = Framework::new(stage).await;
    let offer = framework.run(0, "one").await;
    let executor = Executor::of(&framework.id().value, "one").await;
    let shutdown = call::Shutdown {
        agent_id: offer.agent_id.clone(),
        executor_id: v1::ExecutorId { value: "one".into() },
    };
    framework.call(Call { shutdown: Some(shutdown), ..of_type(call::Type::Shutdown) }).await;
    let status = framework.update("one", TaskState::TaskKilled).await;
    assert_eq!(status.source(), Source::Executor);
    executor.ended().await;
    let failure = framework.failure().await;
    assert_eq!(failure.executor_id.unwrap().value, "one");
    assert_eq!(failure.status, Some(0), "it ended by itself");
}

/// By an executor's own name: what is wrong in form is a 400 or 415, whoever asks.
pub async fn calls_of_executors_are_checked(stage: &Stage) {
    let mut framework = Framework::new(stage).await;
    framework.run(0, "one").await;
    let own = Executor::of(&framework.id().value, "one").await;
    let address = own.variable("MESOS_AGENT_ENDPOINT").unwrap();
    let path = format!("/slave(1){}", wire::EXECUTOR_PATH);
    let token = own.variable("MESOS_EXECUTOR_AUTHENTICATION_TOKEN");
    let post = || match &token {
        Some(token) => Request::post(&path).header("Authorization", &format!("Bearer {token}")),
        None => Request::post(&path),
    };
    let of_type = |kind: executor::call::Type| executor::Call {
        executor_id: v1::ExecutorId { value: "one".into() },
        framework_id: framework.id(),
        r#type: Some(kind.into()),
        ..Default::default()
    };
    let get = post().method("GET").send(&address).await;
    assert_eq!(get.status, 405);
    assert_eq!(post().send(&address).await.status, 400, "no content type");
    let plain = post().header("Content-Type", "text/plain").send(&address).await;
    assert_eq!(plain.status, 415);
    for kind in [
        executor::call::Type::Subscribe,
        executor::call::Type::Update,
        executor::call::Type::Message,
    ] {
        let answer = post().message(&of_type(kind)).send(&address).await;
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    let good = v1::TaskStatus {
        task_id: task_id("one"),
        state: TaskState::TaskRunning.into(),
        source: Some(Source::Executor.into()),
        uuid: Some(b"\x01\x02\x03\x04\x05\x06\x47\x08\x89\x0a\x0b\x0c\x0d\x0e\x0f\x10"[..].into()),
        timestamp: Some(1.0),
        ..Default::default()
    };
    let update = |status: v1::TaskStatus| executor::Call {
        update: Some(executor::call::Update { status }),
        ..of_type(executor::call::Type::Update)
    };
    let other = v1::ExecutorId { value: "two".into() };
    for (wrong, why) in [
        (v1::TaskStatus { uuid: None, ..good.clone() }, "no uuid"),
        (v1::TaskStatus { uuid: Some(vec![1; 5].into()), ..good.clone() }, "a short uuid"),
        (v1::TaskStatus { source: None, ..good.clone() }, "no source"),
        (v1::TaskStatus { source: Some(Source::Master.into()), ..good.clone() }, "its source"),
        (v1::TaskStatus { executor_id: Some(other), ..good.clone() }, "another executor"),
        (v1::TaskStatus { state: TaskState::TaskStaging.into(), ..good.clone() }, "STAGING"),
    ] {
        let answer = post().message(&update(wrong)).send(&address).await;
        assert_eq!(answer.status, 400, "{why}: {answer:?}");
    }
    // Mesos 1.11 itself dies of the like within SUBSCRIBE, so that it is not asked.
    if stage.kind() == Kind::Standalone {
        let bad = v1::TaskStatus { uuid: Some(vec![0; 16].into()), ..good.clone() };
        let unacknowledged_updates = vec![executor::call::Update { status: bad }];
        let subscribe = executor::call::Subscribe { unacknowledged_updates, ..Default::default() };
        let call = executor::Call {
            subscribe: Some(subscribe),
            ..of_type(executor::call::Type::Subscribe)
        };
        let answer = post().message(&call).send(&address).await;
        assert_eq!(answer.status, 400, "{answer:?}");
    }
    let answer = post().message(&update(good)).send(&address).await;
    assert_eq!((answer.status, answer.body.as_str()), (202, ""));
    framework.update("one", TaskState::TaskRunning).await;
}

/// All of them, with their tasks.
pub async fn a_teardown_ends_the_executors(stage: &Stage) {
    let mut framework = Framework::new(stage).await;
    framework.run(0, "one").await;
    let executor = Executor::of(&framework.id().value, "one").await;
    framework.call(of_type(call::Type::Teardown)).await;
    framework.ended().await;
    executor.ended().await;
    // What they had is free again.
    let mut next = Framework::new(stage).await;
    next.run(0, "one").await;
}
