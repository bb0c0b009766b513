//! Requests to the registry and to the scheduler, gRPC among them, behind their doors. An input is
//! `METHOD TARGET`, lines of headers, an empty line, the body.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use http::{HeaderName, HeaderValue, Request};
use http_body_util::BodyExt as _;
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use lathe_api::door::{Hosts, Key, Tokens};
use lathe_mesos::scheduler::Endpoint;
use lathe_mesos::{Limits, operator};
use lathe_registry::directory::{Content, Event, Node};
use lathe_scheduler::api::{self, Artifacts, Shared};
use lathe_scheduler::driver::{Driver, Message, Tools};
use lathe_scheduler::framework::event::Event as Happened;
use lathe_scheduler::framework::records::Recovered;
use lathe_scheduler::framework::{Config, Framework};
use lathe_scheduler::mesos_calls::Identity;
use lathe_scheduler::metrics::Metrics;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

/// What opens the scheduler in the corpus.
const TOKEN: &str = "0123456789abcdef0123456789abcdef";
/// How often an answer is looked for: what needs time (a plan, a file) is not waited for.
const TURNS: usize = 64;
/// Pieces of an answer that are read.
const FRAMES: usize = 4;

/// A registry that knows one ready instance.
pub(super) fn registry(bytes: &[u8]) {
    if let Some(request) = request(bytes) {
        ask_registry(request);
    }
}

fn ask_registry(request: Request<Body>) {
    runtime().block_on(async { ask(lathe_registry::fuzz::routes(heard()), request).await });
}

/// One ready instance.
fn heard() -> Event {
    let entry = br#"{"incarnation":"http.lb#0.1","task":"http.lb","slot":0,"topology":"t",
        "host":"one","address":"127.0.0.1","ports":{"http":31000},"tags":["http"],
        "crate_name":"lb","version":"1.0.0","state":"ready","since_ms":1}"#;
    let content = Content { data: entry.to_vec(), version: 0, commit: 1 };
    let path = lathe_catalog::paths::entry("http.lb#0.1");
    let nodes = vec![Node { path, content: Some(content) }];
    Event::Listed { history: "h".to_owned(), commit: 1, nodes }
}

/// A question to it by DNS.
pub(super) fn question(bytes: &[u8]) {
    lathe_registry::fuzz::question(heard(), bytes);
}

/// A scheduler without a master.
pub(super) fn scheduler(bytes: &[u8]) {
    if let Some(request) = request(bytes) {
        ask_scheduler(request);
    }
}

fn ask_scheduler(request: Request<Body>) {
    thread_local! {
        static KEPT: Kept = Kept::new();
    }
    let kept = KEPT.with(Kept::clone);
    runtime().block_on(async {
        let (router, driver) = started(kept);
        let driver = tokio::spawn(driver.run());
        ask(router, request).await;
        assert!(!driver.is_finished(), "the scheduler's loop has ended");
    });
}

/// A follower of a stream that says where it was, of the registry and of the scheduler.
pub(super) fn last_event_id(bytes: &[u8]) {
    lathe_registry::fuzz::last_event_id(&String::from_utf8_lossy(bytes));
    let Ok(id) = HeaderValue::from_bytes(bytes) else { return };
    let resuming = |target: &str| {
        let request = Request::get(target).header("host", "localhost");
        let request = request.header("authorization", format!("Bearer {TOKEN}"));
        request.header("last-event-id", id.clone()).body(Body::empty())
    };
    if let Ok(request) = resuming("/v1/watch?group=http.lb") {
        ask_registry(request);
    }
    if let Ok(request) = resuming("/v1/events") {
        ask_scheduler(request);
    }
}

fn runtime() -> Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime")
}

fn request(bytes: &[u8]) -> Option<Request<Body>> {
    let head_end = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap_or(bytes.len());
    let (head, rest) = bytes.split_at(head_end);
    let mut lines = head.split(|byte| *byte == b'\n');
    let first = std::str::from_utf8(lines.next()?).ok()?;
    let (method, target) = first.split_once(' ')?;
    let body = rest.get(2..).unwrap_or_default().to_vec();
    let mut request = Request::builder().method(method).uri(target).body(Body::from(body)).ok()?;
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
        request.headers_mut().append(name, value);
    }
    Some(request)
}

/// Asks, and reads the beginning of the answer, as long as nothing has to be waited for.
async fn ask(router: Router, request: Request<Body>) {
    let service = TowerToHyperService::new(router);
    let mut answer = tokio::spawn(async move { service.call(request).await });
    for _ in 0..TURNS {
        if answer.is_finished() {
            break;
        }
        tokio::task::yield_now().await;
    }
    if !answer.is_finished() {
        answer.abort();
        return;
    }
    let response = match (&mut answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(never)) => match never {},
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    };
    assert!(!response.status().is_server_error() || response.status() == 503, "{response:?}");
    let mut body = response.into_body();
    for _ in 0..FRAMES {
        let frame = tokio::time::timeout(std::time::Duration::ZERO, body.frame()).await;
        if !matches!(frame, Ok(Some(Ok(_)))) {
            return;
        }
    }
}

/// What no input changes for the next: a folder, where nothing is kept that is not what its name
/// says, and the tokens.
#[derive(Clone)]
struct Kept {
    _folder: Arc<TempDir>,
    artifacts: Artifacts,
    tokens: Tokens,
}

impl Kept {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let token = folder.path().join("token");
        fs::write(&token, TOKEN).expect("a file");
        fs::set_permissions(&token, fs::Permissions::from_mode(0o600)).expect("a file's mode");
        let artifacts = Artifacts::open(&folder.path().join("artifacts"), &token);
        let tokens = Tokens::read(&token).expect("a token");
        Self { artifacts: artifacts.expect("a folder"), tokens, _folder: Arc::new(folder) }
    }
}

fn started(kept: Kept) -> (Router, Driver) {
    let masters = Endpoint { masters: vec!["127.0.0.1:1".to_owned()], ..Endpoint::default() };
    let operator = operator::Client::new(masters.clone(), Limits::default());
    let operator = Arc::new(operator.expect("an address"));
    let identity = Identity {
        name: "lathe".to_owned(),
        role: "*".to_owned(),
        user: "nobody".to_owned(),
        hostname: "localhost".to_owned(),
        principal: None,
        webui_url: None,
        executor_url: String::new(),
        key: Key::from_bytes(b"key"),
    };
    let (batches, _) = mpsc::unbounded_channel();
    let metrics = Metrics::default();
    let tools = Tools {
        identity,
        masters,
        group: None,
        operator: Arc::clone(&operator),
        batches,
        metrics: metrics.clone(),
    };
    let (driver, handle, to_driver) = Driver::new(Framework::new(Config::default()), tools);
    let recovered = Recovered { term: 1, ..Recovered::default() };
    let _ = to_driver.send(Message::Event(Happened::Recovered(recovered)));
    let shared = Shared {
        handle,
        artifacts: kept.artifacts,
        store: None,
        role: "lathe".to_owned(),
        operator,
        placed: None,
        key: Key::from_bytes(b"key"),
        tokens: kept.tokens,
        metrics,
    };
    (api::router(shared, Hosts::loopback()), driver)
}
