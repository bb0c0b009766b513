//! Tests of the machine: a small stage on which a framework, hosts and executors act.

mod drains;
mod hosts;
mod launching;
mod offering;
mod reconciling;
mod subscribing;
mod updating;

use std::collections::BTreeMap;

use bytes::Bytes;
use lathe_mesos::v1::{self, TaskState, executor, scheduler};
use v1::task_status::Reason;

use super::*;

/// The machine, its time, and what it said since the last look.
struct Stage {
    cluster: Cluster,
    now: u64,
    out: Vec<Command>,
    next_request: u64,
    stream: Option<StreamId>,
    framework: String,
}

impl Stage {
    /// One host, no framework.
    fn new() -> Self {
        let mut stage = Self {
            cluster: Cluster::new(Config::new(7)),
            now: 1_000_000,
            out: Vec::new(),
            next_request: 0,
            stream: None,
            framework: String::new(),
        };
        stage.add_host("h1");
        stage
    }

    /// One host and a subscribed framework whose offers were not looked at yet.
    fn subscribed() -> Self {
        let mut stage = Self::new();
        stage.subscribe(framework_info());
        stage
    }

    fn step(&mut self, event: Event) {
        self.cluster.step(self.now, event, &mut self.out);
    }

    fn pass(&mut self, ms: u64) {
        self.now += ms;
        self.step(Event::Woke);
    }

    fn add_host(&mut self, name: &str) {
        let spec = HostSpec {
            hostname: name.to_owned(),
            ip: "127.0.0.1".into(),
            port: 5051,
            cpus_milli: 2_000,
            mem_bytes: 1024 * 1024 * 1024,
            disk_bytes: 1024 * 1024 * 1024,
            ports: vec![(31_000, 31_999)],
            attributes: BTreeMap::from([("rack".to_owned(), "r1".to_owned())]),
        };
        self.step(Event::HostRegistered { host: HostName(name.into()), spec: Box::new(spec) });
    }

    fn call(&mut self, call: scheduler::Call) -> Answer {
        let (stream, framework) = (self.stream.clone(), self.framework.clone());
        let id = Some(v1::FrameworkId { value: framework });
        self.raw_call(stream, scheduler::Call { framework_id: id, ..call })
    }

    fn raw_call(&mut self, stream: Option<StreamId>, call: scheduler::Call) -> Answer {
        let request = RequestId(self.next_request);
        self.next_request += 1;
        let principal = Some("lathe".to_owned());
        let at = self.out.len();
        self.step(Event::SchedulerCalled { request, principal, stream, call: Box::new(call) });
        match self.out.remove(at) {
            Command::Answer { request: answered, answer } if answered == request => answer,
            other => panic!("the answer must come first, not {other:?}"),
        }
    }

    fn subscribe(&mut self, info: v1::FrameworkInfo) -> StreamId {
        let call = scheduler::Call {
            framework_id: info.id.clone(),
            subscribe: Some(scheduler::call::Subscribe {
                framework_info: info,
                ..Default::default()
            }),
            ..of_type(scheduler::call::Type::Subscribe)
        };
        let Answer::Subscribed { stream } = self.raw_call(None, call) else {
            panic!("not subscribed");
        };
        let id = self.out.iter().find_map(|command| match command {
            Command::Send { stream: to, event } if *to == stream => event.subscribed.clone(),
            _ => None,
        });
        if let Some(subscribed) = id {
            self.framework = subscribed.framework_id.value;
        }
        self.stream = Some(stream.clone());
        stream
    }

    /// All that was said to the framework since the last look, by kind.
    fn events(&mut self) -> Vec<scheduler::Event> {
        let mut events = Vec::new();
        self.out.retain(|command| match command {
            Command::Send { event, .. } => {
                events.push((**event).clone());
                false
            }
            _ => true,
        });
        events
    }

    fn kinds(&mut self) -> Vec<&'static str> {
        self.events().iter().map(|event| event.r#type().as_str_name()).collect()
    }

    fn told_hosts(&mut self) -> Vec<HostCommand> {
        let mut told = Vec::new();
        self.out.retain(|command| match command {
            Command::Host { command, .. } => {
                told.push(command.clone());
                false
            }
            _ => true,
        });
        told
    }

    fn offers(&mut self) -> Vec<v1::Offer> {
        self.events().into_iter().filter_map(|e| e.offers).flat_map(|o| o.offers).collect()
    }

    fn statuses(&mut self) -> Vec<v1::TaskStatus> {
        self.events().into_iter().filter_map(|e| e.update).map(|u| u.status).collect()
    }

    fn accept(&mut self, offer: &v1::Offer, tasks: Vec<v1::TaskInfo>, refuse: f64) {
        let answer = self.call(accept_call(&[offer], tasks, refuse));
        assert_eq!(answer, Answer::Accepted);
    }

    fn executor(&self, id: &str) -> ExecutorKey {
        ExecutorKey { framework_id: self.framework.clone(), executor_id: id.to_owned() }
    }

    fn executor_subscribes(&mut self, host: &str, id: &str) {
        let executor = self.executor(id);
        let subscribe = Box::new(executor::call::Subscribe::default());
        self.step(Event::ExecutorSubscribed { host: HostName(host.into()), executor, subscribe });
    }

