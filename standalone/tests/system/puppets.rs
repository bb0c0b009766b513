//! Recorded executors: the test sends what they sent, when they would have.

use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use lathe_mesos::transcript::Exchange;
use lathe_mesos::v1;
use lathe_mesos::v1::executor::{Call, Event, call, event};
use prost::Message as _;

use crate::mapping::{number, recorded_events, with_headers};
use crate::stage::{PATIENCE, Stage, kill_9, variable_of};
use crate::wire::{Stream, exchange};

/// What a puppet needs to speak for a process.
#[derive(Clone, Debug)]
pub(crate) struct Strings {
    pub(crate) pid: u32,
    pub(crate) token: String,
    pub(crate) endpoint: std::net::SocketAddr,
}

/// Waits for the process of an executor.
pub(crate) fn strings_of(stage: &Stage, framework: &str, executor: &str) -> Strings {
    let since = std::time::Instant::now();
    loop {
        for (pid, _) in stage.processes() {
            let variable = |name: &str| variable_of(pid, name);
            if variable("MESOS_FRAMEWORK_ID").as_deref() == Some(framework)
                && variable("MESOS_EXECUTOR_ID").as_deref() == Some(executor)
                && let Some(token) = variable("MESOS_EXECUTOR_AUTHENTICATION_TOKEN")
                && let Some(endpoint) = variable("MESOS_AGENT_ENDPOINT")
            {
                return Strings { pid, token, endpoint: endpoint.parse().unwrap() };
            }
        }
        assert!(since.elapsed() < PATIENCE, "{executor} was not started\n{}", stage.log());
        thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// The recorded requests of one executor, oldest first.
pub(crate) fn part_of(session: &[Exchange], executor: &str) -> Vec<Exchange> {
    let prefix = format!("{executor}-");
    let mut own: Vec<Exchange> =
        session.iter().filter(|one| one.name.starts_with(&prefix)).cloned().collect();
    own.sort_by_key(number);
    own
}

/// Kinds of events on each stream that a puppet had.
pub(crate) type Heard = Arc<Mutex<Vec<Vec<&'static str>>>>;

/// Plays an executor's part in a thread of its own.
pub(crate) fn play(
    strings: Strings,
    part: Vec<Exchange>,
    framework: String,
) -> (JoinHandle<()>, Heard) {
    let heard = Heard::default();
    let told = Arc::clone(&heard);
    let handle = thread::spawn(move || {
        let mut streams: Vec<Stream<Event>> = Vec::new();
        for recorded in &part {
            let fitted = fit(recorded, &framework);
            let authorization = format!("Bearer {}", strings.token);
            let headers = [("authorization", Some(authorization.as_str()))];
            let bytes = with_headers(recorded, &headers, Some(&fitted.encode_to_vec()));
            if fitted.r#type() == call::Type::Subscribe {
                if let Some(before) = streams.last() {
                    await_break(before);
                }
                let stream = Stream::open(strings.endpoint, &bytes);
                assert_eq!(stream.status, recorded.status, "{}: {}", recorded.name, stream.text);
                streams.push(stream);
                continue;
            }
            let stream = streams.last().expect("a part starts with SUBSCRIBE");
            await_cue(stream, &fitted);
            let answer = exchange(strings.endpoint, &bytes, None);
            assert_eq!(answer.status, recorded.status, "{}: {answer:?}", recorded.name);
        }
        let subscriptions = part.iter().filter(|one| one.name.ends_with("subscribe"));
        for (stream, recorded) in streams.iter().zip(subscriptions) {
            await_all(stream, recorded);
        }
        let kinds = |stream: &Stream<Event>| {
            stream.events().iter().map(|event| event.r#type().as_str_name()).collect()
        };
        *told.lock().unwrap() = streams.iter().map(kinds).collect();
        // Recorded executors left by themselves then, or (e3) were killed.
        kill_9(strings.pid);
    });
    (handle, heard)
}

fn fit(recorded: &Exchange, framework: &str) -> Call {
    let mut call = Call::decode(recorded.request_body()).unwrap();
    call.framework_id = v1::FrameworkId { value: framework.to_owned() };
    call
}

/// The recorded agent was killed here; ours was stopped and goes on. What is on the old stream by
/// then is known from the next thing that the recorded executor did: it subscribed again.
fn await_break(before: &Stream<Event>) {
    let acknowledged = |events: &[Event]| {
        let count = events.iter().filter(|event| event.acknowledged.is_some()).count();
        (count >= 2).then_some(())
    };
    before.wait("the acknowledgement of both updates", acknowledged);
}

/// An update or a message follows the event that made the executor send it.
fn await_cue(stream: &Stream<Event>, call: &Call) {
    let Some(update) = &call.update else {
        stream.wait("MESSAGE", |events| events.iter().find_map(|event| event.message.clone()));
        return;
    };
    let task = &update.status.task_id;
    let killed = update.status.state() == v1::TaskState::TaskKilled;
    stream.wait("the cue of an update", |events| {
        events.iter().find_map(|event| {
            let launch = event.launch.as_ref().is_some_and(|launch| launch.task.task_id == *task);
            let kill = event.kill.as_ref().is_some_and(|kill| kill.task_id == *task);
            let shutdown = event.r#type() == event::Type::Shutdown;
            (if killed { kill || shutdown } else { launch }).then_some(())
        })
    });
}

/// Waits until as many events came as the recorded executor got.
fn await_all(stream: &Stream<Event>, recorded: &Exchange) {
    let count = recorded_events::<Event>(recorded).len();
    stream.wait("as many events as were recorded", |events| (events.len() >= count).then_some(()));
}
