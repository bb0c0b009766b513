//! What the registry serves over HTTP.
//!
//! Owns paths, parameters and headers. It reads the machine and hands it events; it decides
//! nothing about what is shown.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use lathe_api::door::{self, Access, Guard, Hosts, Json, Key, Problem};
use lathe_api::openapi::document;
use lathe_catalog::{Beat, Entry, State as Life};
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::directory::{Directory, Event, Selection, WatcherId};
use crate::driver::{self, Input, Kept};
use crate::metrics::Metrics;
use crate::openapi::OPERATIONS;
use crate::stream::{self, Stream};

/// Longest name of a group, a task or an incarnation, in bytes.
const NAME_BYTES_MAX: usize = 256;
/// Longest reason that a beat gives, in characters; the rest is dropped.
const REASON_CHARS_MAX: usize = 300;
/// Largest body: a beat is small.
const BODY_BYTES_MAX: u64 = 4096;

/// So long may the loop take to come to a request.
const PULSE_TIME: Duration = Duration::from_secs(5);

const LATHE_HISTORY: HeaderName = HeaderName::from_static("lathe-history");
const LATHE_VERSION: HeaderName = HeaderName::from_static("lathe-version");
const LATHE_AGE_MS: HeaderName = HeaderName::from_static("lathe-age-ms");
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What handlers need.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) kept: Arc<Kept>,
    pub(crate) inputs: mpsc::Sender<Input>,
    pub(crate) key: Key,
    pub(crate) groups_per_watch_max: usize,
    pub(crate) metrics: Metrics,
    pub(crate) watchers: AtomicU64,
}

/// All routes, behind the door. Reads are open; a beat shows its incarnation's secret.
pub(crate) fn router(desk: Arc<Desk>, hosts: Hosts) -> Router {
    let requests = desk.metrics.requests.clone();
    let router = Router::new()
        .route("/v1/groups", get(groups))
        .route("/v1/groups/{group}", get(group))
        .route("/v1/instances", get(instances))
        .route("/v1/instances/{incarnation}", get(instance))
        .route("/v1/instances/{incarnation}/beat", post(beat))
        .route("/v1/config/{task}", get(config))
        .route("/v1/registries", get(registries))
        .route("/v1/watch", get(watch))
        .route(
            "/openapi.json",
            get(|| async { axum::Json(document("Lathe registry", &OPERATIONS)) }),
        )
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(desk);
    Guard::new(hosts, |_, _| Access::open().body_bytes_max(BODY_BYTES_MAX))
        .with_requests(requests)
        .wrap(router)
}

type Answer = Result<Response, Problem>;

/// A view at a version, with the headers that every view has; 304 if the client has it.
struct View<'a> {
    directory: &'a Directory,
    now_ms: u64,
    version: u64,
}

impl View<'_> {
    fn answer(&self, desk: &Desk, headers: &HeaderMap, body: impl FnOnce() -> Body) -> Response {
        let history = self.directory.catalog().history();
        let tag = format!("\"{history}:{}\"", self.version);
        desk.metrics.reads.inc();
        let mut response = if has(headers, &tag) {
            desk.metrics.not_modified.inc();
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body()).into_response()
        };
        let out = response.headers_mut();
        let text = |text: &str| HeaderValue::from_str(text).ok();
        for (name, value) in [(ETAG, text(&tag)), (LATHE_HISTORY, text(history))] {
            if let Some(value) = value {
                out.insert(name, value);
            }
        }
        out.insert(LATHE_VERSION, self.version.into());
        out.insert(LATHE_AGE_MS, self.directory.age_ms(self.now_ms).into());
        out.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        response
    }
}

/// Whether the client names this tag in `If-None-Match` (weak comparison, as for every GET).
fn has(headers: &HeaderMap, tag: &str) -> bool {
    let named = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = named.flat_map(|list| list.split(',')).map(str::trim);
    tags.any(|named| named == "*" || named.strip_prefix("W/").unwrap_or(named) == tag)
}

