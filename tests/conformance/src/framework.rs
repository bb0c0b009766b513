//! A framework of a case: subscribed, hearing, and acknowledging unless it is told not to.

use std::collections::{BTreeMap, VecDeque};

use lathe_engines::SOON;
use lathe_mesos::Limits;
use lathe_mesos::scheduler::{Client, StreamError, Subscription};
use lathe_mesos::v1;
use lathe_mesos::v1::TaskState;
use lathe_mesos::v1::scheduler::{Call, Event, event};

use crate::Stage;
use crate::messages::{accept, acknowledge, amount, framework_info, task_info, text_of};

/// One subscription and what was heard on it.
#[derive(Debug)]
pub struct Framework {
    subscription: Subscription,
    /// What SUBSCRIBED said.
    pub subscribed: event::Subscribed,
    /// As the master has it.
    pub info: v1::FrameworkInfo,
    /// Whether updates are acknowledged as they come.
    pub acknowledges: bool,
    offers: BTreeMap<String, v1::Offer>,
    /// Events that no case has looked at yet.
    waiting: VecDeque<Event>,
}

impl Framework {
    /// A new framework.
    pub async fn new(stage: &Stage) -> Self {
        Self::subscribe(stage, framework_info()).await
    }

    /// A new one that is offered nothing: what the master says of its own accord comes alone. Offers of a
    /// busy master may overtake the first heartbeat, which another part of it sends.
    pub async fn quiet(stage: &Stage) -> Self {
        let info = framework_info();
        let roles = info.roles.clone();
        Self::subscribe_with(stage, info, roles).await
    }

    /// Subscribes with this; SUBSCRIBED must come first.
    pub async fn subscribe(stage: &Stage, info: v1::FrameworkInfo) -> Self {
        Self::subscribe_with(stage, info, Vec::new()).await
    }

