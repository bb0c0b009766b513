//! Listeners before Schemathesis, which asks what their OpenAPI documents allow and what they do not.
//! The same questions in every run: what it draws follows from a seed.

use std::path::Path;

use lathe_api::door::Key;
use lathe_catalog::paths;
use lathe_coordination::local::server::Server;
use lathe_coordination::{Op, Options, Store};
use lathe_engines::{Examination, SOON, block_on, until};
use lathe_registry::config::{Config, Flags};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// Schemathesis takes what stands behind `#` for no part of an address, so this one has none.
const INCARNATION: &str = "http.lb.0.1";

/// A registry on a store of its own that knows one instance; its URL and the instance's secret.
async fn registry(folder: &Path) -> (String, String) {
    let socket = folder.join("store.sock");
    let store =
        Server::open(folder.join("store")).expect("a store").bind(&socket).expect("a socket");
    tokio::spawn(store.run(std::future::pending()));
    let address = format!("local:{}", socket.display());
    let key_file = folder.join("key");
    let key = Key::read_or_create(&key_file).expect("a key");
    let flags =
        Flags { store: Some(address.clone()), key_file: Some(key_file), ..Flags::default() };
    let mut config = Config::load(&flags).expect("a configuration");
    // Whoever waits for what never changes is not to be waited for.
    config.wait_max_ms = 100;
    let store = Store::connect(&address, Options::default()).await.expect("a session");
    store.multi(instance()).await.expect("it is written");
    let (told, url) = oneshot::channel();
    tokio::spawn(async move {
        let tell = |url: &str| told.send(url.to_owned()).expect("it is awaited");
        lathe_registry::run(config, tell, std::future::pending()).await.expect("it runs");
    });
    let url = tokio::time::timeout(SOON, url).await.expect("in time").expect("an address");
    until("the registry is ready", || is_ready(&url)).await.expect("in time");
    (url, key.secret(INCARNATION))
}

fn instance() -> Vec<Op> {
    let task = json!({
        "topology": "demo", "task": "http.lb", "groups": ["http", "http.lb"], "own": { "n": [1, "x"] },
        "crate_name": "lb", "version": "1.0.0", "touched": 1,
    });
    let entry = json!({
        "topology": "demo", "task": "http.lb", "slot": 0, "incarnation": INCARNATION, "host": "one",
        "address": "127.0.0.1", "ports": { "http": 31000 }, "tags": ["http", "http.lb"],
        "crate_name": "lb", "version": "1.0.0", "state": "ready", "since_ms": 1,
    });
    vec![
        Op::put(paths::entry(INCARNATION), entry.to_string()),
        Op::put(paths::task("http.lb"), task.to_string()),
    ]
}

async fn is_ready(url: &str) -> Option<()> {
    get(url, "/readyz").await?.starts_with("HTTP/1.1 200 ").then_some(())
}

/// The whole answer.
async fn get(url: &str, path: &str) -> Option<String> {
    let address = url.strip_prefix("http://")?;
    let mut stream = TcpStream::connect(address).await.ok()?;
    let asked = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(asked.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}

fn examination(url: &str, words: &[&str]) -> Examination {
    let always =
        ["--seed", "7", "--generation-database", "none", "--request-timeout", "30", "--no-color"];
    let words = always.iter().chain(words).map(|word| (*word).to_owned()).collect();
    Examination { document: format!("{url}/openapi.json"), settings: String::new(), words }
}

#[test]
fn the_registry_answers_as_its_document_says() {
    let folder = tempfile::tempdir().expect("a folder");
    block_on(async {
        let (url, _) = registry(folder.path()).await;
        // A watch never ends; the registry's own tests follow some.
        let words = ["--max-examples", "60", "--exclude-path", "/v1/watch"];
        let found = examination(&url, &words).run().await.expect("it runs");
        assert!(found.is_ok(), "{}", found.unwrap_err());
    });
}

#[test]
fn the_beats_of_an_instance_are_taken_as_the_document_says() {
    let folder = tempfile::tempdir().expect("a folder");
    block_on(async {
        let (url, secret) = registry(folder.path()).await;
        let shown = format!("Authorization: Bearer {secret}");
        let path = "/v1/instances/{incarnation}/beat";
        let words = ["--max-examples", "60", "--include-path", path, "--header", &shown];
        let settings = format!("[parameters]\n\"path.incarnation\" = \"{INCARNATION}\"\n");
        let asked = Examination { settings, ..examination(&url, &words) };
        let found = asked.run().await.expect("it runs");
        assert!(found.is_ok(), "{}", found.unwrap_err());
        let metrics = get(&url, "/metrics").await.expect("an answer");
        assert!(!metrics.contains("lathe_registry_beats_total 0\n"), "none was taken: {metrics}");
    });
}

/// A listener that answers otherwise than it says is found out.
#[test]
fn a_document_that_is_not_kept_is_found_out() {
    block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer_wrongly(stream));
            }
        });
        let asked = examination(&format!("http://{address}"), &["--max-examples", "5"]);
        let found = asked.run().await.expect("it runs").expect_err("it answers otherwise");
        assert!(found.contains("/v1/number"), "{found}");
    });
}

async fn answer_wrongly(mut stream: TcpStream) {
    let mut head = vec![0; 4096];
    let count = stream.read(&mut head).await.unwrap_or(0);
    let asks = String::from_utf8_lossy(&head[..count]).into_owned();
    let body = if asks.starts_with("GET /openapi.json ") {
        let schema = json!({ "type": "integer" });
        let done =
            json!({ "description": "", "content": { "application/json": { "schema": schema } } });
        let number = json!({ "get": { "responses": { "200": done } } });
        let info = json!({ "title": "wrong", "version": "1" });
        json!({ "openapi": "3.1.0", "info": info, "paths": { "/v1/number": number } }).to_string()
    } else {
        "\"seven\"".to_owned()
    };
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    );
    let _ = stream.write_all(answer.as_bytes()).await;
}
