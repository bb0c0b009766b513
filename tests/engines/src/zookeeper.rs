//! ZooKeeper: one server, or an ensemble.
//!
//! Owns the start, the readiness and the faults of its servers. It must not know who their clients
//! are; `zookeeper/install.rs` knows where the program comes from.

mod config;
mod install;
mod words;

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use tokio::task::spawn_blocking;

use crate::folder::Folder;
use crate::waiting::{until, until_ok};
use crate::{Code, Daemon, Failure};
use config::Member;

const STOP_GRACE: Duration = Duration::from_secs(10);
/// More servers than this elect no better.
const SERVERS_MAX: usize = 7;

/// A host of one server's own. It listens on the usual ports there: 2181, 2888 and 3888.
#[derive(Clone, Debug)]
pub struct ZooKeeperPlace {
    /// Where the others and this process reach it.
    pub address: Ipv4Addr,
    /// What its command line is given to, so that it runs there: `ip netns exec NAME`.
    pub within: Vec<OsString>,
}

/// What is wanted. `Default` is one server that does not wait for the disk.
#[derive(Clone, Debug)]
pub struct ZooKeeperSpec {
    /// How many servers; more than one are an ensemble.
    pub servers: usize,
    /// Whether a write is on the disk before it is confirmed, as in production. Slow.
    pub force_sync: bool,
    /// The first server's client port, the others follow; 0: any that are free.
    pub port: u16,
    /// Where data and logs are kept; without, in a folder that is removed in the end.
    pub dir: Option<PathBuf>,
    /// The shortest session that a client may ask for.
    pub min_session_timeout: Duration,
    /// Hosts of their own, one for each server; without, all are on the loopback address.
    pub places: Vec<ZooKeeperPlace>,
}

impl Default for ZooKeeperSpec {
    fn default() -> Self {
        Self {
            servers: 1,
            force_sync: false,
            port: 0,
            dir: None,
            min_session_timeout: Duration::from_millis(400),
            places: Vec::new(),
        }
    }
}

impl ZooKeeperSpec {
    /// So many servers, all else as usual.
    #[must_use]
    pub fn ensemble_of(servers: usize) -> Self {
        Self { servers, ..Self::default() }
    }

    /// One server on each of these hosts.
    #[must_use]
    pub fn on(places: Vec<ZooKeeperPlace>) -> Self {
        Self { servers: places.len(), places, ..Self::default() }
    }
}

/// Running servers. They end with this value.
#[derive(Debug)]
pub struct ZooKeeper {
    servers: Vec<Daemon>,
    members: Vec<Member>,
    /// After the servers, so that it is removed when they are gone.
    _folder: Folder,
}

impl ZooKeeper {
    /// Fetches what is not there yet. Only the first call ever takes long.
    ///
    /// # Errors
    /// It cannot be fetched, or is not what it should be.
    pub async fn install() -> Result<(), Failure> {
        installed().await.map(drop)
    }

    /// Starts servers, and waits until all of them serve.
    ///
    /// # Errors
    /// They cannot be had, or do not serve.
    pub async fn start(spec: &ZooKeeperSpec) -> Result<Self, Failure> {
        if !(1..=SERVERS_MAX).contains(&spec.servers) {
            let what = format!("{} ZooKeeper servers", spec.servers);
            return Err(Failure::new(
                Code::Asked,
                what,
                format!("1 to {SERVERS_MAX} are possible"),
            ));
        }
        if !spec.places.is_empty() && spec.places.len() != spec.servers {
            let what = format!("{} ZooKeeper servers on {} hosts", spec.servers, spec.places.len());
            return Err(Failure::new(Code::Asked, what, "each needs one, or none is named"));
        }
        let class_path = installed().await?;
        let folder = Folder::new(spec.dir.as_deref(), "zookeeper")?;
        let members = config::members(spec, &folder)?;
        let mut servers = Vec::new();
        for index in 0..members.len() {
            let recipe = config::recipe(spec, &members, index, &folder, &class_path)?;
            servers.push(Daemon::new(recipe));
        }
        let zookeeper = Self { servers, members, _folder: folder };
        for server in &zookeeper.servers {
            server.start().await?;
        }
        for index in 0..zookeeper.servers.len() {
            zookeeper.serves(index).await?;
        }
        Ok(zookeeper)
    }

