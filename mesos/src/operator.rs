//! The client of the operator APIs of masters and agents: one call, one answer, each on a
//! connection of its own. Takes no decision and does not retry.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Response;
use hyper::body::Incoming;
use prost::Message;
use tokio::time::timeout;

pub use crate::calls::CallError;
pub use crate::masters::{Endpoint, EndpointError};

use crate::address::Url;
use crate::connection::Connection;
use crate::limits::Limits;
use crate::masters::{
    Attempt, AttemptError, Masters, Reached, SubscribeError, is_protobuf, listed, post_once,
};
use crate::refusal::{Refusal, RefusalKind};
use crate::v1::{agent, master};
use crate::wire;

/// An operator's way to masters and agents.
#[derive(Debug)]
pub struct Client {
    masters: Masters,
    limits: Limits,
}

impl Client {
    /// Checks the addresses; connects to nobody yet. The credentials are those for masters and
    /// for agents.
    pub fn new(endpoint: Endpoint, limits: Limits) -> Result<Self, EndpointError> {
        let masters = Masters::new(endpoint, wire::OPERATOR_PATH)?;
        Ok(Self { masters, limits })
    }

    /// Hosts to use in place of those that redirects name.
    #[must_use]
    pub fn with_aliases(mut self, aliases: BTreeMap<String, String>) -> Self {
        self.masters.set_aliases(aliases);
        self
    }

    /// Calls the leading master. Calls that return nothing give an empty response.
    pub async fn master_call(&self, call: master::Call) -> Result<master::Response, CallError> {
        let body = self.encode(&call)?;
        let reached = self.masters.ask(body, self.limits.answer, &self.limits).await;
        let Reached { connection, answer, .. } = reached.map_err(|error| match error {
            SubscribeError::Refused { refusal, .. } => CallError::Refused(refusal),
            SubscribeError::NoLeader { attempts } => match missing_file(&call, &attempts) {
                Some(refusal) => CallError::Refused(refusal),
                None => CallError::NoLeader { attempts: listed(&attempts) },
            },
            SubscribeError::TooLarge { size, limit } => CallError::TooLarge { size, limit },
        })?;
        self.read(&connection, answer).await
    }

    /// Calls an agent. `url` is its address, with the path that leads to it if there is one, as
    /// an offer gives it: `http://10.0.0.1:5051/slave(1)`.
    pub async fn agent_call(
        &self,
        url: &Url,
        call: agent::Call,
    ) -> Result<agent::Response, CallError> {
        let body = self.encode(&call)?;
        let target = self.masters.target(self.masters.secured(url).join(wire::OPERATOR_PATH));
        let asked = post_once(&target, body, self.limits.answer, &self.limits).await;
        let (connection, answer) = asked.map_err(|error| {
            if error.is_before_sending() {
                CallError::NotSent(error)
            } else {
                CallError::Unanswered(error)
            }
        })?;
        if !answer.status().is_success() {
            return Err(CallError::Refused(connection.refusal(answer, &self.limits).await.0));
        }
        self.read(&connection, answer).await
    }

    fn encode(&self, call: &impl Message) -> Result<Bytes, CallError> {
        let size = call.encoded_len();
        let limit = self.limits.request;
        if size > limit {
            return Err(CallError::TooLarge { size, limit });
        }
        Ok(Bytes::from(call.encode_to_vec()))
    }

    async fn read<R: Message + Default>(
        &self,
        connection: &Connection,
        answer: Response<Incoming>,
    ) -> Result<R, CallError> {
        let protobuf = is_protobuf(&answer);
        let to = connection.name().to_owned();
        let limit = self.limits.answer;
        let read = timeout(limit, connection.body(answer.into_body(), self.limits.response)).await;
        let (body, more) = match read {
            Ok(result) => result.map_err(CallError::Unanswered)?,
            Err(_) => return Err(CallError::Unanswered(crate::connection::timed_out(to, limit))),
        };
        if more {
            let what = format!("it has more than {} bytes", self.limits.response);
            return Err(CallError::BadAnswer { what });
        }
        if body.is_empty() {
            return Ok(R::default());
        }
        if !protobuf {
            return Err(CallError::BadAnswer { what: "it is not protobuf".to_owned() });
        }
        R::decode(body).map_err(|error| CallError::BadAnswer { what: error.to_string() })
    }
}

/// The 404 of a call about files: the leader says that there is no such file.
fn missing_file(call: &master::Call, attempts: &[Attempt]) -> Option<Refusal> {
    if call.read_file.is_none() && call.list_files.is_none() {
        return None;
    }
    attempts.iter().find_map(|attempt| match &attempt.error {
        AttemptError::Refused(refusal) if refusal.kind() == RefusalKind::NotFound => {
            Some(refusal.clone())
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests;
