//! What the agent serves over HTTP: the copy, in the shape in which registries serve the catalog, and its hooks.
//!
//! Owns paths and headers. Reads are answered from the copy for as long as there is one, however old: the age
//! is in each answer, and `Lathe-Stale` where nobody is heard.

mod watch;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State as From;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use lathe_api::door::{Access, Guard, Hosts, Problem, Rates, Tokens};
use lathe_api::reads::{
    Blocking, Filter, Incarnation, Mode, Name, Nothing, Params, Plain, Wanted, prefer_wait,
};
use lathe_api::targets::{Target, target};
use lathe_api::views::{LATHE_AGE_MS, View, version_that_it_has};
use lathe_catalog::{ConfigView, Entry, GroupKind, GroupSummary, GroupView, State as Life};
use lathe_hooks::{Hooks, Order};
use tokio::sync::{Semaphore, watch as channel};

use crate::copy::{Copy, Wish};
use crate::driver::State;
use crate::gossip::Shared;
use crate::metrics::{Metrics, Now};
use crate::openapi;

/// What one waits for a change who does not say how long.
const WAIT: Duration = Duration::from_secs(300);
const LATHE_STALE: HeaderName = HeaderName::from_static("lathe-stale");
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// What handlers need.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) state: Arc<State>,
    pub(crate) hooks: Hooks,
    pub(crate) metrics: Metrics,
    /// The longest time that one waits for a change.
    pub(crate) wait_max: Duration,
    /// One for each stream that may be open.
    pub(crate) places: Arc<Semaphore>,
    /// True when the agent ends, and streams with it.
    pub(crate) ending: channel::Receiver<bool>,
    pub(crate) gossip: Option<Arc<Shared>>,
}

type Answer = Result<Response, Problem>;

/// All routes, behind the door. Reads are open; what makes a hook run takes a token.
pub(crate) fn router(
    desk: Arc<Desk>,
    hosts: Hosts,
    rates: Rates,
    tokens: Option<Tokens>,
) -> Router {
    let requests = desk.metrics.requests.clone();
    let wait_max = desk.wait_max;
    let router = Router::new()
        .route("/v1/groups", get(groups))
        .route("/v1/groups/{group}", get(group))
        .route("/v1/instances", get(instances))
        .route("/v1/instances/{incarnation}", get(instance))
        .route("/v1/config/{task}", get(config))
        .route("/v1/registries", get(registries))
        .route("/v1/watch", get(watch::watch))
        .route("/v1/http_sd", get(targets))
        .route("/v1/gossip", get(gossip))
        .route("/v1/hooks", get(hooks))
        .route("/v1/hooks/{hook}", get(hook))
        .route("/v1/hooks/{hook}/run", post(run_hook))
        .route("/openapi.json", get(document))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(desk);
    let access = move |method: &Method, path: &str| {
        // Whoever writes where nothing is written is told that.
        let writes = *method == Method::POST && path.ends_with("/run");
        let access = if writes { Access::default() } else { Access::open() };
        let access = access.body_bytes_max(4096).any_content_type();
        let may_wait = path.starts_with("/v1/groups/") || path.starts_with("/v1/config/");
        if may_wait { access.time_max(access.time_max + wait_max) } else { access }
    };
    let guard = Guard::new(hosts, access).with_requests(requests).with_rates(rates);
    match tokens {
        Some(tokens) => guard.with_tokens(tokens).wrap(router),
        None => guard.wrap(router),
    }
}

impl Desk {
    /// Answers from the copy; before anything is known nothing can be said.
    fn view(
        &self,
        mode: Mode,
        headers: &HeaderMap,
        show: impl FnOnce(&Copy) -> Result<(u64, Body), Problem>,
    ) -> Answer {
        if mode == Mode::Linearizable {
            return Err(Problem::bad_request(
                "an agent has a copy; ask a registry for the newest state",
            ));
        }
        let now_ms = self.state.now_ms();
        let follower = self.state.read();
        let copy = follower.copy();
        if copy.history().is_empty() {
            return Err(Problem::busy("no registry was heard yet, and there is no copy on disk"));
        }
        let (version, body) = show(copy)?;
        let view = View { history: copy.history(), version, age_ms: follower.age_ms(now_ms) };
        let mut response = view.answer(headers, || body);
        if follower.is_lost() {
            response.headers_mut().insert(LATHE_STALE, HeaderValue::from_static("true"));
        }
        Ok(response)
    }

