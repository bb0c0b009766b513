//! A store server and a registry in this process, and a client that speaks to them over sockets.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lathe_api::door::Key;
use lathe_catalog::{Entry, State, TaskRecord, paths};
use lathe_coordination::local::server::Server;
use lathe_coordination::{Op, Options, Store};
use lathe_registry::Addresses;
use lathe_registry::config::{Config, Flags};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Everything that a test waits for must come within this time.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, work).await.expect("within the deadline")
}

/// Asks until the answer is yes.
pub(crate) async fn until<F: Future<Output = bool>>(mut ask: impl FnMut() -> F) {
    within(async {
        while !ask().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// A part that runs in this process until it is stopped.
struct Part {
    stop: oneshot::Sender<()>,
    end: JoinHandle<()>,
}

impl Part {
    async fn stop(self) {
        let _ = self.stop.send(());
        within(self.end).await.expect("the part ends well");
    }
}

pub(crate) struct Rig {
    dir: tempfile::TempDir,
    store_server: Option<Part>,
    registry: Option<Part>,
    pub(crate) store: Store,
    pub(crate) url: String,
    pub(crate) dns: Option<SocketAddr>,
    pub(crate) tls: Option<String>,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::with(|_| ()).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let key = key_file(dir.path());
        let mut config = Config::load(&Flags {
            store: Some(address_of(dir.path())),
            key_file: Some(key),
            ..Flags::default()
        })
        .unwrap();
        // The client closes a connection when it likes to.
        config.limits.liveness.closed_after_ms = u64::MAX;
        change(&mut config);
        let store_server = serve_store(dir.path());
        let store = Store::connect(&address_of(dir.path()), Options::default()).await.unwrap();
        let (part, Addresses { url, tls, dns }) = run(config).await;
        let client = Client::builder(TokioExecutor::new()).build_http();
        let registry = Some(part);
        let rig =
            Self { dir, store_server: Some(store_server), registry, store, url, tls, dns, client };
        until(|| async { rig.get("/readyz").await.0 == StatusCode::OK }).await;
        rig
    }

    /// Another registry on the same store.
    pub(crate) async fn second(&self) -> Second {
        self.second_with(|_| ()).await
    }

    pub(crate) async fn second_with(&self, change: impl FnOnce(&mut Config)) -> Second {
        let second = self.second_alone(change).await;
        let urls = || async { self.get("/v1/registries").await.1.as_array().unwrap().len() };
        until(|| async { urls().await == 2 }).await;
        second
    }

    /// The same where the rig's does not run any more.
    pub(crate) async fn second_alone(&self, change: impl FnOnce(&mut Config)) -> Second {
        let flags = Flags {
            store: Some(self.store_address()),
            key_file: Some(self.key_file()),
            ..Flags::default()
        };
        let mut config = Config::load(&flags).unwrap();
        change(&mut config);
        let (part, addresses) = run(config).await;
        Second { part, url: addresses.url }
    }

    pub(crate) fn socket_address(&self) -> SocketAddr {
        self.url.strip_prefix("http://").unwrap().parse().unwrap()
    }

    pub(crate) fn store_address(&self) -> String {
        address_of(self.dir.path())
    }

    pub(crate) fn key_file(&self) -> PathBuf {
        key_file(self.dir.path())
    }

    pub(crate) fn secret(&self, incarnation: &str) -> String {
        Key::read(&self.key_file()).unwrap().secret(incarnation)
    }

    pub(crate) async fn stop_registry(&mut self) {
        self.registry.take().unwrap().stop().await;
    }

    pub(crate) async fn stop_store(&mut self) {
        self.store_server.take().unwrap().stop().await;
    }

    pub(crate) fn restart_store(&mut self) {
        self.store_server = Some(serve_store(self.dir.path()));
    }

    pub(crate) fn client(&self) -> Client<HttpConnector, Full<Bytes>> {
        self.client.clone()
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        within(self.client.request(request)).await.unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        let (answer, value) = self.get_with(path, &[]).await;
        (answer.status(), value)
    }

    pub(crate) async fn get_with(
        &self,
        path: &str,
        headers: &[(&str, &str)],
    ) -> (Response<()>, Value) {
        let mut request = Request::get(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = self.send(request.body(Full::default()).unwrap()).await;
        let (parts, body) = answer.into_parts();
        let body = within(body.collect()).await.unwrap().to_bytes();
        let value = serde_json::from_slice(&body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
        (Response::from_parts(parts, ()), value)
    }

    pub(crate) async fn beat(&self, incarnation: &str, secret: &str, state: &str) -> StatusCode {
        self.say(incarnation, secret, &json!({ "state": state })).await
    }

    /// A beat with this body.
    pub(crate) async fn say(&self, incarnation: &str, secret: &str, body: &Value) -> StatusCode {
        let path = incarnation.replace('#', "%23");
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("{}/v1/instances/{path}/beat", self.url))
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {secret}"))
            .body(Full::from(body.to_string()))
            .unwrap();
        self.send(request).await.status()
    }

    /// Writes entries and their tasks' records in one commit, as the framework does.
    pub(crate) async fn put(&self, entries: &[Entry]) -> u64 {
        let mut ops = Vec::new();
        for entry in entries {
            let data = serde_json::to_vec(entry).unwrap();
            ops.push(Op::put(paths::entry(&entry.incarnation), data));
            let record = serde_json::to_vec(&record(&entry.task, entry.since_ms)).unwrap();
            let path = paths::task(&entry.task);
            if !ops.iter().any(|op| op.path() == path) {
                ops.push(Op::put(path, record));
            }
        }
        within(self.store.multi(ops)).await.unwrap()
    }

    pub(crate) async fn delete(&self, incarnation: &str, touched: u64) -> u64 {
        let task = incarnation.split_once('#').unwrap().0;
        let record = serde_json::to_vec(&record(task, touched)).unwrap();
        let ops = vec![Op::delete(paths::entry(incarnation)), Op::put(paths::task(task), record)];
        within(self.store.multi(ops)).await.unwrap()
    }

    /// Waits until the registry shows this commit.
    pub(crate) async fn shown(&self, commit: u64) {
        until(|| async {
            let (answer, _) = self.get_with("/v1/groups", &[]).await;
            let version = answer.headers().get("lathe-version");
            version.is_some_and(|it| it.to_str().unwrap().parse::<u64>().unwrap() >= commit)
        })
        .await;
    }

    /// The number behind a name in the metrics.
    pub(crate) async fn metric(&self, name: &str) -> u64 {
        self.metric_at(&self.url, name).await
    }

    async fn metric_at(&self, url: &str, name: &str) -> u64 {
        let request = Request::get(format!("{url}/metrics")).body(Full::default()).unwrap();
        let body = within(self.send(request).await.collect()).await.unwrap().to_bytes();
        let text = String::from_utf8(body.to_vec()).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} is not in:\n{text}")).parse().unwrap()
    }
}

/// A registry beside the rig's.
pub(crate) struct Second {
    part: Part,
    url: String,
}

impl Second {
    pub(crate) async fn metric(&self, rig: &Rig, name: &str) -> u64 {
        rig.metric_at(&self.url, name).await
    }

    pub(crate) async fn stop(self) {
        self.part.stop().await;
    }
}

/// Runs a registry in this process.
async fn run(config: Config) -> (Part, Addresses) {
    let (told, addresses) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let end = tokio::spawn(async move {
        let shutdown = async {
            let _ = stopped.await;
        };
        let tell = |addresses: &Addresses| told.send(addresses.clone()).unwrap();
        lathe_registry::run(config, tell, shutdown).await.unwrap();
    });
    let addresses = within(addresses).await.unwrap();
    (Part { stop, end }, addresses)
}

fn address_of(dir: &Path) -> String {
    format!("local:{}", dir.join("store.sock").display())
}

fn key_file(dir: &Path) -> PathBuf {
    let path = dir.join("key");
    Key::read_or_create(&path).unwrap();
    path
}

fn serve_store(dir: &Path) -> Part {
    let listening = Server::open(dir.join("store")).unwrap().bind(dir.join("store.sock")).unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let end = tokio::spawn(async move {
        let shutdown = async {
            let _ = stopped.await;
        };
        listening.run(shutdown).await.unwrap();
    });
    Part { stop, end }
}

/// An entry of the task that its id names; `touch` makes it differ from others.
pub(crate) fn entry(incarnation: &str, state: State, touch: u64) -> Entry {
    let task = incarnation.split_once('#').unwrap().0;
    serde_json::from_value(json!({
        "topology": "demo", "task": task, "slot": 0, "incarnation": incarnation,
        "host": "host-1", "address": "127.0.0.1", "ports": { "http": 31000 },
        "tags": [task, "web"], "crate_name": "demo", "version": "1.0.0", "state": state,
        "since_ms": touch,
    }))
    .unwrap()
}

fn record(task: &str, touched: u64) -> TaskRecord {
    serde_json::from_value(json!({
        "topology": "demo", "task": task, "groups": [task, "web"], "own": { "greeting": "hi" },
        "crate_name": "demo", "version": "1.0.0", "touched": touched,
    }))
    .unwrap()
}

/// One event of a stream.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Told {
    pub(crate) kind: String,
    pub(crate) id: String,
    pub(crate) data: Value,
    /// As it was sent.
    pub(crate) text: String,
}

/// A stream of events, read as a browser reads one.
pub(crate) struct Stream {
    body: Incoming,
    text: String,
}

impl Stream {
    pub(crate) async fn open(rig: &Rig, query: &str, last: Option<&str>) -> Self {
        let last = last.map(|last| ("last-event-id", last));
        Self::open_with(rig, query, last.as_slice()).await
    }

    pub(crate) async fn open_with(rig: &Rig, query: &str, headers: &[(&str, &str)]) -> Self {
        let mut request = Request::get(format!("{}/v1/watch?{query}", rig.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = rig.send(request.body(Full::default()).unwrap()).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self { body: answer.into_body(), text: String::new() }
    }

    /// The next event; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Told> {
        loop {
            while let Some((block, rest)) = self.text.split_once("\n\n") {
                let told = told(block);
                self.text = rest.to_owned();
                if told.is_some() {
                    return told;
                }
            }
            let frame = within(self.body.frame()).await?.ok()?;
            let data = frame.into_data().unwrap();
            self.text.push_str(std::str::from_utf8(&data).unwrap());
        }
    }

    /// Everything up to and with the event that says that the first state is complete.
    pub(crate) async fn first_state(&mut self) -> Vec<Told> {
        let mut all = Vec::new();
        loop {
            let told = self.next().await.expect("the stream goes on");
            let done = told.kind == "synced";
            all.push(told);
            if done {
                return all;
            }
        }
    }

    /// The next view of a group.
    pub(crate) async fn next_group(&mut self) -> Told {
        loop {
            let told = self.next().await.expect("the stream goes on");
            if told.kind == "group" {
                return told;
            }
        }
    }
}

fn told(block: &str) -> Option<Told> {
    let field = |name: &str| {
        let mut lines = block.lines();
        lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::to_owned)
    };
    Some(Told {
        kind: field("event")?,
        id: field("id")?,
        data: serde_json::from_str(&field("data")?).unwrap(),
        text: field("data")?,
    })
}
