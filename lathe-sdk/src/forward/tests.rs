//! Forwarding between real sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::config::registry;
use crate::http::{Body, HTTPRequest, HTTPResponse, HTTPResult, HTTPTask, Options};
use crate::testing::TestTask;

const PATIENCE: Duration = Duration::from_secs(30);

struct Proxy;

impl HTTPTask for Proxy {
    async fn handle(&self, request: HTTPRequest) -> HTTPResult {
        request.forward(registry().get_ref("task.back")).await
    }
}

/// Tells what it was sent.
struct Mirror;

impl HTTPTask for Mirror {
    async fn handle(&self, mut request: HTTPRequest) -> HTTPResult {
        match request.path() {
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
            ["get", "headers"] => {
                let lines = request.headers().iter().map(|(name, value)| {
                    format!("{name}: {}\n", value.to_str().unwrap_or_default())
                });
                Ok(HTTPResponse::new(200, lines.collect::<String>()).header("x-answer", "kept"))
            }
            ["get", "long", ..] => std::future::pending().await,
            ["get", "break"] => {
                let (sender, body) = Body::channel();
                sender.send("half").await?;
                tokio::spawn(sender.abort("as asked"));
                Ok(HTTPResponse::new(200, body))
            }
            _ => Ok(HTTPResponse::new(200, request.uri().to_string())),
        }
    }
}

async fn proxy(back: impl IntoIterator<Item = SocketAddr>) -> TestTask {
    TestTask::with(Proxy).group("back", back).named("proxy#0", "proxy", "1.0.0").start().await
}

/// An address on which nobody listens.
async fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

/// Takes connections, reads a head on each, says this and closes; counts the heads.
async fn rude(answer: &'static str) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&heads);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut seen = Vec::new();
            while !seen.windows(4).any(|end| end == b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => seen.push(byte),
                    Err(_) => break,
                }
            }
            counted.fetch_add(1, Ordering::SeqCst);
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (address, heads)
}

/// A server that can be killed with everything that it serves. It answers at once, or, when told
/// so, holds what it is asked for ever.
struct Mortal {
    address: SocketAddr,
    holds: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    life: JoinHandle<()>,
}

impl Mortal {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (holds, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let told = (Arc::clone(&holds), Arc::clone(&asked));
        let life = tokio::spawn(async move {
            // Dropped, and so closed, with this.
            let mut serving = JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let (holds, asked) = (Arc::clone(&told.0), Arc::clone(&told.1));
                serving.spawn(async move {
                    let mut last = [0; 4];
                    while let Ok(byte) = stream.read_u8().await {
                        last.rotate_left(1);
                        last[3] = byte;
                        if last != *b"\r\n\r\n" {
                            continue;
                        }
                        asked.fetch_add(1, Ordering::SeqCst);
                        if holds.load(Ordering::SeqCst) {
                            std::future::pending::<()>().await;
                        }
                        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nmortal";
                        stream.write_all(answer).await.unwrap();
                    }
                });
            }
        });
        Self { address, holds, asked, life }
    }

    async fn until_asked(&self, times: usize) {
        let all = async {
            while self.asked.load(Ordering::SeqCst) < times {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        timeout(PATIENCE, all).await.expect("it is asked");
    }
}

/// Sixteen requests at once.
async fn many(front: &Arc<TestTask>) -> Vec<(u16, String)> {
    let mut sending = JoinSet::new();
    for _ in 0..16 {
        let front = Arc::clone(front);
        sending.spawn(async move {
            let answer = front.get("/a").await;
            (answer.status(), answer.text().to_owned())
        });
    }
    sending.join_all().await
}

async fn until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = Vec::new();
    while !text.ends_with(end.as_bytes()) {
        text.push(timeout(PATIENCE, stream.read_u8()).await.expect("bytes come").unwrap());
    }
    String::from_utf8(text).unwrap()
}

#[tokio::test]
async fn the_target_and_the_answer_come_through_unchanged() {
    let back = TestTask::with(Mirror).named("back#3", "mirror", "2.0.0").start().await;
    let front = proxy([back.address()]).await;
    for target in ["/", "/a%2Fb//../c?x=%20", "/%zz"] {
        let answer = front.get(target).await;
        assert_eq!((answer.status(), answer.text()), (200, target));
    }
    let answer = front.get("/headers").await;
    assert_eq!(answer.header("x-answer"), Some("kept"));
    assert_eq!(answer.header("lathe-served-by"), Some("back#3 mirror 2.0.0"));
    let head = front.request("HEAD", "/abc", ()).await;
    assert_eq!((head.header("content-length"), head.text()), (Some("4"), ""));
}

