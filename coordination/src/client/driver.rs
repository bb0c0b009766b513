//! The task of one session: keeps a connection, sends requests, matches answers, resumes watches,
//! pings. Owns the session's state; must not know who asks.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::AsyncWriteExt;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::link::{self, Link, LinkError};
use super::pending::{Assembly, Pending};
use super::subscription::Subscription;
use super::{Answer, Body, Command};
use crate::limits::HELLO_TIMEOUT;
use crate::wire::{Event, Refusal, SessionKey, ToClient, ToServer};
use crate::{Listing, SessionState, StoreError, WatchEvent};

/// What is put together for writing before more requests are taken in.
const WRITE_BYTES: usize = 1024 * 1024;
/// How long the last word of a session that nobody uses any more may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// The session's task.
pub(super) struct Driver {
    path: PathBuf,
    key: SessionKey,
    timeout: Duration,
    state: watch::Sender<SessionState>,
    next_id: u64,
    calls: BTreeMap<u64, Pending>,
    watches: BTreeMap<u64, Watching>,
    closing: Option<oneshot::Sender<Result<(), StoreError>>>,
    out: BytesMut,
}

struct Watching {
    subscription: Arc<Subscription>,
    snapshot: Assembly,
}

/// Why serving a connection ended.
enum End {
    /// Try again.
    Lost(String),
    /// The session is over.
    Expired,
    /// Nobody uses the session any more.
    Unused,
}

impl From<LinkError> for End {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Refused(Refusal::Expired | Refusal::Replaced) => Self::Expired,
            other => Self::Lost(other.to_string()),
        }
    }
}

impl Driver {
    pub(super) fn new(
        path: PathBuf,
        key: SessionKey,
        timeout: Duration,
        state: watch::Sender<SessionState>,
    ) -> Self {
        Self {
            path,
            key,
            timeout,
            state,
            next_id: 1,
            calls: BTreeMap::new(),
            watches: BTreeMap::new(),
            closing: None,
            out: BytesMut::new(),
        }
    }

    pub(super) async fn run(
        mut self,
        mut link: Link,
        mut commands: mpsc::UnboundedReceiver<Command>,
    ) {
        loop {
            self.state.send_replace(SessionState::Connected);
            let reason = match self.serve(&mut link, &mut commands).await {
                End::Lost(reason) => reason,
                End::Expired => return self.expire(commands),
                End::Unused => return self.leave(link).await,
            };
            drop(link);
            tracing::debug!(reason, "lost the connection to the store");
            self.state.send_replace(SessionState::Disconnected);
            self.fail_sent(&reason);
            link = match self.reconnect(&mut commands, &reason).await {
                Ok(link) => link,
                Err(End::Unused) => return,
                Err(_) => return self.expire(commands),
            };
            self.resend();
        }
    }

    /// Serves one connection until it ends.
    async fn serve(
        &mut self,
        link: &mut Link,
        commands: &mut mpsc::UnboundedReceiver<Command>,
    ) -> End {
        let (mut reading, write) = link.split();
        let mut heard = Instant::now();
        let mut ping = heard + self.timeout / 3;
        loop {
            let silence = heard + self.timeout * 2 / 3;
            tokio::select! {
                read = Link::read_more(&mut reading) => {
                    if let Err(error) = read {
                        return error.into();
                    }
                    heard = Instant::now();
                    loop {
                        match reading.take() {
                            Ok(Some(said)) => if let Err(end) = self.hear(said) { return end; },
                            Ok(None) => break,
                            Err(error) => return error.into(),
                        }
                    }
                }
                written = write.write_buf(&mut self.out), if self.out.has_remaining() => {
                    if let Err(error) = written {
                        return End::Lost(error.to_string());
                    }
                }
                command = commands.recv(), if self.out.len() < WRITE_BYTES => {
                    let Some(command) = command else { return End::Unused };
                    self.take(command, true);
                    while self.out.len() < WRITE_BYTES && let Ok(command) = commands.try_recv() {
                        self.take(command, true);
                    }
                }
                () = sleep_until(ping) => {
                    ToServer::Ping.put(&mut self.out);
                    ping = Instant::now() + self.timeout / 3;
                }
                () = sleep_until(silence) => return LinkError::Silent.into(),
            }
        }
    }

