//! Puts the scheduler together: opens what it needs, takes over, listens, runs until it is told
//! to stop or must.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lathe_api::door::{self, BindError, Hosts, Key, SecretError, Tokens};
use lathe_mesos::scheduler::EndpointError;
use lathe_mesos::{Limits, operator};
use tokio::sync::mpsc;

use crate::api::{self, Artifacts, ArtifactsError, Shared};
use crate::config::Config;
use crate::driver::{Driver, Message, Tools};
use crate::framework::event::Event;
use crate::framework::{self, Framework};
use crate::masters::{self, MastersError};
use crate::mesos_calls::Identity;
use crate::metrics::Metrics;
use crate::store::{self, Pipeline, TakeOverError};

/// Why the scheduler ended otherwise than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(transparent)]
    Bind(#[from] BindError),
    #[error(transparent)]
    Secret(#[from] SecretError),
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
    let artifacts = Artifacts::open(&config.data.join("artifacts"), &config.executor)?;
    let masters = masters::endpoint(&config.mesos)?;
    let operator = Arc::new(operator::Client::new(masters.clone(), Limits::default())?);

    let listener = door::bind(config.listen, config.insecure).await?;
    let address = listener.local_addr().map_err(RunError::Announce)?;
    let url = config.advertise.clone().unwrap_or_else(|| format!("http://{address}"));

    let (store, recovered, term_version) = store::take_over(&config.store).await?;
    tracing::info!(term = recovered.term, history = %recovered.history, "took over");

    let (batches, waiting) = mpsc::unbounded_channel();
    let framework = Framework::new(framework::Config {
        replace_after_ms: config.replace_after_ms,
        url: url.clone(),
        served_by: config.served_by,
        ..framework::Config::default()
    });
    let identity = identity(&config, &url, &artifacts, key.clone());
    let metrics = Metrics::default();
    let tools = Tools {
        identity,
        masters,
        operator: Arc::clone(&operator),
        batches,
        metrics: metrics.clone(),
    };
    let (driver, handle, to_driver) = Driver::new(framework, tools);
    let _ = to_driver.send(Message::Event(Event::Recovered(recovered)));
    let pipeline = Pipeline { store: store.clone(), term_version, metrics: metrics.clone() };
    tokio::spawn(pipeline.run(waiting, to_driver.clone()));
    tokio::spawn(store::watch_registries(store.clone(), to_driver));

    let store = Some(store);
    let shared = Shared { handle, artifacts, store, operator, key, tokens, metrics };
    let hosts = Hosts::loopback().and_address(address.ip());
    let hosts = match config.advertise.as_deref().and_then(host_of) {
        Some(name) => hosts.and(name),
        None => hosts,
    };
    let router = api::router(shared, hosts);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(door::serve(listener, router, door::Limits::default(), async {
        let _ = stopped.await;
    }));
    announce(&url)?;

    let outcome = tokio::select! {
        reason = driver.run() => Err(RunError::Stopped(reason)),
        signal = told_to_stop() => signal.map_err(RunError::Signals),
    };
    // The subscription ends with the process; instances go on, and the next leader finds them.
    drop(stop);
    let _ = serving.await;
    outcome
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

#[expect(clippy::print_stdout, reason = "the one line that tells where it listens")]
fn announce(url: &str) -> Result<(), RunError> {
    println!("{}", serde_json::json!({ "listening": url }));
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