    /// The executor `e` on `h1` sends an update.
    fn executor_says(&mut self, task: &str, state: TaskState, uuid: u8) {
        let status = status(task, state, uuid);
        let executor = self.executor("e");
        let host = HostName("h1".into());
        self.step(Event::ExecutorUpdated { host, executor, status: Box::new(status) });
    }

    fn executor_exits(&mut self, host: &str, id: &str, status: i32) {
        let executor = self.executor(id);
        self.step(Event::ExecutorExited { host: HostName(host.into()), executor, status });
    }

    fn acknowledge(&mut self, status: &v1::TaskStatus) {
        let acknowledge = scheduler::call::Acknowledge {
            agent_id: status.agent_id.clone().unwrap(),
            task_id: status.task_id.clone(),
            uuid: status.uuid.clone().unwrap(),
        };
        let call = scheduler::Call {
            acknowledge: Some(acknowledge),
            ..of_type(scheduler::call::Type::Acknowledge)
        };
        assert_eq!(self.call(call), Answer::Accepted);
    }

    fn kill(&mut self, task: &str) {
        let kill = scheduler::call::Kill { task_id: task_id(task), ..Default::default() };
        let call = scheduler::Call { kill: Some(kill), ..of_type(scheduler::call::Type::Kill) };
        assert_eq!(self.call(call), Answer::Accepted);
    }

    /// A task `t` with executor `e` that runs on `h1`; all acknowledged, nothing left unread.
    fn running() -> (Self, v1::Offer) {
        let mut stage = Self::subscribed();
        let offer = stage.offers().remove(0);
        stage.accept(&offer, vec![task(&offer, "t", "e")], 0.0);
        stage.executor_subscribes("h1", "e");
        stage.executor_says("t", TaskState::TaskRunning, 1);
        let status = stage.statuses().remove(0);
        stage.acknowledge(&status);
        stage.out.clear();
        (stage, offer)
    }
}

fn of_type(kind: scheduler::call::Type) -> scheduler::Call {
    scheduler::Call { r#type: Some(kind.into()), ..Default::default() }
}

fn framework_info() -> v1::FrameworkInfo {
    use v1::framework_info::{Capability, capability::Type};
    let capabilities = [Type::MultiRole, Type::PartitionAware];
    v1::FrameworkInfo {
        user: "nobody".into(),
        name: "test".into(),
        roles: vec!["rec".into()],
        failover_timeout: Some(100.0),
        capabilities: capabilities.map(|t| Capability { r#type: Some(t.into()) }).to_vec(),
        ..Default::default()
    }
}

fn accept_call(offers: &[&v1::Offer], tasks: Vec<v1::TaskInfo>, refuse: f64) -> scheduler::Call {
    let launch = v1::offer::Operation {
        r#type: Some(v1::offer::operation::Type::Launch.into()),
        launch: Some(v1::offer::operation::Launch { task_infos: tasks }),
        ..Default::default()
    };
    scheduler::Call {
        accept: Some(scheduler::call::Accept {
            offer_ids: offers.iter().map(|offer| offer.id.clone()).collect(),
            operations: vec![launch],
            filters: Some(v1::Filters { refuse_seconds: Some(refuse) }),
        }),
        ..of_type(scheduler::call::Type::Accept)
    }
}

fn decline_call(offer: &v1::Offer, refuse: f64) -> scheduler::Call {
    scheduler::Call {
        decline: Some(scheduler::call::Decline {
            offer_ids: vec![offer.id.clone()],
            filters: Some(v1::Filters { refuse_seconds: Some(refuse) }),
        }),
        ..of_type(scheduler::call::Type::Decline)
    }
}

fn scalar(name: &str, value: f64) -> v1::Resource {
    v1::Resource {
        name: name.into(),
        r#type: v1::value::Type::Scalar.into(),
        scalar: Some(v1::value::Scalar { value }),
        ..Default::default()
    }
}

fn task_id(id: &str) -> v1::TaskId {
    v1::TaskId { value: id.into() }
}

fn task(offer: &v1::Offer, id: &str, executor: &str) -> v1::TaskInfo {
    let info = v1::ExecutorInfo {
        executor_id: v1::ExecutorId { value: executor.into() },
        resources: vec![scalar("cpus", 0.1), scalar("mem", 32.0)],
        command: Some(v1::CommandInfo { value: Some("true".into()), ..Default::default() }),
        ..Default::default()
    };
    v1::TaskInfo {
        name: id.into(),
        task_id: task_id(id),
        agent_id: offer.agent_id.clone(),
        resources: vec![scalar("cpus", 0.5), scalar("mem", 64.0)],
        executor: Some(info),
        ..Default::default()
    }
}

fn status(task: &str, state: TaskState, uuid: u8) -> v1::TaskStatus {
    v1::TaskStatus {
        task_id: task_id(task),
        state: state.into(),
        source: Some(v1::task_status::Source::Executor.into()),
        uuid: Some(Bytes::from(vec![uuid; 16])),
        ..Default::default()
    }
}

fn cpus(offer: &v1::Offer) -> f64 {
    let cpus = offer.resources.iter().find(|resource| resource.name == "cpus");
    cpus.map_or(0.0, |cpus| cpus.scalar.unwrap().value)
}

/// States and reasons, which is what most tests are about.
fn gist(statuses: &[v1::TaskStatus]) -> Vec<(TaskState, Option<Reason>)> {
    statuses.iter().map(|s| (s.state(), s.reason.map(|r| r.try_into().unwrap()))).collect()
}
