//! Finding the leading master: asks the configured ones in turn, follows redirects, tells refusals
//! for good from those that may pass. Knows no message: it carries bytes.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use hyper::body::Incoming;
use lathe_tls::ClientTls;
use thiserror::Error;
use tokio::sync::watch;

use crate::Refusal;
use crate::address::{Url, UrlError};
use crate::connection::{self, Connection, ConnectionError, PostError, Target};
use crate::limits::Limits;
use crate::wire::{self, Credentials};

/// The masters to ask, and who we are.
#[derive(Debug, Clone, Default)]
pub struct Endpoint {
    /// `host:port`, `http://host:port` or `https://host:port`, in the order in which they are asked;
    /// any of them may be a master that does not lead. May be empty where a leader is announced.
    pub masters: Vec<String>,
    /// The leading master as somebody keeps finding it out (see [`crate::detector`]); it is asked
    /// before the others. Those are asked all the same, since what is announced may be out of date.
    pub announced: Option<watch::Receiver<Option<Url>>>,
    pub credentials: Option<Credentials>,
    /// Needed for `https`. With it, who is announced and the agents are spoken to over TLS, since
    /// neither is announced with a scheme that can be relied on.
    pub tls: Option<ClientTls>,
}

/// Why there is no client.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum EndpointError {
    #[error("no master is given")]
    NoMasters,
    #[error(transparent)]
    Address(#[from] UrlError),
    #[error("{url} is spoken to over TLS, and no authority to trust is given")]
    NoTls { url: Url },
}

/// Why there is no subscription.
#[derive(Debug, Error)]
pub enum SubscribeError {
    /// A master said no, and would say no again.
    #[error("{master} refused the subscription: {refusal}")]
    Refused { master: Url, refusal: Refusal },
    /// Every master failed in a way that may pass, or none is announced yet: try again after a
    /// pause.
    #[error("no leading master was found: {}", listed(attempts))]
    NoLeader { attempts: Vec<Attempt> },
    /// It is larger than our own limit.
    #[error("the call was not sent: its {size} bytes are more than the limit of {limit}")]
    TooLarge { size: usize, limit: usize },
}

impl SubscribeError {
    /// Whether the same may succeed after a pause.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::NoLeader { .. })
    }
}

/// What became of asking one master.
#[derive(Debug)]
pub struct Attempt {
    /// The master that was asked, as configured or as the last redirect said.
    pub master: Url,
    pub error: AttemptError,
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = format!("{}: {}", self.master, self.error);
        let mut below = std::error::Error::source(&self.error);
        while let Some(cause) = below {
            let cause_says = cause.to_string();
            // Some errors say already what is below them.
            if !said.contains(&cause_says) {
                said = format!("{said}: {cause_says}");
            }
            below = cause.source();
        }
        f.write_str(&said)
    }
}

/// Why a master did not give us what we asked for.
#[derive(Debug, Error)]
pub enum AttemptError {
    #[error(transparent)]
    Refused(Refusal),
    #[error(transparent)]
    Connection(ConnectionError),
    #[error("the redirect leads nowhere: {0}")]
    Redirect(#[source] UrlError),
    #[error("more than {} redirects", wire::MAX_REDIRECTS)]
    TooManyRedirects,
    #[error("the answer is not that of a Mesos master: {what}")]
    BadAnswer { what: String },
}

pub(crate) fn listed(attempts: &[Attempt]) -> String {
    if attempts.is_empty() {
        return "none is announced".to_owned();
    }
    let all: Vec<String> = attempts.iter().map(ToString::to_string).collect();
    all.join("; ")
}

/// The masters of a cluster, asked in turn.
#[derive(Debug)]
pub(crate) struct Masters {
    urls: Vec<Url>,
    announced: Option<watch::Receiver<Option<Url>>>,
    path: String,
    authorization: Option<HeaderValue>,
    tls: Option<ClientTls>,
    aliases: BTreeMap<String, String>,
    /// Which one is asked first next time: another one each time, so that a master which accepts
    /// connections and answers nothing does not hold us up again and again.
    first: AtomicUsize,
}

/// A master's answer with success, and the connection that it comes on.
pub(crate) struct Reached {
    pub(crate) connection: Connection,
    pub(crate) answer: Response<Incoming>,
    pub(crate) target: Target,
}

impl Masters {
    pub(crate) fn new(endpoint: Endpoint, path: &str) -> Result<Self, EndpointError> {
        let Endpoint { masters, announced, credentials, tls } = endpoint;
        if masters.is_empty() && announced.is_none() {
            return Err(EndpointError::NoMasters);
        }
        let mut urls = Vec::new();
        for text in masters {
            let url = Url::parse(text.trim(), wire::MASTER_PORT)?;
            if url.is_tls() && tls.is_none() {
                return Err(EndpointError::NoTls { url });
            }
            urls.push(if url.has_path() { url } else { url.join(path) });
        }
        Ok(Self {
            urls,
            announced,
            path: path.to_owned(),
            authorization: credentials.as_ref().map(connection::basic),
            tls,
            aliases: BTreeMap::new(),
            first: AtomicUsize::new(0),
        })
    }