    async fn subscribe_with(
        stage: &Stage,
        mut info: v1::FrameworkInfo,
        suppressed: Vec<String>,
    ) -> Self {
        let mut subscription = subscription(stage, info.clone(), suppressed).await;
        let first = next(&mut subscription).await.expect("the stream goes on");
        assert_eq!(first.r#type(), event::Type::Subscribed, "{first:?}");
        let subscribed = first.subscribed.expect("SUBSCRIBED says something");
        info.id = Some(subscribed.framework_id.clone());
        let (offers, waiting) = (BTreeMap::new(), VecDeque::new());
        Self { subscription, subscribed, info, acknowledges: true, offers, waiting }
    }

    /// The same framework on a new subscription, while the old one lasts.
    pub async fn again(&self, stage: &Stage) -> Self {
        Self::subscribe(stage, self.info.clone()).await
    }

    /// Its id.
    pub fn id(&self) -> v1::FrameworkId {
        self.subscribed.framework_id.clone()
    }

    /// The id of the stream.
    pub fn stream_id(&self) -> &str {
        &self.subscription.stream_id
    }

    /// Sends a call, which the master must take.
    pub async fn call(&self, call: Call) {
        let call = Call { framework_id: Some(self.id()), ..call };
        self.subscription.caller().call(call).await.unwrap();
    }

    /// The next event, whatever it is.
    pub async fn event(&mut self) -> Event {
        match self.waiting.pop_front() {
            Some(event) => event,
            None => self.read().await.expect("the stream goes on"),
        }
    }

    async fn read(&mut self) -> Result<Event, StreamError> {
        let event = next(&mut self.subscription).await?;
        for offer in event.offers.iter().flat_map(|offers| &offers.offers) {
            self.offers.insert(offer.id.value.clone(), offer.clone());
        }
        if let Some(rescind) = &event.rescind {
            self.offers.remove(&rescind.offer_id.value);
        }
        if let Some(update) = &event.update
            && self.acknowledges
            && update.status.uuid.is_some()
        {
            self.call(acknowledge(&update.status)).await;
        }
        Ok(event)
    }

    /// The first event for which `look` finds something; those before it are forgotten.
    pub async fn wait<T>(&mut self, look: impl Fn(&Event) -> Option<T>) -> T {
        loop {
            let event = self.event().await;
            if let Some(found) = look(&event) {
                return found;
            }
        }
    }

    /// The same; those before it are kept for others to look at.
    pub async fn find<T>(&mut self, look: impl Fn(&Event) -> Option<T>) -> T {
        let mut at = 0;
        loop {
            while at < self.waiting.len() {
                if let Some(found) = look(&self.waiting[at]) {
                    self.waiting.remove(at);
                    return found;
                }
                at += 1;
            }
            let event = self.read().await.expect("the stream goes on");
            self.waiting.push_back(event);
        }
    }

    /// The next update of a task, which must be of this state.
    pub async fn update(&mut self, task: &str, state: TaskState) -> v1::TaskStatus {
        let status = self.next_update(task).await;
        assert_eq!(status.state(), state, "{status:?}");
        status
    }

    /// The next update of a task, whatever it says.
    pub async fn next_update(&mut self, task: &str) -> v1::TaskStatus {
        let of_task = |event: &Event| {
            let status = event.update.as_ref()?.status.clone();
            (status.task_id.value == task).then_some(status)
        };
        self.find(of_task).await
    }

    /// The next FAILURE.
    pub async fn failure(&mut self) -> event::Failure {
        self.find(|event| event.failure.clone()).await
    }

    /// Waits for the ERROR and the end of the stream; its text.
    pub async fn error(&mut self) -> String {
        let error = self.wait(|event| event.error.clone()).await;
        match self.read().await {
            Err(_) => error.message,
            Ok(event) => panic!("after ERROR came {event:?}"),
        }
    }

    /// Waits for the end of the stream.
    pub async fn ended(&mut self) {
        while self.read().await.is_ok() {}
    }

    /// Whether something is among the events that have come and that nobody has looked at.
    pub fn has_heard<T>(&self, look: impl Fn(&Event) -> Option<T>) -> bool {
        self.waiting.iter().any(|event| look(event).is_some())
    }

    /// An offer of what an agent has left, half a processor at least; it is used up by this.
    pub async fn offer(&mut self, agent: usize) -> v1::Offer {
        let rack = format!("r{}", agent + 1);
        loop {
            let fits = |offer: &&v1::Offer| {
                text_of(&offer.attributes, "rack").as_deref() == Some(&rack)
                    && amount(&offer.resources, "cpus") >= 0.5
            };
            if let Some(offer) = self.offers.values().find(fits).cloned() {
                self.offers.remove(&offer.id.value);
                return offer;
            }
            let event = self.read().await.expect("the stream goes on");
            self.waiting.push_back(event);
        }
    }

    /// Launches a task with a script on an agent, by an executor of the task's name.
    pub async fn launch(&mut self, agent: usize, task: &str, script: &str) -> v1::Offer {
        let offer = self.offer(agent).await;
        self.call(accept(&[&offer], vec![task_info(&offer, task, script)])).await;
        offer
    }

    /// Launches a task that goes on until it is killed, and waits until it runs.
    pub async fn run(&mut self, agent: usize, task: &str) -> v1::Offer {
        let offer = self.launch(agent, task, "{}").await;
        self.update(task, TaskState::TaskStarting).await;
        self.update(task, TaskState::TaskRunning).await;
        offer
    }

    /// What has been offered and not been used, taken back or asked for.
    pub fn forget_offers(&mut self) {
        self.offers.clear();
    }
}

/// A subscription with all that may be said about it; its first event is still to come.
pub(crate) async fn subscription(
    stage: &Stage,
    info: v1::FrameworkInfo,
    suppressed: Vec<String>,
) -> Subscription {
    let client = Client::new(stage.endpoint(), Limits::default()).unwrap();
    client.subscribe(info, suppressed).await.unwrap()
}

pub(crate) async fn next(subscription: &mut Subscription) -> Result<Event, StreamError> {
    tokio::time::timeout(SOON, subscription.next()).await.expect("an event in time")
}

/// What a master says to a subscription that it refuses.
pub(crate) async fn refused(
    stage: &Stage,
    info: v1::FrameworkInfo,
    suppressed: Vec<String>,
) -> String {
    let what = format!("{info:?}, suppressed {suppressed:?}");
    let mut subscription = subscription(stage, info, suppressed).await;
    let first = next(&mut subscription).await.expect("ERROR comes first");
    assert_eq!(first.r#type(), event::Type::Error, "{what}");
    assert!(next(&mut subscription).await.is_err(), "the stream ends after ERROR");
    first.error.unwrap().message
}
