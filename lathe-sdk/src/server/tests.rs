//! A real server on a real socket.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Request;
use http_body_util::BodyExt as _;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::http::{Body, HTTPRequest, HTTPResponse, HTTPResult, HTTPTask, Options};
use crate::testing::TestTask;

const PATIENCE: Duration = Duration::from_secs(30);

/// A task of many answers.
#[derive(Default)]
struct Many {
    options: Options,
    gate: Arc<Notify>,
    entered: Arc<Notify>,
    dropped: Arc<AtomicBool>,
}

struct Dropped(Arc<AtomicBool>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl HTTPTask for Many {
    async fn handle(&self, mut request: HTTPRequest) -> HTTPResult {
        match request.path() {
            ["get", "hello"] | ["head", "hello"] => Ok(HTTPResponse::new(200, "hello")),
            ["get", "panic"] => panic!("as asked"),
            ["get", "panic", "later"] => {
                tokio::task::yield_now().await;
                panic!("as asked, later")
            }
            ["get", "fail"] => Err(io::Error::other("secret detail").into()),
            ["get", "wait"] => {
                let _dropped = Dropped(Arc::clone(&self.dropped));
                self.entered.notify_one();
                self.gate.notified().await;
                Ok(HTTPResponse::new(200, "waited"))
            }
            ["post", "echo"] => {
                let (sender, body) = Body::channel();
                tokio::spawn(async move {
                    while let Some(Ok(piece)) = request.body_mut().chunk().await {
                        if sender.send(piece).await.is_err() {
                            return;
                        }
                    }
                });
                Ok(HTTPResponse::new(200, body))
            }
            ["post", "length"] => {
                let bytes = request.bytes().await?;
                Ok(HTTPResponse::new(200, bytes.len().to_string()))
            }
            ["get", "time"] => {
                HTTPResponse::json(200, &request.time_left().map(|left| left.as_millis()))
            }
            ["get", "bad", "header"] => Ok(HTTPResponse::new(200, "").header("x y", "z")),
            ["get", "bad", "status"] => Ok(HTTPResponse::new(7, "")),
            _ => Ok(HTTPResponse::new(404, "nothing here")),
        }
    }

    fn options(&self) -> Options {
        self.options
    }
}

async fn raw(address: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// All that comes until the connection ends.
async fn rest(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // A reset is an end as well.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut text)).await.expect("the connection ends");
    String::from_utf8(text).unwrap()
}

/// What comes until it ends with this text.
async fn until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) {
        let byte = timeout(PATIENCE, stream.read_u8()).await.expect("bytes come").unwrap();
        text.push(byte);
    }
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn errors_and_panics_are_500_and_tell_a_client_nothing() {
    let task = TestTask::start(Many::default()).await;
    for target in ["/fail", "/panic", "/panic/later", "/bad/header", "/bad/status"] {
        let answer = task.get(target).await;
        assert_eq!(answer.status(), 500, "{target}");
        assert!(!answer.text().contains("secret") && !answer.text().contains("asked"));
    }
    assert_eq!(task.get("/hello").await.text(), "hello");
    let metrics = task.get("/.lathe/metrics").await;
    assert!(metrics.text().contains("\nlathe_http_panics_total 2\n"), "{}", metrics.text());
    assert!(metrics.text().contains("{status=\"5xx\"} 5\n"), "{}", metrics.text());
    assert!(metrics.text().contains("\nlathe_http_requests_in_flight 1\n"));
}

#[tokio::test]
async fn the_page_of_metrics_has_what_is_served_and_nothing_else() {
    let task = TestTask::start(Many::default()).await;
    let page = include_str!("../../../docs/metrics.md");
    let (_, section) = page.split_once("\n## Tasks\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `lathe_"));
    let documented: BTreeSet<(String, String)> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            (cells[1].trim_matches('`').to_owned(), cells[2].to_owned())
        })
        .collect();
    let answer = task.get("/.lathe/metrics").await;
    let served: BTreeSet<(String, String)> = answer
        .text()
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
        .collect();
    assert_eq!(served, documented);
}

