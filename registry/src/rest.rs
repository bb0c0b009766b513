//! What the registry serves over HTTP.
//!
//! Owns paths and headers. It reads the machine and hands it events; it decides nothing about what
//! is shown.
//!
//! - paths and parameters are `lathe_api::reads`
//! - `answers`: views with their headers; `held`: those that wait for a change or for the store
//! - `beat` with `sessions`, `watch`: what is more than a view; `messages`, `metadata`: what is said to
//!   groups; `fleets`: turns; `places`: what one address may hold; `signature`: what a view is signed with

mod answers;
mod beat;
mod fleets;
mod held;
mod messages;
mod metadata;
mod places;
mod sessions;
mod signature;
mod watch;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post, put};
use axum::{Extension, Router};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, Method};
use lathe_api::door::{Access, Caller, Guard, Hosts, Key, Problem, Rates, Tokens};
use lathe_api::reads as input;
use lathe_api::targets::{Target, target};
use lathe_api::views::LATHE_AGE_MS;
use lathe_catalog::Entry;
use lathe_gossip::Subject;
use lathe_hooks::monitor::Status;
use tokio::sync::mpsc;

use crate::calls;
use crate::directory::{Directory, WatcherId, Wish};
use crate::driver::{self, Input, Kept};
use crate::fleets::Fleets;
use crate::hooks::Hooks;
use crate::link::Ask;
use crate::metrics::Metrics;
use crate::post::Letter;
use answers::{Answer, json, listed};
use input::{Blocking, Filter, Incarnation, Name, Nothing, Params, Plain, Wanted, name};
pub(crate) use places::{Place, Places};
pub(crate) use sessions::Sessions;

/// Largest body: a beat is small.
const BODY_BYTES_MAX: u64 = 4096;
/// The same of what is said to a group, however it is spaced.
const SAID_BYTES_MAX: u64 = 64 * 1024;
/// Largest batch of beats: more than as many as it may have, with the longest names and reasons.
const PASSED_BYTES_MAX: u64 = 1024 * 1024;
/// So long may the loop take to come to a request.
const PULSE_TIME: Duration = Duration::from_secs(5);

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What requests are held to.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    pub(crate) groups_per_watch_max: usize,
    /// The longest time for which a look-up waits for a change, without its jitter.
    pub(crate) wait_max: Duration,
    /// So old may an answer be unless its reader takes any.
    pub(crate) age_max_ms: u64,
}

/// What handlers need.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) kept: Arc<Kept>,
    pub(crate) inputs: mpsc::Sender<Input>,
    pub(crate) asks: mpsc::Sender<Ask>,
    pub(crate) letters: mpsc::Sender<Letter>,
    pub(crate) key: Key,
    pub(crate) bounds: Bounds,
    pub(crate) places: Places,
    pub(crate) metrics: Metrics,
    pub(crate) watchers: Arc<AtomicU64>,
    pub(crate) hooks: Option<Hooks>,
    pub(crate) fleets: Fleets,
    pub(crate) sessions: Sessions,
}

impl Desk {
    pub(crate) fn next_watcher(&self) -> WatcherId {
        WatcherId(self.watchers.fetch_add(1, Ordering::Relaxed))
    }

    /// Whether one more may listen: the store was heard, and there is a place.
    pub(crate) fn has_room(&self) -> Result<(), Problem> {
        let directory = self.kept.read();
        listed(&directory)?;
        if directory.is_full() {
            return Err(Problem::busy("there are as many watchers as there may be"));
        }
        Ok(())
    }

    /// The time of day, in milliseconds.
    fn unix_ms(&self) -> u64 {
        self.kept.clock.now().unix_ms
    }

    /// How hooks stand, by name.
    fn hooks(&self) -> Vec<Status> {
        self.hooks.as_ref().map(Hooks::status).unwrap_or_default()
    }

    /// A place of the caller's address.
    pub(crate) fn place(&self, caller: &Caller) -> Result<Place, Problem> {
        self.places.take(caller)
    }

    /// The names of groups, of which one watcher may have so many.
    pub(crate) fn groups(&self, names: &[String]) -> Result<BTreeSet<String>, Problem> {
        let max = self.bounds.groups_per_watch_max;
        if names.len() > max {
            return Err(Problem::bad_request(format!("one watcher may name {max} groups")));
        }
        names.iter().map(|one| Ok(name(one)?.to_owned())).collect()
    }
}

