//! The client of the local store: what the handle does; the session's task is in `client/driver.rs`.
//! Must not know what callers use it for.

mod driver;
mod link;
mod pending;
mod subscription;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};

use crate::limits::{MAX_IN_FLIGHT, MAX_SESSION_TIMEOUT, MIN_SESSION_TIMEOUT};
use crate::{Listing, Op, Options, Record, SessionState, StoreError};
use driver::Driver;
pub(crate) use subscription::ClientWatch;
use subscription::Subscription;

/// What one request in flight counts at least, so that their number is bounded too.
const LEAST_KIB: usize = 16;

/// A handle of one session; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    commands: mpsc::UnboundedSender<Command>,
    /// Bounds what is under way, in number and bytes; what is beyond waits in its caller. That is
    /// what bounds the channel of commands.
    room: Arc<Semaphore>,
    session: watch::Receiver<SessionState>,
    history: Arc<str>,
}

/// What handles and watches ask of the session's task.
#[derive(Debug)]
enum Command {
    Call(Call),
    Subscribe(Arc<Subscription>),
    /// The watcher has emptied its queue after an overflow and wants a fresh snapshot.
    Renew(Arc<Subscription>),
    Unsubscribe(Arc<Subscription>),
    Close {
        answer: oneshot::Sender<Result<(), StoreError>>,
    },
}

/// One request and where its answer goes.
#[derive(Debug)]
struct Call {
    body: Body,
    answer: oneshot::Sender<Result<Answer, StoreError>>,
    /// Its share of the room: given back when the answer is there, even if the caller is gone.
    share: OwnedSemaphorePermit,
}

#[derive(Debug)]
enum Body {
    Get(String),
    List(String),
    Multi(Vec<Op>),
}

#[derive(Debug)]
enum Answer {
    Record(Option<Record>),
    Listing(Listing),
    Commit(u64),
}

impl Client {
    pub(crate) async fn connect(path: PathBuf, options: Options) -> Result<Self, StoreError> {
        let timeout = options.session_timeout.clamp(MIN_SESSION_TIMEOUT, MAX_SESSION_TIMEOUT);
        let connected = link::connect_within(&path, timeout, options.connect_timeout).await?;
        let history = Arc::from(connected.history.as_str());
        let (commands, waiting) = mpsc::unbounded_channel();
        let (state, session) = watch::channel(SessionState::Connected);
        let driver = Driver::new(path, connected.key, connected.timeout, state);
        tokio::spawn(driver.run(connected.link, waiting));
        let room = Arc::new(Semaphore::new(MAX_IN_FLIGHT * LEAST_KIB));
        Ok(Self { commands, room, session, history })
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Option<Record>, StoreError> {
        match self.call(Body::Get(path.to_owned()), 0).await? {
            Answer::Record(record) => Ok(record),
            _ => Err(unfit()),
        }
    }

    pub(crate) async fn list(&self, prefix: &str) -> Result<Listing, StoreError> {
        match self.call(Body::List(prefix.to_owned()), 0).await? {
            Answer::Listing(listing) => Ok(listing),
            _ => Err(unfit()),
        }
    }

    pub(crate) async fn multi(&self, ops: Vec<Op>) -> Result<u64, StoreError> {
        let bytes = ops.iter().map(|op| op.path().len() + op.data().len()).sum();
        match self.call(Body::Multi(ops), bytes).await? {
            Answer::Commit(commit) => Ok(commit),
            _ => Err(unfit()),
        }
    }

    #[expect(clippy::unused_async, reason = "a store of another kind has to ask for it")]
    pub(crate) async fn watch(&self, prefix: &str) -> Result<ClientWatch, StoreError> {
        let subscription = Arc::new(Subscription::new(prefix));
        self.send(Command::Subscribe(subscription.clone()))?;
        Ok(ClientWatch::new(subscription, self.commands.clone()))
    }

    pub(crate) fn session(&self) -> watch::Receiver<SessionState> {
        self.session.clone()
    }

    pub(crate) fn history(&self) -> String {
        self.history.to_string()
    }

    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        let (answer, done) = oneshot::channel();
        self.send(Command::Close { answer })?;
        done.await.unwrap_or(Err(StoreError::Expired))
    }

    async fn call(&self, body: Body, bytes: usize) -> Result<Answer, StoreError> {
        let kib = bytes.div_ceil(1024).clamp(LEAST_KIB, MAX_IN_FLIGHT * LEAST_KIB);
        let kib = u32::try_from(kib).unwrap_or(u32::MAX);
        let share = self.room.clone().acquire_many_owned(kib).await;
        let share = share.map_err(|_| StoreError::Expired)?;
        let (answer, done) = oneshot::channel();
        self.send(Command::Call(Call { body, answer, share }))?;
        done.await.unwrap_or(Err(StoreError::Expired))
    }

    /// The session's task takes commands for as long as the session lives.
    fn send(&self, command: Command) -> Result<(), StoreError> {
        self.commands.send(command).map_err(|_| StoreError::Expired)
    }
}

/// The server answered another question than was asked.
fn unfit() -> StoreError {
    StoreError::disconnected("the server gave an answer of another kind")
}

/// A bare hello, for tests of the server: the key that it was given, or why it was refused.
#[cfg(test)]
pub(crate) async fn hello_for_tests(
    path: &std::path::Path,
    session: Option<crate::wire::SessionKey>,
    timeout: std::time::Duration,
) -> Result<crate::wire::SessionKey, String> {
    let connected = link::connect(path, session, timeout).await;
    connected.map(|connected| connected.key).map_err(|error| error.to_string())
}