    /// Where a server listens for clients, such as `127.0.0.1:20181`. Kept over restarts.
    ///
    /// # Panics
    /// When there is no such server; they are counted from 0.
    #[must_use]
    pub fn address(&self, index: usize) -> String {
        self.members[index].client().to_string()
    }

    /// All servers, as a client takes them: with commas between.
    #[must_use]
    pub fn addresses(&self) -> String {
        let all: Vec<String> = (0..self.members.len()).map(|index| self.address(index)).collect();
        all.join(",")
    }

    /// All servers and a path that begins with `/`, as Mesos takes them.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("zk://{}{path}", self.addresses())
    }

    /// One server, to be killed, stopped, paused, resumed, started.
    ///
    /// # Panics
    /// When there is no such server; they are counted from 0.
    #[must_use]
    pub fn server(&self, index: usize) -> &Daemon {
        &self.servers[index]
    }

    /// All servers.
    #[must_use]
    pub fn servers(&self) -> &[Daemon] {
        &self.servers
    }

    /// Ends a server in order. The others go on.
    ///
    /// # Errors
    /// It may not be signalled.
    pub async fn stop(&self, index: usize) -> Result<(), Failure> {
        self.servers[index].stop(STOP_GRACE).await
    }

    /// Starts a server again on its own data and waits until it serves. For one of an ensemble that
    /// takes a majority.
    ///
    /// # Errors
    /// It runs, or does not come back.
    pub async fn restart(&self, index: usize) -> Result<(), Failure> {
        self.servers[index].start().await?;
        self.serves(index).await
    }

    /// Waits until a server serves.
    ///
    /// # Errors
    /// It has ended, or does not serve in time.
    pub async fn serves(&self, index: usize) -> Result<(), Failure> {
        let server = &self.servers[index];
        until_ok(&format!("{} to serve", server.name()), || async move {
            server.check()?;
            Ok(self.mode(index).await)
        })
        .await
        .map(drop)
    }

    /// What a server says that it is: `standalone`, `leader` or `follower`; nothing while it does not
    /// serve.
    pub async fn mode(&self, index: usize) -> Option<String> {
        mode_at(self.members[index].client()).await
    }

    /// Waits until a server leads, and says which; a server on its own leads itself.
    ///
    /// # Errors
    /// None does in time.
    pub async fn leader(&self) -> Result<usize, Failure> {
        until("a leader among the ZooKeeper servers", || async {
            for index in 0..self.servers.len() {
                let mode = self.mode(index).await;
                if mode.is_some_and(|mode| mode == "leader" || mode == "standalone") {
                    return Some(index);
                }
            }
            None
        })
        .await
    }

    /// The answer to one of the words of four letters, such as `dump` (sessions and ephemeral nodes),
    /// `cons` or `wchp`; nothing when there is none.
    pub async fn ask(&self, index: usize, word: &str) -> Option<String> {
        words::ask(self.members[index].client(), word).await
    }
}

/// What the server of a port of this host says that it is.
pub(crate) async fn mode_of(port: u16) -> Option<String> {
    mode_at((Ipv4Addr::LOCALHOST, port).into()).await
}

async fn mode_at(server: SocketAddr) -> Option<String> {
    let answer = words::ask(server, "srvr").await?;
    let mode = answer.lines().find_map(|line| line.strip_prefix("Mode: "))?;
    Some(mode.to_owned())
}

async fn installed() -> Result<String, Failure> {
    spawn_blocking(install::class_path).await.expect("installing does not panic")
}
