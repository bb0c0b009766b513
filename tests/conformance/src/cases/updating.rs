//! Updates and their acknowledgements, and KILL by those who do not know.

use bytes::Bytes;
use lathe_mesos::v1::TaskState;
use lathe_mesos::v1::scheduler::Event;
use lathe_mesos::v1::task_status::{Reason, Source};

use crate::messages::{acknowledge, agent_id, kill, reconcile};
use crate::{Framework, Stage};

/// Whether a state of a task is among what was heard.
fn of_state(state: TaskState) -> impl Fn(&Event) -> Option<()> {
    move |event| (event.update.as_ref()?.status.state() == state).then_some(())
}

/// What is known of the task meanwhile is the state that was told last.
pub async fn an_update_waits_for_the_acknowledgement_of_the_one_before(stage: &Stage) {
    let mut framework = Framework::new(stage).await;
    framework.acknowledges = false;
    framework.launch(0, "one", "{}").await;
    let starting = framework.update("one", TaskState::TaskStarting).await;
    framework.call(reconcile(&[("one", None)])).await;
    let known = framework.update("one", TaskState::TaskStarting).await;
    assert_eq!(known.reason(), Reason::Reconciliation);
    assert!(!framework.has_heard(of_state(TaskState::TaskRunning)));
    framework.call(acknowledge(&starting)).await;
    let running = framework.update("one", TaskState::TaskRunning).await;
    framework.call(acknowledge(&running)).await;
    framework.acknowledges = true;
    framework.call(kill("one", None)).await;
    framework.update("one", TaskState::TaskKilled).await;
}

/// Another uuid, another task: nothing is taken as known by it.
pub async fn an_acknowledgement_of_something_else_changes_nothing(stage: &Stage) {
    let mut framework = Framework::new(stage).await;
    framework.acknowledges = false;
    framework.launch(0, "one", "{}").await;
    let starting = framework.update("one", TaskState::TaskStarting).await;
    let mut other = starting.clone();
    other.uuid = Some(Bytes::from(vec![0x47_u8; 16]));
    framework.call(acknowledge(&other)).await;
    let mut other = starting.clone();
    other.task_id.value = "two".into();
    framework.call(acknowledge(&other)).await;
    // The wrong ones were on their way before: had they counted, RUNNING would come in their wake.
    framework.call(reconcile(&[("one", None)])).await;
    framework.update("one", TaskState::TaskStarting).await;
    assert!(!framework.has_heard(of_state(TaskState::TaskRunning)));
    framework.call(acknowledge(&starting)).await;
    framework.update("one", TaskState::TaskRunning).await;
}

/// A scheduler that fails over hears again what nobody has acknowledged.
pub async fn what_was_not_acknowledged_is_sent_to_the_next_subscription(stage: &Stage) {
    let mut first = Framework::new(stage).await;
    first.acknowledges = false;
    first.launch(0, "one", "{}").await;
    let starting = first.update("one", TaskState::TaskStarting).await;
    let mut second = first.again(stage).await;
    let again = second.update("one", TaskState::TaskStarting).await;
    assert_eq!(again.uuid, starting.uuid, "it is the same update");
    second.update("one", TaskState::TaskRunning).await;
}

/// KILL is answered like a question where the task is not known.
pub async fn a_kill_of_another_agent_or_an_unknown_task_kills_nothing(stage: &Stage) {
    let mut framework = Framework::new(stage).await;
    let offer = framework.run(0, "one").await;
    let nobody = agent_id("nobody-S1");
    framework.call(kill("one", Some(&nobody))).await;
    framework.call(kill("unknown", None)).await;
    let status = framework.update("unknown", TaskState::TaskUnknown).await;
    assert_eq!(status.source(), Source::Master);
    assert_eq!(status.reason(), Reason::Reconciliation);
    framework.call(kill("unknown", Some(&offer.agent_id))).await;
    framework.update("unknown", TaskState::TaskGone).await;
    framework.call(kill("unknown", Some(&nobody))).await;
    framework.update("unknown", TaskState::TaskUnknown).await;
    framework.call(reconcile(&[("one", None)])).await;
    framework.update("one", TaskState::TaskRunning).await;
    framework.call(kill("one", None)).await;
    framework.update("one", TaskState::TaskKilled).await;
    framework.call(kill("one", None)).await;
}
