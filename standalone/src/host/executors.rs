//! The executors of a host: their streams and the news of them.
//!
//! Owns which executor is there; a keeper owns its process.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use lathe_child::Pid;
use lathe_mesos::{recordio, v1};
use prost::Message as _;
use tokio::sync::{mpsc, oneshot};

use super::fetch::Fetcher;
use super::keeper::{self, Kept};
use super::launch::Launch;
use super::{Tokens, sandbox, table};
use crate::cluster::ExecutorKey;
use crate::http::STREAM_QUEUE;
use crate::link::{Deliver, FromHost, News, Order, Report, Start, Word};
use crate::{secret, sweep};

/// Processes that are known: those of keepers.
pub(super) type KnownPids = Arc<Mutex<BTreeSet<Pid>>>;

/// What reaches the loop of a host.
#[derive(Debug)]
pub(super) enum Input {
    /// A call that passed all checks that need no knowledge of executors.
    Called {
        by: ExecutorKey,
        call: Box<v1::executor::Call>,
        reply: oneshot::Sender<Reply>,
    },
    StreamClosed {
        executor: ExecutorKey,
        serial: u64,
    },
    /// News from a keeper.
    Kept {
        executor: ExecutorKey,
        news: Kept,
    },
}

/// The answer to an executor's call.
#[derive(Debug)]
pub(super) enum Reply {
    Accepted,
    Refused { status: u16, text: &'static str },
    Stream { events: mpsc::Receiver<Bytes>, guard: oneshot::Sender<()> },
}

#[derive(Debug)]
struct Executor {
    token: String,
    stream: Option<(u64, mpsc::Sender<Bytes>)>,
    kill: mpsc::Sender<()>,
}

/// See the text of this module.
#[derive(Debug)]
pub(super) struct Executors {
    dir: PathBuf,
    own: SocketAddr,
    agent_id: String,
    inputs: mpsc::Sender<Input>,
    outbox: mpsc::Sender<FromHost>,
    tokens: Tokens,
    fetcher: Arc<Fetcher>,
    known: KnownPids,
    all: BTreeMap<ExecutorKey, Executor>,
    serials: u64,
    ending: bool,
}

impl Executors {
    pub(super) fn new(
        dir: &Path,
        own: SocketAddr,
        (inputs, outbox): (mpsc::Sender<Input>, mpsc::Sender<FromHost>),
        tokens: Tokens,
    ) -> Self {
        Self {
            dir: dir.to_path_buf(),
            own,
            agent_id: String::new(),
            inputs,
            outbox,
            tokens,
            fetcher: Arc::new(Fetcher::new(&dir.join("cache"))),
            known: Arc::default(),
            all: BTreeMap::new(),
            serials: 0,
            ending: false,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn order(&mut self, order: Order) {
        match order {
            Order::Welcome(agent_id) => self.agent_id = agent_id,
            Order::Start(start) => self.start(*start),
            Order::Deliver(deliver) => {
                let Deliver { executor, event } = *deliver;
                self.deliver(&executor.into(), &event);
            }
            Order::Kill(key) => {
                if let Some(executor) = self.all.get(&ExecutorKey::from(key)) {
                    let _ = executor.kill.try_send(());
                }
            }
        }
    }

    fn start(&mut self, start: Start) {
        let key: ExecutorKey = start.executor.into();
        if self.ending || self.all.contains_key(&key) {
            self.report(&key, News::Refused("the host is ending".to_owned()));
            return;
        }
        let token = secret::random_text();
        let launch = Launch {
            key: key.clone(),
            container_id: start.container_id,
            info: start.info,
            checkpoint: start.checkpoint,
            agent_id: self.agent_id.clone(),
            agent: self.own,
            token: token.clone(),
            dir: self.dir.clone(),
        };
        let (kill, killed) = mpsc::channel(1);
        table(&self.tokens).insert(token.clone(), key.clone());
        self.all.insert(key, Executor { token, stream: None, kill });
        let kept = keeper::Keeper {
            launch,
            fetcher: Arc::clone(&self.fetcher),
            known: Arc::clone(&self.known),
            inputs: self.inputs.clone(),
        };
        tokio::task::spawn_local(kept.run(killed));
    }

    fn deliver(&mut self, key: &ExecutorKey, event: &v1::executor::Event) {
        let Some(executor) = self.all.get_mut(key) else {
            return;
        };
        let record = recordio::frame(&event.encode_to_vec());
        let lost = executor.stream.take_if(|(_, stream)| stream.try_send(record).is_err());
        if lost.is_some() {
            tracing::warn!(executor = key.executor_id, "an executor does not read its events");
            self.report(key, News::Disconnected(true));
        }
    }

    fn report(&self, key: &ExecutorKey, news: News) {
        let report = Report { executor: key.clone().into(), news: Some(news) };
        let word = FromHost { word: Some(Word::Report(Box::new(report))) };
        if self.outbox.try_send(word).is_err() {
            // The loop finds the same with its next pulse, and ends.
            tracing::error!("the master takes no news");
        }
    }

    pub(super) fn take_in(&mut self, input: Input) {
        match input {
            Input::Called { by, call, reply } => {
                let answer = self.called(&by, *call);
                // Dropped with its guard when nobody waits: the stream then counts as closed.
                let _ = reply.send(answer);
            }
            Input::StreamClosed { executor: key, serial } => {
                let executor = self.all.get_mut(&key);
                let closed = executor.and_then(|executor| {
                    executor.stream.take_if(|(current, _)| *current == serial)
                });
                if closed.is_some() {
                    self.report(&key, News::Disconnected(true));
                }
            }
            Input::Kept { executor, news } => self.kept(&executor, news),
        }
    }

    fn kept(&mut self, key: &ExecutorKey, news: Kept) {
        let news = match news {
            Kept::Started(pid) => News::Started(pid.as_raw()),
            Kept::Refused(why) => News::Refused(why),
            Kept::Ended(status) => News::Exited(status),
        };
        if !matches!(news, News::Started(_)) {
            if let Some(executor) = self.all.remove(key) {
                table(&self.tokens).remove(&executor.token);
            }
            self.sweep();
            self.prune();
        }
        self.report(key, news);
    }

    fn called(&mut self, by: &ExecutorKey, call: v1::executor::Call) -> Reply {
        use v1::executor::call::Type;
        let refused = |status, text| Reply::Refused { status, text };
        let key = ExecutorKey {
            framework_id: call.framework_id.value.clone(),
            executor_id: call.executor_id.value.clone(),
        };
        if !self.all.keys().any(|known| known.framework_id == key.framework_id) {
            return refused(400, "Framework cannot be found");
        }
        let Some(executor) = self.all.get_mut(&key) else {
            return refused(400, "Executor cannot be found");
        };
        if *by != key {
            return refused(403, "403 Forbidden.");
        }
        if call.r#type() == Type::Subscribe {
            self.serials += 1;
            let serial = self.serials;
            let (sender, events) = mpsc::channel(STREAM_QUEUE);
            let (guard, gone) = oneshot::channel();
            // An older stream ends by being replaced.
            executor.stream = Some((serial, sender));
            let (inputs, executor) = (self.inputs.clone(), key.clone());
            tokio::spawn(async move {
                let _ = gone.await;
                let _ = inputs.send(Input::StreamClosed { executor, serial }).await;
            });
            self.report(&key, News::Subscribed(call.subscribe.unwrap_or_default()));
            return Reply::Stream { events, guard };
        }
        if executor.stream.is_none() {
            return refused(403, "Executor is not subscribed");
        }
        match call.r#type() {
            Type::Update => {
                let status = call.update.unwrap_or_default().status;
                self.report(&key, News::Updated(Box::new(status)));
            }
            Type::Message => {
                let data = call.message.unwrap_or_default().data;
                self.report(&key, News::Messaged(data.to_vec()));
            }
            Type::Heartbeat => {}
            Type::Subscribe | Type::Unknown => return refused(501, ""),
        }
        Reply::Accepted
    }

    /// Asks all executors to end; those that cannot hear are killed.
    pub(super) fn shut_down(&mut self) {
        self.ending = true;
        let kind = v1::executor::event::Type::Shutdown;
        let event = v1::executor::Event { r#type: Some(kind.into()), ..Default::default() };
        let keys: Vec<ExecutorKey> = self.all.keys().cloned().collect();
        for key in keys {
            self.deliver(&key, &event);
            if let Some(executor) = self.all.get(&key).filter(|one| one.stream.is_none()) {
                let _ = executor.kill.try_send(());
            }
        }
    }

    /// Kills processes that nobody here knows.
    pub(super) fn sweep(&self) {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let killed = sweep::strangers(&known);
        if killed > 0 {
            tracing::info!(killed, "orphans were killed");
        }
    }

    /// Removes old sandboxes of executors that have ended.
    pub(super) fn prune(&self) {
        let live: BTreeSet<ExecutorKey> = self.all.keys().cloned().collect();
        let dir = self.dir.clone();
        tokio::task::spawn_blocking(move || sandbox::prune(&dir, &live));
    }
}
