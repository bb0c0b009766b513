//! A framework that acknowledges everything, on the client of the `mesos` crate.

use std::collections::{BTreeMap, VecDeque};

use lathe_mesos::Limits;
use lathe_mesos::scheduler::{Client, Endpoint, Subscription};
use lathe_mesos::v1::scheduler::{Call, Event, call, event};
use lathe_mesos::v1::{self, TaskState};

use crate::stage::{PATIENCE, Stage};

pub(crate) struct Framework {
    subscription: Subscription,
    pub(crate) id: v1::FrameworkId,
    offers: BTreeMap<String, v1::Offer>,
    /// Events that nobody has looked at yet.
    waiting: VecDeque<Event>,
}

impl Framework {
    pub(crate) async fn subscribe(stage: &Stage) -> Self {
        let endpoint = Endpoint {
            masters: vec![stage.url.clone()],
            credentials: Some(stage.credentials()),
            ..Endpoint::default()
        };
        let client = Client::new(endpoint, Limits::default()).unwrap();
        let mut subscription = client.subscribe(info(), Vec::new()).await.unwrap();
        let first = subscription.next().await.unwrap();
        let id = first.subscribed.expect("SUBSCRIBED comes first").framework_id;
        Self { subscription, id, offers: BTreeMap::new(), waiting: VecDeque::new() }
    }

    pub(crate) async fn call(&self, call: Call) {
        let call = Call { framework_id: Some(self.id.clone()), ..call };
        self.subscription.caller().call(call).await.unwrap();
    }

    async fn read(&mut self) {
        let event = tokio::time::timeout(PATIENCE, self.subscription.next()).await;
        let event = event.expect("an event within the time").expect("the stream goes on");
        for offer in event.offers.iter().flat_map(|offers| &offers.offers) {
            self.offers.insert(offer.id.value.clone(), offer.clone());
        }
        if let Some(rescind) = &event.rescind {
            self.offers.remove(&rescind.offer_id.value);
        }
        if let Some(update) = &event.update
            && let Some(uuid) = update.status.uuid.clone()
        {
            let acknowledge = call::Acknowledge {
                agent_id: update.status.agent_id.clone().unwrap(),
                task_id: update.status.task_id.clone(),
                uuid,
            };
            let call = Call { acknowledge: Some(acknowledge), ..of_type(call::Type::Acknowledge) };
            self.call(call).await;
        }
        self.waiting.push_back(event);
    }

    /// The first event for which `look` finds something; those before it are forgotten.
    pub(crate) async fn wait<T>(&mut self, look: impl Fn(&Event) -> Option<T>) -> T {
        loop {
            while let Some(event) = self.waiting.pop_front() {
                if let Some(found) = look(&event) {
                    return found;
                }
            }
            self.read().await;
        }
    }

    /// Waits for an update of a task and gives it.
    pub(crate) async fn update(&mut self, task: &str, state: TaskState) -> v1::TaskStatus {
        let status = self.next_update(task).await;
        assert_eq!(status.state(), state, "{status:?}");
        status
    }

    async fn next_update(&mut self, task: &str) -> v1::TaskStatus {
        let of_task = |event: &Event| {
            let status = event.update.clone()?.status;
            (status.task_id.value == task).then_some(status)
        };
        self.wait(of_task).await
    }

    pub(crate) async fn failure(&mut self) -> event::Failure {
        self.wait(|event| event.failure.clone()).await
    }

    /// An offer of the host, which is used up by this.
    pub(crate) async fn offer(&mut self, host: &str) -> v1::Offer {
        loop {
            // What is freed comes in small offers; the rest of the host is in a large one.
            let fits = |offer: &&v1::Offer| offer.hostname == host && cpus(offer) >= 0.5;
            if let Some(offer) = self.offers.values().find(fits).cloned() {
                self.offers.remove(&offer.id.value);
                return offer;
            }
            self.read().await;
        }
    }

    /// Launches a task with this script on a host; the executor has the task's name.
    pub(crate) async fn launch(&mut self, host: &str, task: &str, script: &str) -> v1::Offer {
        let offer = self.offer(host).await;
        let info = task_info(&offer, task, script);
        let launch = v1::offer::Operation {
            r#type: Some(v1::offer::operation::Type::Launch.into()),
            launch: Some(v1::offer::operation::Launch { task_infos: vec![info] }),
            ..Default::default()
        };
        let accept = call::Accept {
            offer_ids: vec![offer.id.clone()],
            operations: vec![launch],
            filters: Some(v1::Filters { refuse_seconds: Some(0.0) }),
        };
        self.call(Call { accept: Some(accept), ..of_type(call::Type::Accept) }).await;
        offer
    }

    /// Launches a task and waits until it runs.
    pub(crate) async fn run(&mut self, host: &str, task: &str, script: &str) -> v1::Offer {
        let offer = self.launch(host, task, script).await;
        self.update(task, TaskState::TaskStarting).await;
        self.update(task, TaskState::TaskRunning).await;
        offer
    }
}

pub(crate) fn of_type(kind: call::Type) -> Call {
    Call { r#type: Some(kind.into()), ..Call::default() }
}

fn info() -> v1::FrameworkInfo {
    use v1::framework_info::{Capability, capability::Type};
    let capabilities = [Type::MultiRole, Type::PartitionAware, Type::TaskKillingState];
    v1::FrameworkInfo {
        user: "nobody".into(),
        name: "test".into(),
        roles: vec!["lathe".into()],
        failover_timeout: Some(3600.0),
        checkpoint: Some(true),
        capabilities: capabilities.map(|t| Capability { r#type: Some(t.into()) }).to_vec(),
        ..Default::default()
    }
}

pub(crate) fn scalar(name: &str, value: f64) -> v1::Resource {
    v1::Resource {
        name: name.into(),
        r#type: v1::value::Type::Scalar.into(),
        scalar: Some(v1::value::Scalar { value }),
        ..Default::default()
    }
}

fn cpus(offer: &v1::Offer) -> f64 {
    let cpus = offer.resources.iter().find(|resource| resource.name == "cpus");
    cpus.and_then(|cpus| cpus.scalar).map_or(0.0, |scalar| scalar.value)
}

fn task_info(offer: &v1::Offer, task: &str, script: &str) -> v1::TaskInfo {
    // Fetched like any executor, and started from the sandbox.
    let uri = v1::command_info::Uri {
        value: format!("file://{}", env!("CARGO_BIN_EXE_scripted-executor")),
        executable: Some(true),
        ..Default::default()
    };
    let command = v1::CommandInfo {
        uris: vec![uri],
        shell: Some(false),
        value: Some("./scripted-executor".into()),
        ..Default::default()
    };
    let executor = v1::ExecutorInfo {
        executor_id: v1::ExecutorId { value: task.into() },
        r#type: Some(v1::executor_info::Type::Custom.into()),
        command: Some(command),
        resources: vec![scalar("cpus", 0.1), scalar("mem", 32.0)],
        shutdown_grace_period: Some(v1::DurationInfo { nanoseconds: 300_000_000 }),
        ..Default::default()
    };
    v1::TaskInfo {
        name: task.into(),
        task_id: v1::TaskId { value: task.into() },
        agent_id: offer.agent_id.clone(),
        resources: vec![scalar("cpus", 0.1), scalar("mem", 32.0)],
        executor: Some(executor),
        data: Some(script.to_owned().into()),
        ..Default::default()
    }
}
