//! A framework that runs one command and acknowledges what it hears of it.

use std::path::Path;

use lathe_engines::{SOON, until};
use lathe_mesos::Limits;
use lathe_mesos::scheduler::{Client, Endpoint, Subscription};
use lathe_mesos::v1::scheduler::{Call, Event, call};
use lathe_mesos::v1::{self, TaskState};

/// A task that runs; the framework stays subscribed as long as this lives.
pub(crate) struct OneTask {
    subscription: Subscription,
    framework: v1::FrameworkId,
    /// The process that the task is.
    pub(crate) pid: u32,
}

impl OneTask {
    /// Starts a task that waits for ever; `note` is where it writes its process id.
    pub(crate) async fn run(master: &str, note: &Path) -> Self {
        let endpoint = Endpoint { masters: vec![master.to_owned()], ..Endpoint::default() };
        let client = Client::new(endpoint, Limits::default()).expect("an address");
        let subscription = client.subscribe(framework(), Vec::new()).await.expect("a subscription");
        let framework = v1::FrameworkId::default();
        let mut task = Self { subscription, framework, pid: 0 };
        task.framework = task.hear(|event| Some(event.subscribed.clone()?.framework_id)).await;
        let offer = task.hear(|event| event.offers.clone()?.offers.first().cloned()).await;
        task.launch(&offer, &format!("echo $$ > {}; exec sleep 100000", note.display())).await;
        task.is(TaskState::TaskRunning).await;
        let read = || async { std::fs::read_to_string(note).ok()?.trim().parse().ok() };
        task.pid = until("the task to note its id", read).await.expect("a note");
        task
    }

    /// Waits until the task is in a state, as far as the framework is told.
    pub(crate) async fn is(&mut self, wanted: TaskState) {
        self.hear(|event| (event.update.as_ref()?.status.state() == wanted).then_some(())).await;
    }

    async fn launch(&self, offer: &v1::Offer, command: &str) {
        let command = v1::CommandInfo { value: Some(command.to_owned()), ..Default::default() };
        let resources = vec![scalar("cpus", 0.1), scalar("mem", 32.0)];
        let info = v1::TaskInfo {
            name: "task".to_owned(),
            task_id: v1::TaskId { value: "task".to_owned() },
            agent_id: offer.agent_id.clone(),
            resources,
            command: Some(command),
            ..Default::default()
        };
        let launch = v1::offer::Operation {
            r#type: Some(v1::offer::operation::Type::Launch.into()),
            launch: Some(v1::offer::operation::Launch { task_infos: vec![info] }),
            ..Default::default()
        };
        let accept = call::Accept {
            offer_ids: vec![offer.id.clone()],
            operations: vec![launch],
            filters: None,
        };
        self.call(call::Type::Accept, |call| call.accept = Some(accept)).await;
    }

    async fn call(&self, kind: call::Type, fill: impl FnOnce(&mut Call)) {
        let framework_id = Some(self.framework.clone());
        let mut call = Call { framework_id, r#type: Some(kind.into()), ..Call::default() };
        fill(&mut call);
        self.subscription.caller().call(call).await.expect("the master takes the call");
    }

    /// The first event in which there is something; every update is acknowledged.
    async fn hear<T>(&mut self, look: impl Fn(&Event) -> Option<T>) -> T {
        loop {
            let event = tokio::time::timeout(SOON, self.subscription.next()).await;
            let event = event.expect("an event in time").expect("the stream goes on");
            if let Some(update) = &event.update
                && let Some(uuid) = update.status.uuid.clone()
            {
                let acknowledge = call::Acknowledge {
                    agent_id: update.status.agent_id.clone().expect("of some agent"),
                    task_id: update.status.task_id.clone(),
                    uuid,
                };
                self.call(call::Type::Acknowledge, |call| call.acknowledge = Some(acknowledge))
                    .await;
            }
            if let Some(found) = look(&event) {
                return found;
            }
        }
    }
}

fn framework() -> v1::FrameworkInfo {
    use v1::framework_info::{Capability, capability::Type};
    let capabilities = [Type::MultiRole, Type::PartitionAware];
    v1::FrameworkInfo {
        user: user(),
        name: "one-task".to_owned(),
        roles: vec!["test".to_owned()],
        failover_timeout: Some(3600.0),
        checkpoint: Some(true),
        capabilities: capabilities.map(|kind| Capability { r#type: Some(kind.into()) }).to_vec(),
        ..Default::default()
    }
}

/// Who tasks run as: nobody else than who runs the test.
fn user() -> String {
    if rustix::process::geteuid().is_root() {
        return "root".to_owned();
    }
    std::env::var("USER").expect("whoever is not root has a name")
}

fn scalar(name: &str, value: f64) -> v1::Resource {
    v1::Resource {
        name: name.to_owned(),
        r#type: v1::value::Type::Scalar.into(),
        scalar: Some(v1::value::Scalar { value }),
        ..Default::default()
    }
}

/// Whether a process runs, and is not merely kept for its parent to see its end.
pub(crate) fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().and_then(|rest| rest.trim_start().chars().next());
    state.is_some_and(|state| state != 'Z' && state != 'X')
}