#[tokio::test]
async fn the_sdks_own_paths_can_be_given_up() {
    let task = TestTask::start(Many::default()).await;
    assert_eq!(task.get("/.lathe/healthz").await.text(), "ok\n");
    assert_eq!(task.get("/.lathe/other").await.text(), "lathe has no such path\n");
    assert_eq!(task.get("/healthz").await.text(), "nothing here");
    let options = Options { own_paths: false, ..Options::default() };
    let task = TestTask::start(Many { options, ..Many::default() }).await;
    assert_eq!(task.get("/.lathe/healthz").await.text(), "nothing here");
}

#[tokio::test]
async fn bodies_stream_both_ways_at_the_same_time() {
    let task = TestTask::start(Many::default()).await;
    let head = b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut stream = raw(task.address(), head).await;
    until(&mut stream, "\r\n\r\n").await;
    for piece in ["one", "two"] {
        stream.write_all(format!("3\r\n{piece}\r\n").as_bytes()).await.unwrap();
        assert_eq!(until(&mut stream, &format!("{piece}\r\n")).await, format!("3\r\n{piece}\r\n"));
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    assert_eq!(until(&mut stream, "0\r\n\r\n").await, "0\r\n\r\n");
}

#[tokio::test]
async fn limits_of_heads_bodies_and_paths_are_kept() {
    let options =
        Options { max_head: 8 << 10, max_body: 1_000, max_collected: 100, ..Options::default() };
    let task = TestTask::start(Many { options, ..Many::default() }).await;
    assert_eq!(task.post("/length", "x".repeat(100)).await.text(), "100");
    assert_eq!(task.post("/length", "x".repeat(101)).await.status(), 413);
    assert_eq!(task.post("/other", "x".repeat(1_001)).await.status(), 413);
    assert_eq!(task.get(&"/x".repeat(300)).await.status(), 414);
    let long = format!("GET /hello HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(20 << 10));
    let answer = rest(&mut raw(task.address(), long.as_bytes()).await).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    // A body whose length is not announced ends with an error at the limit.
    let head = b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut stream = raw(task.address(), head).await;
    let piece = format!("258\r\n{}\r\n", "x".repeat(600));
    stream.write_all(piece.repeat(2).as_bytes()).await.unwrap();
    let answer = rest(&mut stream).await;
    assert!(answer.contains("HTTP/1.1 200") && answer.matches('x').count() < 1_200, "{answer}");
}

#[tokio::test]
async fn a_connection_beyond_the_limit_of_a_task_waits_for_a_place() {
    let options = Options { max_connections: 1, ..Options::default() };
    let task = TestTask::start(Many { options, ..Many::default() }).await;
    let request = b"GET /hello HTTP/1.1\r\nhost: a\r\n\r\n";
    let mut first = raw(task.address(), request).await;
    until(&mut first, "hello").await;
    let mut second = raw(task.address(), request).await;
    let early = timeout(Duration::from_millis(50), second.read_u8()).await;
    assert!(early.is_err(), "it was answered beyond the limit");
    drop(first);
    until(&mut second, "hello").await;
}

#[tokio::test]
async fn a_tls_client_of_a_task_is_closed_and_the_next_one_is_served() {
    // How it begins: a record of a hand-shake with its hello.
    let hello = [0x16, 3, 1, 0, 0x31, 1, 0, 0, 0x2d, 3, 3, 0x0d, 0x0a, 0x0d, 0x0a, 1];
    let task = TestTask::start(Many::default()).await;
    let answer = rest(&mut raw(task.address(), &hello).await).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(task.get("/hello").await.status(), 200);
}

#[tokio::test]
async fn a_deadline_ends_what_takes_too_long() {
    let options = Options { handler_timeout: Duration::from_millis(50), ..Options::default() };
    let many = Many { options, ..Many::default() };
    let dropped = Arc::clone(&many.dropped);
    let task = TestTask::start(many).await;
    assert_eq!(task.get("/wait").await.status(), 504);
    assert!(dropped.swap(false, Ordering::SeqCst), "the handler is dropped where it waits");
    let task = TestTask::start(Many::default()).await;
    let request = Request::get("/time").header("lathe-deadline-ms", "20000").body(Body::empty());
    let left: u64 = task.send(request.unwrap()).await.json();
    assert!((1..=20_000).contains(&left), "{left}");
    let left: u64 = task.get("/time").await.json();
    assert!((20_001..=60_000).contains(&left), "{left}");
}

#[tokio::test]
async fn a_client_that_goes_away_ends_its_handler() {
    let many = Many::default();
    let (dropped, entered) = (Arc::clone(&many.dropped), Arc::clone(&many.entered));
    let task = TestTask::start(many).await;
    let stream = raw(task.address(), b"GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    timeout(PATIENCE, entered.notified()).await.unwrap();
    drop(stream);
    let ended = async {
        while !dropped.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, ended).await.expect("the handler is dropped");
}

#[tokio::test]
async fn draining_answers_what_began_and_takes_nothing_new() {
    let many = Many::default();
    let (gate, entered) = (Arc::clone(&many.gate), Arc::clone(&many.entered));
    let task = TestTask::start(many).await;
    let address = task.address();
    let mut idle = raw(address, b"GET /hello HTTP/1.1\r\nhost: a\r\n\r\n").await;
    until(&mut idle, "hello").await;
    let mut busy = raw(address, b"GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    timeout(PATIENCE, entered.notified()).await.unwrap();
    let stopping = tokio::spawn(task.stop());
    assert_eq!(rest(&mut idle).await, "", "an idle connection just ends");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
    gate.notify_one();
    let answer = rest(&mut busy).await;
    assert!(answer.ends_with("waited"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    timeout(PATIENCE, stopping).await.unwrap().unwrap();
}

#[tokio::test]
async fn draining_ends_what_does_not_end_by_itself() {
    let options = Options { drain_timeout: Duration::from_millis(50), ..Options::default() };
    let many = Many { options, ..Many::default() };
    let entered = Arc::clone(&many.entered);
    let task = TestTask::start(many).await;
    let mut busy = raw(task.address(), b"GET /wait HTTP/1.1\r\nhost: a\r\n\r\n").await;
    timeout(PATIENCE, entered.notified()).await.unwrap();
    task.stop().await;
    assert_eq!(rest(&mut busy).await, "");
}

#[tokio::test]
async fn connections_on_which_nothing_moves_are_closed() {
    let options = Options { idle_timeout: Duration::from_millis(100), ..Options::default() };
    let task = TestTask::start(Many { options, ..Many::default() }).await;
    let starts: [&[u8]; 4] =
        [b"", b"PRI * HT", b"GET /hello HTTP/1.1\r\nhos", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"];
    for start in starts {
        let mut stream = raw(task.address(), start).await;
        let answer = async { stream.read_to_end(&mut Vec::new()).await };
        let ended = timeout(PATIENCE, answer).await;
        assert!(ended.is_ok(), "a connection is left open after {start:?}");
    }
    let mut idle = raw(task.address(), b"GET /hello HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(rest(&mut idle).await.ends_with("hello"));
}

#[tokio::test]
async fn http2_without_tls_is_understood_on_the_same_port() {
    let task = TestTask::start(Many::default()).await;
    let stream = TcpStream::connect(task.address()).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    tokio::spawn(connection);
    for _ in 0..3 {
        let uri = format!("http://{}/hello", task.address());
        let request = Request::get(uri).body(Body::empty()).unwrap();
        let response = timeout(PATIENCE, sender.send_request(request)).await.unwrap().unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
    }
}

#[tokio::test]
async fn responses_name_their_instance_where_it_is_wanted() {
    let task = TestTask::with(Many::default()).named("http.many#2", "many", "1.2.3").start().await;
    let answer = task.get("/hello").await;
    assert_eq!(answer.header("lathe-served-by"), Some("http.many#2 many 1.2.3"));
    assert_eq!(
        TestTask::start(Many::default()).await.get("/hello").await.header("lathe-served-by"),
        None
    );
}

#[tokio::test]
async fn head_and_pipelined_requests_are_answered_in_order() {
    let task = TestTask::start(Many::default()).await;
    let both = b"HEAD /hello HTTP/1.1\r\nhost: a\r\n\r\nGET /hello HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let answer = rest(&mut raw(task.address(), both).await).await;
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2);
    assert_eq!(answer.matches("content-length: 5").count(), 2);
    assert!(answer.ends_with("\r\n\r\nhello"));
}

#[tokio::test]
async fn a_service_of_hyper_can_be_a_task() {
    let service = hyper::service::service_fn(async |request: Request<Body>| {
        Ok::<_, Infallible>(http::Response::new(Body::from(request.uri().path().to_owned())))
    });
    let task = TestTask::start(crate::http::Serve(service)).await;
    assert_eq!(task.get("/a/b?c").await.text(), "/a/b");
}
