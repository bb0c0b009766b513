//! Watches and listings: carries out what a mirror wants to be read. Owns the watches at the server;
//! must not know what is made of what they tell.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesOrdered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::task::AbortHandle;
use zookeeper_client::{
    AddWatchMode, Client, Error, EventType, MultiReadResult, PersistentWatcher, Stat, WatchedEvent,
};

use super::changes::Kind;
use super::mirror::{Found, Given, Item, Mirror};
use super::names;
use super::session::{Session, is_of_the_way};
use crate::event_queue::EventQueue;
use crate::{Listing, Record, StoreError, WatchEvent};

/// After trouble with the connection, before the next attempt.
const PAUSE: Duration = Duration::from_millis(10);

/// The watcher's end.
#[derive(Debug)]
pub(crate) struct KeeperWatch {
    queue: Arc<EventQueue>,
    renew: Arc<Notify>,
    /// Ended with this; it also keeps the session alive while only watches are left.
    task: AbortHandle,
    _share: OwnedSemaphorePermit,
}

impl KeeperWatch {
    pub(super) fn start(session: Arc<Session>, prefix: &str) -> Result<Self, StoreError> {
        let share = session.watches.clone().try_acquire_owned();
        let share = share.map_err(|_| StoreError::TooMany { what: "watches" })?;
        let queue = Arc::new(EventQueue::default());
        let renew = Arc::new(Notify::new());
        let following = follow(session, Mirror::new(prefix), queue.clone(), renew.clone());
        let task = tokio::spawn(following).abort_handle();
        Ok(Self { queue, renew, task, _share: share })
    }

    pub(crate) async fn next(&mut self) -> Result<WatchEvent, StoreError> {
        let renew = || {
            self.renew.notify_one();
            Ok(())
        };
        self.queue.next(renew).await
    }
}

impl Drop for KeeperWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The records below a prefix, at one commit.
pub(super) async fn list(session: &Session, prefix: &str) -> Result<Listing, StoreError> {
    let mut mirror = Mirror::new(prefix);
    loop {
        let client = session.client().await?;
        match first(&client, &mut mirror).await {
            Ok(listing) => return Ok(listing),
            Err(Trouble::Way) => tokio::time::sleep(PAUSE).await,
            Err(Trouble::Reading(error)) => return Err(session.error(&error)),
            Err(Trouble::Store(error)) => return Err(error),
        }
    }
}

async fn first(client: &Client, mirror: &mut Mirror) -> Result<Listing, Trouble> {
    let mut tail = Tail::open(client, mirror).await?;
    loop {
        if let Given::Snapshot(listing) = tail.next().await? {
            return Ok(listing);
        }
    }
}

async fn follow(
    session: Arc<Session>,
    mut mirror: Mirror,
    queue: Arc<EventQueue>,
    renew: Arc<Notify>,
) {
    let following = async {
        loop {
            let client = match session.client().await {
                Ok(client) => client,
                Err(error) => return error,
            };
            match tell(&client, &mut mirror, &queue, &renew).await {
                Trouble::Way => tokio::time::sleep(PAUSE).await,
                Trouble::Reading(error) => return session.error(&error),
                Trouble::Store(error) => return error,
            }
        }
    };
    let error = tokio::select! {
        biased;
        () = session.over() => StoreError::Expired,
        error = following => error,
    };
    queue.end(error);
}

/// Fills the queue, until there is trouble.
async fn tell(client: &Client, mirror: &mut Mirror, queue: &EventQueue, renew: &Notify) -> Trouble {
    let mut tail = match Tail::open(client, mirror).await {
        Ok(tail) => tail,
        Err(trouble) => return trouble,
    };
    loop {
        let given = tokio::select! {
            given = tail.next() => match given {
                Ok(given) => Some(given),
                Err(trouble) => return trouble,
            },
            () = renew.notified() => tail.renew(),
        };
        match given {
            Some(Given::Snapshot(listing)) => queue.snapshot(listing),
            Some(Given::Events(events)) => queue.events(events),
            None => {}
        }
    }
}

/// Why a tail ends.
enum Trouble {
    /// The connection: a new tail may do better.
    Way,
    /// The server refused to be read.
    Reading(Error),
    /// More than is taken in.
    Store(StoreError),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        if is_of_the_way(&error) { Self::Way } else { Self::Reading(error) }
    }
}

type Answer = Result<(Vec<(Item, Found)>, u64), Error>;

/// A mirror that is kept over one connection.
struct Tail<'a> {
    client: &'a Client,
    mirror: &'a mut Mirror,
    /// Tells of everything below the prefix.
    below: PersistentWatcher,
    /// Tells of the record at the prefix.
    at: Option<PersistentWatcher>,
    reads: FuturesOrdered<BoxFuture<'a, Answer>>,
}

