//! The stream against a registry made for the test.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::Follower;
use crate::config::Instance;
use crate::context::Context;
use crate::http::{Body, BodySender, HTTPRequest, HTTPResponse, HTTPResult, HTTPTask};
use crate::testing::TestTask;

const PATIENCE: Duration = Duration::from_secs(30);

/// Hands every stream that is opened to the test.
struct Registry {
    opened: mpsc::UnboundedSender<Opened>,
    refusals: Mutex<VecDeque<u16>>,
}

struct Opened {
    query: String,
    last_event_id: Option<String>,
    sender: BodySender,
}

impl Opened {
    async fn event(&self, id: &str, kind: &str, data: Value) {
        self.sender.send(format!("event: {kind}\nid: {id}\ndata: {data}\n\n")).await.unwrap();
    }
}

impl HTTPTask for Registry {
    async fn handle(&self, request: HTTPRequest) -> HTTPResult {
        assert!(matches!(request.path(), ["get", "v1", "watch"]), "{:?}", request.path());
        assert_eq!(request.header("accept"), Some("text/event-stream"));
        if let Some(status) = self.refusals.lock().unwrap().pop_front() {
            return Ok(HTTPResponse::new(status, "no"));
        }
        let (sender, body) = Body::channel();
        let query = request.query().unwrap_or_default().to_owned();
        let last_event_id = request.header("last-event-id").map(str::to_owned);
        self.opened.send(Opened { query, last_event_id, sender })?;
        Ok(HTTPResponse::new(200, body).header("content-type", "text/event-stream"))
    }
}

async fn registry(refusals: &[u16]) -> (TestTask, mpsc::UnboundedReceiver<Opened>) {
    let (opened, streams) = mpsc::unbounded_channel();
    let refusals = Mutex::new(refusals.iter().copied().collect());
    (TestTask::start(Registry { opened, refusals }).await, streams)
}

/// A follower of these, until it is dropped.
struct Following {
    context: Arc<Context>,
    work: JoinHandle<()>,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.work.abort();
    }
}

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

fn follow(registries: &[SocketAddr], schedulers: &[SocketAddr]) -> Following {
    let instance = Instance { task: "http.lb".to_owned(), ..Instance::default() };
    let context = Arc::new(Context::new(instance));
    let urls = |all: &[SocketAddr]| all.iter().map(|one| url(*one)).collect::<Vec<_>>();
    let follower = Follower::new(Arc::clone(&context), &urls(registries), &urls(schedulers));
    let work = tokio::spawn(follower.run());
    Following { context, work }
}

async fn next(streams: &mut mpsc::UnboundedReceiver<Opened>) -> Opened {
    timeout(PATIENCE, streams.recv()).await.expect("a stream is opened").unwrap()
}

async fn eventually(mut holds: impl FnMut() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    timeout(PATIENCE, wait).await.expect("it comes to hold");
}

fn entry(slot: u32, port: u16, state: &str) -> Value {
    json!({
        "topology": "t", "task": "back", "slot": slot, "incarnation": format!("back#{slot}.1"),
        "host": "h", "address": "127.0.0.1", "ports": { "http": port }, "tags": [],
        "crate_name": "c", "version": "1.0.0", "state": state, "since_ms": 0,
    })
}

fn group(version: u64, entries: &Value) -> Value {
    json!({ "group": "back", "history": "h1", "version": version, "entries": entries })
}

fn config(version: u64, keys: &Value) -> Value {
    json!({ "task": "http.lb", "history": "h1", "version": version, "keys": keys })
}

#[tokio::test]
async fn groups_and_keys_are_filled_and_kept_fresh() {
    let (server, mut streams) = registry(&[]).await;
    let following = follow(&[server.address()], &[]);
    let context = &following.context;
    let back = context.groups.get("back");
    let stream = loop {
        // The wish may have come after the first stream was opened.
        let stream = next(&mut streams).await;
        if stream.query.contains("group=back") {
            break stream;
        }
    };
    assert!(stream.query.ends_with("config=http.lb"), "{}", stream.query);
    assert!(!back.is_known());
    stream.event("h1.4", "group", group(4, &json!([entry(0, 1, "ready")]))).await;
    stream.event("h1.4", "config", config(4, &json!({ "size": 1 }))).await;
    stream.event("h1.4", "synced", json!({})).await;
    timeout(PATIENCE, back.known()).await.unwrap();
    eventually(|| context.config.borrow().keys.get("size") == Some(&json!(1))).await;
    let mut changes = context.config.subscribe();
    stream.sender.send(": still here\n\n").await.unwrap();
    stream
        .event("h1.5", "group", group(5, &json!([entry(0, 1, "suspect"), entry(1, 2, "ready")])))
        .await;
    eventually(|| back.pick(&[]).is_some_and(|end| end.address.port() == 2)).await;
    stream.event("h1.6", "config", config(6, &json!({ "size": 2 }))).await;
    timeout(PATIENCE, changes.wait_for(|now| now.keys["size"] == 2)).await.unwrap().unwrap();
    // Keys of somebody else and what is not known are left aside.
    let other = json!({ "task": "other", "history": "h1", "version": 9, "keys": {} });
    stream.event("h1.9", "config", other).await;
    stream.event("h1.9", "weather", json!("fine")).await;
    stream.event("h1.9", "group", group(9, &json!([]))).await;
    eventually(|| back.version() == 9).await;
    assert_eq!(context.config.borrow().version, 6);
}

