//! Mesos's words into ours and back.

use lathe_api::rest::ProbeSpec;

use super::*;
use crate::test_server::specification;

fn translator() -> Translator {
    let variables = [
        ("MESOS_FRAMEWORK_ID", "f-1"),
        ("MESOS_EXECUTOR_ID", "http.lb#2.7"),
        ("MESOS_SLAVE_ID", "agent-1"),
        ("MESOS_SLAVE_PID", "slave(1)@127.0.0.1:5051"),
        ("MESOS_DIRECTORY", "/sandbox"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Translator::new(Environment::from_vars(variables).unwrap(), 60_000)
}

fn task(data: Option<Vec<u8>>) -> v1::TaskInfo {
    v1::TaskInfo {
        name: "lb".to_owned(),
        task_id: v1::TaskId { value: "http.lb#2.7".to_owned() },
        agent_id: v1::AgentId { value: "agent-1".to_owned() },
        data: data.map(Into::into),
        ..v1::TaskInfo::default()
    }
}

fn launch(data: Option<Vec<u8>>) -> AgentEvent {
    AgentEvent {
        r#type: Some(event::Type::Launch.into()),
        launch: Some(event::Launch { task: task(data) }),
        ..AgentEvent::default()
    }
}

fn id() -> TaskId {
    TaskId("http.lb#2.7".to_owned())
}

#[test]
fn a_launch_is_read_and_its_task_kept_for_a_new_subscription() {
    let mut translator = translator();
    let data = serde_json::to_vec(&specification()).unwrap();
    let heard = translator.hear(launch(Some(data.clone()))).pop().unwrap();
    let ready_by = ReadyBy::Handshake { timeout_ms: 60_000 };
    let health = Health::Beat { interval_ms: 1_000, timeout_ms: 10_000 };
    let expected = Launch { ready_by, grace_ms: 5_000, health };
    assert_eq!(heard.event, Event::LaunchArrived { task: id(), launch: Ok(expected) });
    assert_eq!(heard.specification.as_deref(), Some(&specification()));
    assert_eq!(translator.tasks(&[id(), TaskId("other".to_owned())]), [task(Some(data))]);
}

#[test]
fn a_launch_says_what_is_to_be_known_of_its_health() {
    let mut spec = specification();
    let heard = |spec: &LaunchSpec| {
        let data = serde_json::to_vec(spec).unwrap();
        match translator().hear(launch(Some(data))).pop().unwrap().event {
            Event::LaunchArrived { launch, .. } => launch.map(|launch| launch.health),
            other => panic!("{other:?}"),
        }
    };
    let probe = ProbeSpec::Tcp { port: 31007 };
    let (interval_ms, timeout_ms, failures, grace_ms) = (2_000, 3_000, 3, 60_000);
    spec.health = Some(HealthSpec::Probe { probe, interval_ms, timeout_ms, failures, grace_ms });
    assert_eq!(heard(&spec), Ok(Health::Probe { interval_ms, failures, grace_ms }));
    spec.health = Some(HealthSpec::None);
    assert_eq!(heard(&spec), Ok(Health::None));
    spec.health = None;
    spec.sdk = false;
    assert_eq!(heard(&spec), Ok(Health::None), "a scheduler of before says nothing of it");
    spec.health = Some(HealthSpec::Beat { interval_ms, timeout_ms });
    assert!(heard(&spec).unwrap_err().contains("has no SDK"));
}

#[test]
fn a_launch_that_cannot_be_read_says_why() {
    for (data, why) in [
        (None, "no data"),
        (Some(b"{}".to_vec()), "incarnation"),
        (Some(b"\xff".to_vec()), ""),
        (Some(vec![b' '; SPECIFICATION_BYTES_MAX + 1]), "more than"),
    ] {
        let heard = translator().hear(launch(data)).pop().unwrap();
        let Event::LaunchArrived { launch: Err(problem), .. } = heard.event else {
            panic!("{:?}", heard.event)
        };
        assert!(problem.contains(why), "{problem}");
        assert!(heard.specification.is_none());
    }
}

#[test]
fn each_task_of_a_group_is_refused() {
    let group = v1::TaskGroupInfo { tasks: vec![task(None), task(None)] };
    let event = AgentEvent {
        r#type: Some(event::Type::LaunchGroup.into()),
        launch_group: Some(event::LaunchGroup { task_group: group }),
        ..AgentEvent::default()
    };
    let heard = translator().hear(event);
    assert_eq!(heard.len(), 2);
    assert!(heard.iter().all(|heard| heard.specification.is_none()));
}

#[test]
fn a_kill_carries_its_grace_when_it_has_one() {
    let kill = |nanoseconds: Option<i64>| AgentEvent {
        r#type: Some(event::Type::Kill.into()),
        kill: Some(event::Kill {
            task_id: v1::TaskId { value: "http.lb#2.7".to_owned() },
            kill_policy: nanoseconds.map(|nanoseconds| v1::KillPolicy {
                grace_period: Some(v1::DurationInfo { nanoseconds }),
            }),
        }),
        ..AgentEvent::default()
    };
    let grace = |nanoseconds| match translator().hear(kill(nanoseconds)).pop().unwrap().event {
        Event::KillArrived { grace_ms, .. } => grace_ms,
        other => panic!("{other:?}"),
    };
    assert_eq!(grace(None), None);
    assert_eq!(grace(Some(1_500_000_000)), Some(1_500));
    assert_eq!(grace(Some(-5_000_000)), Some(0), "nonsense is no grace");
}

#[test]
fn an_acknowledgement_needs_a_whole_id() {
    let told = |uuid: Vec<u8>| AgentEvent {
        r#type: Some(event::Type::Acknowledged.into()),
        acknowledged: Some(event::Acknowledged {
            task_id: v1::TaskId { value: "http.lb#2.7".to_owned() },
            uuid: uuid.into(),
        }),
        ..AgentEvent::default()
    };
    assert!(translator().hear(told(vec![1; 15])).is_empty());
    let heard = translator().hear(told(vec![1; 16])).pop().unwrap();
    assert_eq!(heard.event, Event::Acknowledged { task: id(), update: UpdateId([1; 16]) });
}

#[test]
fn only_a_framework_that_asks_for_it_is_told_of_killing() {
    use v1::framework_info::{Capability, capability::Type};
    let subscribed = |kinds: &[Type]| {
        let capability = |kind: &Type| Capability { r#type: Some((*kind).into()) };
        let framework_info = v1::FrameworkInfo {
            capabilities: kinds.iter().map(capability).collect(),
            ..v1::FrameworkInfo::default()
        };
        AgentEvent {
            r#type: Some(event::Type::Subscribed.into()),
            subscribed: Some(event::Subscribed { framework_info, ..Default::default() }),
            ..AgentEvent::default()
        }
    };
    let wants = |kinds: &[Type]| {
        let heard = translator().hear(subscribed(kinds)).pop().unwrap();
        heard.event == Event::Subscribed { wants_killing: true }
    };
    assert!(wants(&[Type::PartitionAware, Type::TaskKillingState]));
    assert!(!wants(&[Type::PartitionAware]));
    assert!(!wants(&[]));
}

#[test]
fn heartbeats_messages_and_unknown_events_mean_nothing() {
    for kind in [event::Type::Heartbeat, event::Type::Message, event::Type::Unknown] {
        let event = AgentEvent { r#type: Some(kind.into()), ..AgentEvent::default() };
        assert!(translator().hear(event).is_empty());
    }
    assert!(translator().hear(AgentEvent::default()).is_empty());
    let event = AgentEvent { r#type: Some(777), ..AgentEvent::default() };
    assert!(translator().hear(event).is_empty());
}

#[test]
fn an_update_has_all_that_an_agent_checks() {
    let update = Update {
        id: UpdateId([7; 16]),
        task: id(),
        state: TaskState::Failed,
        cause: Some(Cause::OutOfMemory),
        message: "gone".to_owned(),
        at_ms: 1_700_000_000_250,
    };
    let call = translator().update_call(&update);
    assert_eq!(call.r#type(), call::Type::Update);
    assert_eq!(call.executor_id.value, "http.lb#2.7");
    assert_eq!(call.framework_id.value, "f-1");
    let status = call.update.unwrap().status;
    assert_eq!(status.uuid.as_deref(), Some(&[7; 16][..]));
    assert_eq!(status.source(), v1::task_status::Source::Executor);
    assert_eq!(status.executor_id.as_ref().unwrap().value, "http.lb#2.7");
    assert_eq!(status.timestamp, Some(1_700_000_000.25));
    assert_eq!(status.state(), v1::TaskState::TaskFailed);
    assert_eq!(status.reason(), v1::task_status::Reason::ContainerLimitationMemory);
    assert_eq!(status.message.as_deref(), Some("gone"));
    assert_eq!(status.healthy, None);
    let update = Update { cause: Some(Cause::Unhealthy), ..update };
    let status = translator().update(&update).status;
    assert_eq!(status.reason(), v1::task_status::Reason::TaskHealthCheckStatusUpdated);
    assert_eq!(status.healthy, Some(false));
}