    /// Whom to ask, in order: who is announced, then the others, each time another one first.
    fn in_turn(&self) -> Vec<Url> {
        let announced = self.announced.as_ref().and_then(|leader| leader.borrow().clone());
        let announced = announced.map(|leader| self.secured(&leader).join(&self.path));
        let turn = self.first.fetch_add(1, Ordering::Relaxed);
        let first = turn.checked_rem(self.urls.len()).unwrap_or(0);
        let rest = self.urls.iter().cycle().skip(first).take(self.urls.len());
        let rest = rest.filter(|url| Some(*url) != announced.as_ref()).cloned();
        announced.clone().into_iter().chain(rest).collect()
    }

    /// How to speak to an address that is known from elsewhere.
    pub(crate) fn target(&self, url: Url) -> Target {
        let mut target = Target::new(url);
        target.authorization.clone_from(&self.authorization);
        target.tls.clone_from(&self.tls);
        target
    }

    /// An address whose scheme says nothing.
    pub(crate) fn secured(&self, url: &Url) -> Url {
        if self.tls.is_some() { url.over_tls() } else { url.clone() }
    }

    pub(crate) fn set_aliases(&mut self, aliases: BTreeMap<String, String>) {
        self.aliases = aliases;
    }

    /// Asks one master after another until one of them answers with success.
    pub(crate) async fn ask(
        &self,
        body: Bytes,
        limit: Duration,
        limits: &Limits,
    ) -> Result<Reached, SubscribeError> {
        let mut attempts = Vec::new();
        for url in self.in_turn() {
            match self.follow(url, body.clone(), limit, limits).await {
                Ok(reached) => return Ok(reached),
                Err(Attempt { master, error: AttemptError::Refused(refusal) })
                    if !refusal.is_retryable() =>
                {
                    return Err(SubscribeError::Refused { master, refusal });
                }
                Err(attempt) => {
                    tracing::debug!(%attempt, "a master did not help");
                    attempts.push(attempt);
                }
            }
        }
        Err(SubscribeError::NoLeader { attempts })
    }

    async fn follow(
        &self,
        mut url: Url,
        body: Bytes,
        limit: Duration,
        limits: &Limits,
    ) -> Result<Reached, Attempt> {
        for _ in 0..=wire::MAX_REDIRECTS {
            let target = self.target(url.clone());
            let failed = |error| Attempt { master: url.clone(), error };
            let (connection, answer) = post_once(&target, body.clone(), limit, limits)
                .await
                .map_err(|error| failed(AttemptError::Connection(error)))?;
            if answer.status().is_success() {
                return Ok(Reached { connection, answer, target });
            }
            let (refusal, _) = connection.refusal(answer, limits).await;
            let to = refusal.location.clone().filter(|_| (300..400).contains(&refusal.status));
            let Some(to) = to else { return Err(failed(AttemptError::Refused(refusal))) };
            let next = url.redirect(&to).map_err(|e| failed(AttemptError::Redirect(e)))?;
            url = match self.aliases.get(next.host()) {
                Some(host) => next.with_host(host),
                None => next,
            };
        }
        Err(Attempt { master: url, error: AttemptError::TooManyRedirects })
    }
}

/// Opens a connection, sends one call on it, waits for the head of the answer.
pub(crate) async fn post_once(
    target: &Target,
    body: Bytes,
    limit: Duration,
    limits: &Limits,
) -> Result<(Connection, Response<Incoming>), ConnectionError> {
    let mut connection = Connection::open(target, limits).await?;
    match connection.post(target, body, limit).await {
        Ok(answer) => Ok((connection, answer)),
        Err(PostError::Failed(error)) => Err(error),
        Err(PostError::Unsent) => {
            let source = std::io::Error::from(std::io::ErrorKind::ConnectionAborted);
            Err(ConnectionError::Connect { to: target.url.authority(), source })
        }
    }
}

/// Whether an answer has the media type that we asked for.
pub(crate) fn is_protobuf(answer: &Response<Incoming>) -> bool {
    let value = answer.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let kind = value.and_then(|value| value.split(|byte| *byte == b';').next());
    kind.is_some_and(|kind| kind.trim_ascii().eq_ignore_ascii_case(wire::PROTOBUF.as_bytes()))
}

#[cfg(test)]
mod tests;