/// All routes, behind the door. Reads are open; a beat shows its incarnation's secret, and whoever says
/// something to a group a token.
pub(crate) fn router(
    desk: Arc<Desk>,
    hosts: Hosts,
    rates: Rates,
    tokens: Option<Tokens>,
) -> Router {
    let requests = desk.metrics.requests.clone();
    let held_max = held::longest(desk.bounds.wait_max);
    let calls = tonic::service::Routes::new(calls::service(&desk)).into_axum_router();
    let router = Router::new()
        .route("/v1/groups", get(groups))
        .route("/v1/groups/{group}", get(group))
        .route("/v1/groups/{group}/messages", get(messages::all).post(messages::send))
        .route("/v1/groups/{group}/messages/{number}", get(messages::one))
        .route("/v1/groups/{group}/metadata", get(metadata::all))
        .route("/v1/groups/{group}/metadata/{key}", put(metadata::keep).delete(metadata::let_go))
        .route("/v1/instances", get(instances))
        .route("/v1/instances/{incarnation}", get(instance))
        .route("/v1/instances/{incarnation}/beat", post(beat::beat))
        .route("/v1/instances/{incarnation}/acks", post(messages::acknowledge))
        .route("/v1/beats", post(beat::passed))
        .route("/v1/config/{task}", get(config))
        .route("/v1/registries", get(registries))
        .route("/v1/public-key", get(signature::public_key))
        .route("/v1/hooks", get(hooks))
        .route("/v1/hooks/{hook}", get(hook))
        .route("/v1/fleets", get(fleets::all))
        .route("/v1/fleets/{fleet}", get(fleets::one))
        .route("/v1/fleets/{fleet}/leases/{holder}", put(fleets::take).delete(fleets::give_back))
        .route("/v1/http_sd", get(targets))
        .route("/v1/watch", get(watch::watch))
        .route("/openapi.json", get(|| async { axum::Json(crate::openapi::made()) }))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(desk)
        .merge(calls);
    let guard = Guard::new(hosts, move |method, path| access(method, path, held_max));
    let guard = guard.with_requests(requests).with_rates(rates);
    match tokens {
        Some(tokens) => guard.with_tokens(tokens).wrap(router),
        None => guard.wrap(router),
    }
}

/// What a path takes, and from whom.
fn access(method: &Method, path: &str, held_max: Duration) -> Access {
    let is_read = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
    let of_group = path.starts_with("/v1/groups/");
    if is_read {
        let access = Access::open().body_bytes_max(BODY_BYTES_MAX).any_content_type();
        let may_wait = of_group || path.starts_with("/v1/config/");
        return if may_wait { access.time_max(access.time_max + held_max) } else { access };
    }
    let of_lease = path.starts_with("/v1/fleets/") && path.contains("/leases/");
    if of_lease && matches!(*method, Method::PUT | Method::DELETE) {
        let access = Access::default().body_bytes_max(BODY_BYTES_MAX);
        return if *method == Method::DELETE { access.any_content_type() } else { access };
    }
    let said = of_group && (path.ends_with("/messages") || path.contains("/metadata/"));
    if said && matches!(*method, Method::POST | Method::PUT | Method::DELETE) {
        let access = Access::default().body_bytes_max(SAID_BYTES_MAX);
        return if *method == Method::DELETE { access.any_content_type() } else { access };
    }
    if path.starts_with(calls::PREFIX) {
        return Access::open().body_bytes_max(SAID_BYTES_MAX);
    }
    if *method == Method::POST && path == crate::peers::PATH {
        return Access::open().body_bytes_max(PASSED_BYTES_MAX);
    }
    let access = Access::open().body_bytes_max(BODY_BYTES_MAX);
    if *method == Method::POST && (path.ends_with("/beat") || path.ends_with("/acks")) {
        access
    } else {
        // Who writes where nothing is written is told that, whatever is written.
        access.any_content_type()
    }
}

async fn groups(
    State(desk): State<Arc<Desk>>,
    Params(Plain { mode }): Params<Plain>,
    headers: HeaderMap,
) -> Answer {
    desk.heard_for(mode).await?;
    desk.view(&headers, |directory| {
        let catalog = directory.catalog();
        Ok((catalog.commit(), json(&catalog.groups())))
    })
}

async fn group(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    Name(group): Name,
    Params(asked): Params<Blocking>,
    headers: HeaderMap,
) -> Answer {
    let wish = Wish::Group(group.clone());
    let mut signature = desk.signature(Subject::group(&group), &headers);
    let show = |directory: &Directory| {
        let rendered = directory.group(&group);
        signature.make(directory, &rendered.json);
        Ok((rendered.version, Body::from(Bytes::from_owner(SharedText(rendered.json)))))
    };
    let answer = desk.look(&caller, wish, &asked, &headers, show).await;
    signature.put(answer)
}

