//! For tests: a server that answers as it is told, byte for byte, so that it can also answer
//! wrongly. Owns no opinion about HTTP beyond finding the end of a request.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What to answer.
pub(crate) struct Reply {
    pub(crate) bytes: Vec<u8>,
    /// Close the connection behind it.
    pub(crate) close: bool,
}

impl Reply {
    pub(crate) fn status(line: &str, body: &[u8]) -> Self {
        let head = format!("HTTP/1.1 {line}\r\ncontent-length: {}\r\n\r\n", body.len());
        Self { bytes: [head.as_bytes(), body].concat(), close: false }
    }

    pub(crate) fn ok(body: &[u8]) -> Self {
        Self::status("200 OK", body)
    }

    /// Promises more than it gives.
    pub(crate) fn truncated(body: &[u8]) -> Self {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        let half = &body[..body.len() / 2];
        Self { bytes: [head.as_bytes(), half].concat(), close: true }
    }
}

/// A running server; ends with the runtime.
pub(crate) struct TestServer {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl TestServer {
    pub(crate) async fn start(answer: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (Arc::clone(&requests), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                tokio::spawn(async move { converse(stream, &seen, &*answer).await });
            }
        });
        Self { url, requests }
    }

    /// The requests so far, head and body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn converse(
    mut stream: TcpStream,
    seen: &Mutex<Vec<String>>,
    answer: &(impl Fn(&str) -> Reply + ?Sized),
) {
    let mut buffer = Vec::new();
    loop {
        let Some(request) = take_request(&mut buffer) else {
            if stream.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
                return;
            }
            continue;
        };
        seen.lock().unwrap().push(request.clone());
        let reply = answer(&request);
        if stream.write_all(&reply.bytes).await.is_err() || reply.close {
            return;
        }
    }
}

fn take_request(buffer: &mut Vec<u8>) -> Option<String> {
    let end = buffer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&buffer[..end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    if buffer.len() < end + length {
        return None;
    }
    let request: Vec<u8> = buffer.drain(..end + length).collect();
    Some(String::from_utf8_lossy(&request).into_owned())
}

/// Polls until the condition holds; fails the test after 30 s.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "never came: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// A specification with something in every field.
pub(crate) fn specification() -> lathe_api::rest::LaunchSpec {
    let json = serde_json::json!({
        "incarnation": "http.lb#2.7",
        "instance": "http.lb#2",
        "topology": "my_topology",
        "task_path": "http.lb",
        "slot": 2,
        "task": "my::LoadBalancer",
        "crate_name": "my_lb",
        "version": "1.0.0",
        "artifact": { "sha256": "a".repeat(64), "size": 1, "urls": ["http://127.0.0.1:1/a"] },
        "args": ["--fast"],
        "env": { "RUST_LOG": "debug", "PATH": "/own", "LATHE_HOST": "forged" },
        "user": null,
        "grace_ms": 5000,
        "host": "host-1",
        "address": "127.0.0.1",
        "ports": { "http": 31007, "my-port": 31008 },
        "config": { "task": "http.lb", "history": "h", "version": 3, "keys": { "colour": "red" } },
        "registries": ["http://127.0.0.1:2", "http://127.0.0.1:3"],
        "schedulers": ["http://127.0.0.1:4"],
        "secret": "hush",
        "sdk": true,
        "served_by": true
    });
    serde_json::from_value(json).unwrap()
}