    /// Takes a command in; it is written at once if there is a connection.
    fn take(&mut self, command: Command, connected: bool) {
        match command {
            Command::Call(call) => {
                if call.answer.is_closed() {
                    return;
                }
                let id = self.new_id();
                let mut pending = Pending { call, sent: false, listing: Assembly::default() };
                if connected {
                    pending.send(id, &mut self.out);
                }
                self.calls.insert(id, pending);
            }
            Command::Subscribe(subscription) => self.subscribe(subscription, connected),
            Command::Renew(subscription) => {
                // While disconnected the coming resumption brings the snapshot anyway.
                if connected && self.unsubscribe(&subscription, true) {
                    self.subscribe(subscription, true);
                }
            }
            Command::Unsubscribe(subscription) => {
                self.unsubscribe(&subscription, connected);
            }
            Command::Close { answer } => {
                let id = self.new_id();
                if connected {
                    ToServer::Close { id }.put(&mut self.out);
                }
                self.closing = Some(answer);
            }
        }
    }

    fn subscribe(&mut self, subscription: Arc<Subscription>, connected: bool) {
        let id = self.new_id();
        if connected {
            let prefix = subscription.prefix.clone();
            ToServer::Watch { id, prefix }.put(&mut self.out);
        }
        self.watches.insert(id, Watching { subscription, snapshot: Assembly::default() });
    }

    fn unsubscribe(&mut self, subscription: &Arc<Subscription>, connected: bool) -> bool {
        let known =
            self.watches.iter().find(|(_, watch)| Arc::ptr_eq(&watch.subscription, subscription));
        let Some(id) = known.map(|(id, _)| *id) else { return false };
        self.watches.remove(&id);
        if connected {
            ToServer::Unwatch { id }.put(&mut self.out);
        }
        true
    }

    fn new_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// Takes in what the server says. What belongs to nobody any more is dropped.
    fn hear(&mut self, said: ToClient) -> Result<(), End> {
        match said {
            ToClient::Pong => {}
            ToClient::Found { id, record } => self.answer(id, Ok(Answer::Record(record))),
            ToClient::Committed { id, commit } => self.answer(id, Ok(Answer::Commit(commit))),
            ToClient::Failed { id, error } => match self.watches.remove(&id) {
                Some(watch) => watch.subscription.end(error),
                None => self.answer(id, Err(error)),
            },
            ToClient::Part { id, commit, first, last, records } => {
                self.part(id, (first, last), Listing { commit, records });
            }
            ToClient::Event { id, event } => {
                if let Some(watch) = self.watches.get(&id) {
                    watch.subscription.event(seen(event));
                }
            }
            ToClient::Closed { .. } => {
                if let Some(answer) = self.closing.take() {
                    // Whoever closed may not care to wait.
                    let _ = answer.send(Ok(()));
                }
                return Err(End::Expired);
            }
            ToClient::Refused(refusal) => return Err(LinkError::Refused(refusal).into()),
            ToClient::Welcome { .. } => return Err(End::Lost("a second welcome".to_owned())),
        }
        Ok(())
    }

    fn part(&mut self, id: u64, (first, last): (bool, bool), part: Listing) {
        if let Some(watch) = self.watches.get_mut(&id) {
            match watch.snapshot.add(part, first, last) {
                Ok(None) => {}
                Ok(Some(listing)) => watch.subscription.snapshot(listing),
                Err(error) => {
                    watch.subscription.end(error);
                    self.watches.remove(&id);
                    ToServer::Unwatch { id }.put(&mut self.out);
                }
            }
        } else if let Some(pending) = self.calls.get_mut(&id) {
            match pending.listing.add(part, first, last) {
                Ok(None) => {}
                Ok(Some(listing)) => self.answer(id, Ok(Answer::Listing(listing))),
                Err(error) => self.answer(id, Err(error)),
            }
        }
    }

    fn answer(&mut self, id: u64, answer: Result<Answer, StoreError>) {
        if let Some(pending) = self.calls.remove(&id) {
            pending.call.finish(answer);
        }
    }

