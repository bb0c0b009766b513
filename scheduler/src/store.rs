//! The store as the scheduler uses it: reading everything back for a new leader, and one ordered
//! pipeline of writes, each under the term.

mod staged;

use std::time::{Duration, Instant};

use lathe_catalog::format::{self, FORMAT, FORMAT_NOW, FormatError};
use lathe_catalog::{TaskRecord, paths};
use lathe_coordination::election::Lead;
use lathe_coordination::limits::Limits;
use lathe_coordination::{Op, Record, SessionState, Store, StoreError, WatchEvent};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use crate::driver::Message;
use crate::framework::event::Event;
use crate::framework::ids::BatchId;
use crate::framework::records::{
    FRAMEWORK, FrameworkRecord, INSTANCES, InstanceRecord, REVISIONS, Recovered, TOPOLOGIES,
    TopologyRecord, Write,
};
use crate::metrics::Metrics;
pub use staged::{STAGED, StagedError};

/// Operations of one durable write; more batches wait for the next.
const OPS_MAX: usize = 2_000;
const PAUSE: Duration = Duration::from_millis(100);

/// Why the scheduler could not take over.
#[derive(Debug, thiserror::Error)]
pub enum TakeOverError {
    #[error("the store at {address} cannot be reached")]
    Connect { address: String, source: StoreError },
    #[error("reading {path} from the store")]
    Read { path: String, source: StoreError },
    #[error("the record at {path} cannot be read by this version")]
    Record { path: String, source: serde_json::Error },
    #[error("the store is not of this version")]
    Format(#[from] FormatError),
    #[error("a write that a scheduler before has begun cannot be brought to its end")]
    Staged(#[from] StagedError),
    #[error("a write that a scheduler before has begun is not brought to its end")]
    Unfinished(#[source] StoreError),
}

impl TakeOverError {
    /// Whether another attempt may succeed.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Connect { source, .. } | Self::Read { source, .. } => {
                source.is_retryable() || matches!(source, StoreError::Expired)
            }
            // Another one leads by now, and does it.
            Self::Unfinished(StoreError::Conflict { .. } | StoreError::Expired) => true,
            Self::Unfinished(source) => source.is_retryable(),
            Self::Record { .. } | Self::Format(_) | Self::Staged(_) => false,
        }
    }
}

/// One write of the framework, on its way.
#[derive(Debug)]
pub struct Batch {
    pub id: BatchId,
    pub writes: Vec<Write>,
}

/// Brings to its end what a leader before has begun, then reads every record, for one who leads.
///
/// # Errors
/// Where a newer version wrote it, where the store is away, another leader has taken over, or a record is not ours.
pub async fn recover(store: &Store, lead: &Lead) -> Result<Recovered, TakeOverError> {
    let read = |path: &str| {
        let path = path.to_owned();
        move |source| TakeOverError::Read { path, source }
    };
    let form = store.get(FORMAT).await.map_err(read(FORMAT))?;
    format::check(form.as_ref().map(|record| &*record.data))?;
    if form.is_none() {
        let say = vec![Op::put(FORMAT, FORMAT_NOW.to_string())];
        commit(store, lead, say, || ()).await.map_err(TakeOverError::Unfinished)?;
    }
    let staged = store.list(STAGED).await.map_err(read(STAGED))?;
    let staged = staged.records.into_iter().collect();
    for step in staged::rest(&staged, &store.limits())? {
        commit(store, lead, step, || ()).await.map_err(TakeOverError::Unfinished)?;
    }
    let framework: Option<FrameworkRecord> = store
        .get(FRAMEWORK)
        .await
        .map_err(read(FRAMEWORK))?
        .map(|record| parse(FRAMEWORK, &record))
        .transpose()?;
    Ok(Recovered {
        term: lead.term,
        history: store.history().await.map_err(read(paths::HISTORY))?,
        losses_confirmed_ms: framework.as_ref().map_or(0, |one| one.losses_confirmed_ms),
        framework_id: framework.map(|record| record.id),
        topologies: list::<TopologyRecord>(store, TOPOLOGIES).await?,
        revisions: list::<TopologyRecord>(store, REVISIONS).await?,
        instances: list::<InstanceRecord>(store, INSTANCES).await?,
        tasks: list::<TaskRecord>(store, paths::TASKS).await?,
        registries: registries(store).await?,
    })
}

async fn registries(store: &Store) -> Result<Vec<String>, TakeOverError> {
    let listing = store
        .list(paths::REGISTRIES)
        .await
        .map_err(|source| TakeOverError::Read { path: paths::REGISTRIES.to_owned(), source })?;
    Ok(listing.records.iter().filter_map(|(_, record)| registry_url(record)).collect())
}

async fn list<T: DeserializeOwned>(store: &Store, prefix: &str) -> Result<Vec<T>, TakeOverError> {
    let listing = store
        .list(prefix)
        .await
        .map_err(|source| TakeOverError::Read { path: prefix.to_owned(), source })?;
    listing.records.iter().map(|(path, record)| parse(path, record)).collect()
}

fn parse<T: DeserializeOwned>(path: &str, record: &Record) -> Result<T, TakeOverError> {
    serde_json::from_slice(&record.data)
        .map_err(|source| TakeOverError::Record { path: path.to_owned(), source })
}

/// A registry's node holds its URL as text.
fn registry_url(record: &Record) -> Option<String> {
    let url = std::str::from_utf8(&record.data).ok()?;
    url.starts_with("http").then(|| url.to_owned())
}

/// The one who writes.
#[derive(Debug)]
pub struct Pipeline {
    pub store: Store,
    /// Carried by every write, so that it fails once another one has led.
    pub lead: Lead,
    pub metrics: Metrics,
}

