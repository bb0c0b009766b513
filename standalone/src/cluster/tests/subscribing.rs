//! Subscriptions, stream ids, failover.

use super::*;

#[test]
fn a_new_framework_hears_subscribed_then_a_heartbeat_then_offers() {
    let mut stage = Stage::subscribed();
    assert_eq!(stage.kinds(), ["SUBSCRIBED", "HEARTBEAT", "OFFERS"]);
    stage.pass(15_000);
    assert_eq!(stage.kinds(), ["HEARTBEAT"]);
    stage.pass(15_000);
    assert_eq!(stage.kinds(), ["HEARTBEAT"]);
}

#[test]
fn the_same_seed_gives_the_same_commands() {
    let mut one = Stage::subscribed();
    let mut two = Stage::subscribed();
    assert_eq!(one.out, two.out);
    assert_eq!(one.events(), two.events());
}

#[test]
fn calls_need_a_known_framework_and_its_current_stream() {
    let mut stage = Stage::subscribed();
    let revive = || of_type(scheduler::call::Type::Revive);
    let text = |answer| match answer {
        Answer::Refused { status, text } => (status, text),
        other => panic!("{other:?}"),
    };
    let other = scheduler::Call {
        framework_id: Some(v1::FrameworkId { value: "other".into() }),
        ..revive()
    };
    let answer = stage.raw_call(stage.stream.clone(), other);
    assert_eq!(text(answer), (400, "Framework cannot be found".into()));
    let good = stage.stream.take().unwrap();
    let (status, why) = text(stage.call(revive()));
    assert_eq!(status, 400);
    assert_eq!(why, "All non-subscribe calls should include the 'Mesos-Stream-Id' header");
    stage.stream = Some(StreamId("xyz".into()));
    let (status, why) = text(stage.call(revive()));
    assert_eq!(status, 400);
    assert!(why.starts_with("The stream ID 'xyz' included in this request didn't match"), "{why}");
    stage.stream = Some(good.clone());
    assert_eq!(stage.call(revive()), Answer::Accepted);
    stage.step(Event::StreamClosed { stream: good });
    assert_eq!(text(stage.call(revive())), (403, "Framework is not subscribed".into()));
}

#[test]
fn the_second_subscriber_wins_and_the_first_is_told() {
    let mut stage = Stage::subscribed();
    let first = stage.stream.clone().unwrap();
    stage.out.clear();
    let mut info = framework_info();
    info.id = Some(v1::FrameworkId { value: stage.framework.clone() });
    let second = stage.subscribe(info);
    let close = Command::Close { stream: first.clone() };
    assert!(stage.out.contains(&close));
    let events = stage.events();
    assert_eq!(events[0].error.as_ref().unwrap().message, "Framework failed over");
    let kinds: Vec<_> = events[1..].iter().map(|e| e.r#type().as_str_name()).collect();
    assert_eq!(kinds, ["SUBSCRIBED", "HEARTBEAT", "OFFERS"]);
    assert_ne!(first, second);
    // The old connection's end is no news any more.
    stage.step(Event::StreamClosed { stream: first });
    stage.pass(200_000);
    assert_eq!(stage.cluster.framework_counts(), (1, 1));
}

#[test]
fn an_unknown_id_is_taken_at_its_word() {
    let mut stage = Stage::new();
    let mut info = framework_info();
    info.id = Some(v1::FrameworkId { value: "from-another-life-0000".into() });
    stage.subscribe(info);
    assert_eq!(stage.framework, "from-another-life-0000");
}

#[test]
fn a_removed_framework_never_comes_back() {
    let (mut stage, _) = Stage::running();
    assert_eq!(stage.call(of_type(scheduler::call::Type::Teardown)), Answer::Accepted);
    let told = stage.told_hosts();
    assert!(matches!(&told[..], [HostCommand::Deliver { event, .. }]
        if event.r#type() == executor::event::Type::Shutdown));
    assert!(matches!(&stage.out[..], [Command::Close { .. }]));
    stage.out.clear();
    let mut info = framework_info();
    info.id = Some(v1::FrameworkId { value: stage.framework.clone() });
    stage.subscribe(info);
    let events = stage.events();
    assert_eq!(events[0].error.as_ref().unwrap().message, "Framework has been removed");
    assert_eq!(events.len(), 1);
    assert!(matches!(&stage.out[..], [Command::Close { .. }]));
    stage.executor_exits("h1", "e", 0);
    assert_eq!(stage.cluster.task_count(), 0);
    assert_eq!(stage.cluster.hosts()[0].executors, 0);
}

#[test]
fn a_framework_that_stays_away_too_long_is_removed_with_all_it_has() {
    let (mut stage, _) = Stage::running();
    let stream = stage.stream.clone().unwrap();
    stage.step(Event::StreamClosed { stream });
    stage.pass(99_999);
    assert_eq!(stage.cluster.framework_counts(), (1, 0));
    assert_eq!(stage.told_hosts(), []);
    stage.pass(1);
    assert_eq!(stage.cluster.framework_counts(), (0, 0));
    assert_eq!(stage.told_hosts().len(), 1);
}

#[test]
fn a_bad_role_is_an_error_on_an_open_stream() {
    let mut stage = Stage::new();
    let mut info = framework_info();
    info.roles = vec!["a/./b".into()];
    stage.subscribe(info);
    let events = stage.events();
    assert_eq!(
        events[0].error.as_ref().unwrap().message,
        "'FrameworkInfo.roles' contains invalid role: Role 'a/./b' cannot include '.' as a \
         component"
    );
}

#[test]
fn what_cannot_be_changed_of_a_framework_is_said() {
    let mut stage = Stage::subscribed();
    let update = |info: v1::FrameworkInfo| scheduler::Call {
        update_framework: Some(scheduler::call::UpdateFramework {
            framework_info: info,
            ..Default::default()
        }),
        ..of_type(scheduler::call::Type::UpdateFramework)
    };
    let mut info = framework_info();
    info.user = "root".into();
    let Answer::Refused { status, text } = stage.call(update(info)) else { panic!() };
    assert_eq!(status, 400);
    assert_eq!(
        text,
        "FrameworkInfo update is not valid: Updating 'FrameworkInfo.user' is unsupported; \
         attempted to update from 'nobody' to 'root'"
    );
    let mut info = framework_info();
    info.failover_timeout = Some(0.0);
    assert_eq!(stage.call(update(info)), Answer::Done);
    let stream = stage.stream.clone().unwrap();
    stage.step(Event::StreamClosed { stream });
    assert_eq!(stage.cluster.framework_counts(), (0, 0));
}
