//! A registry from its configuration to its end.
//!
//! Owns the order in which its parts start and stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use lathe_api::door::{
    self, BindError, Hosts, Key, Listener, Rates, SecretError, TlsDoorError, Tokens,
};
use lathe_dns::Door;
use lathe_gossip::Signer;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::directory::{Directory, Event, Set};
use crate::driver::{self, Clock, Driver, Input, Kept};
use crate::fleets::{self, Fleets};
use crate::hooks::{self, Hooks, Running as Programs, Wire};
use crate::link::Link;
use crate::metrics::Metrics;
use crate::names::Names;
use crate::peers::Peers;
use crate::post::Post;
use crate::rest::{self, Bounds, Desk, Places, Sessions};

/// Connections beside those of watchers.
const CONNECTIONS_BESIDE: usize = 2048;
/// Readers that wait for the store's newest commit.
const ASKS_MAX: usize = 1024;

/// Why a registry could not start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Its key cannot be used.
    #[error("the key of the incarnations' secrets cannot be used")]
    Key(#[source] SecretError),
    /// The tokens cannot be used.
    #[error("the tokens of those who may write cannot be used")]
    Tokens(#[source] SecretError),
    /// It cannot listen.
    #[error("the registry cannot listen")]
    Bind(#[source] BindError),
    /// It cannot listen for TLS.
    #[error("the registry cannot listen for TLS")]
    Tls(#[from] TlsDoorError),
    /// The system does not say where it listens.
    #[error("the registry's address cannot be read")]
    Address(#[source] std::io::Error),
    /// Its hooks cannot have a thread.
    #[error("the registry's hooks cannot be started")]
    Hooks(#[source] std::io::Error),
    /// A part of it ended by itself; the others were stopped.
    #[error("the registry's {0} ended unexpectedly")]
    Part(&'static str),
}

/// Where a registry is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Its REST.
    pub url: String,
    /// Its REST and gRPC by TLS, if it serves that.
    pub tls: Option<String>,
    /// Its DNS, if it answers that.
    pub dns: Option<SocketAddr>,
}

/// Runs a registry until `shutdown` is done. `listening` is told its addresses once it serves; it serves
/// before it has heard the store, and says by `/readyz` that it is not ready.
///
/// # Errors
/// [`RunError`]
pub async fn run(
    config: Config,
    listening: impl FnOnce(&Addresses),
    shutdown: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let key = Key::read(&config.key_file).map_err(RunError::Key)?;
    let tokens = tokens(&config)?;
    let listener = door::bind(config.listen, config.insecure).await.map_err(RunError::Bind)?;
    let address = listener.local_addr().map_err(RunError::Address)?;
    let url = config.advertise.clone().unwrap_or_else(|| format!("http://{address}"));
    let (tls, tls_url) = bind_tls(&config).await?;
    let names = Door::bind(config.dns.as_ref(), config.insecure).await.map_err(RunError::Bind)?;
    let dns = names.address().map_err(RunError::Address)?;
    let kept = Arc::new(kept(&url, &config, &key));
    let metrics = Metrics::default();
    let (inputs, received) = driver::inputs();
    let (writes, written) = mpsc::channel(1);
    let (asks, asked) = mpsc::channel(ASKS_MAX);
    let (edits, edited) = mpsc::channel(1);
    let (handles, wanted) = fleets::handles();
    let watchers = Arc::new(AtomicU64::new(0));
    let (end, ending) = watch::channel(false);

    let (hooks, wire, programs) = start_hooks(&config, &url, kept.clock, &metrics)?;
    let link = Link {
        address: config.store.clone(),
        session_timeout: Duration::from_millis(config.session_timeout_ms),
        url: url.clone(),
        inputs: inputs.clone(),
        writes: written,
        edits: edited,
        asks: asked,
        handles: wanted,
        ending: ending.clone(),
        metrics: metrics.clone(),
        hooks: wire,
    };
    let link = tokio::spawn(link.run());
    let beat_ms = config.limits.liveness.beat_ms;
    let peers = Peers::new((&url, &key), beat_ms, inputs.clone(), metrics.clone());
    let driver = tokio::spawn(drive(Arc::clone(&kept), (writes, peers), metrics.clone(), received));
    let (letters, post) = Post::start(&kept, &inputs, edits, &watchers);
    let rates = Rates::new(config.requests_per_second);
    let source = Names { kept: Arc::clone(&kept), metrics: metrics.clone() };
    let names = tokio::spawn(names.serve(source, rates.clone(), ending.clone()));
    let desk = Desk {
        kept,
        inputs: inputs.clone(),
        asks,
        key,
        bounds: bounds(&config),
        places: Places::new(config.watchers_per_address_max),
        metrics,
        letters,
        watchers,
        hooks,
        fleets: Fleets::new(handles),
        sessions: Sessions::default(),
    };
    let router = rest::router(Arc::new(desk), hosts(&config, address), rates, tokens);
    let until = move || ended(ending.clone());
    let server = tokio::spawn(door::serve_both(listener, tls, router, limits(&config), until));
    listening(&Addresses { url, tls: tls_url, dns });

    let mut parts = Parts { link, driver, server, names, programs };
    let failed = tokio::select! {
        () = shutdown => None,
        part = parts.first_to_end() => Some(part),
    };
    parts.end(failed, end, (post, inputs)).await;
    failed.map_or(Ok(()), |part| Err(RunError::Part(part)))
}

fn kept(url: &str, config: &Config, key: &Key) -> Kept {
    Kept::new(Directory::new(url, config.limits.clone()).signing(signer(key)))
}

/// What all registries of a cluster sign with: it follows from the key that they share.
fn signer(key: &Key) -> Signer {
    Signer::from_seed(&key.derived("lathe registry statements 1"))
}

/// The public key of what registries with this configuration sign, as agents are told it.
///
/// # Errors
/// The key cannot be used.
pub fn public_key(config: &Config) -> Result<String, SecretError> {
    Key::read(&config.key_file).map(|key| signer(&key).public_key())
}

const LINK: &str = "link to the store";
const SERVER: &str = "server";
const HOOKS: &str = "hooks";

/// What runs beside each other, and does not end by itself.
struct Parts<S> {
    link: JoinHandle<()>,
    driver: JoinHandle<()>,
    server: JoinHandle<S>,
    names: JoinHandle<()>,
    programs: Option<Programs>,
}

impl<S> Parts<S> {
    async fn first_to_end(&mut self) -> &'static str {
        tokio::select! {
            _ = &mut self.link => LINK,
            _ = &mut self.driver => "driver",
            _ = &mut self.server => SERVER,
            _ = &mut self.names => "DNS",
            () = hooks::ended(&mut self.programs) => HOOKS,
        }
    }

    /// Ends all of them but the one that has ended by itself.
    async fn end(
        self,
        failed: Option<&str>,
        end: watch::Sender<bool>,
        (post, inputs): (JoinHandle<()>, mpsc::Sender<Input>),
    ) {
        tracing::info!("ending");
        // As long as programs run here nobody else begins them.
        if let Some(programs) = self.programs.filter(|_| failed != Some(HOOKS)) {
            programs.end().await;
        }
        // Nobody new finds it, then the streams end, then the connections.
        end.send_replace(true);
        self.names.abort();
        post.abort();
        if failed != Some(LINK) {
            let _ = self.link.await;
        }
        let _ = inputs.send(Input::Event(Event::Ending)).await;
        if failed != Some(SERVER) {
            let _ = self.server.await;
        }
    }
}

type Started = (Option<Hooks>, Option<Wire>, Option<Programs>);

fn start_hooks(
    config: &Config,
    url: &str,
    clock: Clock,
    metrics: &Metrics,
) -> Result<Started, RunError> {
    if config.hooks.is_empty() {
        return Ok((None, None, None));
    }
    let started = hooks::start(config.hooks.clone(), url, clock, metrics.clone());
    let (hooks, wire, programs) = started.map_err(RunError::Hooks)?;
    Ok((Some(hooks), Some(wire), Some(programs)))
}

async fn drive(
    kept: Arc<Kept>,
    (writes, peers): (mpsc::Sender<Vec<Set>>, Peers),
    metrics: Metrics,
    received: mpsc::Receiver<Input>,
) {
    Driver::new(&kept, writes, peers, metrics).run(received).await;
}

async fn ended(mut ending: watch::Receiver<bool>) {
    let _ = ending.wait_for(|ends| *ends).await;
}

fn limits(config: &Config) -> door::Limits {
    door::Limits {
        connections_max: config.limits.watchers_max.saturating_add(CONNECTIONS_BESIDE),
        ..door::Limits::default()
    }
}

fn bounds(config: &Config) -> Bounds {
    Bounds {
        groups_per_watch_max: config.groups_per_watch_max,
        wait_max: Duration::from_millis(config.wait_max_ms),
        age_max_ms: config.max_age_ms,
    }
}

fn tokens(config: &Config) -> Result<Option<Tokens>, RunError> {
    let tokens = config.token_file.as_deref().map(Tokens::read).transpose();
    tokens.map_err(RunError::Tokens)
}

async fn bind_tls(config: &Config) -> Result<(Option<Listener>, Option<String>), RunError> {
    let Some(door) = &config.tls else { return Ok((None, None)) };
    let listener = door.bind().await?;
    let address = listener.local_addr().map_err(RunError::Address)?;
    Ok((Some(listener), Some(format!("https://{address}"))))
}

fn hosts(config: &Config, address: SocketAddr) -> Hosts {
    let own = Hosts::loopback().and_address(address.ip());
    let advertised = config.advertise.as_deref().and_then(|url| {
        let authority = url.split_once("://")?.1;
        authority.parse::<http::uri::Authority>().ok()
    });
    let own = match &config.tls {
        Some(door) => own.and_address(door.listen.ip()),
        None => own,
    };
    let named = advertised.iter().map(http::uri::Authority::host);
    let configured = config.hosts.iter().map(String::as_str);
    named.chain(configured).fold(own, Hosts::and)
}
