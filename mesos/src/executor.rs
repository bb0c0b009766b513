//! The client of the executor API: subscribes at the agent that started this process, hands out
//! events and sends calls. Takes no decision about tasks, keeps no updates, does not retry.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use thiserror::Error;

pub use crate::calls::{Answer, CallError};
pub use crate::connection::ConnectionError;
pub use crate::stream::StreamError;
pub use environment::{Environment, EnvironmentError};

use crate::Refusal;
use crate::calls::{Calls, Pulse};
use crate::connection::Target;
use crate::limits::Limits;
use crate::masters::{is_protobuf, post_once};
use crate::stream::{self, Events, Fate};
use crate::v1::TaskInfo;
use crate::v1::executor::{Call, Event, call};
use crate::wire;

pub mod environment;

/// Why there is no subscription.
#[derive(Debug, Error)]
pub enum SubscribeError {
    /// The agent said no; whether for ever is for [`Refusal::kind`] to say.
    #[error("the agent refused the subscription: {0}")]
    Refused(Refusal),
    /// The agent could not be asked, or did not answer.
    #[error("the agent cannot be reached")]
    Connection(#[source] ConnectionError),
    #[error("the answer is not that of a Mesos agent: {what}")]
    BadAnswer { what: String },
    /// The call is larger than our own limit.
    #[error("the call was not sent: its {size} bytes are more than the limit of {limit}")]
    TooLarge { size: usize, limit: usize },
}

impl SubscribeError {
    /// Whether the same may succeed after a pause: the agent restarts or recovers.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.is_retryable(),
            Self::Connection(_) => true,
            Self::BadAnswer { .. } | Self::TooLarge { .. } => false,
        }
    }
}

/// An executor's way to its agent.
#[derive(Debug)]
pub struct Client {
    environment: Environment,
    limits: Limits,
    target: Target,
    present: Mutex<Option<Caller>>,
}

impl Client {
    /// Connects to nobody yet.
    pub fn new(environment: Environment, limits: Limits) -> Self {
        let target = environment.target();
        Self { environment, limits, target, present: Mutex::new(None) }
    }

    /// What the agent told this process.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Subscribes. `tasks` are those of which no update was acknowledged yet, `updates` those
    /// without an acknowledgement, oldest first; both empty at the first subscription. The first
    /// event is SUBSCRIBED.
    pub async fn subscribe(
        &self,
        tasks: Vec<TaskInfo>,
        updates: Vec<call::Update>,
    ) -> Result<Subscription, SubscribeError> {
        let call = Call {
            subscribe: Some(call::Subscribe {
                unacknowledged_tasks: tasks,
                unacknowledged_updates: updates,
            }),
            ..self.environment.call(call::Type::Subscribe)
        };
        let body = Bytes::from(call.encode_to_vec());
        if body.len() > self.limits.request {
            let limit = self.limits.request;
            return Err(SubscribeError::TooLarge { size: body.len(), limit });
        }
        let asked = post_once(&self.target, body, self.limits.subscribe, &self.limits).await;
        let (connection, answer) = asked.map_err(SubscribeError::Connection)?;
        if !answer.status().is_success() {
            let (refusal, _) = connection.refusal(answer, &self.limits).await;
            return Err(SubscribeError::Refused(refusal));
        }
        if !is_protobuf(&answer) {
            let what = "it is not protobuf".to_owned();
            return Err(SubscribeError::BadAnswer { what });
        }
        let fate = Fate::new();
        let heartbeat = self.environment.call(call::Type::Heartbeat).encode_to_vec();
        let pulse = Pulse { every: wire::EXECUTOR_HEARTBEAT, body: Bytes::from(heartbeat) };
        let target = self.target.clone();
        let calls = Calls::start(target, &self.limits, Arc::clone(&fate), Some(pulse));
        let events = Events::start(connection, answer.into_body(), &self.limits, fate);
        let caller = Caller { calls };
        *self.present.lock().unwrap_or_else(PoisonError::into_inner) = Some(caller.clone());
        Ok(Subscription { events, caller })
    }

    /// Sends a call by the latest subscription; see [`Caller::call`].
    pub async fn call(&self, call: Call) -> Result<(), CallError> {
        let present = self.present.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match present {
            Some(caller) => caller.call(call).await,
            None => Err(CallError::Over),
        }
    }
}

/// One subscription. Dropping it closes both of its connections.
#[derive(Debug)]
pub struct Subscription {
    events: Events<Event>,
    caller: Caller,
}

impl Subscription {
    /// The next event. Events that came before the end of a subscription are handed out before
    /// the error that ended it. May be dropped while it waits: no event is lost.
    pub async fn next(&mut self) -> Result<Event, StreamError> {
        self.events.next().await
    }

    /// The way to send calls, for as long as this subscription lasts.
    pub fn caller(&self) -> Caller {
        self.caller.clone()
    }
}

/// Sends the calls of one subscription, in order, on one connection of their own. While nothing
/// else is sent, it sends the heartbeats that the agent expects.
#[derive(Debug, Clone)]
pub struct Caller {
    calls: Calls,
}

impl Caller {
    /// Sends a call and waits until the agent has accepted it.
    pub async fn call(&self, call: Call) -> Result<(), CallError> {
        self.enqueue(&call).wait().await
    }

    /// Puts a call into the queue without waiting.
    pub fn enqueue(&self, call: &Call) -> Answer {
        self.calls.enqueue(Bytes::from(call.encode_to_vec()))
    }
}

impl stream::Event for Event {
    fn heartbeat_interval(&self) -> Option<Duration> {
        None
    }

    /// The agent is on the same machine: when it dies the connection ends, and it may be silent
    /// for as long as there is nothing to say.
    fn silence(_interval: Option<Duration>) -> Option<Duration> {
        None
    }
}

#[cfg(test)]
mod tests;
