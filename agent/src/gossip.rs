//! What agents tell each other, carried by datagrams and connections.
//!
//! Owns the sockets, the file of keys, and what is known of gossip for those who look. Every decision is the
//! machine's, which is `lathe_gossip`'s; what is believed in the end is the follower's.

mod connections;
mod driver;
mod key_file;
mod shown;

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lathe_api::door::SecretError;
use lathe_gossip::{Gossip, KeysError, Member, Session, Settings, Statement, Subject};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;

pub(crate) use driver::Running;
pub(crate) use shown::Shown;

use crate::config;
use crate::copy::Selection;
use crate::driver::unix_ms;
use crate::follower;
use crate::saved::Signed;

/// Events that may wait for the machine; then whoever has them waits.
const EVENTS_MAX: usize = 64;
/// What others pass on and the follower has not taken yet.
const PASSED_MAX: usize = 16;
/// The system may give a port for connections that is taken for datagrams.
const PORTS_TRIED: usize = 16;

/// Why there is no gossip.
#[derive(Debug, thiserror::Error)]
pub enum GossipError {
    /// The file of keys cannot be read.
    #[error(transparent)]
    File(#[from] SecretError),
    /// It has no keys.
    #[error("{} is no file of keys of gossip: {source}", path.display())]
    Keys {
        /// The file.
        path: PathBuf,
        /// Why.
        source: KeysError,
    },
    /// It cannot listen.
    #[error("cannot listen on {address} for gossip")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// The machine, for its driver to write and for everybody else to read.
#[derive(Debug)]
pub(crate) struct Shared {
    machine: Mutex<Gossip>,
    /// Where to tell what registries have signed.
    pub(crate) heard: mpsc::Sender<lathe_gossip::Event>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Gossip> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the copy is signed with, for the disk.
    pub(crate) fn signatures(&self) -> Vec<Signed> {
        self.lock().statements().map(Signed::of).collect()
    }

    /// How it stands.
    pub(crate) fn shown(&self) -> Shown {
        Shown::of(&self.lock())
    }
}

/// Gossip that is set up and does not run yet, and what comes of it for the follower.
pub(crate) type Started = (Arc<Shared>, Running, mpsc::Receiver<follower::Event>);

/// Listens, and begins with what was kept.
pub(crate) async fn start(
    config: &config::Gossip,
    host: &str,
    selection: &Selection,
    kept: Vec<Statement>,
) -> Result<Started, GossipError> {
    let keys = key_file::read(&config.key_file)?;
    let (datagrams, connections, address) = listen(config.listen).await?;
    let address = config.advertise.unwrap_or(address);
    let own = Member::new(address, Session::begin(unix_ms(), rand::random()), host);
    let settings = Settings {
        keys,
        // They are looked up when it runs.
        seeds: Vec::new(),
        interval_ms: config.interval_ms,
        fanout: config.fanout,
    };
    let trust = config.trust.clone();
    let mut machine = Gossip::new(own, settings, &followed(selection), trust, rand::random());
    machine.remember(kept);
    let (heard, events) = mpsc::channel(EVENTS_MAX);
    let (passed, passed_on) = mpsc::channel(PASSED_MAX);
    let shared = Arc::new(Shared { machine: Mutex::new(machine), heard });
    let running = Running {
        shared: Arc::clone(&shared),
        datagrams,
        connections,
        events,
        passed,
        seeds: config.seeds.clone(),
        key_file: config.key_file.clone(),
    };
    tracing::info!(%address, "gossips");
    Ok((shared, running, passed_on))
}

fn followed(selection: &Selection) -> BTreeSet<Subject> {
    let groups = selection.groups.iter().map(|name| Subject::group(name));
    groups.chain(selection.configs.iter().map(|name| Subject::config(name))).collect()
}

/// One port for both.
async fn listen(address: SocketAddr) -> Result<(UdpSocket, TcpListener, SocketAddr), GossipError> {
    let wrong = |source| GossipError::Bind { address, source };
    let mut tried = 0;
    loop {
        let connections = TcpListener::bind(address).await.map_err(wrong)?;
        let own = connections.local_addr().map_err(wrong)?;
        match UdpSocket::bind(own).await {
            Ok(datagrams) => return Ok((datagrams, connections, own)),
            Err(error) if address.port() == 0 && tried < PORTS_TRIED => {
                tracing::debug!(%error, %own, "the port is taken for datagrams");
                tried += 1;
            }
            Err(error) => return Err(wrong(error)),
        }
    }
}