#[tokio::test]
async fn the_back_sees_the_client_the_host_and_the_deadline() {
    let back = TestTask::start(Mirror).await;
    let front = proxy([back.address()]).await;
    let request = Request::get("/headers")
        .header("host", "shop.example")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        .header("lathe-deadline-ms", "9000")
        .header("connection", "x-mine")
        .header("x-mine", "1")
        .body(Body::empty());
    let answer = front.send(request.unwrap()).await;
    let seen = |line: &str| answer.text().lines().any(|seen| seen == line);
    assert!(seen("host: shop.example"), "{}", answer.text());
    assert!(seen("x-forwarded-for: 127.0.0.1"), "{}", answer.text());
    assert!(seen("traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"));
    assert!(!answer.text().contains("x-mine"), "{}", answer.text());
    let left = answer.text().lines().find_map(|line| line.strip_prefix("lathe-deadline-ms: "));
    assert!((1..=9_000).contains(&left.unwrap().parse::<u64>().unwrap()), "{left:?}");
}

#[tokio::test]
async fn bodies_stream_through_both_ways_at_the_same_time() {
    let back = TestTask::start(Mirror).await;
    let front = proxy([back.address()]).await;
    let mut stream = TcpStream::connect(front.address()).await.unwrap();
    let head = b"POST /echo HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head).await.unwrap();
    until(&mut stream, "\r\n\r\n").await;
    for piece in ["one", "two", "six"] {
        stream.write_all(format!("3\r\n{piece}\r\n").as_bytes()).await.unwrap();
        assert_eq!(until(&mut stream, &format!("{piece}\r\n")).await, format!("3\r\n{piece}\r\n"));
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    assert_eq!(until(&mut stream, "0\r\n\r\n").await, "0\r\n\r\n");
    let large = "x".repeat(5 << 20);
    assert_eq!(front.post("/echo", large.clone()).await.text(), large);
}

#[tokio::test]
async fn connections_are_used_again() {
    let back = TestTask::start(Mirror).await;
    let front = proxy([back.address()]).await;
    for _ in 0..50 {
        assert_eq!(front.get("/a").await.text(), "/a");
    }
    let metrics = front.get("/.lathe/metrics").await.text().to_owned();
    let connects = metrics.lines().find_map(|l| l.strip_prefix("lathe_forward_connects_total "));
    let connects: u64 = connects.unwrap().parse().unwrap();
    // A connection may still be seen as busy when the next request comes; most are not.
    assert!((1..=25).contains(&connects), "{connects}");
}

#[tokio::test]
async fn what_cannot_be_reached_is_tried_elsewhere_with_its_body() {
    let back = TestTask::start(Mirror).await;
    let front = proxy([nobody().await, nobody().await, back.address()]).await;
    for _ in 0..20 {
        assert_eq!(front.post("/echo", "whole").await.text(), "whole");
    }
    let front = proxy([nobody().await]).await;
    let answer = front.get("/").await;
    assert_eq!((answer.status(), answer.text()), (502, "the instance could not be reached"));
    assert_eq!(answer.header("lathe-served-by"), Some("proxy#0 proxy 1.0.0"));
}

#[tokio::test]
async fn only_what_does_no_harm_is_sent_twice() {
    let (bad, heads) = rude("").await;
    let back = TestTask::start(Mirror).await;
    let front = proxy([bad, back.address()]).await;
    for _ in 0..20 {
        assert_eq!(front.get("/a").await.text(), "/a");
    }
    let front = proxy([bad]).await;
    let before = heads.load(Ordering::SeqCst);
    assert_eq!(front.post("/a", "once").await.status(), 502);
    assert_eq!(heads.load(Ordering::SeqCst) - before, 1);
    let front = proxy([bad, bad, bad, bad]).await;
    let before = heads.load(Ordering::SeqCst);
    assert_eq!(front.get("/a").await.status(), 502);
    assert_eq!(heads.load(Ordering::SeqCst) - before, 3);
}

#[tokio::test]
async fn a_connection_that_was_closed_while_idle_costs_no_request() {
    let (closing, heads) = rude("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    let front = proxy([closing]).await;
    for _ in 0..30 {
        assert_eq!(front.get("/a").await.text(), "ok");
    }
    assert!(heads.load(Ordering::SeqCst) >= 30);
}

#[tokio::test]
async fn nobody_ready_is_503_and_a_passed_deadline_504() {
    let front = proxy([]).await;
    assert_eq!(front.get("/").await.status(), 503);
    let back = TestTask::start(Mirror).await;
    let front = proxy([back.address()]).await;
    let request = Request::get("/long").header("lathe-deadline-ms", "30").body(Body::empty());
    assert_eq!(front.send(request.unwrap()).await.status(), 504);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_not_taken_for_whole() {
    let back = TestTask::start(Mirror).await;
    let front = proxy([back.address()]).await;
    let mut stream = TcpStream::connect(front.address()).await.unwrap();
    stream.write_all(b"GET /break HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut all = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut all)).await.expect("the connection ends");
    let all = String::from_utf8(all).unwrap();
    assert!(all.contains("half") && !all.ends_with("0\r\n\r\n"), "{all}");
}

#[tokio::test]
async fn members_that_change_are_heeded_at_once() {
    let (one, two) = (TestTask::start(Mirror).await, TestTask::start(Mirror).await);
    let front = proxy([one.address()]).await;
    assert_eq!(front.get("/a").await.status(), 200);
    front.set_group("back", []);
    assert_eq!(front.get("/a").await.status(), 503);
    front.set_group("task.back", [two.address()]);
    assert_eq!(front.get("/a").await.status(), 200);
}

#[tokio::test]
async fn a_killed_instance_costs_no_request_that_may_be_sent_again() {
    let back = TestTask::start(Mirror).await;
    for _ in 0..10 {
        let mortal = Mortal::start().await;
        let back = [mortal.address, mortal.address, mortal.address, back.address()];
        let front = Arc::new(proxy(back).await);
        // Kept connections, all of which die at once.
        while mortal.asked.load(Ordering::SeqCst) < 20 {
            let answers = many(&front).await;
            assert!(answers.iter().all(|(status, _)| *status == 200));
        }
        let before = mortal.asked.load(Ordering::SeqCst);
        mortal.holds.store(true, Ordering::SeqCst);
        let killing = async {
            mortal.until_asked(before + 8).await;
            mortal.life.abort();
        };
        let (answers, ()) = tokio::join!(many(&front), killing);
        for answer in answers {
            assert_eq!(answer, (200, "/a".to_owned()));
        }
    }
}

#[tokio::test]
async fn a_silent_instance_is_left_once_the_registry_drops_it() {
    let back = TestTask::start(Mirror).await;
    let mortal = Mortal::start().await;
    mortal.holds.store(true, Ordering::SeqCst);
    let front = proxy([mortal.address]).await;
    let leaving = async {
        mortal.until_asked(1).await;
        front.set_group("back", [back.address()]);
    };
    let (answer, ()) = tokio::join!(front.get("/a"), leaving);
    assert_eq!((answer.status(), answer.text()), (200, "/a"));
    assert_eq!(mortal.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_replacement_is_waited_for_a_moment() {
    let back = TestTask::start(Mirror).await;
    let front = proxy([nobody().await]).await;
    let replacing = async {
        front.set_group("back", []);
        front.set_group("back", [back.address()]);
    };
    let (answer, ()) = tokio::join!(front.get("/a"), replacing);
    assert_eq!((answer.status(), answer.text()), (200, "/a"));
    front.set_group("back", []);
    let replacing = async { front.set_group("back", [back.address()]) };
    let (answer, ()) = tokio::join!(front.post("/echo", "whole"), replacing);
    assert_eq!((answer.status(), answer.text()), (200, "whole"));
}

#[tokio::test]
async fn an_upgrade_passes_through() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = until(&mut stream, "\r\n\r\n").await;
        assert!(head.contains("upgrade: echo") && head.contains("connection: upgrade"), "{head}");
        let answer =
            b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        let (mut from, mut to) = stream.split();
        tokio::io::copy(&mut from, &mut to).await.unwrap();
    });
    let front = proxy([address]).await;
    let mut stream = TcpStream::connect(front.address()).await.unwrap();
    let head = b"GET /socket HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let answer = until(&mut stream, "\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    assert!(answer.contains("upgrade: echo"), "{answer}");
    for word in ["ping", "pong"] {
        stream.write_all(word.as_bytes()).await.unwrap();
        assert_eq!(until(&mut stream, word).await, word);
    }
}

#[tokio::test]
async fn a_limit_of_the_front_holds_for_what_it_forwards() {
    struct Small;
    impl HTTPTask for Small {
        async fn handle(&self, request: HTTPRequest) -> HTTPResult {
            request.forward(registry().get_ref("back")).await
        }
        fn options(&self) -> Options {
            Options { max_body: 100, ..Options::default() }
        }
    }
    let back = TestTask::start(Mirror).await;
    let front = TestTask::with(Small).group("back", [back.address()]).start().await;
    assert_eq!(front.post("/echo", "x".repeat(100)).await.status(), 200);
    assert_eq!(front.post("/echo", "x".repeat(101)).await.status(), 413);
}
