//! Inputs that are no text, made from what the formats' own code says, and from recorded traffic of
//! a real Mesos. `cargo xtask fuzz --write-seeds` writes them into the corpus after a format has
//! changed.

use lathe_api::v1 as lathe;
use lathe_mesos::transcript::{self, Api};
use lathe_mesos::v1::executor::{Call as ExecutorCall, call as executor_call};
use lathe_mesos::v1::scheduler::{Call, Event, call, event};
use lathe_mesos::{recordio, v1};
use lathe_standalone::cluster::{Cluster, Command, Config, Event as Happened, RequestId};
use prost::Message;

use crate::targets::one_host;

/// One of them.
#[derive(Clone, Debug)]
pub struct Seed {
    /// Whose it is.
    pub target: &'static str,
    /// The file's name.
    pub name: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// All of them.
#[must_use]
pub fn made() -> Vec<Seed> {
    let mut seeds = Vec::new();
    let mut add = |target, name: &str, bytes| {
        seeds.push(Seed { target, name: name.to_owned(), bytes });
    };
    add("store-to-server", "each-word", lathe_coordination::fuzz::client_words());
    add("store-to-client", "each-word", lathe_coordination::fuzz::server_words());
    add("host-link", "of-a-host", lathe_standalone::fuzz::host_words());
    add("host-link", "of-the-master", lathe_standalone::fuzz::master_words());
    add("framework-events", "a-life", stream(life().iter()));
    add("master-calls", "a-life", calls());
    for (name, text) in lathe_gossip::fuzz::words() {
        add("gossip-packets", name, text.clone());
        add("gossip-members", name, text);
    }
    for (name, call) in remote_calls() {
        add("scheduler-rest", name, call);
    }
    for (target, name, bytes) in recorded() {
        add(target, &name, bytes);
    }
    seeds
}

fn stream<'a, M: Message + 'a>(messages: impl Iterator<Item = &'a M>) -> Vec<u8> {
    messages.flat_map(|message| recordio::frame(&message.encode_to_vec())).collect()
}

/// Streams and requests of a real Mesos.
fn recorded() -> Vec<(&'static str, String, Vec<u8>)> {
    let mut found = Vec::new();
    for session in ["scheduler-protobuf", "executor-protobuf", "operator-protobuf"] {
        let exchanges = transcript::load(session).expect("recorded sessions are in the repository");
        let mut calls = Vec::new();
        for exchange in &exchanges {
            let body = exchange.request_body();
            if matches!(exchange.api(), Api::Scheduler) && !body.is_empty() {
                calls.extend(recordio::frame(body));
            }
            let is_stream = exchange.events.as_ref().is_some_and(|events| !events.is_empty());
            let name = format!("mesos-{}", exchange.name.replace('/', "-"));
            match exchange.api() {
                Api::Scheduler if is_stream => {
                    found.push(("framework-events", name.clone(), exchange.response_body()));
                    found.push(("recordio", name, exchange.response_body()));
                }
                Api::Executor if is_stream => {
                    found.push(("executor-events", name, exchange.response_body()));
                }
                Api::Master | Api::Agent if exchange.name.starts_with("00") => {
                    found.push(("recordio", name, recordio::frame(body).to_vec()));
                }
                _ => {}
            }
        }
        if session == "scheduler-protobuf" {
            found.push(("master-calls", "mesos-scheduler".to_owned(), calls));
        }
    }
    // A few of each say as much as all.
    let mut kept: Vec<(&'static str, String, Vec<u8>)> = Vec::new();
    for seed in found {
        let others = kept.iter().filter(|other| other.0 == seed.0).count();
        if others < 6 && seed.2.len() < 24 * 1024 {
            kept.push(seed);
        }
    }
    kept
}

fn agent(id: &str) -> v1::AgentId {
    v1::AgentId { value: id.to_owned() }
}

fn scalar(name: &str, value: f64) -> v1::Resource {
    v1::Resource {
        name: name.to_owned(),
        r#type: v1::value::Type::Scalar.into(),
        scalar: Some(v1::value::Scalar { value }),
        ..v1::Resource::default()
    }
}

/// What a master says while a task is offered a host, starts, runs and is lost.
fn life() -> Vec<Event> {
    let typed = |kind: event::Type| Event { r#type: Some(kind.into()), ..Event::default() };
    let offer = |number: u32| v1::Offer {
        id: v1::OfferId { value: format!("o-{number}") },
        agent_id: agent(&format!("a-{number}")),
        hostname: "127.0.0.1".to_owned(),
        resources: vec![scalar("cpus", 4.0), scalar("mem", 8192.0), scalar("disk", 8192.0)],
        ..v1::Offer::default()
    };
    let status = |state: v1::TaskState, uuid: u8| v1::TaskStatus {
        task_id: v1::TaskId { value: "page#0.1".to_owned() },
        state: state.into(),
        agent_id: Some(agent("a-1")),
        uuid: Some(vec![uuid; 16].into()),
        ..v1::TaskStatus::default()
    };
    let update = |state, uuid| Event {
        update: Some(event::Update { status: status(state, uuid) }),
        ..typed(event::Type::Update)
    };
    vec![
        Event {
            offers: Some(event::Offers { offers: vec![offer(1), offer(2)] }),
            ..typed(event::Type::Offers)
        },
        update(v1::TaskState::TaskStarting, 1),
        update(v1::TaskState::TaskRunning, 2),
        update(v1::TaskState::TaskFailed, 3),
        Event {
            rescind: Some(event::Rescind { offer_id: v1::OfferId { value: "o-2".to_owned() } }),
            ..typed(event::Type::Rescind)
        },
        Event {
            failure: Some(event::Failure {
                agent_id: Some(agent("a-1")),
                ..event::Failure::default()
            }),
            ..typed(event::Type::Failure)
        },
        typed(event::Type::Heartbeat),
    ]
}

/// What a framework and its executor say from the subscription to a task that runs.
fn calls() -> Vec<u8> {
    let typed = |kind: call::Type| Call { r#type: Some(kind.into()), ..Call::default() };
    let info = v1::FrameworkInfo {
        user: "nobody".to_owned(),
        name: "fuzz".to_owned(),
        roles: vec!["*".to_owned()],
        capabilities: vec![v1::framework_info::Capability {
            r#type: Some(v1::framework_info::capability::Type::MultiRole.into()),
        }],
        ..v1::FrameworkInfo::default()
    };
    let subscribe = Call {
        subscribe: Some(call::Subscribe { framework_info: info, ..call::Subscribe::default() }),
        ..typed(call::Type::Subscribe)
    };
    let mut cluster = Cluster::new(Config::new(1));
    let mut out = Vec::new();
    cluster.step(1, one_host(), &mut out);
    let principal = Some("lathe".to_owned());
    let (request, call) = (RequestId(2), Box::new(subscribe.clone()));
    let event = Happened::SchedulerCalled { request, principal, stream: None, call };
    cluster.step(2_000, event, &mut out);
    let events: Vec<&Event> = out
        .iter()
        .filter_map(|command| match command {
            Command::Send { event, .. } => Some(&**event),
            _ => None,
        })
        .collect();
    let framework_id = events
        .iter()
        .find_map(|event| event.subscribed.as_ref())
        .map(|subscribed| subscribed.framework_id.clone());
    let offer = events.iter().find_map(|event| event.offers.as_ref()?.offers.first());
    let offer = offer.expect("the host is offered");
    let task = task_on(offer);
    let launch = v1::offer::Operation {
        r#type: Some(v1::offer::operation::Type::Launch.into()),
        launch: Some(v1::offer::operation::Launch { task_infos: vec![task.clone()] }),
        ..v1::offer::Operation::default()
    };
    let accept = Call {
        framework_id: framework_id.clone(),
        accept: Some(call::Accept {
            offer_ids: vec![offer.id.clone()],
            operations: vec![launch],
            ..call::Accept::default()
        }),
        ..typed(call::Type::Accept)
    };
    let mut all = stream([subscribe, accept].iter());
    all.extend(stream(executor_calls(&framework_id.unwrap_or_default(), &task).iter()));
    let reconcile =
        Call { reconcile: Some(call::Reconcile::default()), ..typed(call::Type::Reconcile) };
    all.extend(stream(
        [reconcile, typed(call::Type::Suppress), typed(call::Type::Teardown)].iter(),
    ));
    all
}

fn task_on(offer: &v1::Offer) -> v1::TaskInfo {
    let executor = v1::ExecutorInfo {
        executor_id: v1::ExecutorId { value: "e".to_owned() },
        framework_id: Some(offer.framework_id.clone()),
        command: Some(v1::CommandInfo { value: Some("true".to_owned()), ..Default::default() }),
        ..v1::ExecutorInfo::default()
    };
    v1::TaskInfo {
        name: "t".to_owned(),
        task_id: v1::TaskId { value: "t".to_owned() },
        agent_id: offer.agent_id.clone(),
        resources: vec![scalar("cpus", 0.1), scalar("mem", 32.0)],
        executor: Some(executor),
        ..v1::TaskInfo::default()
    }
}

fn executor_calls(framework_id: &v1::FrameworkId, task: &v1::TaskInfo) -> Vec<ExecutorCall> {
    let typed = |kind: executor_call::Type| ExecutorCall {
        executor_id: v1::ExecutorId { value: "e".to_owned() },
        framework_id: framework_id.clone(),
        r#type: Some(kind.into()),
        ..ExecutorCall::default()
    };
    let status = v1::TaskStatus {
        task_id: task.task_id.clone(),
        state: v1::TaskState::TaskRunning.into(),
        source: Some(v1::task_status::Source::Executor.into()),
        executor_id: Some(v1::ExecutorId { value: "e".to_owned() }),
        uuid: Some(vec![7; 16].into()),
        ..v1::TaskStatus::default()
    };
    vec![
        ExecutorCall {
            subscribe: Some(executor_call::Subscribe::default()),
            ..typed(executor_call::Type::Subscribe)
        },
        ExecutorCall {
            update: Some(executor_call::Update { status }),
            ..typed(executor_call::Type::Update)
        },
    ]
}

/// gRPC requests, each with its head.
fn remote_calls() -> Vec<(&'static str, Vec<u8>)> {
    let source = "[topology]\nname = \"first\"\n[task.page]\ncrate = \"app\"\nversion = \"1.0.0\"\n\
                  task = \"my::Page\"\ntasks = 2\n";
    let artifact = lathe::Artifact {
        crate_name: "app".to_owned(),
        version: "1.0.0".to_owned(),
        sha256: "0".repeat(64),
        size: 1,
        source_key: "k".to_owned(),
        tasks: vec!["my::Page".to_owned()],
        sdk: true,
    };
    let submission = lathe::Submission {
        name: "first".to_owned(),
        source: source.to_owned(),
        artifacts: vec![artifact],
    };
    let edit = |what| Some(lathe::Edit { what: Some(what) });
    let submit = |edit| lathe::SubmitRequest { edit, ..lathe::SubmitRequest::default() };
    use lathe::edit::What;
    let scale = lathe::Scale { task: "page".to_owned(), count: 3 };
    let set = lathe::Set { task: "page".to_owned(), key: "k".to_owned(), value: "1".to_owned() };
    let plan = lathe::PlanRequest {
        edit: edit(What::Submission(submission.clone())),
        ..lathe::PlanRequest::default()
    };
    let remove = lathe::RemoveRequest { name: "first".to_owned(), ..Default::default() };
    vec![
        ("grpc-plan", remote("Plan", &plan)),
        ("grpc-submit", remote("Submit", &submit(edit(What::Submission(submission))))),
        ("grpc-scale", remote("Submit", &submit(edit(What::Scale(scale))))),
        ("grpc-set", remote("Submit", &submit(edit(What::Set(set))))),
        ("grpc-remove", remote("Remove", &remove)),
    ]
}

fn remote(method: &str, message: &impl Message) -> Vec<u8> {
    let body = message.encode_to_vec();
    let mut bytes = format!(
        "POST http://localhost/lathe.v1.Scheduler/{method}\n\
         authorization: Bearer 0123456789abcdef0123456789abcdef\n\
         content-type: application/grpc\nte: trailers\n\n"
    )
    .into_bytes();
    bytes.push(0);
    bytes.extend(u32::try_from(body.len()).unwrap_or(0).to_be_bytes());
    bytes.extend(body);
    bytes
}
