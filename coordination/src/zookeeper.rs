//! ZooKeeper as a store: the handle of one session. Owns the calls; how records stand in ZooKeeper is
//! in `zookeeper/names.rs`, what the library is spoken to with is in the files beside it. Must not
//! know what callers use it for.

pub(crate) mod address;
mod changes;
mod following;
mod mirror;
mod names;
mod plan;
mod session;
mod writing;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use zookeeper_client::Error;

use crate::limits::Limits;
use crate::{Listing, Op, Options, Record, SessionState, StoreError};
use address::Address;
pub(crate) use following::KeeperWatch;
use session::{Session, is_of_the_way};

/// After trouble with the connection, before a request is made again.
const PAUSE: Duration = Duration::from_millis(10);

/// A handle of one session; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Keeper {
    session: Arc<Session>,
}

impl Keeper {
    pub(crate) async fn connect(address: &str, options: Options) -> Result<Self, StoreError> {
        let address = Address::parse(address)?;
        if address.folder == "/" {
            return Err(StoreError::invalid(format!(
                "the address {address:?} names no folder for the store, such as \"/lathe\""
            )));
        }
        Ok(Self { session: Session::open(address, options).await? })
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Option<Record>, StoreError> {
        let _share = self.session.share(0).await?;
        let node = names::record(path);
        let reading = async {
            loop {
                let client = self.session.client().await?;
                // Sent together, answered in order: a server that is behind catches up first.
                let sync = client.sync("/");
                let data = client.get_data(&node);
                match tokio::join!(sync, data) {
                    (Ok(()), Ok((data, stat))) => return Ok(Some(following::record(data, &stat))),
                    (Ok(()), Err(Error::NoNode)) => return Ok(None),
                    (Err(error), _) | (_, Err(error)) if !is_of_the_way(&error) => {
                        return Err(self.session.error(&error));
                    }
                    _ => tokio::time::sleep(PAUSE).await,
                }
            }
        };
        self.session.bounded(reading).await
    }

    pub(crate) async fn list(&self, prefix: &str) -> Result<Listing, StoreError> {
        let _share = self.session.share(0).await?;
        self.session.bounded(following::list(&self.session, prefix)).await
    }

    pub(crate) async fn multi(&self, ops: Vec<Op>) -> Result<u64, StoreError> {
        let bytes = ops.iter().map(|op| op.path().len() + op.data().len()).sum();
        let _share = self.session.share(bytes).await?;
        self.session.bounded(writing::multi(&self.session, &ops)).await
    }

    pub(crate) fn watch(&self, prefix: &str) -> Result<KeeperWatch, StoreError> {
        if *self.session.state().borrow() == SessionState::Expired {
            return Err(StoreError::Expired);
        }
        KeeperWatch::start(self.session.clone(), prefix)
    }

    pub(crate) fn session(&self) -> watch::Receiver<SessionState> {
        self.session.state()
    }

    pub(crate) fn history(&self) -> Result<String, StoreError> {
        match *self.session.state().borrow() {
            SessionState::Expired => Err(StoreError::Expired),
            _ => Ok(self.session.history.clone()),
        }
    }

    pub(crate) fn limits(&self) -> Limits {
        self.session.limits
    }

    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        self.session.close().await
    }
}
