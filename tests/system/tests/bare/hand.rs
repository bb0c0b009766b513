//! A framework that knows nothing of Lathe: it starts commands on whatever it is offered. Under the
//! scheduler's own id it is somebody else's hand.

use lathe_mesos::Limits;
use lathe_mesos::scheduler::{Client, Endpoint, Subscription};
use lathe_mesos::v1;
use lathe_mesos::v1::scheduler::{Call, Event, call};
use lathe_system::SOON;
use serde_json::Value;

/// One subscription, and the framework that it is of.
pub(crate) struct Hand {
    subscription: Subscription,
    id: v1::FrameworkId,
    /// Not answered yet.
    offers: Vec<v1::Offer>,
}

impl Hand {
    /// Subscribes with this id, or as a new framework; `info` is one as a master lists it.
    pub(crate) async fn of(master: String, id: Option<&str>, info: &Value) -> Self {
        use v1::framework_info::{Capability, capability::Type};
        let capabilities = [
            Type::TaskKillingState,
            Type::PartitionAware,
            Type::MultiRole,
            Type::ReservationRefinement,
        ];
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let info = v1::FrameworkInfo {
            id: id.map(|id| v1::FrameworkId { value: id.to_owned() }),
            user: text(&info["user"]),
            name: text(&info["name"]),
            roles: vec![text(&info["roles"][0])],
            failover_timeout: info["failover_timeout"].as_f64(),
            checkpoint: Some(true),
            capabilities: capabilities.map(|t| Capability { r#type: Some(t.into()) }).to_vec(),
            ..Default::default()
        };
        let endpoint = Endpoint { masters: vec![master], ..Endpoint::default() };
        let client = Client::new(endpoint, Limits::default()).unwrap();
        let subscription = client.subscribe(info, Vec::new()).await.unwrap();
        let mut new = Self { subscription, id: v1::FrameworkId::default(), offers: Vec::new() };
        new.id = new.hear(|event| Some(event.subscribed.as_ref()?.framework_id.clone())).await;
        new
    }

    async fn hear<T>(&mut self, look: impl Fn(&Event) -> Option<T>) -> T {
        loop {
            let event = tokio::time::timeout(SOON, self.subscription.next()).await;
            let event = event.expect("an event in time").expect("the stream goes on");
            self.acknowledge(&event).await;
            self.offers.extend(event.offers.iter().flat_map(|offers| &offers.offers).cloned());
            if let Some(rescind) = &event.rescind {
                self.offers.retain(|offer| offer.id != rescind.offer_id);
            }
            if let Some(found) = look(&event) {
                return found;
            }
        }
    }

    async fn acknowledge(&self, event: &Event) {
        let Some(status) = event.update.as_ref().map(|update| &update.status) else { return };
        let (Some(agent_id), Some(uuid)) = (&status.agent_id, &status.uuid) else { return };
        let acknowledge = call::Acknowledge {
            agent_id: agent_id.clone(),
            task_id: status.task_id.clone(),
            uuid: uuid.clone(),
        };
        let kind = Some(call::Type::Acknowledge.into());
        self.call(Call { r#type: kind, acknowledge: Some(acknowledge), ..Call::default() }).await;
    }

    async fn call(&self, call: Call) {
        let call = Call { framework_id: Some(self.id.clone()), ..call };
        self.subscription.caller().call(call).await.unwrap();
    }

    /// Nothing is kept from others: what is not used now is given back.
    async fn decline_all(&mut self) {
        let offer_ids: Vec<_> = self.offers.drain(..).map(|offer| offer.id).collect();
        if offer_ids.is_empty() {
            return;
        }
        let decline = call::Decline { offer_ids, filters: Some(soon_again()) };
        let kind = Some(call::Type::Decline.into());
        self.call(Call { r#type: kind, decline: Some(decline), ..Call::default() }).await;
    }

    /// Starts a command as a task on the next offer, and waits until it runs.
    pub(crate) async fn launch(&mut self, task: &str, command: &str) {
        if self.offers.is_empty() {
            self.hear(|event| event.offers.as_ref().map(drop)).await;
        }
        let offer = self.offers.pop().expect("it was heard just now");
        self.decline_all().await;
        let scalar = |name: &str, value: f64| v1::Resource {
            name: name.to_owned(),
            r#type: v1::value::Type::Scalar.into(),
            scalar: Some(v1::value::Scalar { value }),
            ..Default::default()
        };
        let info = v1::TaskInfo {
            name: task.to_owned(),
            task_id: v1::TaskId { value: task.to_owned() },
            agent_id: offer.agent_id.clone(),
            resources: vec![scalar("cpus", 0.1), scalar("mem", 32.0)],
            command: Some(v1::CommandInfo {
                value: Some(command.to_owned()),
                ..Default::default()
            }),
            ..Default::default()
        };
        let launch = v1::offer::Operation {
            r#type: Some(v1::offer::operation::Type::Launch.into()),
            launch: Some(v1::offer::operation::Launch { task_infos: vec![info] }),
            ..Default::default()
        };
        let accept = call::Accept {
            offer_ids: vec![offer.id],
            operations: vec![launch],
            filters: Some(soon_again()),
        };
        let kind = Some(call::Type::Accept.into());
        self.call(Call { r#type: kind, accept: Some(accept), ..Call::default() }).await;
        self.hear(|event| {
            let update = event.update.as_ref()?;
            (update.status.state() == v1::TaskState::TaskRunning).then_some(())
        })
        .await;
        self.decline_all().await;
    }
}

fn soon_again() -> v1::Filters {
    v1::Filters { refuse_seconds: Some(0.5) }
}