impl Desk {
    /// Answers from the state as it is; before the first listing nothing can be said.
    fn view(
        &self,
        headers: &HeaderMap,
        show: impl FnOnce(&Directory) -> Result<(u64, Body), Problem>,
    ) -> Answer {
        let now_ms = self.kept.clock.now().ms;
        let directory = self.kept.read();
        if !directory.is_listed() {
            return Err(Problem::busy("the registry has not heard the store yet"));
        }
        let (version, body) = show(&directory)?;
        Ok(View { directory: &directory, now_ms, version }.answer(self, headers, || body))
    }
}

fn json<T: serde::Serialize + ?Sized>(value: &T) -> Body {
    Body::from(serde_json::to_vec(value).expect("views have text keys only"))
}

/// A name as people write it: the leading `task.` of a section may stand before a task path.
fn name(text: &str) -> Result<&str, Problem> {
    let name = text.strip_prefix("task.").unwrap_or(text);
    if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
        return Err(Problem::bad_request("the name is empty, too long or not printable"));
    }
    Ok(name)
}

async fn groups(State(desk): State<Arc<Desk>>, headers: HeaderMap) -> Answer {
    desk.view(&headers, |directory| {
        let catalog = directory.catalog();
        Ok((catalog.commit(), json(&catalog.groups())))
    })
}

async fn group(
    State(desk): State<Arc<Desk>>,
    Path(group): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let group = name(&group)?;
    desk.view(&headers, |directory| {
        let rendered = directory.group(group);
        Ok((rendered.version, Body::from(Bytes::from_owner(SharedText(rendered.json)))))
    })
}

/// Lets the text of a view go out without a copy.
struct SharedText(Arc<str>);

