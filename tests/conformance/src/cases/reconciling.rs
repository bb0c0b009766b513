//! RECONCILE: what a master says of tasks, known or not.

use lathe_mesos::v1::task_status::{Reason, Source};
use lathe_mesos::v1::{TaskState, TaskStatus};

use crate::messages::{agent_id, kill, reconcile};
use crate::{Framework, Stage};

fn is_answer(status: &TaskStatus) {
    assert_eq!(status.reason(), Reason::Reconciliation, "{status:?}");
    assert_eq!(status.source(), Source::Master);
    assert!(status.uuid.is_none() && status.data.is_none() && status.labels.is_none());
}

/// Running, unknown on an agent that is there, lost with its agent, unknown anywhere.
pub async fn each_kind_of_task_has_its_answer(stage: &Stage) {
    let mut framework = Framework::new(stage).await;
    let here = framework.run(0, "runs").await.agent_id;
    let away = framework.run(1, "away").await.agent_id;
    stage.part(1).await;
    framework.update("away", TaskState::TaskUnreachable).await;
    let nobody = agent_id("nobody-S7");
    framework
        .call(reconcile(&[
            ("runs", Some(&here)),
            ("never-was", Some(&here)),
            ("away", Some(&away)),
            ("not-even-away", Some(&away)),
            ("elsewhere", Some(&nobody)),
            ("nowhere", None),
        ]))
        .await;
    let status = framework.update("runs", TaskState::TaskRunning).await;
    is_answer(&status);
    assert_eq!(status.agent_id.as_ref(), Some(&here));
    assert_eq!(status.executor_id.unwrap().value, "runs");
    assert!(status.container_status.is_some());
    is_answer(&framework.update("never-was", TaskState::TaskGone).await);
    let status = framework.update("away", TaskState::TaskUnreachable).await;
    is_answer(&status);
    assert!(status.unreachable_time.is_some());
    assert_eq!(status.agent_id.as_ref(), Some(&away));
    let status = framework.update("not-even-away", TaskState::TaskUnreachable).await;
    is_answer(&status);
    assert!(status.unreachable_time.is_some());
    is_answer(&framework.update("elsewhere", TaskState::TaskUnknown).await);
    is_answer(&framework.update("nowhere", TaskState::TaskUnknown).await);
    stage.heal(1).await;
    framework.update("away", TaskState::TaskRunning).await;
    framework.call(reconcile(&[("away", None)])).await;
    is_answer(&framework.update("away", TaskState::TaskRunning).await);
}

/// Of what has ended and been acknowledged, nothing is said.
pub async fn an_empty_list_asks_for_everything(stage: &Stage) {
    let mut framework = Framework::new(stage).await;
    framework.run(0, "ends").await;
    framework.run(0, "runs").await;
    framework.call(kill("ends", None)).await;
    framework.update("ends", TaskState::TaskKilled).await;
    framework.call(reconcile(&[])).await;
    framework.call(reconcile(&[("last", None)])).await;
    is_answer(&framework.update("runs", TaskState::TaskRunning).await);
    framework.update("last", TaskState::TaskUnknown).await;
    let of_ended = |status: &TaskStatus| status.task_id.value == "ends";
    assert!(!framework.has_heard(|event| {
        event.update.as_ref().filter(|update| of_ended(&update.status)).map(|_| ())
    }));
}
