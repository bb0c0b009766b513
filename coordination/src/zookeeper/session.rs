//! A session with an ensemble: its client, its state, and its resumption. Owns the rule that a session
//! has ended only when ZooKeeper has said so; must not know what is read or written.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use zookeeper_client::{
    Acls, Client, Connector, CreateMode, CreateOptions, Error, SessionInfo, SessionState as Seen,
    StateWatcher,
};

use super::address::Address;
use super::names;
use super::writing::Hints;
use crate::limits::{Limits, MAX_IN_FLIGHT, MAX_SESSION_TIMEOUT, MAX_WATCHES, MIN_SESSION_TIMEOUT};
use crate::{Options, SessionState, StoreError};

/// What one request in flight counts at least, so that their number is bounded too.
const LEAST_KIB: usize = 16;
/// Between attempts of connecting, beside those that the client library makes itself.
const PAUSE: Duration = Duration::from_millis(100);

/// Shared by all handles and watches of one session; it ends with the last of them.
pub(super) struct Session {
    pub(super) address: Address,
    pub(super) history: String,
    pub(super) limits: Limits,
    /// Taken in turns by writers, so that writes are sent in the order in which they came.
    pub(super) hints: tokio::sync::Mutex<Hints>,
    pub(super) watches: Arc<Semaphore>,
    room: Arc<Semaphore>,
    timeout: Duration,
    client: Mutex<Option<Client>>,
    state: watch::Sender<SessionState>,
}

