//! Tasks: from ACCEPT to their end.

use lathe_mesos::v1;
use lathe_mesos::v1::TaskState;
use lathe_mesos::v1::scheduler::{Call, call};
use lathe_mesos::v1::task_status::{Reason, Source};

use crate::executor::executors_of;
use crate::messages::{accept, amount, executor_info, kill, of_type, task_info};
use crate::{Executor, Framework, Stage};

/// States with their sources, and what the executor is told.
pub async fn a_task_starts_runs_and_is_killed(stage: &Stage) {
    let mut framework = Framework::new(stage).await;
    let offer = framework.launch(0, "one", "{}").await;
    let mut seen = Vec::new();
    for state in [TaskState::TaskStarting, TaskState::TaskRunning] {
        let status = framework.update("one", state).await;
        assert_eq!(status.source(), Source::Executor);
        assert_eq!(status.agent_id.as_ref(), Some(&offer.agent_id));
        assert_eq!(status.executor_id, None, "nobody adds what the executor did not say");
        assert!(status.container_status.is_some() && status.timestamp.is_some());
        let uuid = status.uuid.expect("an update of an executor is to be acknowledged");
        assert_eq!(uuid.len(), 16);
        seen.push(uuid);
    }
    assert_ne!(seen[0], seen[1]);
    let executor = Executor::of(&framework.id().value, "one").await;
    assert_eq!(executor.variable("MESOS_SLAVE_ID"), Some(offer.agent_id.value.clone()));
    assert_eq!(executor.variable("MESOS_CHECKPOINT").as_deref(), Some("1"));
    for name in [
        "MESOS_DIRECTORY",
        "MESOS_SANDBOX",
        "MESOS_SLAVE_PID",
        "MESOS_AGENT_ENDPOINT",
        "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD",
        "MESOS_RECOVERY_TIMEOUT",
        "MESOS_SUBSCRIPTION_BACKOFF_MAX",
    ] {
        assert!(executor.variable(name).is_some(), "{name}");
    }
    // What task and executor have is offered no more.
    let rest = framework.offer(0).await;
    assert!((amount(&rest.resources, "cpus") - 3.8).abs() < 1e-9, "{rest:?}");
    assert_eq!(rest.executor_ids, [v1::ExecutorId { value: "one".into() }]);
    framework.call(kill("one", Some(&offer.agent_id))).await;
    let status = framework.update("one", TaskState::TaskKilled).await;
    assert_eq!(status.source(), Source::Executor);
}

/// Whatever it says, it is said on.
pub async fn a_task_ends_in_the_state_that_its_executor_says(stage: &Stage) {
    let mut framework = Framework::new(stage).await;
    for (task, word, state) in [
        ("finished", "TASK_FINISHED", TaskState::TaskFinished),
        ("failed", "TASK_FAILED", TaskState::TaskFailed),
        ("killed", "TASK_KILLED", TaskState::TaskKilled),
        ("wrong", "TASK_ERROR", TaskState::TaskError),
    ] {
        let script = format!(r#"{{"states": ["TASK_STARTING", "TASK_RUNNING", "{word}"]}}"#);
        framework.launch(0, task, &script).await;
        framework.update(task, TaskState::TaskStarting).await;
        framework.update(task, TaskState::TaskRunning).await;
        let status = framework.update(task, state).await;
        assert_eq!(status.source(), Source::Executor);
    }
}

/// The second one is handed to the executor of the first.
pub async fn tasks_of_one_executor_run_in_one_process(stage: &Stage) {
    let mut framework = Framework::new(stage).await;
    framework.run(0, "one").await;
    let offer = framework.offer(0).await;
    let mut second = task_info(&offer, "two", "{}");
    second.executor = Some(executor_info("one", None));
    framework.call(accept(&[&offer], vec![second])).await;
    framework.update("two", TaskState::TaskStarting).await;
    framework.update("two", TaskState::TaskRunning).await;
    assert_eq!(executors_of(&framework.id().value).len(), 1);
    framework.call(kill("one", None)).await;
    framework.update("one", TaskState::TaskKilled).await;
}

/// And an executor that has nothing to do is told to end.
pub async fn a_task_that_is_killed_before_its_executor_came_was_never_started(stage: &Stage) {
    let mut framework = Framework::new(stage).await;
    let offer = framework.offer(0).await;
    let gate = stage.folder().join("gate");
    let wait = format!("until [ -e {} ]; do sleep 0.02; done", gate.display());
    let mut task = task_info(&offer, "one", "{}");
    task.executor = Some(executor_info("one", Some(&wait)));
    framework.call(accept(&[&offer], vec![task])).await;
    // The agent has it when it is no longer as the master had it: a task that is known.
    framework.call(kill("one", None)).await;
    let status = framework.update("one", TaskState::TaskKilled).await;
    assert_eq!(status.source(), Source::Agent);
    assert_eq!(status.reason(), Reason::TaskKilledDuringLaunch, "{status:?}");
    assert!(status.uuid.is_some());
    std::fs::write(&gate, "").unwrap();
    let failure = framework.failure().await;
    assert_eq!(failure.executor_id.unwrap().value, "one");
    framework.run(0, "another").await;
}

/// To an executor and from it.
pub async fn messages_go_both_ways(stage: &Stage) {
    let mut framework = Framework::new(stage).await;
    let offer = framework.run(0, "one").await;
    let message = call::Message {
        agent_id: offer.agent_id.clone(),
        executor_id: v1::ExecutorId { value: "one".into() },
        data: "hello".into(),
    };
    framework.call(Call { message: Some(message), ..of_type(call::Type::Message) }).await;
    let echo = framework.wait(|event| event.message.clone()).await;
    assert_eq!(&echo.data[..], b"hello");
    assert_eq!((echo.agent_id, echo.executor_id.value.as_str()), (offer.agent_id, "one"));
}
