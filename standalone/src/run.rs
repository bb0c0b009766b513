//! The stand-in from its configuration to its end.
//!
//! Owns the order in which its parts start and stop.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use lathe_child::SpawnError;
use lathe_coordination::local::Stats;
use lathe_coordination::local::server::{Listening, OpenError, ServeError, Server};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};

use crate::cluster::{self, Cluster};
use crate::config::Config;
use crate::driver::{Driver, Handle};
use crate::front::Front;
use crate::http::{self, BindError};
use crate::processes::HostProgram;
use crate::secret::{SecretError, Secrets};
use crate::{links, ports, secret};

/// Why the stand-in could not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("cannot use the data folder {dir}")]
    Data {
        dir: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("another lathe-standalone uses the data folder {dir}")]
    InUse { dir: PathBuf },
    #[error("there is no token")]
    Token(#[from] SecretError),
    #[error("the master cannot listen")]
    Bind(#[from] BindError),
    #[error("an address cannot be read")]
    Address(#[source] io::Error),
    #[error("the store cannot be opened")]
    Open(#[from] OpenError),
    #[error("the store cannot be served")]
    Store(#[from] ServeError),
    #[error("the program of the hosts is not known")]
    Program(#[source] io::Error),
    #[error("host {host} cannot be started")]
    Host {
        host: String,
        #[source]
        source: SpawnError,
    },
}

/// Where a stand-in that is ready can be found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// URL of the master.
    pub listening: String,
    /// Address of the store, as `lathe_coordination::Store::connect` takes it.
    pub store: String,
}

/// Runs the stand-in until `shutdown` is done, then ends everything in order. Must run on a
/// `LocalSet` of a runtime with one thread: host processes die with the thread that started them.
///
/// `ready` is called once all hosts are registered.
///
/// # Errors
/// See [`RunError`].
pub async fn run(
    mut config: Config,
    ready: impl FnOnce(&Ready) + 'static,
    shutdown: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let _lock = prepare(&config.data)?;
    let data = fs::canonicalize(&config.data)
        .map_err(|source| RunError::Data { dir: config.data.clone(), source })?;
    let (token_file, secrets) = secrets(&config, &data)?;
    let _slots = ports::fill(&mut config.hosts);
    let listener = http::bind(config.listen).await?;
    let address = listener.local_addr().map_err(RunError::Address)?;
    let links = http::bind(SocketAddr::new(address.ip(), 0)).await?;
    let program = HostProgram {
        program: std::env::current_exe().map_err(RunError::Program)?,
        folder: data.join("hosts"),
        link: links.local_addr().map_err(RunError::Address)?,
        token_file,
        ip: address.ip(),
        log_format: config.log_format,
    };

    let (handle, inputs) = Handle::new();
    let (hosts_up, hosts_are_up) = oneshot::channel();
    let mut driver =
        Driver::new(Cluster::new(machine(&config, address)), program, handle.clone(), hosts_up);
    // Hosts come up while the store reads its disk.
    for host in config.hosts.clone() {
        let name = host.name.clone();
        driver.add_host(host).map_err(|source| RunError::Host { host: name, source })?;
    }
    let stats = Arc::new(OnceLock::new());
    serve((listener, Arc::clone(&stats)), links, secrets, &handle);

    let socket = std::path::absolute(&config.store_socket).map_err(RunError::Address)?;
    let store = open_store(data.join("store"), socket.clone(), &stats).await?;
    let (end_store, mut ending) = watch::channel(false);
    let mut store = tokio::task::spawn_local(store.run(async move {
        let _ = ending.wait_for(|ends| *ends).await;
    }));
    let here = Ready {
        listening: format!("http://{address}"),
        store: format!("local:{}", socket.display()),
    };
    tokio::task::spawn_local(async move {
        if hosts_are_up.await.is_ok() {
            ready(&here);
        }
    });

    let mut broken = None;
    let stop = async {
        tokio::select! {
            () = shutdown => {}
            ended = &mut store => broken = Some(ended),
        }
    };
    driver.run(inputs, stop).await;
    let ended = match broken {
        Some(ended) => ended,
        None => {
            end_store.send_replace(true);
            store.await
        }
    };
    match ended {
        Ok(served) => Ok(served?),
        Err(error) => Err(ServeError::Storage { reason: error.to_string() }.into()),
    }
}

fn serve(
    (listener, store): (TcpListener, Arc<OnceLock<Stats>>),
    link: TcpListener,
    secrets: Secrets,
    handle: &Handle,
) {
    tokio::spawn(links::serve(link, secrets.clone(), handle.clone(), links::Limits::default()));
    let front = Arc::new(Front { driver: handle.clone(), secrets, store });
    tokio::spawn(http::serve(listener, front, http::Limits::default()));
}

fn machine(config: &Config, address: SocketAddr) -> cluster::Config {
    let (seed, _) = uuid::Uuid::new_v4().as_u64_pair();
    cluster::Config {
        hostname: address.ip().to_string(),
        port: address.port(),
        unreachable_after_ms: config.unreachable_after_ms,
        executor_registration_ms: config.executor_registration_ms,
        ..cluster::Config::new(seed)
    }
}

async fn open_store(
    dir: PathBuf,
    socket: PathBuf,
    stats: &OnceLock<Stats>,
) -> Result<Listening, RunError> {
    let opened = tokio::task::spawn_blocking(move || Server::open(dir)).await;
    let server = match opened {
        Ok(opened) => opened?,
        Err(error) => return Err(ServeError::Storage { reason: error.to_string() }.into()),
    };
    let _ = stats.set(server.stats());
    Ok(server.bind(socket)?)
}

/// How long another one's lock on the data folder is waited for.
const LOCK_TIME: Duration = Duration::from_secs(5);
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// Makes the data folder and locks it.
fn prepare(dir: &Path) -> Result<File, RunError> {
    let failed = |source: io::Error| RunError::Data { dir: dir.to_path_buf(), source };
    for folder in [dir.to_path_buf(), dir.join("run"), dir.join("hosts")] {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    }
    let lock = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(dir.join("run/standalone.lock"))
        .map_err(failed)?;
    let deadline = Instant::now() + LOCK_TIME;
    loop {
        match rustix::fs::flock(&lock, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(lock),
            // One that was killed just now may still be ending what was below it.
            Err(rustix::io::Errno::WOULDBLOCK) if Instant::now() < deadline => {
                std::thread::sleep(LOCK_PAUSE);
            }
            Err(rustix::io::Errno::WOULDBLOCK) => {
                return Err(RunError::InUse { dir: dir.to_path_buf() });
            }
            Err(error) => return Err(failed(error.into())),
        }
    }
}

fn secrets(config: &Config, data: &Path) -> Result<(PathBuf, Secrets), RunError> {
    let file = match &config.token_file {
        Some(file) => std::path::absolute(file).map_err(RunError::Address)?,
        None => {
            let file = data.join("run/token");
            secret::make(&file)?;
            file
        }
    };
    let secrets = secret::read(&file)?;
    Ok((file, secrets))
}
