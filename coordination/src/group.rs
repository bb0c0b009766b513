//! Follows a group that others keep in ZooKeeper: the children of one znode and what they hold, such
//! as the masters that may lead. Reads only. Owns its patience; must not know what the members mean,
//! nor anything of the store, which may be in another ensemble.
//!
//! ```no_run
//! # async fn example() -> Result<(), lathe_coordination::StoreError> {
//! let mut group = lathe_coordination::group::follow("zk://user:password@zk1,zk2,zk3/mesos")?;
//! loop {
//!     let members = group.next().await;
//!     println!("{} members", members.len());
//! }
//! # }
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use zookeeper_client::{AddWatchMode, Client, Error, EventType, MultiReadResult};

use crate::StoreError;
use crate::zookeeper::address::Address;

const SESSION: Duration = Duration::from_secs(10);
/// Between attempts to connect or to read: doubled up to the longest, less up to a half by chance.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Members that are read; of more, those with the lowest names.
const MOST_MEMBERS: usize = 1024;
/// Members whose contents are asked for at once.
const AT_ONCE: usize = 64;

/// What the members hold, by their names.
pub type Members = BTreeMap<String, Vec<u8>>;

/// Follows a group until it is dropped.
#[derive(Debug)]
pub struct Group {
    members: watch::Receiver<Option<Members>>,
    task: AbortHandle,
}

/// Follows the children of the znode that `address` names: `zk://[user:password@]host[:port],…/path`.
/// The ensemble and the znode are waited for, for as long as it takes.
///
/// Needs a tokio runtime with I/O and time, on which its task then runs.
///
/// # Errors
/// `Invalid` for an address of another form.
pub fn follow(address: &str) -> Result<Group, StoreError> {
    let address = Address::parse(address)?;
    if address.folder == "/" {
        return Err(StoreError::invalid(format!("the address {address:?} names no znode")));
    }
    let (told, members) = watch::channel(None);
    let task = tokio::spawn(Follower { address, told }.run()).abort_handle();
    Ok(Group { members, task })
}

impl Group {
    /// The members, once they are others than those that were given out last. Those in between are
    /// left out. A znode that is not there has no members; while the ensemble is away nothing changes.
    /// Cancelling the wait loses nothing.
    pub async fn next(&mut self) -> Members {
        loop {
            match self.members.changed().await {
                Ok(()) => {
                    if let Some(members) = &*self.members.borrow_and_update() {
                        return members.clone();
                    }
                }
                // Its task only ends with the runtime.
                Err(_) => std::future::pending().await,
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Follower {
    address: Address,
    told: watch::Sender<Option<Members>>,
}

impl Follower {
    async fn run(self) {
        let mut pause = PAUSE;
        loop {
            let connector = Client::connector().with_session_timeout(SESSION);
            let connector = match &self.address.login {
                Some(login) => connector.with_auth("digest", login.as_bytes()),
                None => connector,
            };
            let error = match connector.connect(&self.address.servers()).await {
                Ok(client) => self.session(&client, &mut pause).await,
                Err(error) => error,
            };
            tracing::warn!(address = ?self.address, %error, "the group cannot be followed");
            rest(&mut pause).await;
        }
    }

    /// One session, until it has ended.
    async fn session(&self, client: &Client, pause: &mut Duration) -> Error {
        loop {
            match self.look(client, pause).await {
                Ok(()) => {}
                Err(error) if client.state().is_terminated() => return error,
                Err(error) => {
                    tracing::debug!(address = ?self.address, %error, "reads the group again");
                    rest(pause).await;
                }
            }
        }
    }

    /// Watches and reads, until the connection breaks.
    async fn look(&self, client: &Client, pause: &mut Duration) -> Result<(), Error> {
        let folder = &self.address.folder;
        // It also waits until there is a connection again. A server that is behind catches up.
        client.sync("/").await?;
        let mut events = client.watch(folder, AddWatchMode::PersistentRecursive).await?;
        loop {
            let members = read(client, folder).await?;
            *pause = PAUSE;
            self.told.send_if_modified(|told| {
                let changes = told.as_ref() != Some(&members);
                if changes {
                    *told = Some(members);
                }
                changes
            });
            let mut event = events.changed().await;
            loop {
                // A watch of this kind does not outlive its connection, and events are not made up for.
                if event.event_type == EventType::Session {
                    return if event.session_state.is_terminated() {
                        Err(Error::SessionExpired)
                    } else {
                        Ok(())
                    };
                }
                match events.changed().now_or_never() {
                    Some(next) => event = next,
                    None => break,
                }
            }
        }
    }
}

async fn read(client: &Client, folder: &str) -> Result<Members, Error> {
    let mut names = match client.list_children(folder).await {
        Ok(names) => names,
        Err(Error::NoNode) => Vec::new(),
        Err(error) => return Err(error),
    };
    names.sort_unstable();
    names.truncate(MOST_MEMBERS);
    let mut members = Members::new();
    for names in names.chunks(AT_ONCE) {
        let mut reader = client.new_multi_reader();
        for name in names {
            reader.add_get_data(&format!("{folder}/{name}"))?;
        }
        for (name, found) in names.iter().zip(reader.commit().await?) {
            match found {
                MultiReadResult::Data { data, .. } => {
                    members.insert(name.clone(), data);
                }
                // Gone in between: an event says so.
                MultiReadResult::Error { err: Error::NoNode } => {}
                MultiReadResult::Error { err } => return Err(err),
                _ => return Err(Error::UnexpectedError("an answer of another kind".to_owned())),
            }
        }
    }
    Ok(members)
}

async fn rest(pause: &mut Duration) {
    let chance = u32::from(uuid::Uuid::new_v4().as_bytes()[0]);
    tokio::time::sleep(*pause - *pause * chance / 512).await;
    *pause = (*pause * 2).min(LONGEST_PAUSE);
}