    /// Waits for another version than the reader has, if it says what that is and that it waits.
    async fn hold(&self, wish: &Wish, asked: &Blocking, headers: &HeaderMap) {
        let preferred = headers.get(PREFER).and_then(|value| prefer_wait(value.to_str().ok()?));
        let named = asked.wait.map(Duration::from).or(preferred);
        let Some(wait) = named.or(asked.index.map(|_| WAIT)) else { return };
        let seen =
            asked.index.map(|index| (self.state.read().copy().history().to_owned(), index.0));
        let Some((history, version)) = seen.or_else(|| version_that_it_has(headers)) else {
            return;
        };
        let mut shown = self.state.shown.subscribe();
        let is_same = || {
            let follower = self.state.read();
            let copy = follower.copy();
            copy.history() == history && copy.version_of(wish) == Some(version)
        };
        let changed = async {
            while is_same() {
                if shown.changed().await.is_err() {
                    return;
                }
            }
        };
        let wait = wait.min(self.wait_max);
        let jitter = rand::random_range(Duration::ZERO..=wait / 16);
        let _ = tokio::time::timeout(wait + jitter, changed).await;
    }
}

fn json<T: serde::Serialize + ?Sized>(value: &T) -> Body {
    Body::from(serde_json::to_vec(value).expect("views have text keys only"))
}

async fn groups(
    From(desk): From<Arc<Desk>>,
    Params(Plain { mode }): Params<Plain>,
    headers: HeaderMap,
) -> Answer {
    desk.view(mode, &headers, |copy| {
        let summaries: Vec<_> = copy.groups().values().map(|view| summary(view)).collect();
        Ok((copy.version(), json(&summaries)))
    })
}

fn summary(view: &GroupView) -> GroupSummary {
    let is_task = view.entries.iter().any(|entry| entry.task == view.group);
    GroupSummary {
        group: view.group.clone(),
        kind: if is_task { GroupKind::Task } else { GroupKind::Tag },
        version: view.version,
        instances: view.entries.len() as u64,
        ready: view.entries.iter().filter(|entry| entry.state == Life::Ready).count() as u64,
    }
}

async fn group(
    From(desk): From<Arc<Desk>>,
    Name(group): Name,
    Params(asked): Params<Blocking>,
    headers: HeaderMap,
) -> Answer {
    let wish = Wish::Group(group);
    desk.hold(&wish, &asked, &headers).await;
    desk.view(asked.mode, &headers, |copy| {
        let Wish::Group(group) = &wish else { return Err(not_followed()) };
        let view: &Arc<GroupView> = copy.groups().get(group).ok_or_else(not_followed)?;
        Ok((view.version, json(&**view)))
    })
}

/// A registry answers an empty group; an agent does not know.
fn not_followed() -> Problem {
    Problem::not_found("this agent does not follow that; name it in its configuration")
}

async fn instances(
    From(desk): From<Arc<Desk>>,
    Params(filter): Params<Filter>,
    headers: HeaderMap,
) -> Answer {
    desk.view(filter.mode, &headers, |copy| {
        let entries = copy.entries();
        let wanted: Vec<&Entry> = entries.into_values().filter(|one| filter.matches(one)).collect();
        Ok((copy.version(), json(&wanted)))
    })
}

