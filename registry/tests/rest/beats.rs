//! Heartbeats: silence shows as suspect, a beat takes it back, both by way of the store.

use std::time::Duration;

use hyper::StatusCode;
use lathe_catalog::{Entry, State, paths};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::rig::{Rig, Stream, entry, within};

async fn rig() -> Rig {
    Rig::with(|config| {
        config.limits.liveness.suspect_after_ms = 400;
        config.limits.liveness.beat_ms = 100;
    })
    .await
}

#[tokio::test]
async fn silence_shows_as_suspect_and_a_beat_takes_it_back() {
    let rig = rig().await;
    let commit = rig.put(&[entry("a#0.1", State::Ready, 1), entry("b#0.1", State::Ready, 1)]).await;
    rig.shown(commit).await;
    let mut stream = Stream::open(&rig, "group=web", None).await;
    stream.first_state().await;
    let secret = rig.secret("a#0.1");
    assert_eq!(rig.beat("a#0.1", &secret, "ready").await, StatusCode::NO_CONTENT);

    let told = stream.next_group().await;
    assert_eq!(told.data["entries"][0]["state"], "suspect");
    let reason = told.data["entries"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("no heartbeat for"), "{reason}");
    // Who was never heard is given more time.
    assert_eq!(told.data["entries"][1]["state"], "ready");
    assert!(told.data["version"].as_u64().unwrap() > commit);
    let stored = within(rig.store.get(&paths::entry("a#0.1"))).await.unwrap().unwrap();
    let stored: Entry = serde_json::from_slice(&stored.data).unwrap();
    assert_eq!(stored.state, State::Suspect);

    // It may fall silent again while the test looks, so it goes on beating.
    let beating = async {
        loop {
            rig.beat("a#0.1", &secret, "ready").await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let told = tokio::select! {
        () = beating => unreachable!("it beats for ever"),
        told = stream.next_group() => told,
    };
    assert_eq!(told.data["entries"][0]["state"], "ready");
    assert_eq!(told.data["entries"][0].get("reason"), None);
}

#[tokio::test]
async fn who_closes_its_connection_is_suspect_sooner_than_its_silence_would_make_it() {
    let rig = Rig::with(|config| {
        config.limits.liveness.suspect_after_ms = 600_000;
        config.limits.liveness.closed_after_ms = 300;
    })
    .await;
    let commit = rig.put(&[entry("a#0.1", State::Ready, 1)]).await;
    rig.shown(commit).await;
    let mut stream = Stream::open(&rig, "group=web", None).await;
    stream.first_state().await;
    let (host, secret) = (rig.url.strip_prefix("http://").unwrap(), rig.secret("a#0.1"));
    let mut connection = TcpStream::connect(host).await.unwrap();
    let head = format!(
        "POST /v1/instances/a%230.1/beat HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {secret}\r\n\
         content-type: application/json\r\ncontent-length: 17\r\n\r\n{{\"state\":\"ready\"}}"
    );
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    within(connection.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 204");
    drop(connection);
    let told = stream.next_group().await;
    assert_eq!(told.data["entries"][0]["state"], "suspect");
    let reason = told.data["entries"][0]["reason"].as_str().unwrap();
    assert!(reason.ends_with("and its connection is closed"), "{reason}");
}

#[tokio::test]
async fn who_never_beats_is_missed_by_the_only_registry() {
    // As long as anybody may be silent.
    let rig = Rig::with(|config| config.limits.liveness.first_after_ms = 0).await;
    let mut stream = Stream::open(&rig, "group=web", None).await;
    stream.first_state().await;
    rig.put(&[entry("a#0.1", State::Starting, 1)]).await;
    while stream.next_group().await.data["entries"][0]["state"] != "suspect" {}
    let secret = rig.secret("a#0.1");
    assert_eq!(rig.beat("a#0.1", &secret, "starting").await, StatusCode::NO_CONTENT);
    let told = stream.next_group().await;
    assert_eq!(told.data["entries"][0]["state"], "starting");
}

#[tokio::test]
async fn what_a_beat_says_of_health_shows_with_its_reason() {
    let rig = Rig::with(|_| ()).await;
    let commit = rig.put(&[entry("a#0.1", State::Ready, 1)]).await;
    rig.shown(commit).await;
    let mut stream = Stream::open(&rig, "group=web", None).await;
    stream.first_state().await;
    let secret = rig.secret("a#0.1");
    let why = format!("GET /: answered 503\n{}", "x".repeat(1_000));
    let body = serde_json::json!({ "state": "ready", "failing": why });
    assert_eq!(rig.say("a#0.1", &secret, &body).await, StatusCode::NO_CONTENT);
    let told = stream.next_group().await;
    assert_eq!(told.data["entries"][0]["state"], "suspect");
    let reason = told.data["entries"][0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("GET /: answered 503 xxx") && reason.len() == 300, "{reason}");
    assert_eq!(rig.beat("a#0.1", &secret, "ready").await, StatusCode::NO_CONTENT);
    let told = stream.next_group().await;
    assert_eq!(told.data["entries"][0]["state"], "ready");
}

#[tokio::test]
async fn only_the_incarnation_itself_may_beat() {
    let rig = rig().await;
    let commit = rig.put(&[entry("a#0.1", State::Ready, 1)]).await;
    rig.shown(commit).await;
    let own = rig.secret("a#0.1");
    for wrong in [rig.secret("a#0.2"), "x".to_owned(), String::new(), own.to_uppercase()] {
        assert_eq!(rig.beat("a#0.1", &wrong, "ready").await, StatusCode::UNAUTHORIZED);
    }
    let unknown = rig.secret("a#0.9");
    assert_eq!(rig.beat("a#0.9", &unknown, "ready").await, StatusCode::NOT_FOUND);
    for state in ["gone", "suspect", "nonsense"] {
        assert_eq!(rig.beat("a#0.1", &own, state).await, StatusCode::BAD_REQUEST, "{state}");
    }
    assert_eq!(rig.beat("a#0.1", &own, "draining").await, StatusCode::NO_CONTENT);
    assert_eq!(rig.metric("lathe_registry_beats_total").await, 1);
    assert_eq!(rig.metric("lathe_registry_beats_refused_total").await, 8);
}