#[tokio::test]
async fn a_stream_that_broke_is_resumed_and_the_last_state_stays() {
    let (server, mut streams) = registry(&[]).await;
    let following = follow(&[server.address()], &[]);
    let back = following.context.groups.get("back");
    let mut stream = next(&mut streams).await;
    while !stream.query.contains("group=back") {
        stream = next(&mut streams).await;
    }
    assert_eq!(stream.last_event_id, None);
    stream.event("h1.4", "group", group(4, &json!([entry(0, 1, "ready")]))).await;
    stream.event("h1.4", "synced", json!({})).await;
    stream.event("h1.7", "group", group(7, &json!([entry(1, 2, "ready")]))).await;
    eventually(|| back.version() == 7).await;
    drop(stream);
    let stream = next(&mut streams).await;
    assert_eq!(stream.last_event_id.as_deref(), Some("h1.7"));
    assert_eq!(back.pick(&[]).unwrap().address.port(), 2, "the last state stays in use");
    stream.event("h1.8", "group", group(8, &json!([entry(2, 3, "ready")]))).await;
    eventually(|| back.version() == 8).await;
    stream.sender.clone().abort("as asked").await;
    assert_eq!(next(&mut streams).await.last_event_id.as_deref(), Some("h1.8"));
}

#[tokio::test]
async fn a_stream_that_broke_before_all_was_heard_starts_from_nothing() {
    let (server, mut streams) = registry(&[]).await;
    let following = follow(&[server.address()], &[]);
    following.context.groups.get("back");
    let mut stream = next(&mut streams).await;
    while !stream.query.contains("group=back") {
        stream = next(&mut streams).await;
    }
    stream.event("h1.4", "group", group(4, &json!([]))).await;
    eventually(|| following.context.groups.get("back").version() == 4).await;
    drop(stream);
    assert_eq!(next(&mut streams).await.last_event_id, None);
}

#[tokio::test]
async fn a_new_group_is_asked_for_whole() {
    let (server, mut streams) = registry(&[]).await;
    let following = follow(&[server.address()], &[]);
    let first = next(&mut streams).await;
    first.event("h1.4", "synced", json!({})).await;
    let late = following.context.groups.get("late & new");
    let mut second = next(&mut streams).await;
    while !second.query.contains("late") {
        second = next(&mut streams).await;
    }
    assert_eq!(second.query, "group=late%20%26%20new&config=http.lb");
    assert_eq!(second.last_event_id, None, "it may be older than what was heard last");
    assert!(!late.is_known());
    second.event("h1.4", "synced", json!({})).await;
    timeout(PATIENCE, late.known()).await.expect("a group without news has no members");
    assert!(late.pick(&[]).is_none());
}

#[tokio::test]
async fn destinations_are_followed_before_they_are_first_used() {
    let (server, mut streams) = registry(&[]).await;
    let following = follow(&[server.address()], &[]);
    let stream = next(&mut streams).await;
    let spread = json!({ "spread": [["task.a", "task.b"], [1, 1]] });
    stream.event("h1.4", "config", config(4, &spread)).await;
    let stream = next(&mut streams).await;
    assert_eq!(stream.query, "group=a&group=b&config=http.lb");
    drop(following);
}

#[tokio::test]
async fn another_registry_is_asked_when_one_is_gone_or_refuses() {
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let (refusing, _keep) = registry(&[500; 1000]).await;
    let (server, mut streams) = registry(&[503, 404]).await;
    let _following = follow(&[gone, refusing.address(), server.address()], &[]);
    next(&mut streams).await;
}

#[tokio::test]
async fn schedulers_are_asked_when_every_registry_is_gone() {
    struct Scheduler(String);
    impl HTTPTask for Scheduler {
        async fn handle(&self, request: HTTPRequest) -> HTTPResult {
            match request.path() {
                ["get", "v1", "registries"] => HTTPResponse::json(200, &[&self.0, "no url"]),
                _ => Ok(HTTPResponse::new(404, "")),
            }
        }
    }
    let (server, mut streams) = registry(&[]).await;
    let scheduler = TestTask::start(Scheduler(url(server.address()))).await;
    let following = follow(&[], &[scheduler.address()]);
    let stream = next(&mut streams).await;
    // The stream itself names them, too: the next one is opened at the other registry.
    let (other, mut other_streams) = registry(&[]).await;
    stream.event("h1.1", "registries", json!([url(other.address())])).await;
    stream.event("h1.1", "config", config(1, &json!({ "size": 1 }))).await;
    eventually(|| following.context.config.borrow().version == 1).await;
    following.context.groups.get("more");
    next(&mut other_streams).await;
}

#[tokio::test]
async fn what_cannot_be_read_ends_the_stream_and_changes_nothing() {
    let (server, mut streams) = registry(&[]).await;
    let following = follow(&[server.address()], &[]);
    let stream = next(&mut streams).await;
    stream.event("h1.4", "config", config(4, &json!({ "size": 1 }))).await;
    stream.event("h1.5", "config", json!({ "task": 5 })).await;
    next(&mut streams).await;
    assert_eq!(following.context.config.borrow().version, 4);
}
