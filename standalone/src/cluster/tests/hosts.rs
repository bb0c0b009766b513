//! Hosts that die, fall silent and return.

use super::*;

fn h1() -> HostName {
    HostName("h1".into())
}

#[test]
fn a_silent_host_is_unreachable_after_three_seconds_and_returns() {
    let (mut stage, offer) = Stage::running();
    stage.step(Event::HostPaused { host: h1() });
    stage.pass(2_999);
    assert_eq!(stage.kinds(), [""; 0]);
    stage.pass(1);
    let events = stage.events();
    let kinds: Vec<_> = events.iter().map(|e| e.r#type().as_str_name()).collect();
    assert_eq!(kinds, ["UPDATE", "RESCIND", "FAILURE"]);
    let status = events[0].update.clone().unwrap().status;
    assert_eq!(
        gist(std::slice::from_ref(&status)),
        [(TaskState::TaskUnreachable, Some(Reason::AgentRemoved))]
    );
    assert!(status.uuid.is_none() && status.unreachable_time.is_some());
    assert_eq!(events[2].failure.as_ref().unwrap().agent_id, Some(offer.agent_id));

    stage.step(Event::HostResumed { host: h1() });
    let events = stage.events();
    let status = events[0].update.clone().unwrap().status;
    assert_eq!(
        gist(std::slice::from_ref(&status)),
        [(TaskState::TaskRunning, Some(Reason::AgentReregistered))]
    );
    assert!(status.uuid.is_none());
    assert!(events[1].offers.is_some());
}

#[test]
fn a_short_silence_is_no_news() {
    let (mut stage, _) = Stage::running();
    stage.step(Event::HostPaused { host: h1() });
    stage.pass(2_999);
    stage.step(Event::HostResumed { host: h1() });
    stage.pass(5_000);
    assert_eq!(stage.kinds(), [""; 0]);
}

#[test]
fn a_lost_host_is_gone_at_once_and_for_ever() {
    let (mut stage, offer) = Stage::running();
    stage.step(Event::HostLost { host: h1() });
    let events = stage.events();
    let kinds: Vec<_> = events.iter().map(|e| e.r#type().as_str_name()).collect();
    assert_eq!(kinds, ["UPDATE", "RESCIND", "FAILURE"]);
    let status = events[0].update.clone().unwrap().status;
    assert_eq!(
        gist(std::slice::from_ref(&status)),
        [(TaskState::TaskGoneByOperator, Some(Reason::AgentRemovedByOperator))]
    );
    assert!(status.uuid.is_none());
    assert_eq!(stage.cluster.task_count(), 0);
    stage.add_host("h1");
    assert_ne!(stage.offers()[0].agent_id, offer.agent_id);
}

#[test]
fn an_agent_marked_gone_has_its_executors_shut_down() {
    let (mut stage, offer) = Stage::running();
    stage.step(Event::AgentMarkedGone { agent_id: offer.agent_id.value });
    assert_eq!(stage.kinds(), ["UPDATE", "RESCIND", "FAILURE"]);
    assert!(matches!(&stage.told_hosts()[..], [HostCommand::Deliver { event, .. }]
        if event.r#type() == executor::event::Type::Shutdown));
    stage.executor_says("t", TaskState::TaskKilled, 7);
    assert_eq!(stage.told_hosts(), []);
    stage.executor_exits("h1", "e", 0);
    assert_eq!(stage.kinds(), [""; 0]);
    assert_eq!(stage.cluster.hosts()[0].state, HostState::Gone);
}

#[test]
fn what_happened_during_a_partition_is_told_after_it() {
    let (mut stage, _) = Stage::running();
    stage.step(Event::HostPaused { host: h1() });
    stage.pass(3_000);
    stage.events();
    stage.executor_says("t", TaskState::TaskFinished, 2);
    assert_eq!(stage.statuses(), []);
    stage.step(Event::HostResumed { host: h1() });
    let statuses = stage.statuses();
    // First what the agent knows, then the word of the executor.
    let returned = Some(Reason::AgentReregistered);
    let finished = TaskState::TaskFinished;
    assert_eq!(gist(&statuses), [(finished, returned), (finished, None)]);
    assert!(statuses[0].uuid.is_none());
    stage.acknowledge(&statuses[1]);
    assert_eq!(stage.cluster.task_count(), 0);
}

#[test]
fn an_executor_whose_framework_went_away_meanwhile_ends_when_its_host_returns() {
    let (mut stage, _) = Stage::running();
    stage.step(Event::HostPaused { host: h1() });
    stage.pass(3_000);
    assert_eq!(stage.call(of_type(scheduler::call::Type::Teardown)), Answer::Accepted);
    assert_eq!(stage.told_hosts(), []);
    stage.step(Event::HostResumed { host: h1() });
    assert!(matches!(&stage.told_hosts()[..], [HostCommand::Deliver { event, .. }]
        if event.r#type() == executor::event::Type::Shutdown));
}

#[test]
fn nothing_waits_for_a_host_that_is_lost() {
    let mut stage = Stage::subscribed();
    let offer = stage.offers().remove(0);
    stage.accept(&offer, vec![task(&offer, "t", "e")], 3600.0);
    stage.step(Event::HostPaused { host: h1() });
    stage.step(Event::HostLost { host: h1() });
    stage.out.clear();
    for _ in 0..3 {
        stage.pass(15_000);
        assert_eq!(stage.kinds(), ["HEARTBEAT"]);
    }
    assert_eq!(stage.told_hosts(), []);
}
