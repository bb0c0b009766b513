//! The loop around the framework: waits, steps, carries out, feeds back. It decides nothing.

mod carry_out;
mod event_log;
mod planners;
mod subscriber;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lathe_api::door::Caller as Who;
use lathe_api::rest::{RevisionView, StatusView};
use lathe_mesos::operator;
use lathe_mesos::scheduler::Caller;
use tokio::sync::{mpsc, oneshot};

pub use event_log::{EventLog, Followed};
use planners::Planners;
pub use subscriber::StreamItem;

use crate::audit::Authors;
use crate::framework::Framework;
use crate::framework::command::{Answer, Command};
use crate::framework::event::{Event, HostInfo, Question};
use crate::framework::explain::Explaining;
use crate::framework::ids::{AskId, FrameworkId, Incarnation, InstanceId, Time};
use crate::framework::views::Counts;
use crate::mesos_calls::Identity;
use crate::metrics::Metrics;
use crate::store::Batch;

/// Messages from outside that may wait for the loop.
const INBOX_MAX: usize = 1_024;
/// Answers that a caller may leave unread before it is given up.
const ANSWERS_MAX: usize = 4_096;
/// Events that are taken before their commands are carried out.
const EVENTS_AT_ONCE: usize = 512;

/// What reaches the loop.
#[derive(Debug)]
pub enum Message {
    Event(Event),
    Stream {
        generation: u64,
        item: StreamItem,
    },
    Ask {
        question: Question,
        caller: Who,
        answers: mpsc::Sender<Answer>,
    },
    Status(oneshot::Sender<StatusView>),
    Figures(oneshot::Sender<(StatusView, Counts)>),
    /// Does the loop still turn?
    Pulse(oneshot::Sender<()>),
    Registries(oneshot::Sender<Vec<String>>),
    History {
        topology: String,
        found: oneshot::Sender<Option<Vec<RevisionView>>>,
    },
    Explain {
        instance: String,
        found: oneshot::Sender<Option<Box<Explaining>>>,
    },
    Locate {
        instance: String,
        previous: bool,
        found: oneshot::Sender<Option<Located>>,
    },
}

/// Where the sandbox of an incarnation is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    pub incarnation: String,
    /// The API of the agent that it runs on, or of the one where its instance ran last: where an
    /// ended life ran is not kept.
    pub endpoint: Option<String>,
    pub ended: bool,
    pub framework_id: String,
}

/// The way to the loop for everything around it.
#[derive(Clone, Debug)]
pub struct Handle {
    messages: mpsc::Sender<Message>,
    pub events: Arc<EventLog>,
}

/// The loop has ended: the process is about to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the scheduler is stopping")]
pub struct Stopping;

impl Handle {
    /// Asks a question; the answers come one by one, the last one ends the channel.
    ///
    /// # Errors
    /// When the process is about to end.
    pub async fn ask(
        &self,
        question: Question,
        caller: Who,
    ) -> Result<mpsc::Receiver<Answer>, Stopping> {
        let (answers, receiver) = mpsc::channel(ANSWERS_MAX);
        self.messages
            .send(Message::Ask { question, caller, answers })
            .await
            .map_err(|_| Stopping)?;
        Ok(receiver)
    }

    /// The state at this moment.
    ///
    /// # Errors
    /// When the process is about to end.
    pub async fn status(&self) -> Result<StatusView, Stopping> {
        self.request(Message::Status).await
    }

    /// The state at this moment, and figures that it does not have.
    ///
    /// # Errors
    /// When the process is about to end.
    pub async fn figures(&self) -> Result<(StatusView, Counts), Stopping> {
        self.request(Message::Figures).await
    }

    /// Answered as soon as the loop comes to it.
    ///
    /// # Errors
    /// When the process is about to end.
    pub async fn pulse(&self) -> Result<(), Stopping> {
        self.request(Message::Pulse).await
    }

    /// Tells the loop what somebody beside it has learnt of the hosts.
    ///
    /// # Errors
    /// When the process is about to end.
    pub async fn tell_hosts(&self, hosts: Vec<HostInfo>) -> Result<(), Stopping> {
        let message = Message::Event(Event::HostsListed(hosts));
        self.messages.send(message).await.map_err(|_| Stopping)
    }

    /// The registries' addresses.
    ///
    /// # Errors
    /// When the process is about to end.
    pub async fn registries(&self) -> Result<Vec<String>, Stopping> {
        self.request(Message::Registries).await
    }

    /// What a topology said, the newest revision first; none where there is no such topology.
    ///
    /// # Errors
    /// When the process is about to end.
    pub async fn history(&self, topology: String) -> Result<Option<Vec<RevisionView>>, Stopping> {
        self.request(|found| Message::History { topology, found }).await
    }

