//! ACCEPT: validation, executors, kills.

use super::*;

#[test]
fn a_launch_starts_the_executor_and_delivers_when_it_subscribes() {
    let mut stage = Stage::subscribed();
    let offer = stage.offers().remove(0);
    stage.out.clear();
    stage.accept(&offer, vec![task(&offer, "t", "e")], 5.0);
    let told = stage.told_hosts();
    assert!(matches!(&told[..], [HostCommand::StartExecutor { executor, .. }]
        if executor.executor_id == "e"));
    stage.executor_subscribes("h1", "e");
    let kinds: Vec<_> = stage
        .told_hosts()
        .into_iter()
        .map(|command| match command {
            HostCommand::Deliver { event, .. } => event.r#type().as_str_name(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kinds, ["SUBSCRIBED", "LAUNCH"]);
}

#[test]
fn a_second_task_goes_to_the_running_executor() {
    let (mut stage, _) = Stage::running();
    stage.call(of_type(scheduler::call::Type::Revive));
    let id = stage.cluster.offers.keys().next().unwrap().clone();
    let agent_id = v1::AgentId { value: stage.cluster.hosts()[0].agent_id.clone() };
    let offer = v1::Offer { id: v1::OfferId { value: id }, agent_id, ..Default::default() };
    stage.accept(&offer, vec![task(&offer, "t2", "e")], 5.0);
    let told = stage.told_hosts();
    assert!(matches!(&told[..], [HostCommand::Deliver { event, .. }]
        if event.r#type() == executor::event::Type::Launch));
}

#[test]
fn bad_tasks_end_in_error_with_the_text_of_a_master() {
    let mut stage = Stage::subscribed();
    let offer = stage.offers().remove(0);
    let mut greedy = task(&offer, "greedy", "e");
    greedy.resources = vec![scalar("cpus", 99.0)];
    let slashed = task(&offer, "a/b", "e");
    let mut empty = task(&offer, "empty", "e");
    empty.resources.clear();
    let mut elsewhere = task(&offer, "elsewhere", "e");
    elsewhere.agent_id.value = "other".into();
    let mut bare = task(&offer, "bare", "e");
    bare.executor = None;
    stage.accept(&offer, vec![greedy, slashed, empty, elsewhere, bare], 5.0);
    let statuses = stage.statuses();
    assert_eq!(gist(&statuses), [(TaskState::TaskError, Some(Reason::TaskInvalid)); 5]);
    assert!(statuses.iter().all(|status| status.uuid.is_none()));
    assert_eq!(
        statuses[0].message(),
        "Total resources cpus(allocated: rec):99.1; mem(allocated: rec):32 required by task and \
         its executor is more than available ports(allocated: rec):[31000-31999]; \
         cpus(allocated: rec):2; mem(allocated: rec):1024; disk(allocated: rec):1024"
    );
    assert_eq!(
        statuses[1].message(),
        "Task has an invalid TaskID: 'a/b' contains invalid characters"
    );
    assert_eq!(statuses[2].message(), "Task uses no resources");
    assert_eq!(stage.cluster.task_count(), 0);
}

#[test]
fn an_id_in_use_is_refused_and_the_running_task_lives() {
    let mut stage = Stage::subscribed();
    let offer = stage.offers().remove(0);
    stage.accept(&offer, vec![task(&offer, "t", "e"), task(&offer, "t", "e")], 5.0);
    let statuses = stage.statuses();
    assert_eq!(gist(&statuses), [(TaskState::TaskError, Some(Reason::TaskInvalid))]);
    assert_eq!(statuses[0].message(), "Task has duplicate ID: t");
    assert_eq!(stage.cluster.task_count(), 1);
}

#[test]
fn another_executor_under_a_running_id_is_refused() {
    let mut stage = Stage::subscribed();
    let offer = stage.offers().remove(0);
    let mut other = task(&offer, "t2", "e");
    other.executor.as_mut().unwrap().command.as_mut().unwrap().value = Some("false".into());
    stage.accept(&offer, vec![task(&offer, "t", "e"), other], 5.0);
    assert_eq!(gist(&stage.statuses()), [(TaskState::TaskError, Some(Reason::TaskInvalid))]);
}

#[test]
fn a_stale_offer_drops_the_tasks() {
    let mut stage = Stage::subscribed();
    let offer = stage.offers().remove(0);
    stage.call(decline_call(&offer, 0.0));
    stage.pass(100);
    let fresh = stage.offers().remove(0);
    let call = accept_call(&[&fresh, &offer], vec![task(&offer, "t", "e")], 5.0);
    assert_eq!(stage.call(call), Answer::Accepted);
    let events = stage.events();
    let status = events[0].update.clone().unwrap().status;
    assert_eq!(
        gist(std::slice::from_ref(&status)),
        [(TaskState::TaskDropped, Some(Reason::InvalidOffers))]
    );
    assert_eq!(
        status.message(),
        format!("Task launched with invalid offers: Offer {} is no longer valid", offer.id.value)
    );
    assert!(events[1].offers.is_some(), "the good offer was used up without a filter");
}

#[test]
fn a_kill_before_delivery_ends_the_task_and_its_useless_executor() {
    let mut stage = Stage::subscribed();
    let offer = stage.offers().remove(0);
    stage.accept(&offer, vec![task(&offer, "t", "e")], 5.0);
    stage.out.clear();
    stage.kill("t");
    let statuses: Vec<_> = stage
        .out
        .iter()
        .filter_map(|command| match command {
            Command::Send { event, .. } => event.update.clone().map(|update| update.status),
            _ => None,
        })
        .collect();
    assert_eq!(gist(&statuses), [(TaskState::TaskKilled, Some(Reason::TaskKilledDuringLaunch))]);
    assert!(statuses[0].uuid.is_some());
    let told = stage.told_hosts();
    assert!(matches!(&told[..], [HostCommand::KillExecutor { .. }]), "{told:?}");
}

#[test]
fn a_kill_goes_to_the_executor_with_its_policy_and_again_after_a_break() {
    let (mut stage, _) = Stage::running();
    let policy =
        v1::KillPolicy { grace_period: Some(v1::DurationInfo { nanoseconds: 2_000_000_000 }) };
    let kill = scheduler::call::Kill {
        task_id: task_id("t"),
        kill_policy: Some(policy),
        ..Default::default()
    };
    let call = scheduler::Call { kill: Some(kill), ..of_type(scheduler::call::Type::Kill) };
    stage.call(call);
    let is_kill = |told: &[HostCommand]| {
        told.iter().any(|command| {
            matches!(command, HostCommand::Deliver { event, .. }
            if event.kill.as_ref().is_some_and(|kill| kill.kill_policy == Some(policy)))
        })
    };
    assert!(is_kill(&stage.told_hosts()));
    let executor = stage.executor("e");
    stage.step(Event::ExecutorDisconnected { host: HostName("h1".into()), executor });
    stage.executor_subscribes("h1", "e");
    assert!(is_kill(&stage.told_hosts()));
}

#[test]
fn an_executor_whose_only_task_was_lost_with_its_first_stream_is_shut_down() {
    let mut stage = Stage::subscribed();
    let offer = stage.offers().remove(0);
    stage.accept(&offer, vec![task(&offer, "t", "e")], 5.0);
    stage.executor_subscribes("h1", "e");
    let executor = stage.executor("e");
    stage.step(Event::ExecutorDisconnected { host: HostName("h1".into()), executor });
    stage.out.clear();
    stage.executor_subscribes("h1", "e");
    let told = stage.told_hosts();
    let shutdown = |command: &HostCommand| {
        matches!(command, HostCommand::Deliver { event, .. }
            if event.r#type() == executor::event::Type::Shutdown)
    };
    assert!(told.iter().any(shutdown), "{told:?}");
    let statuses = stage.statuses();
    assert_eq!(gist(&statuses), [(TaskState::TaskDropped, Some(Reason::AgentRestarted))]);
}

#[test]
fn an_executor_that_cannot_be_reached_is_shut_down_by_its_agent_and_not_by_its_framework() {
    let is_shutdown = |command: &HostCommand| {
        matches!(command, HostCommand::Deliver { event, .. }
            if event.r#type() == executor::event::Type::Shutdown)
    };
    let mut stage = Stage::subscribed();
    let offer = stage.offers().remove(0);
    stage.accept(&offer, vec![task(&offer, "t", "e")], 5.0);
    stage.executor_subscribes("h1", "e");
    let (host, executor) = (HostName("h1".into()), stage.executor("e"));
    stage.step(Event::ExecutorDisconnected { host: host.clone(), executor });
    stage.step(Event::HostPaused { host });
    stage.pass(75_000);
    stage.out.clear();
    let shutdown = scheduler::call::Shutdown {
        executor_id: v1::ExecutorId { value: "e".into() },
        agent_id: offer.agent_id.clone(),
    };
    let call =
        scheduler::Call { shutdown: Some(shutdown), ..of_type(scheduler::call::Type::Shutdown) };
    stage.call(call);
    assert!(stage.told_hosts().is_empty());
    stage.executor_subscribes("h1", "e");
    assert!(stage.told_hosts().iter().any(is_shutdown));
}

#[test]
fn an_executor_whose_task_has_ended_lives_on_when_its_stream_comes_back() {
    let (mut stage, _) = Stage::running();
    stage.executor_says("t", TaskState::TaskFinished, 9);
    let executor = stage.executor("e");
    stage.step(Event::ExecutorDisconnected { host: HostName("h1".into()), executor });
    stage.out.clear();
    stage.executor_subscribes("h1", "e");
    let told = stage.told_hosts();
    assert!(told.iter().all(|command| matches!(command, HostCommand::Deliver { event, .. }
        if event.r#type() != executor::event::Type::Shutdown)));
}

#[test]
fn an_executor_that_never_subscribes_is_killed_and_its_task_fails() {
    let mut stage = Stage::subscribed();
    let offer = stage.offers().remove(0);
    stage.accept(&offer, vec![task(&offer, "t", "e")], 5.0);
    stage.out.clear();
    stage.pass(60_000);
    assert!(matches!(&stage.told_hosts()[..], [HostCommand::KillExecutor { .. }]));
    stage.executor_exits("h1", "e", 9);
    assert_eq!(
        gist(&stage.statuses()),
        [(TaskState::TaskFailed, Some(Reason::ExecutorRegistrationTimeout))]
    );
}

#[test]
fn an_executor_that_cannot_start_fails_its_task() {
    let mut stage = Stage::subscribed();
    let offer = stage.offers().remove(0);
    stage.accept(&offer, vec![task(&offer, "t", "e")], 5.0);
    stage.out.clear();
    let (host, executor) = (HostName("h1".into()), stage.executor("e"));
    stage.step(Event::ExecutorRefused { host, executor, message: "no such file".into() });
    let statuses = stage.statuses();
    assert_eq!(gist(&statuses), [(TaskState::TaskFailed, Some(Reason::ContainerLaunchFailed))]);
    assert_eq!(statuses[0].message(), "Failed to launch container: no such file");
}

#[test]
fn shutdown_leaves_the_executor_its_grace_and_then_kills() {
    let (mut stage, offer) = Stage::running();
    let shutdown = scheduler::call::Shutdown {
        executor_id: v1::ExecutorId { value: "e".into() },
        agent_id: offer.agent_id,
    };
    stage.call(scheduler::Call {
        shutdown: Some(shutdown),
        ..of_type(scheduler::call::Type::Shutdown)
    });
    assert!(matches!(&stage.told_hosts()[..], [HostCommand::Deliver { event, .. }]
        if event.r#type() == executor::event::Type::Shutdown));
    stage.pass(4_999);
    assert_eq!(stage.told_hosts(), []);
    stage.pass(1);
    assert!(matches!(&stage.told_hosts()[..], [HostCommand::KillExecutor { .. }]));
}
