//! Tests of the checks before a handler, over real sockets and by a client of another library's
//! making: bytes that the test writes itself.

use std::net::SocketAddr;

use axum::body::Bytes;
use axum::extract::Extension;
use axum::routing::{get, post};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;
use crate::door::{self, Json, Limits};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn tokens() -> Tokens {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    std::fs::write(&path, TOKEN).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&path, mode).unwrap();
    Tokens::read(&path).unwrap()
}

fn policy(_method: &Method, path: &str) -> Access {
    match path {
        "/open" | "/who" => Access::open(),
        "/upload" => Access::default().any_content_type().body_bytes_max(8),
        "/slow" => Access::open().time_max(Duration::from_millis(10)),
        _ => Access::default().body_bytes_max(64),
    }
}

async fn serve(guard: Guard) -> SocketAddr {
    let router = Router::new()
        .route("/open", get(|| async { "open" }))
        .route("/closed", get(|| async { "closed" }))
        .route("/write", post(|Json(value): Json<Vec<u8>>| async move { format!("{value:?}") }))
        .route(
            "/who",
            get(|Extension(caller): Extension<Caller>| async move {
                assert!(caller.peer.is_some_and(|peer| peer.ip().is_loopback()));
                caller.who.to_string()
            }),
        )
        .route("/upload", post(|body: Bytes| async move { body.len().to_string() }))
        .route("/slow", get(std::future::pending::<()>));
    let listener = door::bind("127.0.0.1:0".parse().unwrap(), false).await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = guard.wrap(router);
    tokio::spawn(door::serve(listener, router, Limits::default(), std::future::pending()));
    address
}

/// Sends a request on a connection of its own; gives the whole answer in lower case.
async fn ask(address: SocketAddr, head: &str, body: &str) -> String {
    ask_as_is(address, head, body).await.to_ascii_lowercase()
}

async fn ask_as_is(address: SocketAddr, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let text = format!("{head}\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(text.as_bytes()).await.unwrap();
    // A server that refuses a body may close before it has read it: a reset after the answer.
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let _ = tokio::time::timeout(Duration::from_secs(30), read).await.unwrap();
    String::from_utf8(answer).unwrap()
}

/// Status and body, compared with `tests/ui/NAME.txt`; written with `LATHE_UPDATE_UI=1`.
fn stored(name: &str, answer: &str) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(body.contains(&name[..6]), "{name}: {answer}");
    let text = format!("{}\n{body}\n", head.lines().next().unwrap_or_default());
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ui");
    let file = file.join(format!("{name}.txt"));
    if std::env::var_os("LATHE_UPDATE_UI").is_some() {
        std::fs::write(file, &text).unwrap();
    } else {
        assert_eq!(text, std::fs::read_to_string(file).unwrap_or_default(), "{name}");
    }
}

#[tokio::test]
async fn each_refusal_of_the_door_is_answered_with_its_stored_text() {
    let address = serve(Guard::new(Hosts::loopback(), policy).with_tokens(tokens())).await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: localhost");
    let known = |path: &str| format!("{}\r\nauthorization: Bearer {TOKEN}", get(path));
    let json = "application/json";
    for (name, head, body) in [
        ("LT0601-host", "GET /open HTTP/1.1\r\nhost: evil.test".to_owned(), ""),
        ("LT0602-token", get("/closed"), ""),
        ("LT0603-type", post_head("/write", "text/plain", 5), "[1,2]"),
        ("LT0604-large", post_head("/write", json, 65), ""),
        ("LT0605-time", get("/slow"), ""),
        ("LT0606-form", post_head("/write", json, 3), "{x}"),
        ("LT0607-path", known("/nowhere"), ""),
        ("LT0609-method", known("/write"), ""),
    ] {
        stored(name, &ask_as_is(address, &head, body).await);
    }
    // What handlers refuse.
    for (name, problem) in [
        ("LT0608-busy", Problem::busy("too many heartbeats wait")),
        ("LT0611-accept", Problem::not_acceptable("this path answers as text/event-stream")),
        ("LT0612-old", Problem::too_old("the store was not heard for 61000 ms")),
        ("LT0613-nobody", Problem::not_now("nobody is in this group who could take it")),
        ("LT0614-changed", Problem::changed("something else was said to the group")),
    ] {
        let body = serde_json::to_string(&problem.body()).unwrap();
        stored(name, &format!("HTTP/1.1 {}\r\n\r\n{body}", problem.status()));
    }
    let hasty = Guard::new(Hosts::loopback(), policy).with_rates(Rates::hourly());
    let address = serve(hasty).await;
    let first = ask(address, &get("/open"), "").await;
    assert!(first.starts_with("http/1.1 200 "), "{first}");
    let refused = ask_as_is(address, &get("/open"), "").await;
    assert!(refused.to_ascii_lowercase().contains("retry-after: "), "{refused}");
    stored("LT0610-rate", &refused);
}

fn post_head(path: &str, kind: &str, length: usize) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}\r\n\
         content-type: {kind}\r\ncontent-length: {length}"
    )
}