impl AsRef<[u8]> for SharedText {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Which instances are wanted; what is not named matches all.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Filter {
    task: Option<String>,
    tag: Option<String>,
    topology: Option<String>,
    state: Option<Life>,
}

impl Filter {
    fn matches(&self, entry: &Entry) -> bool {
        let task = self.task.as_deref().map(|task| task.strip_prefix("task.").unwrap_or(task));
        task.is_none_or(|task| entry.task == task)
            && self.tag.as_ref().is_none_or(|tag| entry.tags.contains(tag))
            && self.topology.as_ref().is_none_or(|topology| entry.topology == *topology)
            && self.state.is_none_or(|state| entry.state == state)
    }
}

async fn instances(
    State(desk): State<Arc<Desk>>,
    filter: Result<Query<Filter>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Answer {
    let Query(filter) = filter.map_err(|error| Problem::bad_request(error.body_text()))?;
    desk.view(&headers, |directory| {
        let catalog = directory.catalog();
        let entries: Vec<&Entry> = catalog.entries().filter(|one| filter.matches(one)).collect();
        Ok((catalog.commit(), json(&entries)))
    })
}

async fn instance(
    State(desk): State<Arc<Desk>>,
    Path(incarnation): Path<String>,
    headers: HeaderMap,
) -> Answer {
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
    Path(task): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let task = name(&task)?;
    desk.view(&headers, |directory| {
        let view = directory.catalog().config(task);
        Ok((view.version, json(&view)))
    })
}

async fn registries(State(desk): State<Arc<Desk>>) -> Response {
    let directory = desk.kept.read();
    let age_ms = directory.age_ms(desk.kept.clock.now().ms);
    let mut response = (
        [(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")],
        json(directory.registries()),
    )
        .into_response();
    response.headers_mut().insert(LATHE_AGE_MS, age_ms.into());
    response
}

async fn beat(
    State(desk): State<Arc<Desk>>,
    Path(incarnation): Path<String>,
    headers: HeaderMap,
    beat: Result<Json<Beat>, Problem>,
) -> Result<StatusCode, Problem> {
    let taken = take_beat(&desk, incarnation, &headers, beat);
    match taken {
        Ok(_) => desk.metrics.beats.inc(),
        Err(_) => desk.metrics.beats_refused.inc(),
    };
    taken
}

fn take_beat(
    desk: &Desk,
    incarnation: String,
    headers: &HeaderMap,
    beat: Result<Json<Beat>, Problem>,
) -> Result<StatusCode, Problem> {
    // The secret first: who has none is not told which incarnations there are.
    let shown = door::bearer(headers).unwrap_or_default();
    if incarnation.len() > NAME_BYTES_MAX || !desk.key.verify(&incarnation, shown) {
        return Err(Problem::unauthorized("the secret is not the one of this incarnation"));
    }
    let Json(Beat { state, failing }) = beat?;
    if matches!(state, Life::Suspect | Life::Gone) {
        return Err(Problem::bad_request("who beats is starting, ready or draining"));
    }
    let failing = failing.filter(|_| state == Life::Ready).map(|why| one_line(&why));
    let beat = Beat { state, failing };
    {
        let directory = desk.kept.read();
        if !directory.is_listed() {
            return Err(Problem::busy("the registry has not heard the store yet"));
        }
        if directory.catalog().entry(&incarnation).is_none() {
            return Err(unknown_incarnation());
        }
    }
    let event = Event::Beaten { incarnation, beat };
    match desk.inputs.try_send(Input::Event(event)) {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(_) => Err(Problem::busy("too many heartbeats wait")),
    }
}

/// A reason as it is shown to everybody: plain and bounded.
fn one_line(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    plain.take(REASON_CHARS_MAX).collect()
}

async fn watch(
    State(desk): State<Arc<Desk>>,
    query: Result<Query<Vec<(String, String)>>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Answer {
    let opened = open_watch(&desk, query, &headers).await;
    match opened {
        Ok(_) => desk.metrics.watches.inc(),
        Err(_) => desk.metrics.watches_refused.inc(),
    };
    opened
}

async fn open_watch(
    desk: &Desk,
    query: Result<Query<Vec<(String, String)>>, axum::extract::rejection::QueryRejection>,
    headers: &HeaderMap,
) -> Answer {
    let Query(pairs) = query.map_err(|error| Problem::bad_request(error.body_text()))?;
    let selection = selection(&pairs, desk.groups_per_watch_max)?;
    {
        let directory = desk.kept.read();
        if !directory.is_listed() {
            return Err(Problem::busy("the registry has not heard the store yet"));
        }
        if directory.counts().watchers >= directory.watchers_max() {
            return Err(Problem::busy("there are as many watchers as there may be"));
        }
    }
    let last = headers.get(LAST_EVENT_ID).and_then(|value| value.to_str().ok());
    let watcher = WatcherId(desk.watchers.fetch_add(1, Ordering::Relaxed));
    let (sender, batches) = mpsc::channel(1);
    let subscribe = Input::Subscribe {
        watcher,
        selection,
        resume: last.and_then(stream::resume),
        batches: sender,
    };
    if desk.inputs.send(subscribe).await.is_err() {
        return Err(Problem::busy("the registry is ending"));
    }
    let body = Stream { watcher, batches, inputs: desk.inputs.clone() }.into_body();
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    Ok((headers, body).into_response())
}

fn selection(pairs: &[(String, String)], max: usize) -> Result<Selection, Problem> {
    let mut selection = Selection::default();
    if pairs.len() > max {
        return Err(Problem::bad_request(format!("one watcher may name {max} groups")));
    }
    for (key, value) in pairs {
        let chosen = match key.as_str() {
            "group" => &mut selection.groups,
            "config" => &mut selection.configs,
            _ => return Err(Problem::bad_request("known parameters are `group` and `config`")),
        };
        chosen.insert(name(value)?.to_owned());
    }
    Ok(selection)
}

async fn readyz(State(desk): State<Arc<Desk>>) -> Result<&'static str, Problem> {
    let now_ms = desk.kept.clock.now().ms;
    let directory = desk.kept.read();
    if directory.is_ready(now_ms) {
        return Ok("ready\n");
    }
    let waits = if directory.is_listed() {
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
    let text = desk.metrics.render(&desk.kept.read(), desk.kept.clock.now().ms);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, kind)], text).into_response()
}
