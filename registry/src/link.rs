//! The session with the store: what it says goes to the machine, what the machine writes goes in.
//!
//! Owns connecting again and again, the grouping of changes by commit, and this registry's node
//! under `/lathe/registries`. It must not know what the nodes mean.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::FutureExt as _;
use lathe_catalog::format::{self, FORMAT, FormatError};
use lathe_catalog::paths;
use lathe_coordination::{
    Listing, Op, Options, Record, SessionState, Store, StoreError, Watch, WatchEvent,
    without_password,
};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::commits::Commits;
use crate::directory::{Content, Event, Node, Outcome, Set};
use crate::driver::Input;
use crate::fleets::Handle;
use crate::hooks::{self, Wire};
use crate::metrics::Metrics;
use crate::post::Edit;

const BACKOFF_MIN: Duration = Duration::from_millis(50);
const BACKOFF_MAX: Duration = Duration::from_secs(2);
/// How long the rest of a commit is waited for. Only a writer that changes an entry and not its
/// task's record makes this pass.
const PATIENCE: Duration = Duration::from_millis(50);
/// Longest URL of another registry that is passed on, in bytes.
const URL_BYTES_MAX: usize = 1024;
/// How long the goodbye to the store may take.
const GOODBYE_MAX: Duration = Duration::from_secs(2);

/// Takes the history and its newest commit that has changed the catalog; dropped when nobody can say.
pub(crate) type Ask = oneshot::Sender<(String, u64)>;

/// Everything that a session needs.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) address: String,
    pub(crate) session_timeout: Duration,
    /// This registry's URL, as others are told it.
    pub(crate) url: String,
    pub(crate) inputs: mpsc::Sender<Input>,
    pub(crate) writes: mpsc::Receiver<Vec<Set>>,
    /// What is said to groups, one after the other.
    pub(crate) edits: mpsc::Receiver<Edit>,
    /// Who wants to know the newest commit of the catalog, as of now or later.
    pub(crate) asks: mpsc::Receiver<Ask>,
    /// Who wants to ask the store for turns.
    pub(crate) handles: mpsc::Receiver<Handle>,
    pub(crate) ending: watch::Receiver<bool>,
    pub(crate) metrics: Metrics,
    /// The hooks, where there are any.
    pub(crate) hooks: Option<Wire>,
}

/// Why a session is over.
enum Over {
    Ending,
    Lost(StoreError),
    /// It is not ours to read, until a version that may comes in our place.
    Foreign(FormatError),
}

impl From<FormatError> for Over {
    fn from(error: FormatError) -> Self {
        Self::Foreign(error)
    }
}

impl From<StoreError> for Over {
    fn from(error: StoreError) -> Self {
        Self::Lost(error)
    }
}

impl Link {
    /// Runs until the process ends; takes this registry's node away then.
    pub(crate) async fn run(mut self) {
        let mut backoff = BACKOFF_MIN;
        loop {
            self.tell(Event::StoreLost).await;
            let opened = self.metrics.sessions.get();
            match self.session().await {
                Over::Ending => return,
                Over::Lost(error) => {
                    tracing::warn!(store = without_password(&self.address), %error, "waiting for the store");
                }
                Over::Foreign(error) => {
                    tracing::error!(store = without_password(&self.address), %error, "cannot read the store");
                }
            }
            if self.metrics.sessions.get() > opened {
                backoff = BACKOFF_MIN;
            }
            let mut ending = self.ending.clone();
            tokio::select! {
                _ = ending.wait_for(|ends| *ends) => return,
                () = tokio::time::sleep(backoff) => {}
            }
            backoff = (backoff * 2).min(BACKOFF_MAX);
        }
    }

