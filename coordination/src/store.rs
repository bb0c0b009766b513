//! The client handle that callers see, whatever store stands behind it.
//!
//! Owns: the calls, their checks and their limits. Must not know how a store is spoken to: that is
//! the back end's part (`client.rs` for the local store, `zookeeper.rs`).

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;

use crate::client::{Client, ClientWatch};
use crate::limits::Limits;
use crate::zookeeper::{Keeper, KeeperWatch, address};
use crate::{Listing, Op, Record, SessionState, StoreError, WatchEvent};

/// How a client behaves.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long the session outlives a lost connection; pings go at a third of it. Raised or lowered
    /// to the limits of the store.
    pub session_timeout: Duration,
    /// How long `connect` tries before it gives up.
    pub connect_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { session_timeout: Duration::from_secs(5), connect_timeout: Duration::from_secs(10) }
    }
}

/// A session with a store. Clones share it; it ends when the last clone and the last [`Watch`] of it
/// are dropped, or by [`Store::close`], or when the store hears nothing for the session timeout.
///
/// Calls wait through a short loss of the connection, at most for the session timeout; a write whose
/// outcome was lost with the connection fails with `Disconnected` at once. Calls of one handle that
/// wait at the same time are sent in the order in which they were first polled.
#[derive(Clone, Debug)]
pub struct Store {
    back_end: BackEnd,
}

#[derive(Clone, Debug)]
enum BackEnd {
    Local(Client),
    ZooKeeper(Keeper),
}

impl Store {
    /// Opens a session. `address` is `local:/absolute/path/of/the.sock`, or for ZooKeeper
    /// `zk://[user:password@]host[:port],…/folder`, where the folder is made if it is not there. Tries
    /// again until `options.connect_timeout` has passed, so that a server that is just starting is
    /// waited for.
    ///
    /// Needs a tokio runtime with I/O and time, on which the session's task then runs.
    ///
    /// # Errors
    /// `Invalid` for an address of another form, `Disconnected` when no server answered in time.
    pub async fn connect(address: &str, options: Options) -> Result<Self, StoreError> {
        if address.starts_with(address::SCHEME) {
            let keeper = Keeper::connect(address, options).await?;
            return Ok(Self { back_end: BackEnd::ZooKeeper(keeper) });
        }
        let Some(path) = address.strip_prefix("local:") else {
            return Err(StoreError::invalid(format!(
                "store address {:?} does not start with \"local:\" or \"zk://\"",
                address::without_password(address)
            )));
        };
        if !path.starts_with('/') {
            return Err(StoreError::invalid(format!("store address {address:?} is not absolute")));
        }
        let client = Client::connect(PathBuf::from(path), options).await?;
        Ok(Self { back_end: BackEnd::Local(client) })
    }

    /// The record at `path`, as of the last durable commit.
    ///
    /// # Errors
    /// `Invalid`, `Disconnected`, `Expired`.
    pub async fn get(&self, path: &str) -> Result<Option<Record>, StoreError> {
        crate::path::check_path(path)?;
        match &self.back_end {
            BackEnd::Local(client) => client.get(path).await,
            BackEnd::ZooKeeper(keeper) => keeper.get(path).await,
        }
    }

    /// The record at `prefix` and all below it, at one commit. `/` lists everything.
    ///
    /// # Errors
    /// `Invalid`, `TooLarge`, `Disconnected`, `Expired`.
    pub async fn list(&self, prefix: &str) -> Result<Listing, StoreError> {
        crate::path::check_prefix(prefix)?;
        match &self.back_end {
            BackEnd::Local(client) => client.list(prefix).await,
            BackEnd::ZooKeeper(keeper) => keeper.list(prefix).await,
        }
    }

    /// Does all of `ops` or nothing. When it returns, the change is on disk; the number is its commit.
    ///
    /// # Errors
    /// Any [`StoreError`]; with `Disconnected` the outcome is unknown, with the others nothing was done.
    pub async fn multi(&self, ops: Vec<Op>) -> Result<u64, StoreError> {
        self.limits().check(&ops)?;
        match &self.back_end {
            BackEnd::Local(client) => client.multi(ops).await,
            BackEnd::ZooKeeper(keeper) => keeper.multi(ops).await,
        }
    }

    /// Follows the record at `prefix` and all below it. `/` follows everything.
    ///
    /// # Errors
    /// `Invalid`, `TooMany`, `Disconnected`, `Expired`.
    pub async fn watch(&self, prefix: &str) -> Result<Watch, StoreError> {
        crate::path::check_prefix(prefix)?;
        match &self.back_end {
            BackEnd::Local(client) => {
                Ok(Watch { inner: Inner::Local(client.watch(prefix).await?) })
            }
            BackEnd::ZooKeeper(keeper) => {
                Ok(Watch { inner: Inner::ZooKeeper(keeper.watch(prefix)?) })
            }
        }
    }

    /// The state of the session, to be followed.
    #[must_use]
    pub fn session(&self) -> watch::Receiver<SessionState> {
        match &self.back_end {
            BackEnd::Local(client) => client.session(),
            BackEnd::ZooKeeper(keeper) => keeper.session(),
        }
    }

    /// The id of the store's life: made when the store was first started, another one after its data
    /// was lost.
    ///
    /// # Errors
    /// `Expired`, `Disconnected`.
    #[expect(clippy::unused_async, reason = "a store of another kind has to ask for it")]
    pub async fn history(&self) -> Result<String, StoreError> {
        match &self.back_end {
            BackEnd::Local(client) => Ok(client.history()),
            BackEnd::ZooKeeper(keeper) => keeper.history(),
        }
    }

    /// What one multi may be: whoever has more to write writes in pieces.
    #[must_use]
    pub fn limits(&self) -> Limits {
        match &self.back_end {
            BackEnd::Local(_) => Limits::LOCAL,
            BackEnd::ZooKeeper(keeper) => keeper.limits(),
        }
    }

    /// Ends the session: its ephemerals are gone when this returns. Every clone is finished with it.
    ///
    /// # Errors
    /// `Disconnected` when the store could not be told; the session then ends by its timeout.
    pub async fn close(self) -> Result<(), StoreError> {
        match &self.back_end {
            BackEnd::Local(client) => client.close().await,
            BackEnd::ZooKeeper(keeper) => keeper.close().await,
        }
    }
}

/// A stream of the changes below a prefix. It goes on by itself over lost connections and gives a
/// fresh [`WatchEvent::Snapshot`] whenever changes could have been missed.
#[derive(Debug)]
pub struct Watch {
    inner: Inner,
}

#[derive(Debug)]
enum Inner {
    Local(ClientWatch),
    ZooKeeper(KeeperWatch),
}

impl Watch {
    /// The next event; the first one is a snapshot. Cancelling the wait loses nothing.
    ///
    /// # Errors
    /// `Expired` once the session has ended; `TooLarge` or `TooMany` when the store cannot serve it.
    /// An error is final.
    pub async fn next(&mut self) -> Result<WatchEvent, StoreError> {
        match &mut self.inner {
            Inner::Local(watch) => watch.next().await,
            Inner::ZooKeeper(watch) => watch.next().await,
        }
    }
}
