//! Agents that restart, recover, vanish, or say odd things.

use lathe_mesos::v1::TaskState::{TaskError, TaskFinished, TaskKilled, TaskRunning, TaskStarting};

use crate::stage::{Stage, TASK, is_alive, until_dead};
use crate::test_server::until;

#[tokio::test]
async fn after_a_cut_the_executor_is_back_with_what_was_not_acknowledged() {
    let mut stage = Stage::start().await;
    stage.agent.set_acknowledges(false);
    let pid = stage.launch_endless().await;
    stage.agent.cut();
    stage.until_subscribed(2).await;
    let second = stage.agent.subscriptions().pop().unwrap();
    let tasks: Vec<_> =
        second.unacknowledged_tasks.iter().map(|task| task.task_id.value.as_str()).collect();
    assert_eq!(tasks, [TASK]);
    assert!(second.unacknowledged_tasks[0].data.is_some(), "the task as it was launched");
    let updates: Vec<_> = second.unacknowledged_updates.iter().map(|u| u.status.clone()).collect();
    assert_eq!(updates, stage.agent.updates(), "the very same updates");
    for update in &updates {
        stage.agent.acknowledge(update);
    }
    assert!(is_alive(pid), "the task does not notice");
    stage.agent.set_acknowledges(true);
    stage.agent.kill(TASK, Some(0));
    stage.until_state(TaskKilled).await;
    assert!(stage.end().await.success());
}

#[tokio::test]
async fn acknowledged_updates_are_not_repeated() {
    let mut stage = Stage::start().await;
    stage.launch_endless().await;
    // Acknowledgements have arrived once a later event has had its effect; a KILL with a long
    // grace has the effect of TASK_KILLING.
    stage.agent.kill(TASK, Some(3_600_000));
    stage.until_state(lathe_mesos::v1::TaskState::TaskKilling).await;
    stage.agent.cut();
    stage.until_subscribed(2).await;
    let second = stage.agent.subscriptions().pop().unwrap();
    assert!(second.unacknowledged_tasks.is_empty());
    let repeated = second.unacknowledged_updates.iter().map(|update| update.status.state());
    assert!(repeated.into_iter().all(|state| state != TaskStarting && state != TaskRunning));
    stage.agent.kill(TASK, Some(0));
    stage.until_state(TaskKilled).await;
    stage.end().await;
}

#[tokio::test]
async fn an_agent_that_recovers_is_asked_until_it_answers() {
    let mut stage = Stage::start().await;
    stage.launch_endless().await;
    stage.agent.set_unavailable(true);
    stage.agent.cut();
    until("several attempts", || stage.agent.refused_attempts() >= 3).await;
    stage.agent.set_unavailable(false);
    stage.until_subscribed(2).await;
    stage.agent.kill(TASK, Some(0));
    stage.until_state(TaskKilled).await;
    assert!(stage.end().await.success());
}

#[tokio::test]
async fn an_end_during_the_agents_absence_comes_with_the_next_subscription() {
    let mut stage = Stage::start().await;
    let spec = stage.script("while [ ! -e go ]; do sleep 0.02; done").await;
    stage.launch(&spec);
    stage.until_state(TaskRunning).await;
    stage.agent.set_unavailable(true);
    stage.agent.cut();
    std::fs::write(stage.sandbox().join("go"), "").unwrap();
    until("attempts", || stage.agent.refused_attempts() >= 3).await;
    stage.agent.set_acknowledges(false);
    stage.agent.set_unavailable(false);
    let finished = async {
        loop {
            let found = stage
                .agent
                .subscriptions()
                .into_iter()
                .flat_map(|subscription| subscription.unacknowledged_updates)
                .map(|update| update.status)
                .chain(stage.agent.updates())
                .find(|status| status.state() == TaskFinished);
            if let Some(status) = found {
                return status;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    let limit = std::time::Duration::from_secs(30);
    let finished = tokio::time::timeout(limit, finished).await.expect("TASK_FINISHED");
    stage.agent.acknowledge(&finished);
    assert!(stage.end().await.success());
}

#[tokio::test]
async fn an_agent_that_stays_away_takes_the_task_along_in_the_end() {
    let variables =
        [("MESOS_RECOVERY_TIMEOUT", "300ms"), ("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "100ms")];
    let mut stage = Stage::start_with(&variables).await;
    let pid = stage.launch_endless().await;
    stage.agent.set_unavailable(true);
    stage.agent.cut();
    assert!(stage.end().await.success());
    until_dead(pid).await;
}

#[tokio::test]
async fn without_checkpointing_a_cut_is_the_end() {
    let variables = [("MESOS_CHECKPOINT", "0"), ("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "100ms")];
    let mut stage = Stage::start_with(&variables).await;
    let pid = stage.launch_endless().await;
    stage.agent.cut();
    assert!(stage.end().await.success());
    until_dead(pid).await;
    assert_eq!(stage.agent.subscriptions().len(), 1);
}

#[tokio::test]
async fn a_launch_that_cannot_be_read_is_an_error() {
    let mut stage = Stage::start().await;
    stage.agent.launch(TASK, b"{\"incarnation\": 7}".to_vec());
    let error = stage.until_state(TaskError).await;
    assert!(error.message().contains("cannot be read"), "{}", error.message());
    assert!(stage.end().await.success());
}

#[tokio::test]
async fn a_second_task_is_refused_and_the_first_runs_on() {
    let mut stage = Stage::start().await;
    let pid = stage.launch_endless().await;
    let spec = stage.script("exit 0").await;
    stage.agent.launch("http.lb#2.8", serde_json::to_vec(&spec).unwrap());
    let error = stage.until_state(TaskError).await;
    assert_eq!(error.task_id.value, "http.lb#2.8");
    assert!(is_alive(pid));
    stage.agent.kill(TASK, Some(0));
    let killed = stage.until_state(TaskKilled).await;
    assert_eq!(killed.task_id.value, TASK);
    assert!(stage.end().await.success());
}

#[tokio::test]
async fn an_executor_without_a_task_leaves_when_asked() {
    let mut stage = Stage::start().await;
    stage.agent.shut_down();
    assert!(stage.end().await.success());
    assert!(stage.states().is_empty());
}