    /// What is known of an instance, and what weighing it on every host takes; none where there is
    /// no such instance.
    ///
    /// # Errors
    /// When the process is about to end.
    pub async fn explain(&self, instance: String) -> Result<Option<Box<Explaining>>, Stopping> {
        self.request(|found| Message::Explain { instance, found }).await
    }

    /// Where the sandbox of an instance or of one of its incarnations is, or of the one before.
    ///
    /// # Errors
    /// When the process is about to end.
    pub async fn locate(
        &self,
        instance: String,
        previous: bool,
    ) -> Result<Option<Located>, Stopping> {
        self.request(|found| Message::Locate { instance, previous, found }).await
    }

    /// A handle whose messages nobody takes yet.
    #[cfg(test)]
    pub(crate) fn unheard() -> (Self, mpsc::Receiver<Message>) {
        let (messages, inbox) = mpsc::channel(INBOX_MAX);
        (Self { messages, events: Arc::default() }, inbox)
    }

    async fn request<T>(
        &self,
        message: impl FnOnce(oneshot::Sender<T>) -> Message,
    ) -> Result<T, Stopping> {
        let (sender, receiver) = oneshot::channel();
        self.messages.send(message(sender)).await.map_err(|_| Stopping)?;
        receiver.await.map_err(|_| Stopping)
    }
}

/// What the loop carries commands out with.
#[derive(Debug)]
pub struct Tools {
    pub identity: Identity,
    pub masters: lathe_mesos::scheduler::Endpoint,
    /// Where masters are looked for, beside those; without a password.
    pub group: Option<String>,
    pub operator: Arc<operator::Client>,
    /// Unbounded, for the loop must never wait for the store while the store waits for the loop;
    /// what is in it is bounded by instances and callers, since an agent sends no second status
    /// of a task before the first is acknowledged.
    pub batches: mpsc::UnboundedSender<Batch>,
    pub metrics: Metrics,
}

/// Why the loop has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Another scheduler leads, or may.
    LeadLost(String),
    /// The master or the store refuses what cannot be done without.
    Refused(String),
}

/// A caller that waits for answers. The machine is told when it has gone.
#[derive(Debug)]
struct Asker {
    answers: mpsc::Sender<Answer>,
    leaving: tokio::task::AbortHandle,
}

impl Asker {
    fn new(
        ask: AskId,
        answers: mpsc::Sender<Answer>,
        to_self: mpsc::UnboundedSender<Message>,
    ) -> Self {
        let caller = answers.clone();
        let leaving = tokio::spawn(async move {
            caller.closed().await;
            let _ = to_self.send(Message::Event(Event::AskerLeft(ask)));
        });
        Self { answers, leaving: leaving.abort_handle() }
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        // Its copy of the sender goes with it, so that the caller sees the end of its answers.
        self.leaving.abort();
    }
}

/// The loop and its machine.
#[derive(Debug)]
pub struct Driver {
    framework: Framework,
    planners: Planners,
    tools: Tools,
    events: Arc<EventLog>,
    inbox: mpsc::Receiver<Message>,
    own: mpsc::UnboundedReceiver<Message>,
    to_self: mpsc::UnboundedSender<Message>,
    asks: BTreeMap<AskId, Asker>,
    authors: Authors,
    asks_made: u64,
    generation: u64,
    subscriber: Option<tokio::task::JoinHandle<()>>,
    caller: Option<Caller>,
    framework_id: Option<FrameworkId>,
    stop: Option<Ended>,
}

impl Driver {
    /// A loop that is not running yet, the handle for others, and where the loop's own helpers
    /// (the store's writer, the watchers) send their events.
    #[must_use]
    pub fn new(
        framework: Framework,
        tools: Tools,
    ) -> (Self, Handle, mpsc::UnboundedSender<Message>) {
        let (messages, inbox) = mpsc::channel(INBOX_MAX);
        let (to_self, own) = mpsc::unbounded_channel();
        let events = Arc::new(EventLog::default());
        let driver = Self {
            framework,
            planners: Planners::start(&to_self, &tools.metrics),
            tools,
            events: Arc::clone(&events),
            inbox,
            own,
            to_self: to_self.clone(),
            asks: BTreeMap::new(),
            authors: Authors::default(),
            asks_made: 0,
            generation: 0,
            subscriber: None,
            caller: None,
            framework_id: None,
            stop: None,
        };
        (driver, Handle { messages, events }, to_self)
    }

