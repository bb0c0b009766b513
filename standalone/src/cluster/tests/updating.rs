//! Updates, acknowledgements, repetition, the end of executors.

use super::*;

#[test]
fn the_next_update_waits_for_the_acknowledgement_of_the_one_before() {
    let (mut stage, _) = Stage::running();
    stage.executor_says("t", TaskState::TaskKilling, 2);
    stage.executor_says("t", TaskState::TaskKilled, 3);
    let statuses = stage.statuses();
    assert_eq!(gist(&statuses), [(TaskState::TaskKilling, None)]);
    stage.acknowledge(&statuses[0]);
    let statuses = stage.statuses();
    assert_eq!(gist(&statuses), [(TaskState::TaskKilled, None)]);
    assert_eq!(stage.cluster.task_count(), 1);
    stage.acknowledge(&statuses[0]);
    assert_eq!(stage.cluster.task_count(), 0);
}

#[test]
fn the_executor_is_told_that_its_update_was_taken_even_if_it_is_a_repetition() {
    let (mut stage, _) = Stage::running();
    for _ in 0..2 {
        stage.executor_says("t", TaskState::TaskKilling, 2);
        assert!(matches!(&stage.told_hosts()[..], [HostCommand::Deliver { event, .. }]
            if event.acknowledged.as_ref().unwrap().uuid[0] == 2));
    }
    assert_eq!(stage.statuses().len(), 1);
}

#[test]
fn an_unacknowledged_update_comes_again_after_10_20_40_seconds() {
    let (mut stage, _) = Stage::running();
    stage.executor_says("t", TaskState::TaskKilling, 2);
    let first = stage.statuses();
    for pause in [10_000, 20_000, 40_000] {
        stage.pass(pause - 1);
        assert_eq!(stage.statuses(), []);
        stage.pass(1);
        assert_eq!(stage.statuses(), first);
    }
    stage.acknowledge(&first[0]);
    stage.pass(100_000);
    assert_eq!(stage.statuses(), []);
}

#[test]
fn a_framework_that_comes_back_hears_at_once_what_it_did_not_acknowledge() {
    let (mut stage, _) = Stage::running();
    stage.executor_says("t", TaskState::TaskKilling, 2);
    let first = stage.statuses();
    let stream = stage.stream.clone().unwrap();
    stage.step(Event::StreamClosed { stream });
    stage.pass(50_000);
    assert_eq!(stage.statuses(), []);
    let mut info = framework_info();
    info.id = Some(v1::FrameworkId { value: stage.framework.clone() });
    stage.subscribe(info);
    assert_eq!(stage.statuses(), first);
}

#[test]
fn a_wrong_acknowledgement_changes_nothing() {
    let (mut stage, _) = Stage::running();
    stage.executor_says("t", TaskState::TaskFinished, 2);
    let status = stage.statuses().remove(0);
    let other = v1::TaskStatus { uuid: Some(Bytes::from(vec![9; 16])), ..status.clone() };
    stage.acknowledge(&other);
    let agent_id = Some(v1::AgentId { value: "other".into() });
    stage.acknowledge(&v1::TaskStatus { agent_id, ..status.clone() });
    assert_eq!(stage.cluster.task_count(), 1);
    stage.acknowledge(&status);
    assert_eq!(stage.cluster.task_count(), 0);
}

#[test]
fn the_end_of_an_executor_is_a_failure_and_fails_its_tasks() {
    let (mut stage, offer) = Stage::running();
    stage.executor_exits("h1", "e", 9);
    let events = stage.events();
    let failure = events[0].failure.clone().unwrap();
    assert_eq!(failure.status, Some(9));
    assert_eq!(failure.agent_id, Some(offer.agent_id));
    assert_eq!(failure.executor_id.unwrap().value, "e");
    let status = events[1].update.clone().unwrap().status;
    assert_eq!(
        gist(std::slice::from_ref(&status)),
        [(TaskState::TaskFailed, Some(Reason::ExecutorTerminated))]
    );
    assert_eq!(status.message(), "Executor terminated");
    assert!(status.uuid.is_some());
    assert!(events[2].offers.is_some());
    assert_eq!(events.len(), 3);
    stage.pass(10_000);
    assert_eq!(stage.statuses(), [status]);
}

#[test]
fn a_task_that_a_returning_executor_does_not_know_is_dropped() {
    let (mut stage, _) = Stage::running();
    let id = stage.cluster.offers.keys().next().unwrap().clone();
    let agent_id = v1::AgentId { value: stage.cluster.hosts()[0].agent_id.clone() };
    let offer = v1::Offer { id: v1::OfferId { value: id }, agent_id, ..Default::default() };
    stage.accept(&offer, vec![task(&offer, "lost", "e")], 5.0);
    let executor = stage.executor("e");
    stage.step(Event::ExecutorDisconnected { host: HostName("h1".into()), executor });
    stage.executor_subscribes("h1", "e");
    let statuses = stage.statuses();
    assert_eq!(gist(&statuses), [(TaskState::TaskDropped, Some(Reason::AgentRestarted))]);
    assert_eq!(statuses[0].task_id.value, "lost");
}

#[test]
fn updates_that_an_executor_kept_come_with_its_subscription() {
    let mut stage = Stage::subscribed();
    let offer = stage.offers().remove(0);
    stage.accept(&offer, vec![task(&offer, "t", "e")], 5.0);
    stage.executor_subscribes("h1", "e");
    stage.out.clear();
    let executor = stage.executor("e");
    let update = executor::call::Update { status: status("t", TaskState::TaskRunning, 4) };
    let subscribe = executor::call::Subscribe {
        unacknowledged_tasks: vec![task(&offer, "t", "e")],
        unacknowledged_updates: vec![update],
    };
    stage.step(Event::ExecutorSubscribed {
        host: HostName("h1".into()),
        executor,
        subscribe: Box::new(subscribe),
    });
    assert_eq!(gist(&stage.statuses()), [(TaskState::TaskRunning, None)]);
}