/// Lets the text of a view go out without a copy.
struct SharedText(Arc<str>);

impl AsRef<[u8]> for SharedText {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

async fn instances(
    State(desk): State<Arc<Desk>>,
    Params(filter): Params<Filter>,
    headers: HeaderMap,
) -> Answer {
    desk.heard_for(filter.mode).await?;
    desk.view(&headers, |directory| {
        let catalog = directory.catalog();
        let entries: Vec<&Entry> = catalog.entries().filter(|one| filter.matches(one)).collect();
        Ok((catalog.commit(), json(&entries)))
    })
}

/// Instances as Prometheus takes them from a service discovery by HTTP.
async fn targets(
    State(desk): State<Arc<Desk>>,
    Params(wanted): Params<Wanted>,
    headers: HeaderMap,
) -> Answer {
    desk.heard_for(wanted.mode).await?;
    desk.view(&headers, |directory| {
        let catalog = directory.catalog();
        let entries = catalog.entries().filter(|one| wanted.matches(one));
        let port = wanted.port.as_deref();
        let targets: Vec<Target> = entries.filter_map(|entry| target(entry, port)).collect();
        Ok((catalog.commit(), json(&targets)))
    })
}

async fn instance(
    State(desk): State<Arc<Desk>>,
    Incarnation(incarnation): Incarnation,
    Params(Plain { mode }): Params<Plain>,
    headers: HeaderMap,
) -> Answer {
    desk.heard_for(mode).await?;
    desk.view(&headers, |directory| {
        let catalog = directory.catalog();
        let entry = catalog.entry(&incarnation).ok_or_else(unknown_incarnation)?;
        Ok((catalog.commit(), json(entry)))
    })
}

fn unknown_incarnation() -> Problem {
    Problem::not_found("the catalog has no such incarnation")
}

async fn config(
    State(desk): State<Arc<Desk>>,
    Extension(caller): Extension<Caller>,
    Name(task): Name,
    Params(asked): Params<Blocking>,
    headers: HeaderMap,
) -> Answer {
    let wish = Wish::Config(task.clone());
    let mut signature = desk.signature(Subject::config(&task), &headers);
    let show = |directory: &Directory| {
        let view = directory.catalog().config(&task);
        let text = serde_json::to_string(&view).expect("views have text keys only");
        signature.make(directory, &text);
        Ok((view.version, Body::from(text)))
    };
    let answer = desk.look(&caller, wish, &asked, &headers, show).await;
    signature.put(answer)
}

/// Whoever seeks another registry is to be answered by any, however old its answer.
async fn registries(State(desk): State<Arc<Desk>>, _: Params<Nothing>) -> Response {
    let directory = desk.kept.read();
    let age_ms = directory.age_ms(desk.kept.clock.now().ms);
    let mut response = plain(json(directory.registries()));
    response.headers_mut().insert(LATHE_AGE_MS, age_ms.into());
    response
}

async fn hooks(State(desk): State<Arc<Desk>>, _: Params<Nothing>) -> Response {
    plain(json(&desk.hooks()))
}

async fn hook(State(desk): State<Arc<Desk>>, Name(hook): Name, _: Params<Nothing>) -> Answer {
    let found = desk.hooks().into_iter().find(|status| status.hook == hook);
    let no_hook = || Problem::not_found("this registry has no such hook");
    found.map(|status| plain(json(&status))).ok_or_else(no_hook)
}

fn plain(body: Body) -> Response {
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")], body).into_response()
}

async fn readyz(State(desk): State<Arc<Desk>>) -> Result<&'static str, Problem> {
    let now_ms = desk.kept.clock.now().ms;
    let directory = desk.kept.read();
    if directory.is_ready(now_ms) {
        return Ok("ready\n");
    }
    let waits = if directory.age_ms(now_ms) == 0 && directory.is_listed() {
        "listening: not all are heard that this registry judges".to_owned()
    } else if directory.is_listed() {
        format!("waiting for the store, which was not heard for {} ms", directory.age_ms(now_ms))
    } else {
        "waiting for the store, which was not heard yet".to_owned()
    };
    Err(Problem::busy(waits))
}

/// Well means: the loop still turns.
async fn healthz(State(desk): State<Arc<Desk>>) -> Result<&'static str, Problem> {
    driver::pulse(&desk.inputs, PULSE_TIME).await.map(|()| "ok\n").map_err(Problem::busy)
}

async fn metrics(State(desk): State<Arc<Desk>>) -> Response {
    let hooks = desk.hooks();
    let text = desk.metrics.render(&desk.kept.read(), &hooks, desk.kept.clock.now().ms);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, kind)], text).into_response()
}