fn assert_problem(answer: &str, status: u16, code: &str) {
    assert!(answer.starts_with(&format!("http/1.1 {status} ")), "{answer}");
    assert!(answer.contains("content-type: application/problem+json"), "{answer}");
    assert!(answer.contains(&code.to_ascii_lowercase()), "{answer}");
}

#[tokio::test]
async fn a_token_opens_what_is_closed_and_open_paths_need_none() {
    let address = serve(Guard::new(Hosts::loopback(), policy).with_tokens(tokens())).await;
    let open = ask(address, "GET /open HTTP/1.1\r\nhost: localhost", "").await;
    assert!(open.starts_with("http/1.1 200 "), "{open}");
    assert!(open.contains("x-content-type-options: nosniff"), "{open}");
    assert!(!open.contains("access-control"), "{open}");
    let bare = ask(address, "GET /closed HTTP/1.1\r\nhost: localhost", "").await;
    assert_problem(&bare, 401, code::TOKEN);
    assert!(bare.contains("www-authenticate: bearer"), "{bare}");
    let wrong = "GET /closed HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer nonsense";
    assert_problem(&ask(address, wrong, "").await, 401, code::TOKEN);
    let right = format!("GET /closed HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}");
    assert!(ask(address, &right, "").await.ends_with("closed"));
}

#[tokio::test]
async fn a_handler_is_told_whose_token_was_shown() {
    let address = serve(Guard::new(Hosts::loopback(), policy).with_tokens(tokens())).await;
    for (shown, who) in [(TOKEN, "token"), ("an-incarnations-secret", "nobody")] {
        let head = format!("GET /who HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {shown}");
        let answer = ask(address, &head, "").await;
        assert!(answer.ends_with(&format!("\r\n\r\n{who}")), "{answer}");
    }
}

#[tokio::test]
async fn without_a_configured_token_closed_paths_stay_closed() {
    let address = serve(Guard::new(Hosts::loopback(), policy)).await;
    let asked = format!("GET /closed HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}");
    assert_problem(&ask(address, &asked, "").await, 401, code::TOKEN);
}

#[tokio::test]
async fn a_strangers_name_is_refused_before_anything_else() {
    let address = serve(Guard::new(Hosts::loopback(), policy)).await;
    let answer = ask(address, "GET /open HTTP/1.1\r\nhost: evil.test", "").await;
    assert_problem(&answer, 421, code::HOST);
}

#[tokio::test]
async fn writes_are_json_of_the_expected_form() {
    let address = serve(Guard::new(Hosts::loopback(), policy).with_tokens(tokens())).await;
    let written = ask(address, &post_head("/write", "application/json", 5), "[1,2]").await;
    assert!(written.ends_with("[1, 2]"), "{written}");
    for kind in
        ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
    {
        let answer = ask(address, &post_head("/write", kind, 5), "[1,2]").await;
        assert_problem(&answer, 415, code::CONTENT_TYPE);
    }
    let answer = ask(address, &post_head("/write", "application/json", 3), "{x}").await;
    assert_problem(&answer, 400, code::MALFORMED);
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused_announced_or_not() {
    let address = serve(Guard::new(Hosts::loopback(), policy).with_tokens(tokens())).await;
    let announced = ask(address, &post_head("/write", "application/json", 65), "").await;
    assert_problem(&announced, 413, code::TOO_LARGE);
    let head = format!(
        "POST /write HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}\r\n\
         content-type: application/json\r\ntransfer-encoding: chunked"
    );
    let chunk = "1".repeat(40);
    let body = format!("28\r\n{chunk}\r\n28\r\n{chunk}\r\n0\r\n\r\n");
    assert_problem(&ask(address, &head, &body).await, 413, code::TOO_LARGE);
    let head = post_head("/upload", "application/octet-stream", 8);
    assert!(ask(address, &head, "12345678").await.ends_with('8'));
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_a_problem() {
    let address = serve(Guard::new(Hosts::loopback(), policy)).await;
    let answer = ask(address, "GET /slow HTTP/1.1\r\nhost: localhost", "").await;
    assert_problem(&answer, 503, "LT0605");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems() {
    let address = serve(Guard::new(Hosts::loopback(), |_, _| Access::open())).await;
    let path = ask(address, "GET /nowhere HTTP/1.1\r\nhost: localhost", "").await;
    assert_problem(&path, 404, code::NOT_FOUND);
    let method = ask(address, "GET /write HTTP/1.1\r\nhost: localhost", "").await;
    assert_problem(&method, 405, "LT0609");
    assert!(method.contains("allow: post"), "{method}");
    // What is taken may be asked, and tells pages of other origins nothing.
    let options = ask(address, "OPTIONS /open HTTP/1.1\r\nhost: localhost", "").await;
    assert!(options.starts_with("http/1.1 204 "), "{options}");
    assert!(options.contains("allow: get,head"), "{options}");
    assert!(!options.contains("access-control"), "{options}");
}