    /// After a loss: the outcome of writes that were sent is unknown; reads can be asked again.
    fn fail_sent(&mut self, reason: &str) {
        self.out.clear();
        let (lost, kept) = std::mem::take(&mut self.calls)
            .into_iter()
            .partition(|(_, pending)| pending.sent && matches!(pending.call.body, Body::Multi(_)));
        self.calls = kept;
        for pending in lost.into_values() {
            pending.call.finish(Err(StoreError::disconnected(reason)));
        }
        if let Some(answer) = self.closing.take() {
            let _ = answer.send(Err(StoreError::disconnected(reason)));
        }
    }

    /// On a new connection: what waits is sent, in order, and every watch begins anew.
    fn resend(&mut self) {
        self.out.clear();
        for (id, pending) in &mut self.calls {
            pending.listing = Assembly::default();
            pending.send(*id, &mut self.out);
        }
        for (_, watching) in std::mem::take(&mut self.watches) {
            self.subscribe(watching.subscription, true);
        }
    }

    /// Tries to resume the session, for as long as it takes; calls wait at most for its timeout.
    async fn reconnect(
        &mut self,
        commands: &mut mpsc::UnboundedReceiver<Command>,
        reason: &str,
    ) -> Result<Link, End> {
        let path = self.path.clone();
        let (key, wanted) = (self.key, self.timeout);
        let attempts = resume(path, key, wanted);
        tokio::pin!(attempts);
        let mut patience = Some(Instant::now() + self.timeout);
        loop {
            tokio::select! {
                resumed = &mut attempts => return resumed,
                command = commands.recv() => {
                    let Some(command) = command else { return Err(End::Unused) };
                    self.take(command, false);
                    if let Some(answer) = self.closing.take() {
                        let _ = answer.send(Err(StoreError::disconnected(reason)));
                        return Err(End::Expired);
                    }
                    if patience.is_none() {
                        self.fail_all(reason);
                    }
                }
                () = sleep_until(patience.unwrap_or_else(Instant::now)), if patience.is_some() => {
                    patience = None;
                    self.fail_all(reason);
                }
            }
        }
    }

    fn fail_all(&mut self, reason: &str) {
        for pending in std::mem::take(&mut self.calls).into_values() {
            pending.call.finish(Err(StoreError::disconnected(reason)));
        }
    }

    /// The session is over: everyone is told, and whoever comes later finds the channel closed.
    fn expire(mut self, mut commands: mpsc::UnboundedReceiver<Command>) {
        self.state.send_replace(SessionState::Expired);
        commands.close();
        while let Ok(command) = commands.try_recv() {
            self.take(command, false);
        }
        for pending in std::mem::take(&mut self.calls).into_values() {
            pending.call.finish(Err(StoreError::Expired));
        }
        for watching in self.watches.values() {
            watching.subscription.end(StoreError::Expired);
        }
        if let Some(answer) = self.closing.take() {
            let _ = answer.send(Err(StoreError::Expired));
        }
    }

    /// Ends the session since nobody uses it, as well as that can be done in a moment.
    async fn leave(mut self, mut link: Link) {
        let id = self.new_id();
        ToServer::Close { id }.put(&mut self.out);
        let _ = timeout(FAREWELL, link.write_half.write_all(&self.out)).await;
        self.state.send_replace(SessionState::Expired);
    }
}

fn seen(event: Event) -> WatchEvent {
    match event {
        Event::Changed { path, record } => {
            WatchEvent::Changed { path, commit: record.commit, record }
        }
        Event::Deleted { path, commit } => WatchEvent::Deleted { path, commit },
    }
}

/// Tries until the session is resumed or has ended.
async fn resume(path: PathBuf, key: SessionKey, wanted: Duration) -> Result<Link, End> {
    let mut pause = Duration::ZERO;
    // An attempt that nobody answers may not use up the time that the session has.
    let limit = HELLO_TIMEOUT.min(wanted * 2 / 3);
    loop {
        let attempt = timeout(limit, link::connect(&path, Some(key), wanted)).await;
        match attempt {
            Ok(Ok(connected)) => return Ok(connected.link),
            Ok(Err(LinkError::Refused(Refusal::Expired))) => return Err(End::Expired),
            _ => {}
        }
        pause = link::next_pause(pause);
        tokio::time::sleep(pause).await;
    }
}