impl<'a> Tail<'a> {
    async fn open(client: &'a Client, mirror: &'a mut Mirror) -> Result<Self, Trouble> {
        let prefix = mirror.prefix().to_owned();
        // A server may be behind; what was written before the call has to be in the first snapshot.
        client.sync("/").await?;
        let watch =
            async |node: String| client.watch(&node, AddWatchMode::PersistentRecursive).await;
        let below = watch(names::folder(&prefix)).await?;
        let at = if prefix == "/" { None } else { Some(watch(names::record(&prefix)).await?) };
        mirror.restart();
        Ok(Self { client, mirror, below, at, reads: FuturesOrdered::new() })
    }

    /// The next thing to be told. Cancelling the wait loses nothing.
    async fn next(&mut self) -> Result<Given, Trouble> {
        loop {
            while let Some(items) = self.mirror.next_read() {
                self.reads.push_back(read(self.client, items).boxed());
            }
            tokio::select! {
                event = self.below.changed() => note(self.mirror, &event)?,
                event = changed(&mut self.at) => note(self.mirror, &event)?,
                Some(answer) = self.reads.next() => {
                    let (answer, at) = answer?;
                    // What came before the answer is in the watchers by now.
                    while let Some(event) = self.below.changed().now_or_never() {
                        note(self.mirror, &event)?;
                    }
                    while let Some(event) = changed(&mut self.at).now_or_never() {
                        note(self.mirror, &event)?;
                    }
                    self.mirror.answer(answer, at).map_err(Trouble::Store)?;
                    if let Some(given) = self.mirror.give() {
                        return Ok(given);
                    }
                }
            }
        }
    }

    /// The watcher wants a snapshot.
    fn renew(&mut self) -> Option<Given> {
        self.mirror.renew()
    }
}

async fn changed(watcher: &mut Option<PersistentWatcher>) -> WatchedEvent {
    match watcher {
        Some(watcher) => watcher.changed().await,
        None => std::future::pending().await,
    }
}

fn note(mirror: &mut Mirror, event: &WatchedEvent) -> Result<(), Trouble> {
    // Whatever happens to the session: events may have been missed, and watches of this kind are not
    // taken over to the next connection.
    if event.event_type == EventType::Session {
        return Err(Trouble::Way);
    }
    let kind = match event.event_type {
        EventType::NodeCreated => Kind::Created,
        EventType::NodeDeleted => Kind::Deleted,
        _ => Kind::Set,
    };
    // Servers before 3.9 do not tell it.
    let commit = u64::try_from(event.zxid).ok();
    mirror.event(&event.path, kind, commit);
    if mirror.is_overrun() { Err(Trouble::Way) } else { Ok(()) }
}

/// Reads at one commit; gives the commit of the last write before it as well.
async fn read(client: &Client, items: Vec<Item>) -> Answer {
    let mut reader = client.new_multi_reader();
    reader.add_get_data(names::COMMIT)?;
    for item in &items {
        match item {
            Item::Record(path) => reader.add_get_data(&names::record(path))?,
            Item::Folder(node) => {
                reader.add_get_children(node)?;
                reader.add_get_data(node)?;
            }
        }
    }
    let mut results = reader.commit().await?.into_iter();
    let mut next = || results.next().ok_or_else(|| unfit("an answer is too short"));
    let MultiReadResult::Data { stat, .. } = next()? else {
        return Err(unfit("the znode of commits is missing"));
    };
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        let what = match &item {
            Item::Record(_) => Found::Record(found_record(next()?)?),
            Item::Folder(_) => found_folder(next()?, next()?)?,
        };
        found.push((item, what));
    }
    Ok((found, stat.mzxid.cast_unsigned()))
}

fn found_record(result: MultiReadResult) -> Result<Option<Record>, Error> {
    match result {
        MultiReadResult::Data { data, stat } => Ok(Some(record(data, &stat))),
        MultiReadResult::Error { err: Error::NoNode } => Ok(None),
        MultiReadResult::Error { err } => Err(err),
        _ => Err(unfit("an answer is of another kind")),
    }
}

fn found_folder(children: MultiReadResult, own: MultiReadResult) -> Result<Found, Error> {
    match (children, own) {
        (MultiReadResult::Children { children }, MultiReadResult::Data { stat, .. }) => {
            Ok(Found::Folder { children, changed: stat.pzxid.cast_unsigned() })
        }
        (MultiReadResult::Error { err: Error::NoNode }, _) => {
            Ok(Found::Folder { children: Vec::new(), changed: 0 })
        }
        (MultiReadResult::Error { err }, _) => Err(err),
        _ => Err(unfit("an answer is of another kind")),
    }
}

fn unfit(what: &str) -> Error {
    Error::UnexpectedError(what.to_owned())
}

/// A znode as a record.
pub(super) fn record(data: Vec<u8>, stat: &Stat) -> Record {
    Record {
        data: Bytes::from(data),
        version: u64::from(stat.version.cast_unsigned()),
        commit: stat.mzxid.cast_unsigned(),
        ephemeral: stat.ephemeral_owner != 0,
    }
}