impl Pipeline {
    /// Writes batches in their order, several in one durable write when they come together. Ends
    /// with the channel, or when the term is lost.
    pub async fn run(
        self,
        mut batches: mpsc::UnboundedReceiver<Batch>,
        events: mpsc::UnboundedSender<Message>,
    ) {
        let limits = self.store.limits();
        let mut waiting: Option<Encoded> = None;
        loop {
            let first = match waiting.take() {
                Some(batch) => batch,
                None => match batches.recv().await {
                    Some(batch) => Encoded::new(&batch, &limits),
                    None => return,
                },
            };
            let mut group = vec![first];
            while let Ok(batch) = batches.try_recv() {
                let batch = Encoded::new(&batch, &limits);
                let ops: usize = group.iter().map(|one| one.ops.len()).sum();
                let bytes: usize = group.iter().map(|one| one.bytes).sum();
                if ops + batch.ops.len() > OPS_MAX || bytes + batch.bytes > limits.group_bytes {
                    waiting = Some(batch);
                    break;
                }
                group.push(batch);
            }
            if !self.write(&group, &events).await {
                return;
            }
        }
    }

    /// Writes a group, whole or not at all, in several multis where it is more than one takes.
    async fn write(&self, group: &[Encoded], events: &mpsc::UnboundedSender<Message>) -> bool {
        let start = Instant::now();
        let ops = last_of_each_path(group);
        let limits = self.store.limits();
        let steps = match staged::is_needed(&ops, &self.lead.check(), &limits) {
            false => vec![ops],
            true => staged::steps(&ops, &limits),
        };
        for step in steps {
            let retried = || self.metrics.persist_retried();
            if let Err(error) = commit(&self.store, &self.lead, step, retried).await {
                let batch = group.first().map_or(BatchId(0), |batch| batch.id);
                let _ = events.send(Message::Event(self.refused(batch, &error)));
                return false;
            }
        }
        self.metrics.persisted(group.len(), start.elapsed());
        let done =
            |batch: &Encoded| events.send(Message::Event(Event::Persisted(batch.id))).is_ok();
        group.iter().all(done)
    }

    fn refused(&self, batch: BatchId, error: &StoreError) -> Event {
        match error {
            StoreError::Conflict { path, .. } if path == self.lead.path() => {
                Event::TermLost { reason: "another scheduler has taken over".to_owned() }
            }
            StoreError::Expired => {
                Event::TermLost { reason: "the session with the store is over".to_owned() }
            }
            error => Event::PersistRefused { batch, reason: error.to_string() },
        }
    }
}

/// One multi under the term. Retries what may be retried: it is the same whether it takes place once
/// or twice, since every record is put whole and the term guards against another writer in between.
async fn commit(
    store: &Store,
    lead: &Lead,
    ops: Vec<Op>,
    retried: impl Fn(),
) -> Result<(), StoreError> {
    let mut ops: Vec<Op> = std::iter::once(lead.check()).chain(ops).collect();
    loop {
        match store.multi(ops.clone()).await {
            Ok(_) => return Ok(()),
            Err(StoreError::NotFound { path }) => {
                // A record to be deleted was never there: leave that out.
                ops.retain(|op| !(matches!(op, Op::Delete { .. }) && op.path() == path));
            }
            Err(error) if error.is_retryable() => {
                retried();
                tracing::warn!(%error, "the store does not answer; trying again");
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// One batch as operations of the store.
struct Encoded {
    id: BatchId,
    ops: Vec<Op>,
    bytes: usize,
}

impl Encoded {
    fn new(batch: &Batch, limits: &Limits) -> Self {
        let encode = |write: &Write| {
            let (path, data) = write.encode().expect("plain records always serialise");
            match data {
                Some(data) => Op::put(path, data),
                None => Op::delete(path),
            }
        };
        let ops: Vec<Op> = batch.writes.iter().map(encode).collect();
        let bytes = ops.iter().map(|op| limits.cost(op)).sum();
        Self { id: batch.id, ops, bytes }
    }
}

/// All of a group takes place at once, so only the last word on each path counts.
fn last_of_each_path(group: &[Encoded]) -> Vec<Op> {
    let mut seen = std::collections::BTreeSet::new();
    let mut ops: Vec<Op> = group
        .iter()
        .flat_map(|batch| &batch.ops)
        .rev()
        .filter(|op| seen.insert(op.path().to_owned()))
        .cloned()
        .collect();
    ops.reverse();
    ops
}

/// Tells the framework which registries there are, and when the store's session is over.
pub async fn watch_registries(store: Store, events: mpsc::UnboundedSender<Message>) {
    let mut urls = std::collections::BTreeMap::new();
    let mut session = store.session();
    let Ok(mut watch) = store.watch(paths::REGISTRIES).await else { return };
    loop {
        let change = tokio::select! {
            change = watch.next() => change,
            changed = session.changed() => {
                if changed.is_err() || *session.borrow() == SessionState::Expired {
                    let reason = "the session with the store is over".to_owned();
                    let _ = events.send(Message::Event(Event::TermLost { reason }));
                    return;
                }
                continue;
            }
        };
        match change {
            Ok(WatchEvent::Snapshot(listing)) => {
                urls = listing
                    .records
                    .iter()
                    .filter_map(|(path, record)| Some((path.clone(), registry_url(record)?)))
                    .collect();
            }
            Ok(WatchEvent::Changed { path, record, .. }) => {
                if let Some(url) = registry_url(&record) {
                    urls.insert(path, url);
                }
            }
            Ok(WatchEvent::Deleted { path, .. }) => {
                urls.remove(&path);
            }
            Err(error) => {
                tracing::warn!(%error, "registries cannot be watched");
                return;
            }
        }
        let list = urls.values().cloned().collect();
        if events.send(Message::Event(Event::RegistriesChanged(list))).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