impl Session {
    pub(super) async fn open(address: Address, options: Options) -> Result<Arc<Self>, StoreError> {
        let timeout = options.session_timeout.clamp(MIN_SESSION_TIMEOUT, MAX_SESSION_TIMEOUT);
        let mut reason = format!("no server of {address:?} answered");
        let opening = async {
            loop {
                match open_once(&address, timeout).await {
                    Ok(opened) => return Ok(opened),
                    Err(error) if is_of_the_way(&error) => reason = error.to_string(),
                    Err(error) => return Err(refusal(&error, &address)),
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        let opened = tokio::time::timeout(options.connect_timeout, opening).await;
        let (client, history) = opened.unwrap_or_else(|_| Err(StoreError::disconnected(reason)))?;
        let states = client.state_watcher();
        let info = client.session().clone();
        let (state, _) = watch::channel(SessionState::Connected);
        let session = Arc::new(Self {
            limits: Limits::zookeeper(address.folder.len()),
            history,
            hints: tokio::sync::Mutex::default(),
            watches: Arc::new(Semaphore::new(MAX_WATCHES)),
            room: Arc::new(Semaphore::new(MAX_IN_FLIGHT * LEAST_KIB)),
            timeout: client.session_timeout(),
            client: Mutex::new(Some(client)),
            state: state.clone(),
            address: address.clone(),
        });
        let keeper = Keeper { address, timeout, info, state, session: Arc::downgrade(&session) };
        tokio::spawn(keeper.run(states));
        Ok(session)
    }

    pub(super) fn state(&self) -> watch::Receiver<SessionState> {
        self.state.subscribe()
    }

    /// The client, once there is a connection.
    ///
    /// # Errors
    /// `Expired`.
    pub(super) async fn client(&self) -> Result<Client, StoreError> {
        let mut state = self.state.subscribe();
        let settled = state.wait_for(|state| *state != SessionState::Disconnected).await;
        match settled.map(|state| *state) {
            Ok(SessionState::Connected) => {
                let client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
                client.clone().ok_or(StoreError::Expired)
            }
            _ => Err(StoreError::Expired),
        }
    }

    /// Waits until the session is over.
    pub(super) async fn over(&self) {
        let mut state = self.state.subscribe();
        // The sender is this session's own.
        let _ = state.wait_for(|state| *state == SessionState::Expired).await;
    }

    /// Does `work` within the time that a call may take, and no longer than the session lives.
    pub(super) async fn bounded<T>(
        &self,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        tokio::select! {
            biased;
            () = self.over() => Err(StoreError::Expired),
            done = work => done,
            () = tokio::time::sleep(self.timeout) => {
                Err(StoreError::disconnected(format!("{:?} does not answer", self.address)))
            }
        }
    }

    /// Its share of what may be under way.
    pub(super) async fn share(
        &self,
        bytes: usize,
    ) -> Result<tokio::sync::OwnedSemaphorePermit, StoreError> {
        let kib = bytes.div_ceil(1024).clamp(LEAST_KIB, MAX_IN_FLIGHT * LEAST_KIB);
        let kib = u32::try_from(kib).unwrap_or(u32::MAX);
        self.room.clone().acquire_many_owned(kib).await.map_err(|_| StoreError::Expired)
    }

    /// What a failed request means for a call that cannot say more of it.
    pub(super) fn error(&self, error: &Error) -> StoreError {
        if is_of_the_way(error) {
            StoreError::disconnected(error.to_string())
        } else {
            refusal(error, &self.address)
        }
    }

    /// How what is made here may be used: with a login, by those who have it.
    pub(super) fn acls(&self) -> Acls<'static> {
        acls(&self.address)
    }

    /// Ends the session.
    pub(super) async fn close(&self) -> Result<(), StoreError> {
        let client = self.client.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Everybody else lets go of the client by this.
        self.state.send_replace(SessionState::Expired);
        let Some(client) = client else { return Err(StoreError::Expired) };
        let mut states = client.state_watcher();
        if client.state() == Seen::Disconnected {
            return Err(StoreError::disconnected("the session ends by its timeout"));
        }
        drop(client);
        let closed = async { while !states.changed().await.is_terminated() {} };
        tokio::time::timeout(self.timeout, closed)
            .await
            .map_err(|_| StoreError::disconnected("the session ends by its timeout"))
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Whether a request failed by the connection, so that nothing is known of its outcome. A client that
/// holds its session for expired may be wrong: the keeper asks.
pub(super) fn is_of_the_way(error: &Error) -> bool {
    matches!(
        error,
        Error::ConnectionLoss
            | Error::Timeout
            | Error::NoHosts
            | Error::SessionExpired
            | Error::SessionMoved
            | Error::ClientClosed
            | Error::Throttled
            | Error::Custom(_)
            | Error::UnexpectedError(_)
    )
}

fn refusal(error: &Error, address: &Address) -> StoreError {
    let hint = match error {
        Error::NoAuth | Error::AuthFailed | Error::InvalidAcl => {
            "; the user or password of the address are not those of its maker"
        }
        _ => "",
    };
    StoreError::invalid(format!("{address:?}: {error}{hint}"))
}

fn connector(address: &Address, timeout: Duration) -> Connector {
    let connector = Client::connector().with_session_timeout(timeout);
    match &address.login {
        Some(login) => connector.with_auth("digest", login.as_bytes()),
        None => connector,
    }
}

fn acls(address: &Address) -> Acls<'static> {
    if address.login.is_some() { Acls::creator_all() } else { Acls::anyone_all() }
}

fn persistent(address: &Address) -> CreateOptions<'static> {
    CreateMode::Persistent.with_acls(acls(address))
}

/// A new session, with the folder and what has to be in it, and the id of the store's life.
async fn open_once(address: &Address, timeout: Duration) -> Result<(Client, String), Error> {
    let client = connector(address, timeout).connect(&address.servers()).await?;
    client.mkdir(&address.folder, &persistent(address)).await?;
    let client = client.chroot(address.folder.as_str()).map_err(|_| Error::ClientClosed)?;
    make(&client, names::COMMIT, &[], address).await?;
    let fresh = uuid::Uuid::new_v4().to_string();
    make(&client, names::HISTORY, fresh.as_bytes(), address).await?;
    client.sync("/").await?;
    let (history, _) = client.get_data(names::HISTORY).await?;
    Ok((client, String::from_utf8_lossy(&history).into_owned()))
}

async fn make(client: &Client, node: &str, data: &[u8], address: &Address) -> Result<(), Error> {
    match client.create(node, data, &persistent(address)).await {
        Ok(_) | Err(Error::NodeExists) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Follows the client's view of its session.
struct Keeper {
    address: Address,
    timeout: Duration,
    info: SessionInfo,
    state: watch::Sender<SessionState>,
    session: Weak<Session>,
}

impl Keeper {
    async fn run(self, mut states: StateWatcher) {
        loop {
            match states.state() {
                Seen::SyncConnected => self.becomes(SessionState::Connected),
                Seen::Disconnected | Seen::ConnectedReadOnly => {
                    self.becomes(SessionState::Disconnected);
                }
                // The client gives up by its own clock. The session lives on where the whole ensemble
                // was away, and only ZooKeeper knows.
                Seen::Expired => {
                    self.becomes(SessionState::Disconnected);
                    let Some(resumed) = self.resume().await else {
                        return self.becomes(SessionState::Expired);
                    };
                    states = resumed;
                    continue;
                }
                Seen::AuthFailed => {
                    tracing::error!(address = ?self.address, "the ensemble refuses the login");
                    return self.becomes(SessionState::Expired);
                }
                _ => return self.becomes(SessionState::Expired),
            }
            states.changed().await;
        }
    }

    /// What has ended stays so.
    fn becomes(&self, new: SessionState) {
        self.state.send_if_modified(|state| {
            let changes = *state != SessionState::Expired && *state != new;
            if changes {
                *state = new;
            }
            changes
        });
    }

    /// Takes the session up again, for as long as somebody wants it; none when ZooKeeper has ended it.
    async fn resume(&self) -> Option<StateWatcher> {
        let began = Instant::now();
        loop {
            if *self.state.borrow() == SessionState::Expired {
                return None;
            }
            let connector = connector(&self.address, self.timeout);
            let resuming = connector.with_session(self.info.clone());
            // Within one attempt it tries less and less often. An ensemble that is back gives the
            // session its whole time again, and no more.
            let servers = self.address.servers();
            let resuming = tokio::time::timeout(self.timeout / 2, resuming.connect(&servers)).await;
            match resuming.unwrap_or(Err(Error::Timeout)) {
                Ok(client) => {
                    tracing::info!(address = ?self.address, away = ?began.elapsed(), "resumed");
                    let client = client.chroot(self.address.folder.as_str()).ok()?;
                    // Nobody who could use it: the session ends with the client.
                    let session = self.session.upgrade()?;
                    let states = client.state_watcher();
                    let mut place = session.client.lock().unwrap_or_else(PoisonError::into_inner);
                    // Closed meanwhile: the same.
                    place.is_some().then(|| *place = Some(client))?;
                    return Some(states);
                }
                Err(Error::SessionExpired | Error::AuthFailed) => return None,
                Err(_) if self.session.strong_count() == 0 => return None,
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }
}
