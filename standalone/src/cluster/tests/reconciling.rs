//! Reconciliation and its like.

use super::*;

fn ask(stage: &mut Stage, tasks: &[(&str, Option<&str>)]) -> Vec<v1::TaskStatus> {
    let one = |(id, agent): &(&str, Option<&str>)| scheduler::call::reconcile::Task {
        task_id: task_id(id),
        agent_id: agent.map(|value| v1::AgentId { value: value.into() }),
    };
    let reconcile = scheduler::call::Reconcile { tasks: tasks.iter().map(one).collect() };
    let call =
        scheduler::Call { reconcile: Some(reconcile), ..of_type(scheduler::call::Type::Reconcile) };
    assert_eq!(stage.call(call), Answer::Accepted);
    stage.statuses()
}

#[test]
fn explicit_questions_get_the_answers_of_a_master() {
    let (mut stage, offer) = Stage::running();
    let agent = offer.agent_id.value.as_str();
    let statuses = ask(&mut stage, &[("t", Some(agent)), ("no", Some(agent)), ("no", None)]);
    let reason = Some(Reason::Reconciliation);
    assert_eq!(
        gist(&statuses),
        [
            (TaskState::TaskRunning, reason),
            (TaskState::TaskGone, reason),
            (TaskState::TaskUnknown, reason)
        ]
    );
    assert_eq!(statuses[0].message(), "Reconciliation: Latest task state");
    assert_eq!(statuses[1].message(), "Reconciliation: Task is unknown to the agent");
    assert_eq!(statuses[2].message(), "Reconciliation: Task is unknown");
    assert!(statuses.iter().all(|status| status.uuid.is_none() && status.data.is_none()));

    stage.step(Event::HostPaused { host: HostName("h1".into()) });
    stage.pass(3_000);
    stage.events();
    let statuses = ask(&mut stage, &[("t", Some(agent))]);
    assert_eq!(gist(&statuses), [(TaskState::TaskUnreachable, reason)]);
    assert!(statuses[0].unreachable_time.is_some());
    assert_eq!(ask(&mut stage, &[]), [], "unreachable tasks are left out");

    stage.step(Event::HostLost { host: HostName("h1".into()) });
    stage.events();
    let statuses = ask(&mut stage, &[("t", Some(agent))]);
    assert_eq!(gist(&statuses), [(TaskState::TaskGoneByOperator, reason)]);
}

#[test]
fn the_implicit_question_lists_all_tasks() {
    let (mut stage, _) = Stage::running();
    let statuses = ask(&mut stage, &[]);
    assert_eq!(gist(&statuses), [(TaskState::TaskRunning, Some(Reason::Reconciliation))]);
}

#[test]
fn the_answer_is_what_the_framework_was_told_not_what_waits() {
    let (mut stage, _) = Stage::running();
    stage.executor_says("t", TaskState::TaskKilling, 2);
    stage.executor_says("t", TaskState::TaskKilled, 3);
    stage.events();
    let statuses = ask(&mut stage, &[]);
    assert_eq!(statuses[0].state(), TaskState::TaskKilling);
}

#[test]
fn killing_an_unknown_task_is_asking_about_it() {
    let mut stage = Stage::subscribed();
    stage.events();
    stage.kill("nope");
    assert_eq!(gist(&stage.statuses()), [(TaskState::TaskUnknown, Some(Reason::Reconciliation))]);
}

#[test]
fn who_does_not_know_partitions_hears_lost() {
    let mut stage = Stage::new();
    let mut info = framework_info();
    info.capabilities.truncate(1);
    stage.subscribe(info);
    stage.events();
    let statuses = ask(&mut stage, &[("no", None)]);
    assert_eq!(gist(&statuses), [(TaskState::TaskLost, Some(Reason::Reconciliation))]);
}