    /// One session, from connecting to its end.
    async fn session(&mut self) -> Over {
        let mut ending = self.ending.clone();
        let opened = tokio::select! {
            _ = ending.wait_for(|ends| *ends) => return Over::Ending,
            opened = self.open() => opened,
        };
        let mut session = match opened {
            Ok(session) => session,
            Err(over) => return over,
        };
        self.metrics.sessions.inc();
        tracing::info!(store = without_password(&self.address), history = %session.history, "follows the store");
        let over = loop {
            tokio::select! {
                _ = ending.wait_for(|ends| *ends) => break Over::Ending,
                step = self.follow(&mut session) => if let Err(over) = step {
                    break over;
                },
            }
        };
        if matches!(over, Over::Ending) {
            match tokio::time::timeout(GOODBYE_MAX, session.store.close()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "the store was not told of the end"),
                Err(_) => tracing::warn!("the store did not answer to the goodbye"),
            }
        }
        over
    }

    async fn open(&self) -> Result<Session, Over> {
        let options = Options { session_timeout: self.session_timeout, ..Options::default() };
        let store = Store::connect(&self.address, options).await?;
        let form = store.get(FORMAT).await?;
        format::check(form.as_ref().map(|record| &*record.data))?;
        let hooks = match &self.hooks {
            Some(_) => Some(store.watch(hooks::PATH).await?),
            None => None,
        };
        let session = Session {
            history: store.history().await?,
            hooks,
            catalog: store.watch(paths::CATALOG).await?,
            registries: store.watch(paths::REGISTRIES).await?,
            commits: Commits::default(),
            patience_ends: tokio::time::Instant::now(),
            urls: BTreeMap::new(),
            state: store.session(),
            asking: None,
            store,
        };
        // A node of an earlier session may still be there, so each session has a name of its own.
        let id = uuid::Uuid::new_v4().to_string();
        let mut nodes = vec![Op::create_ephemeral(paths::registry(&id), self.url.clone())];
        nodes.extend(self.hooks.as_ref().map(|hooks| hooks.enrol(&id)));
        session.store.multi(nodes).await?;
        Ok(session)
    }

    /// Waits for one thing to happen and passes it on. Cancelling the wait loses nothing: what was
    /// taken from a watch is passed on before the next wait, by `pass_on` alone.
    async fn follow(&mut self, session: &mut Session) -> Result<(), Over> {
        tokio::select! {
            event = session.catalog.next() => {
                let events = session.by_commit(event?)?;
                self.pass_on(events).await;
            }
            () = tokio::time::sleep_until(session.patience_ends), if session.commits.first().is_some() => {
                tracing::debug!("shows a commit of which the record of a task is missing");
                self.pass_on(session.commits.take().into_iter().collect()).await;
            }
            event = session.registries.next() => {
                let event = session.note_registries(event?);
                self.pass_on(vec![event]).await;
            }
            changed = session.state.changed() => {
                let state = *session.state.borrow_and_update();
                match state {
                    _ if changed.is_err() => return Err(Over::Lost(StoreError::Expired)),
                    SessionState::Expired => return Err(Over::Lost(StoreError::Expired)),
                    SessionState::Connected => self.tell(Event::StoreFound).await,
                    SessionState::Disconnected => self.tell(Event::StoreLost).await,
                }
            }
            event = next_of(&mut session.hooks) => {
                if let Some(hooks) = &self.hooks {
                    hooks.hear(event?).await;
                }
            }
            Some(edit) = edit_of(&mut self.hooks) => edit_in(session.store.clone(), edit),
            Some(sets) = self.writes.recv() => self.write(session.store.clone(), sets),
            Some(edit) = self.edits.recv() => edit_in(session.store.clone(), edit),
            Some(handle) = self.handles.recv() => {
                let _ = handle.send(session.store.clone());
            }
            Some(first) = self.asks.recv(), if session.asking.is_none() => {
                let mut asks = vec![first];
                while let Ok(ask) = self.asks.try_recv() {
                    asks.push(ask);
                }
                let asked = newest(session.store.clone(), session.history.clone(), asks);
                session.asking = Some(tokio::spawn(asked));
            }
            _ = ended(&mut session.asking) => session.asking = None,
        }
        Ok(())
    }

    async fn pass_on(&self, events: Vec<Event>) {
        for event in events {
            self.tell(event).await;
        }
    }

    async fn tell(&self, event: Event) {
        if let Some(hooks) = &self.hooks {
            hooks.pass_on(&event).await;
        }
        // The driver outlives the link except at the end, when nobody needs to be told.
        let _ = self.inputs.send(Input::Event(event)).await;
    }

    /// Writes beside the loop: the changes that it makes come by the watch.
    fn write(&self, store: Store, sets: Vec<Set>) {
        let inputs = self.inputs.clone();
        let metrics = self.metrics.clone();
        let ops = sets.into_iter().map(|set| Op::set_if(set.path, set.data, set.expect)).collect();
        tokio::spawn(async move {
            let outcome = match store.multi(ops).await {
                Ok(commit) => {
                    metrics.writes.inc();
                    Outcome::Durable { commit }
                }
                Err(error) => {
                    metrics.writes_failed.inc();
                    tracing::debug!(%error, "a write of heartbeats failed and is looked at again");
                    Outcome::Failed
                }
            };
            let _ = inputs.send(Input::Event(Event::Written { outcome })).await;
        });
    }
}

