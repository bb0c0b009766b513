//! The client of the scheduler API: finds the leading master, subscribes, hands out events and
//! sends calls. Takes no decision about offers or tasks, and does not retry: pauses between
//! attempts are for its user.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;

pub use crate::calls::{Answer, CallError};
pub use crate::connection::ConnectionError;
pub use crate::masters::{Attempt, AttemptError, Endpoint, EndpointError, SubscribeError};
pub use crate::stream::StreamError;

use crate::address::Url;
use crate::calls::Calls;
use crate::limits::Limits;
use crate::masters::{Masters, Reached, is_protobuf};
use crate::stream::{self, Events, Fate};
use crate::v1::FrameworkInfo;
use crate::v1::scheduler::{Call, Event, call, event};
use crate::wire;

/// A framework's way to its master.
#[derive(Debug)]
pub struct Client {
    masters: Masters,
    limits: Limits,
}

impl Client {
    /// Checks the addresses; connects to nobody yet.
    pub fn new(endpoint: Endpoint, limits: Limits) -> Result<Self, EndpointError> {
        Ok(Self { masters: Masters::new(endpoint, wire::SCHEDULER_PATH)?, limits })
    }

    /// Hosts to use in place of those that redirects name: masters may call themselves by names
    /// that cannot be resolved from here.
    #[must_use]
    pub fn with_aliases(mut self, aliases: BTreeMap<String, String>) -> Self {
        self.masters.set_aliases(aliases);
        self
    }

    /// Subscribes at the leading master, as a new framework if `framework` has no id. The first
    /// event is SUBSCRIBED, or ERROR where the master refuses after all.
    pub async fn subscribe(
        &self,
        framework: FrameworkInfo,
        suppressed_roles: Vec<String>,
    ) -> Result<Subscription, SubscribeError> {
        let framework_info = framework;
        self.subscribe_as(call::Subscribe {
            framework_info,
            suppressed_roles,
            offer_constraints: None,
        })
        .await
    }

    /// As [`Client::subscribe`], with everything that the call may say.
    pub async fn subscribe_as(
        &self,
        subscribe: call::Subscribe,
    ) -> Result<Subscription, SubscribeError> {
        let call = Call {
            framework_id: subscribe.framework_info.id.clone(),
            r#type: Some(call::Type::Subscribe.into()),
            subscribe: Some(subscribe),
            ..Call::default()
        };
        let body = Bytes::from(call.encode_to_vec());
        if body.len() > self.limits.request {
            let limit = self.limits.request;
            return Err(SubscribeError::TooLarge { size: body.len(), limit });
        }
        let reached = self.masters.ask(body, self.limits.subscribe, &self.limits).await?;
        let Reached { connection, answer, mut target } = reached;
        let master = target.url.clone();
        let bad = |what: &str| SubscribeError::NoLeader {
            attempts: vec![Attempt {
                master: master.clone(),
                error: AttemptError::BadAnswer { what: what.to_owned() },
            }],
        };
        if !is_protobuf(&answer) {
            return Err(bad("it is not protobuf"));
        }
        let header = answer.headers().get(wire::STREAM_ID).cloned();
        let id = header.as_ref().and_then(|value| value.to_str().ok()).map(str::to_owned);
        let stream_id = id.ok_or_else(|| bad("there is no Mesos-Stream-Id"))?;
        target.stream_id = header;
        let fate = Fate::new();
        let calls = Calls::start(target, &self.limits, Arc::clone(&fate), None);
        let events = Events::start(connection, answer.into_body(), &self.limits, fate);
        Ok(Subscription { stream_id, master, events, caller: Caller { calls } })
    }
}

/// One subscription. Dropping it closes both of its connections; the master then takes the
/// framework for disconnected.
#[derive(Debug)]
pub struct Subscription {
    /// The id that every call of this subscription carries.
    pub stream_id: String,
    /// The leading master, with the path of its scheduler API.
    pub master: Url,
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

/// Sends the calls of one subscription, in order, on one connection of their own. The order is
/// that in which `call` was first polled or `enqueue` called.
#[derive(Debug, Clone)]
pub struct Caller {
    calls: Calls,
}

impl Caller {
    /// Sends a call and waits until the master has accepted it, which is not yet success: most of
    /// a call is checked later and answered by events, or not at all.
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
        if self.r#type() != event::Type::Subscribed {
            return None;
        }
        let seconds = self.subscribed.as_ref()?.heartbeat_interval_seconds?;
        Duration::try_from_secs_f64(seconds).ok().filter(|interval| !interval.is_zero())
    }

    fn silence(interval: Option<Duration>) -> Option<Duration> {
        let interval = interval.unwrap_or(wire::HEARTBEAT);
        Some(interval.saturating_mul(wire::MISSED_HEARTBEATS))
    }
}

#[cfg(test)]
mod tests;
