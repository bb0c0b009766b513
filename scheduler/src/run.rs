//! Puts the scheduler together: opens what it needs, takes over, listens, runs until it is told
//! to stop or must.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use lathe_api::door::{self, BindError, Hosts, Key, Listener, SecretError, TlsDoorError, Tokens};
use lathe_mesos::backoff::Backoff;
use lathe_mesos::scheduler::EndpointError;
use lathe_mesos::{Limits, operator};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::api::{self, Artifacts, ArtifactsError};
use crate::config::Config;
use crate::lead::{End, Seat};
use crate::masters::{self, MastersError};
use crate::mesos_calls::Identity;
use crate::metrics::Metrics;
use crate::placed::{self, PlacedError};
use crate::store::TakeOverError;

/// Between attempts to lead.
const FIRST_PAUSE_MS: u64 = 100;
const LONGEST_PAUSE_MS: u64 = 5_000;
/// An attempt that took longer was no failure at once.
const LASTED: Duration = Duration::from_secs(30);

/// Why the scheduler ended otherwise than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error("the scheduler cannot listen for TLS")]
    Tls(#[from] TlsDoorError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Placed(#[from] PlacedError),
    #[error(transparent)]
    Artifacts(#[from] ArtifactsError),
    #[error("the masters are not usable addresses")]
    Masters(#[from] EndpointError),
    #[error(transparent)]
    Files(#[from] MastersError),
    #[error(transparent)]
    TakeOver(#[from] TakeOverError),
    #[error("the folder {path} cannot be made")]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("the address cannot be announced")]
    Announce(#[source] std::io::Error),
    #[error("signals cannot be heard")]
    Signals(#[source] std::io::Error),
    #[error("{0}")]
    Stopped(String),
}

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// Where something that is needed cannot be had, or the scheduler must not go on.
pub async fn run(config: Config) -> Result<(), RunError> {
    std::fs::create_dir_all(&config.data)
        .map_err(|source| RunError::Folder { path: config.data.clone(), source })?;
    let tokens = Tokens::read_or_create(&config.token_file)?;
    let key = Key::read_or_create(&config.key_file)?;
    let placed = placed::told(&config)?;
    let artifacts = Artifacts::open(&config.data.join("artifacts"), &config.executor)?;
    let masters = masters::endpoint(&config.mesos)?;
    let operator = Arc::new(operator::Client::new(masters.clone(), Limits::default())?);

    let listener = door::bind(config.listen, config.insecure).await?;
    let (tls, tls_url) = bind_tls(&config).await?;
    let address = listener.local_addr().map_err(RunError::Announce)?;
    let url = config.advertise.clone().unwrap_or_else(|| format!("http://{address}"));

    let hosts = own_hosts(&config, address);
    let metrics = Metrics::default();
    let stopping = CancellationToken::new();
    let (routes, now) = watch::channel(Router::new());
    let (answers_told, mut answers) = watch::channel(false);
    let seat = Seat {
        identity: identity(&config, &url, &artifacts, key.clone()),
        url,
        hosts,
        tokens,
        key,
        placed,
        artifacts,
        masters,
        operator,
        metrics,
        routes,
        answers: answers_told,
        stopping: stopping.clone(),
        config,
    };
    seat.stand_by(None, "the store");
    let until = stopping.clone();
    let serving = tokio::spawn(door::serve_both(
        listener,
        tls,
        api::front(now),
        door::Limits::default(),
        move || until.clone().cancelled_owned(),
    ));
    let outcome = {
        let mut attempts = pin!(attempts(&seat));
        let mut signal = pin!(told_to_stop());
        let mut announced = false;
        loop {
            tokio::select! {
                outcome = &mut attempts => break outcome,
                signal = &mut signal, if !stopping.is_cancelled() => {
                    stopping.cancel();
                    signal.map_err(RunError::Signals)?;
                }
                _ = answers.wait_for(|answers| *answers), if !announced => {
                    announced = true;
                    announce(&seat.url, tls_url.as_deref())?;
                }
            }
        }
    };
    // The subscription ends with the process; instances go on, and the next leader finds them.
    stopping.cancel();
    let _ = serving.await;
    outcome
}

/// One attempt to lead after another, until the scheduler is told to stop or must not go on.
async fn attempts(seat: &Seat) -> Result<(), RunError> {
    let mut backoff = Backoff::new(FIRST_PAUSE_MS, LONGEST_PAUSE_MS, rand::random());
    loop {
        let began = Instant::now();
        match seat.attempt().await {
            End::Stopped => return Ok(()),
            End::Final(reason) => return Err(RunError::Stopped(reason)),
            End::Store(error) => return Err(RunError::TakeOver(error)),
            End::Again(reason) => {
                tracing::warn!(reason, "leads no more; stands for the lead again")
            }
        }
        if began.elapsed() > LASTED {
            backoff = Backoff::new(FIRST_PAUSE_MS, LONGEST_PAUSE_MS, rand::random());
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(backoff.next_ms())) => {}
            () = seat.stopping.cancelled() => return Ok(()),
        }
    }
}

fn identity(config: &Config, url: &str, artifacts: &Artifacts, key: Key) -> Identity {
    let mesos = &config.mesos;
    Identity {
        name: mesos.name.clone(),
        role: mesos.role.clone(),
        user: mesos.user.clone(),
        hostname: hostname(),
        principal: mesos.secret_file.as_ref().map(|_| mesos.principal.clone()),
        webui_url: None,
        executor_url: format!("{url}{}", artifacts.executor_path()),
        key,
    }
}

fn hostname() -> String {
    let named = std::fs::read_to_string(Path::new("/proc/sys/kernel/hostname"));
    named.map_or_else(|_| "localhost".to_owned(), |name| name.trim().to_owned())
}

fn host_of(url: &str) -> Option<&str> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next()?;
    Some(authority.rsplit_once(':').map_or(authority, |(host, _)| host))
}

async fn bind_tls(config: &Config) -> Result<(Option<Listener>, Option<String>), RunError> {
    let Some(door) = &config.tls else { return Ok((None, None)) };
    let listener = door.bind().await?;
    let address = listener.local_addr().map_err(RunError::Announce)?;
    Ok((Some(listener), Some(format!("https://{address}"))))
}

/// The names by which this scheduler may be called.
fn own_hosts(config: &Config, address: SocketAddr) -> Hosts {
    let tls = config.tls.iter().map(|door| door.listen.ip());
    let hosts = tls.chain([address.ip()]).fold(Hosts::loopback(), Hosts::and_address);
    let named = config.hosts.iter().map(String::as_str);
    config.advertise.as_deref().and_then(host_of).into_iter().chain(named).fold(hosts, Hosts::and)
}

#[expect(clippy::print_stdout, reason = "the one line that tells where it listens")]
fn announce(url: &str, tls: Option<&str>) -> Result<(), RunError> {
    let mut line = serde_json::json!({ "listening": url });
    if let Some(tls) = tls {
        line["tls"] = tls.into();
    }
    println!("{line}");
    std::io::stdout().flush().map_err(RunError::Announce)
}

async fn told_to_stop() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    tracing::info!("told to stop");
    Ok(())
}