struct Session {
    store: Store,
    history: String,
    catalog: Watch,
    registries: Watch,
    hooks: Option<Watch>,
    commits: Commits,
    /// When a commit that is not whole is shown as it is.
    patience_ends: tokio::time::Instant,
    urls: BTreeMap<String, String>,
    state: watch::Receiver<SessionState>,
    /// The store is being asked for its newest commit; who asks meanwhile is next.
    asking: Option<JoinHandle<()>>,
}

impl Session {
    /// Takes everything that the watch has ready and gives what is whole of it.
    fn by_commit(&mut self, first: WatchEvent) -> Result<Vec<Event>, StoreError> {
        let mut events = Vec::new();
        let open = self.commits.first();
        let mut next = Some(first);
        while let Some(event) = next {
            let (path, content, commit) = match event {
                WatchEvent::Snapshot(listing) => {
                    self.commits.clear();
                    events.push(listed(&self.history, listing));
                    next = self.catalog.next().now_or_never().transpose()?;
                    continue;
                }
                WatchEvent::Changed { path, record, commit } => {
                    (path, Some(content(&record)), commit)
                }
                WatchEvent::Deleted { path, commit } => (path, None, commit),
            };
            self.commits.add(commit, Node { path, content });
            next = self.catalog.next().now_or_never().transpose()?;
        }
        events.extend(self.commits.take_whole());
        if self.commits.first() != open {
            self.patience_ends = tokio::time::Instant::now() + PATIENCE;
        }
        Ok(events)
    }

    fn note_registries(&mut self, event: WatchEvent) -> Event {
        match event {
            WatchEvent::Snapshot(listing) => {
                self.urls.clear();
                for (path, record) in listing.records {
                    self.note_registry(path, &record);
                }
            }
            WatchEvent::Changed { path, record, .. } => self.note_registry(path, &record),
            WatchEvent::Deleted { path, .. } => {
                self.urls.remove(&path);
            }
        }
        Event::RegistriesListed { urls: self.urls.values().cloned().collect() }
    }

    fn note_registry(&mut self, path: String, record: &Record) {
        let url = std::str::from_utf8(&record.data).ok();
        match url.filter(|url| !url.is_empty() && url.len() <= URL_BYTES_MAX) {
            Some(url) if paths::registry_of(&path).is_some() => {
                self.urls.insert(path, url.to_owned());
            }
            _ => tracing::warn!(%path, "a registry's node holds no URL"),
        }
    }
}

/// Writes beside the loop, as heartbeats are written, for whoever still waits for it.
fn edit_in(store: Store, edit: Edit) {
    if edit.done.is_closed() {
        return;
    }
    tokio::spawn(async move {
        let _ = edit.done.send(store.multi(edit.ops).await);
    });
}

/// What a watch says next, if there is one.
async fn next_of(watch: &mut Option<Watch>) -> Result<WatchEvent, StoreError> {
    match watch {
        Some(watch) => watch.next().await,
        None => std::future::pending().await,
    }
}

/// What hooks want to be written.
async fn edit_of(hooks: &mut Option<Wire>) -> Option<Edit> {
    match hooks {
        Some(hooks) => hooks.edits.recv().await,
        None => None,
    }
}

/// Waits for the end of what runs, if anything does.
async fn ended(running: &mut Option<JoinHandle<()>>) {
    match running {
        Some(running) => {
            let _ = running.await;
        }
        None => std::future::pending().await,
    }
}

/// Each change of the catalog changes the record of its task in the same commit, and records of tasks
/// stay: so the newest commit is that of the newest record. A write would tell it, too, but readers
/// are strangers, who are not to make the store write.
async fn newest(store: Store, history: String, asks: Vec<Ask>) {
    match store.list(paths::TASKS).await {
        Ok(listing) => {
            let commits = listing.records.iter().map(|(_, record)| record.commit);
            let commit = commits.max().unwrap_or(0);
            for ask in asks {
                let _ = ask.send((history.clone(), commit));
            }
        }
        Err(error) => tracing::debug!(%error, "the store does not say its newest commit"),
    }
}

fn listed(history: &str, listing: Listing) -> Event {
    let nodes = listing.records.into_iter();
    let nodes = nodes.map(|(path, record)| Node { path, content: Some(content(&record)) });
    Event::Listed { history: history.to_owned(), commit: listing.commit, nodes: nodes.collect() }
}

fn content(record: &Record) -> Content {
    Content { data: record.data.to_vec(), version: record.version, commit: record.commit }
}