/// Instances as Prometheus takes them from a service discovery by HTTP.
async fn targets(
    From(desk): From<Arc<Desk>>,
    Params(wanted): Params<Wanted>,
    headers: HeaderMap,
) -> Answer {
    desk.view(wanted.mode, &headers, |copy| {
        let entries = copy.entries();
        let entries = entries.into_values().filter(|one| wanted.matches(one));
        let port = wanted.port.as_deref();
        let targets: Vec<Target> = entries.filter_map(|entry| target(entry, port)).collect();
        Ok((copy.version(), json(&targets)))
    })
}

async fn instance(
    From(desk): From<Arc<Desk>>,
    Incarnation(incarnation): Incarnation,
    Params(Plain { mode }): Params<Plain>,
    headers: HeaderMap,
) -> Answer {
    desk.view(mode, &headers, |copy| {
        let entries = copy.entries();
        let unknown = || Problem::not_found("the copy has no such incarnation");
        let entry: &&Entry = entries.get(incarnation.as_str()).ok_or_else(unknown)?;
        Ok((copy.version(), json(*entry)))
    })
}

async fn config(
    From(desk): From<Arc<Desk>>,
    Name(task): Name,
    Params(asked): Params<Blocking>,
    headers: HeaderMap,
) -> Answer {
    let wish = Wish::Config(task);
    desk.hold(&wish, &asked, &headers).await;
    desk.view(asked.mode, &headers, |copy| {
        let Wish::Config(task) = &wish else { return Err(not_followed()) };
        let view: &Arc<ConfigView> = copy.configs().get(task).ok_or_else(not_followed)?;
        Ok((view.version, json(&**view)))
    })
}

async fn document(_: Params<Nothing>) -> Response {
    plain(json(&openapi::made()))
}

async fn registries(From(desk): From<Arc<Desk>>, _: Params<Nothing>) -> Response {
    let follower = desk.state.read();
    let mut response = plain(json(follower.registries()));
    response.headers_mut().insert(LATHE_AGE_MS, follower.age_ms(desk.state.now_ms()).into());
    response
}

async fn gossip(From(desk): From<Arc<Desk>>, _: Params<Nothing>) -> Answer {
    let gossip = desk.gossip.as_ref();
    let gossip = gossip.ok_or_else(|| Problem::not_found("this agent does not gossip"))?;
    Ok(plain(json(&gossip.shown())))
}

async fn hooks(From(desk): From<Arc<Desk>>, _: Params<Nothing>) -> Response {
    plain(json(&desk.hooks.status()))
}

async fn hook(From(desk): From<Arc<Desk>>, Name(hook): Name, _: Params<Nothing>) -> Answer {
    let found = desk.hooks.status().into_iter().find(|status| status.hook == hook);
    found.map(|status| plain(json(&status))).ok_or_else(no_hook)
}

async fn run_hook(From(desk): From<Arc<Desk>>, Name(hook): Name, _: Params<Nothing>) -> Answer {
    if !desk.hooks.has(&hook) {
        return Err(no_hook());
    }
    desk.hooks.order(Order::Force(hook)).await;
    Ok(StatusCode::ACCEPTED.into_response())
}

fn no_hook() -> Problem {
    Problem::not_found("this agent has no such hook")
}

fn plain(body: Body) -> Response {
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")], body).into_response()
}

async fn readyz(From(desk): From<Arc<Desk>>) -> Result<&'static str, Problem> {
    let follower = desk.state.read();
    if !follower.is_lost() {
        return Ok("ready\n");
    }
    let age_ms = follower.age_ms(desk.state.now_ms());
    Err(Problem::busy(format!(
        "no registry was heard for {age_ms} ms; what is known is still served"
    )))
}

async fn metrics(From(desk): From<Arc<Desk>>) -> Response {
    let now = {
        let follower = desk.state.read();
        let copy = follower.copy();
        Now {
            age_ms: follower.age_ms(desk.state.now_ms()),
            followed: follower.followed().is_some(),
            entries: copy.entries().len() as u64,
            version: copy.version(),
            hooks: desk.hooks.status(),
            gossip: desk.gossip.as_ref().map(|gossip| gossip.shown()),
        }
    };
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, kind)], desk.metrics.render(&now)).into_response()
}