    /// Runs until the framework stops.
    pub async fn run(mut self) -> Ended {
        let mut commands = Vec::new();
        loop {
            let deadline = self.framework.next_deadline();
            let first = tokio::select! {
                biased;
                Some(message) = self.own.recv() => Some(message),
                Some(message) = self.inbox.recv() => Some(message),
                () = sleep_until(deadline) => None,
            };
            self.tools.metrics.waiting(self.own.len() + self.inbox.len(), self.asks.len());
            match first {
                Some(message) => self.take(message, &mut commands),
                None => self.step(Event::TimePassed, &mut commands),
            }
            for _ in 1..EVENTS_AT_ONCE {
                let Ok(message) = self.own.try_recv().or_else(|_| self.inbox.try_recv()) else {
                    break;
                };
                self.take(message, &mut commands);
            }
            for command in commands.drain(..) {
                self.carry_out(command);
            }
            if let Some(reason) = self.stop.take() {
                return reason;
            }
        }
    }

    fn take(&mut self, message: Message, commands: &mut Vec<Command>) {
        match message {
            Message::Event(event) => self.step(event, commands),
            Message::Stream { generation, item } => {
                if generation == self.generation {
                    self.take_stream(item, commands);
                }
            }
            Message::Ask { question, caller, answers } => {
                self.asks_made += 1;
                let ask = AskId(self.asks_made);
                self.asks.insert(ask, Asker::new(ask, answers, self.to_self.clone()));
                self.authors.asked(ask, caller, &question);
                self.step(Event::Asked { ask, question }, commands);
            }
            Message::Status(asked) => {
                let _ = asked.send(self.framework.status());
            }
            Message::Figures(asked) => {
                let _ = asked.send((self.framework.status(), self.framework.counts()));
            }
            Message::Pulse(asked) => {
                let _ = asked.send(());
            }
            Message::Registries(asked) => {
                let _ = asked.send(self.framework.registries().to_vec());
            }
            Message::History { topology, found } => {
                let _ = found.send(self.framework.revisions(&topology));
            }
            Message::Explain { instance, found } => {
                let _ = found.send(self.framework.explain(now_ms(), &instance).map(Box::new));
            }
            Message::Locate { instance, previous, found } => {
                let _ = found.send(self.locate(&instance, previous));
            }
        }
    }

    fn take_stream(&mut self, item: StreamItem, commands: &mut Vec<Command>) {
        match item {
            StreamItem::Opened(caller) => self.caller = Some(caller),
            StreamItem::Event(event) => {
                if let Event::Subscribed { framework_id, .. } = &event {
                    self.framework_id = Some(framework_id.clone());
                    self.tools.metrics.subscribed();
                }
                self.step(event, commands);
            }
            StreamItem::NotYet { reason } => self.step(Event::NotSubscribed { reason }, commands),
            StreamItem::Closed { reason } => {
                self.caller = None;
                self.step(Event::Disconnected { reason }, commands);
            }
        }
    }

    fn step(&mut self, event: Event, commands: &mut Vec<Command>) {
        tracing::trace!(?event, "step");
        if let Event::OffersArrived(offers) = &event {
            self.tools.metrics.offered(offers.len());
        }
        let start = Instant::now();
        self.framework.step(now_ms(), event, commands);
        self.tools.metrics.stepped(start.elapsed());
    }

    fn locate(&self, text: &str, previous: bool) -> Option<Located> {
        let (id, named) = match text.parse::<Incarnation>() {
            Ok(incarnation) => (incarnation.instance.clone(), Some(incarnation)),
            Err(_) => {
                let (path, slot) = text.split_once('#')?;
                (InstanceId { task: path.parse().ok()?, slot: slot.parse().ok()? }, None)
            }
        };
        let record = self.framework.record(&id)?;
        let mut incarnation =
            named.unwrap_or(Incarnation { instance: id, counter: record.counter });
        if previous {
            incarnation.counter = incarnation.counter.checked_sub(1).filter(|life| *life > 0)?;
        }
        let life = record.lives.iter().find(|life| life.incarnation == incarnation);
        let host = life.map(|life| &life.host).or(record.last_host.as_ref())?;
        Some(Located {
            incarnation: incarnation.to_string(),
            endpoint: self.framework.agent_endpoint(host).map(str::to_owned),
            ended: life.is_none(),
            framework_id: self.framework_id.as_ref()?.0.clone(),
        })
    }
}

async fn sleep_until(deadline: Option<Time>) {
    match deadline {
        Some(at) => {
            let pause = Duration::from_millis(at.saturating_sub(now_ms()));
            tokio::time::sleep(pause.max(Duration::from_millis(1))).await;
        }
        None => std::future::pending().await,
    }
}

/// Milliseconds since 1970 at the start, and steadily on from there: deadlines must not be moved by
/// somebody who sets the clock.
#[must_use]
pub fn now_ms() -> Time {
    static START: OnceLock<(Time, Instant)> = OnceLock::new();
    let (start, since) = START.get_or_init(|| {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX), Instant::now())
    });
    start.saturating_add(u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX))
}
