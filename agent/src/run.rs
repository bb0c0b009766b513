//! An agent from its configuration to its end.
//!
//! Owns the order in which its parts start and stop.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lathe_api::door::{self, BindError, Hosts, Listener, Rates, SecretError, TlsFiles, Tokens};
use lathe_dns::Door;
use lathe_gossip::Statement;
use lathe_hooks::engine::Standing;
use lathe_hooks::{Hooks, OpenError, Order, turn_calls};
use lathe_tls::TlsError;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::driver::{Driver, State, unix_ms};
use crate::follower::{Event, Follower};
use crate::gossip::{self, GossipError, Shared};
use crate::metrics::Metrics;
use crate::names::Names;
use crate::rest::{self, Desk};
use crate::saved;
use crate::turns::Turns;

/// How often `--once` looks whether everything is followed.
const LOOK: Duration = Duration::from_millis(20);

/// Streams of changes at one time.
const STREAMS_MAX: usize = 1024;

/// Why an agent could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Its hooks cannot be had.
    #[error("the hooks cannot be had")]
    Hooks(#[from] OpenError),
    /// Its tokens cannot be used.
    #[error("the tokens cannot be used")]
    Tokens(#[source] SecretError),
    /// It cannot gossip.
    #[error("the agent cannot gossip")]
    Gossip(#[from] GossipError),
    /// It cannot listen.
    #[error("the agent cannot listen")]
    Bind(#[source] BindError),
    /// The files of TLS cannot be used.
    #[error("the files of TLS cannot be used")]
    Tls(#[from] TlsError),
    /// The system does not say where it listens.
    #[error("the agent's address cannot be read")]
    Address(#[source] std::io::Error),
    /// A part of it ended by itself; the others were stopped.
    #[error("the agent's {0} ended unexpectedly")]
    Part(&'static str),
    /// It was to end when everything is followed, and something is not.
    #[error("not everything was followed: {0}")]
    NotFollowed(String),
}

/// Where an agent is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Its REST.
    pub url: String,
    /// Its DNS, if it answers that.
    pub dns: Option<SocketAddr>,
}

/// Runs an agent until `shutdown` is done. `listening` is told its addresses once it serves. Programs of hooks end
/// with the thread that this runs on.
///
/// # Errors
/// [`RunError`]
pub async fn run(
    config: Config,
    listening: impl FnOnce(&Addresses),
    shutdown: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let tokens = config.token_file.as_deref().map(Tokens::read_or_create).transpose();
    let tokens = tokens.map_err(RunError::Tokens)?;
    let (hooks, running) =
        Hooks::open(&config.data_dir, config.hooks.clone(), &config.host, rand::random())?;
    let file = config.data_dir.join("copy");
    let mut found = load(&file);
    let statements = std::mem::take(&mut found.statements);
    let state = Arc::new(State::new(follower(&config, found)));
    let (end, ending) = watch::channel(false);
    let (gossip, mut gossiping, passed) = gossip(&config, statements, ending.clone()).await?;
    let (listener, trusted) = (bind(&config).await?, config.trust.client()?);
    let address = listener.local_addr().map_err(RunError::Address)?;
    let url = format!("{}://{address}", listener.scheme());
    let metrics = Metrics::default();
    let dns = Door::bind(config.dns.as_ref(), config.insecure).await.map_err(RunError::Bind)?;
    let dns_address = dns.address().map_err(RunError::Address)?;
    let desk = Desk {
        state: Arc::clone(&state),
        hooks: hooks.clone(),
        metrics: metrics.clone(),
        wait_max: Duration::from_millis(config.wait_max_ms),
        places: Arc::new(Semaphore::new(STREAMS_MAX)),
        ending: ending.clone(),
        gossip: gossip.clone(),
    };
    let rates = Rates::new(config.requests_per_second);
    let router = rest::router(Arc::new(desk), own_hosts(&config, address), rates.clone(), tokens);
    let source = Names { state: Arc::clone(&state), metrics: metrics.clone() };
    let mut names = tokio::spawn(dns.serve(source, rates, ending.clone()));
    let mut server =
        tokio::spawn(door::serve(listener, router, door::Limits::default(), ended(ending)));
    let (calls, called) = turn_calls();
    let granting = tokio::spawn(Turns::new(&state, trusted.clone(), &config).run(called));
    let mut running = tokio::spawn(running.with_turns(calls).run());
    let driver = Driver {
        state: Arc::clone(&state),
        hooks: hooks.clone(),
        selection: config.selection.clone(),
        file,
        tls: trusted,
        metrics,
        gossip,
    };
    let mut driver = tokio::spawn(driver.run(passed));
    listening(&Addresses { url, dns: dns_address });

    let outcome = tokio::select! {
        () = shutdown => Ok(()),
        followed = all_followed(&state, &hooks), if config.once => followed,
        _ = &mut server => Err(RunError::Part("server")),
        _ = &mut running => Err(RunError::Part("hooks")),
        _ = &mut names => Err(RunError::Part("DNS")),
        _ = &mut driver => Err(RunError::Part("driver")),
        _ = &mut gossiping => Err(RunError::Part("gossip")),
    };
    tracing::info!("ending");
    driver.abort();
    names.abort();
    end_hooks(&outcome, &hooks, running, &granting).await;
    end.send_replace(true);
    if !matches!(outcome, Err(RunError::Part("server"))) {
        let _ = server.await;
    }
    if !matches!(outcome, Err(RunError::Part("gossip"))) {
        let _ = gossiping.await;
    }
    outcome
}

/// Programs end, and turns are given back; then nobody needs any.
async fn end_hooks(
    outcome: &Result<(), RunError>,
    hooks: &Hooks,
    running: JoinHandle<()>,
    granting: &JoinHandle<()>,
) {
    if !matches!(outcome, Err(RunError::Part("hooks"))) {
        hooks.order(Order::End).await;
        let _ = running.await;
    }
    granting.abort();
}

async fn bind(config: &Config) -> Result<Listener, RunError> {
    let tls = config.tls.as_ref().map(TlsFiles::server).transpose()?;
    let open = config.insecure || tls.is_some();
    Ok(Listener::new(door::bind(config.listen, open).await.map_err(RunError::Bind)?, tls))
}

/// Gossip, if it is configured: what others may look at, its task, and what it tells the follower.
async fn gossip(
    config: &Config,
    kept: Vec<Statement>,
    ending: watch::Receiver<bool>,
) -> Result<(Option<Arc<Shared>>, JoinHandle<()>, mpsc::Receiver<Event>), RunError> {
    let Some(gossip) = &config.gossip else {
        let (_, nothing) = mpsc::channel(1);
        return Ok((None, tokio::spawn(ended(ending)), nothing));
    };
    let (shared, running, passed) =
        gossip::start(gossip, &config.host, &config.selection, kept).await?;
    Ok((Some(shared), tokio::spawn(running.run(ended(ending))), passed))
}

/// Begins with the copy on disk. One that cannot be used is put aside, for somebody to look at.
fn load(file: &PathBuf) -> saved::Loaded {
    match saved::load(file) {
        Ok(found) => found.unwrap_or_default(),
        Err(problem) => {
            tracing::error!(%problem, file = %file.display(), "the copy on disk cannot be used; it is put aside");
            let _ = std::fs::rename(file, file.with_extension("bad"));
            saved::Loaded::default()
        }
    }
}

fn follower(config: &Config, found: saved::Loaded) -> Follower {
    let age_ms = unix_ms().saturating_sub(found.saved_unix_ms.min(unix_ms()));
    let age_ms = if found.saved_unix_ms == 0 { 0 } else { age_ms };
    let words = (config.limits, config.selection.clone());
    Follower::new(words, &config.registries, found.kept, age_ms, rand::random())
}

async fn ended(mut ending: watch::Receiver<bool>) {
    let _ = ending.wait_for(|ends| *ends).await;
}

/// Comes back when a registry was heard and no hook has anything to do but to wait.
async fn all_followed(state: &State, hooks: &Hooks) -> Result<(), RunError> {
    loop {
        let heard = !state.read().is_lost();
        let status = hooks.status();
        let at_rest = |standing| {
            matches!(
                standing,
                Standing::Idle | Standing::Held | Standing::Failing | Standing::Refused
            )
        };
        if heard && !hooks.has_orders() && status.iter().all(|one| at_rest(one.standing)) {
            let open = status.iter().filter(|one| one.standing != Standing::Idle);
            let open: Vec<String> =
                open.map(|one| format!("{}: {}", one.hook, one.because)).collect();
            return if open.is_empty() {
                Ok(())
            } else {
                Err(RunError::NotFollowed(open.join("; ")))
            };
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn own_hosts(config: &Config, address: SocketAddr) -> Hosts {
    let own = Hosts::loopback().and_address(address.ip());
    config.hosts.iter().map(String::as_str).fold(own, Hosts::and)
}
