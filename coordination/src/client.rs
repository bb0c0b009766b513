//! The client of the local store.

use std::path::PathBuf;

use tokio::sync::watch;

use crate::{Listing, Op, Options, Record, SessionState, StoreError, WatchEvent};

#[derive(Clone, Debug)]
pub(crate) struct Client {
    session: watch::Receiver<SessionState>,
    history: String,
}

#[expect(clippy::unused_async, reason = "signatures first")]
impl Client {
    pub(crate) async fn connect(_path: PathBuf, _options: Options) -> Result<Self, StoreError> {
        Err(StoreError::disconnected("not served yet"))
    }
    pub(crate) async fn get(&self, _path: &str) -> Result<Option<Record>, StoreError> {
        Err(StoreError::Expired)
    }
    pub(crate) async fn list(&self, _prefix: &str) -> Result<Listing, StoreError> {
        Err(StoreError::Expired)
    }
    pub(crate) async fn multi(&self, _ops: Vec<Op>) -> Result<u64, StoreError> {
        Err(StoreError::Expired)
    }
    pub(crate) async fn watch(&self, _prefix: &str) -> Result<ClientWatch, StoreError> {
        Ok(ClientWatch {})
    }
    pub(crate) fn session(&self) -> watch::Receiver<SessionState> {
        self.session.clone()
    }
    pub(crate) fn history(&self) -> String {
        self.history.clone()
    }
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        Err(StoreError::Expired)
    }
}

#[derive(Debug)]
pub(crate) struct ClientWatch {}

impl ClientWatch {
    #[expect(clippy::unused_async, reason = "signatures first")]
    pub(crate) async fn next(&mut self) -> Result<WatchEvent, StoreError> {
        Err(StoreError::Expired)
    }
}
