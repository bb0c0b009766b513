//! The calls of one subscription: sent one after another on one connection, for Mesos keeps the
//! order within a connection only. Knows bytes and answers, no message.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::Refusal;
use crate::connection::{Connection, ConnectionError, PostError, Target};
use crate::limits::Limits;
use crate::stream::{Fate, StreamError};

/// Why a call did not succeed.
#[derive(Debug, Error)]
pub enum CallError {
    /// It was answered, but not with success. The subscription goes on as far as we are concerned.
    #[error("the call was refused: {0}")]
    Refused(Refusal),
    /// It could not be sent: there was no connection. The subscription is over.
    #[error("the call was not sent")]
    NotSent(#[source] ConnectionError),
    /// It was sent and not answered: it may have been carried out. The subscription is over.
    #[error("the outcome of the call is unknown")]
    Unanswered(#[source] ConnectionError),
    /// The client ended before the answer: it may have been carried out.
    #[error("the client ended before the call was answered")]
    Interrupted,
    /// The subscription was over already: it was not sent.
    #[error("the call was not sent: its subscription is over")]
    Over,
    /// Too many calls wait already: it was not sent.
    #[error("the call was not sent: {waiting} calls are waiting")]
    Full { waiting: usize },
    /// It is larger than our own limit: it was not sent.
    #[error("the call was not sent: its {size} bytes are more than the limit of {limit}")]
    TooLarge { size: usize, limit: usize },
    /// The answer is not what the protocol says.
    #[error("the answer cannot be understood: {what}")]
    BadAnswer { what: String },
    /// Every master that was asked failed in a way that may pass.
    #[error("no leading master was found: {attempts}")]
    NoLeader { attempts: String },
}

impl CallError {
    /// Whether the same call may succeed later, in most cases after a new subscription.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.is_retryable(),
            Self::TooLarge { .. } | Self::BadAnswer { .. } => false,
            _ => true,
        }
    }
}

/// An answer that is still to come. The call is sent whether or not this is waited for.
#[derive(Debug)]
pub struct Answer(Result<oneshot::Receiver<Result<(), CallError>>, CallError>);

impl Answer {
    /// Waits for the answer.
    pub async fn wait(self) -> Result<(), CallError> {
        match self.0?.await {
            Ok(result) => result,
            Err(_) => Err(CallError::Interrupted),
        }
    }
}

#[derive(Debug)]
struct Job {
    body: Bytes,
    answer: oneshot::Sender<Result<(), CallError>>,
}

/// The way to send calls; clones share the order.
#[derive(Debug, Clone)]
pub(crate) struct Calls {
    jobs: mpsc::Sender<Job>,
    limit: usize,
}

/// A call that is sent after a time without any other.
#[derive(Debug)]
pub(crate) struct Pulse {
    pub(crate) every: Duration,
    pub(crate) body: Bytes,
}

impl Calls {
    pub(crate) fn start(
        target: Target,
        limits: &Limits,
        fate: Arc<Fate>,
        pulse: Option<Pulse>,
    ) -> Self {
        let (jobs, queue) = mpsc::channel(limits.queue.max(1));
        let limits = limits.clone();
        let limit = limits.request;
        let sender = Sender { target, limits, connection: None };
        tokio::spawn(sender.run(queue, fate, pulse));
        Self { jobs, limit }
    }

    /// Puts a call into the queue; the order of these decides the order on the wire.
    pub(crate) fn enqueue(&self, body: Bytes) -> Answer {
        let size = body.len();
        if size > self.limit {
            return Answer(Err(CallError::TooLarge { size, limit: self.limit }));
        }
        let (answer, receiver) = oneshot::channel();
        Answer(match self.jobs.try_send(Job { body, answer }) {
            Ok(()) => Ok(receiver),
            Err(mpsc::error::TrySendError::Full(_)) => {
                Err(CallError::Full { waiting: self.jobs.max_capacity() })
            }
            Err(mpsc::error::TrySendError::Closed(_)) => Err(CallError::Over),
        })
    }
}

struct Sender {
    target: Target,
    limits: Limits,
    connection: Option<Connection>,
}

impl Sender {
    async fn run(mut self, mut queue: mpsc::Receiver<Job>, fate: Arc<Fate>, pulse: Option<Pulse>) {
        loop {
            let job = tokio::select! {
                biased;
                () = fate.ended() => break,
                job = queue.recv() => match job {
                    Some(job) => job,
                    None => return,
                },
                body = beat(pulse.as_ref()) => Job { body, answer: oneshot::channel().0 },
            };
            // A call under way is heard out even if the stream ends meanwhile: that is what happens
            // when a framework is torn down.
            let result = self.perform(job.body).await;
            let broken = match &result {
                Err(CallError::NotSent(error) | CallError::Unanswered(error)) => {
                    Some(StreamError::Calls { what: error.to_string() })
                }
                _ => None,
            };
            // The caller may have stopped waiting, which changes nothing.
            let _ = job.answer.send(result);
            if broken.is_some() {
                fate.end(broken);
            }
        }
        queue.close();
        while let Some(job) = queue.recv().await {
            let _ = job.answer.send(Err(CallError::Over));
        }
    }

    async fn perform(&mut self, body: Bytes) -> Result<(), CallError> {
        // A connection may be closed while it idles; then nothing was lost and the call goes out
        // on a new one. More often than once that is no accident.
        for _ in 0..2 {
            let mut connection = match self.connection.take().filter(|open| !open.is_closed()) {
                Some(connection) => connection,
                None => Connection::open(&self.target, &self.limits)
                    .await
                    .map_err(CallError::NotSent)?,
            };
            let sent = connection.post(&self.target, body.clone(), self.limits.answer).await;
            let answer = match sent {
                Ok(answer) => answer,
                Err(PostError::Unsent) => continue,
                Err(PostError::Failed(error)) => return Err(CallError::Unanswered(error)),
            };
            if !answer.status().is_success() {
                let (refusal, clean) = connection.refusal(answer, &self.limits).await;
                self.connection = clean.then_some(connection);
                return Err(CallError::Refused(refusal));
            }
            // It was accepted; a body would be of no use, but must be read for the next call.
            let read = connection.body(answer.into_body(), self.limits.text);
            if let Ok(Ok((_, false))) = timeout(self.limits.answer, read).await {
                self.connection = Some(connection);
            }
            return Ok(());
        }
        let to = self.target.url.authority();
        let source = std::io::Error::from(std::io::ErrorKind::ConnectionAborted);
        Err(CallError::NotSent(ConnectionError::Connect { to, source }))
    }
}

async fn beat(pulse: Option<&Pulse>) -> Bytes {
    match pulse {
        None => std::future::pending().await,
        Some(pulse) => {
            tokio::time::sleep(pulse.every).await;
            pulse.body.clone()
        }
    }
}

#[cfg(test)]
mod tests;
