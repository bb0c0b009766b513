//! The connection to the agent: carries out subscriptions and calls, hands events on. When
//! anything of a subscription breaks, that is told once; whether to try again is not decided here.

use std::sync::Arc;
use std::time::Duration;

use lathe_mesos::Limits;
use lathe_mesos::executor::{CallError, Caller, Client, Environment};
use lathe_mesos::refusal::RefusalKind;
use lathe_mesos::v1;
use lathe_mesos::v1::executor::{Call, Event as AgentEvent, call};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::causes::with_causes;

/// News waiting to be read.
const NEWS_MAX: usize = 64;

/// What is heard of the agent.
#[derive(Debug)]
pub enum News {
    /// An event of the present subscription.
    Event(Box<AgentEvent>),
    /// The subscription is over, or did not come about.
    Lost(String),
    /// The agent will not take this executor, now or later.
    Refused(String),
}

/// News of the subscription with this number; only those of the present one count.
type Numbered = (u64, Note);

#[derive(Debug)]
enum Note {
    Opened(Caller),
    News(News),
}

/// The way to the agent.
#[derive(Debug)]
pub struct Agent {
    client: Arc<Client>,
    sender: mpsc::Sender<Numbered>,
    receiver: mpsc::Receiver<Numbered>,
    present: u64,
    caller: Option<Caller>,
    reading: Option<JoinHandle<()>>,
}

impl Agent {
    /// Connects to nobody yet.
    pub fn new(environment: Environment) -> Self {
        let (sender, receiver) = mpsc::channel(NEWS_MAX);
        let client = Arc::new(Client::new(environment, limits()));
        Self { client, sender, receiver, present: 0, caller: None, reading: None }
    }

    /// Drops the present subscription and tries to make a new one.
    pub fn subscribe(&mut self, tasks: Vec<v1::TaskInfo>, updates: Vec<call::Update>) {
        self.stop();
        let (client, sender, number) =
            (Arc::clone(&self.client), self.sender.clone(), self.present);
        self.reading = Some(tokio::spawn(async move {
            let last = read(&client, tasks, updates, number, &sender).await;
            // The receiver lives as long as the driver; without it nobody wants to know.
            let _ = sender.send((number, Note::News(last))).await;
        }));
    }

    fn stop(&mut self) {
        self.present += 1;
        self.caller = None;
        if let Some(reading) = self.reading.take() {
            reading.abort();
        }
    }

    /// Sends a call over the present subscription, after all those before it.
    pub fn send(&self, call: &Call) {
        let Some(caller) = &self.caller else { return };
        let answer = caller.enqueue(call);
        let (sender, number) = (self.sender.clone(), self.present);
        tokio::spawn(async move {
            let Err(error) = answer.wait().await else { return };
            let message = with_causes(&error);
            if breaks_subscription(&error) {
                let _ = sender.send((number, Note::News(News::Lost(message)))).await;
            } else {
                tracing::error!(error = message, "the agent does not take a call");
            }
        });
    }

    /// The next news of the present subscription. Nothing is lost when it is dropped.
    pub async fn next(&mut self) -> News {
        loop {
            let Some((number, note)) = self.receiver.recv().await else {
                // Cannot be: a sender lives in `self`.
                return std::future::pending().await;
            };
            if number != self.present {
                continue;
            }
            match note {
                Note::Opened(caller) => self.caller = Some(caller),
                Note::News(News::Event(event)) => return News::Event(event),
                Note::News(last) => {
                    self.stop();
                    return last;
                }
            }
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Reads one subscription to its end; gives back how it ended.
async fn read(
    client: &Client,
    tasks: Vec<v1::TaskInfo>,
    updates: Vec<call::Update>,
    number: u64,
    sender: &mpsc::Sender<Numbered>,
) -> News {
    let mut subscription = match client.subscribe(tasks, updates).await {
        Ok(subscription) => subscription,
        Err(error) if error.is_retryable() => return News::Lost(with_causes(&error)),
        Err(error) => return News::Refused(with_causes(&error)),
    };
    let mut note = Note::Opened(subscription.caller());
    loop {
        if sender.send((number, note)).await.is_err() {
            return News::Lost("nobody listens".to_owned());
        }
        match subscription.next().await {
            Ok(event) => note = Note::News(News::Event(Box::new(event))),
            Err(error) => return News::Lost(with_causes(&error)),
        }
    }
}

/// A call that the agent finds wrong would be as wrong over another subscription.
fn breaks_subscription(error: &CallError) -> bool {
    match error {
        CallError::Refused(refusal) => {
            !matches!(refusal.kind(), RefusalKind::BadRequest | RefusalKind::Other)
        }
        CallError::TooLarge { .. } => false,
        _ => true,
    }
}

/// One task's traffic with an agent on the same machine: small and quick.
fn limits() -> Limits {
    Limits {
        connect: Duration::from_secs(2),
        subscribe: Duration::from_secs(10),
        answer: Duration::from_secs(10),
        record: 8 << 20,
        response: 64 << 10,
        request: 8 << 20,
        queue: 256,
        backlog: 256,
        backlog_bytes: 16 << 20,
        ..Limits::default()
    }
}
