//! Streams of changes.

use std::collections::BTreeMap;

use hyper::StatusCode;
use lathe_catalog::{Entry, GroupView, State};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::rig::{Rig, Stream, Told, entry, until, within};

fn view(told: &Told) -> GroupView {
    serde_json::from_value(told.data.clone()).unwrap()
}

#[tokio::test]
async fn a_change_reaches_its_watchers() {
    let rig = Rig::start().await;
    let mut stream = Stream::open(&rig, "group=a&group=task.b&config=a", None).await;
    let first: Vec<String> = stream.first_state().await.into_iter().map(|it| it.kind).collect();
    assert_eq!(first, ["registries", "group", "group", "config", "synced"]);
    let commit = rig.put(&[entry("a#0.1", State::Ready, 1)]).await;
    let told = stream.next_group().await;
    assert_eq!(view(&told).entries[0].incarnation, "a#0.1");
    assert_eq!(view(&told).version, commit);
    let config = stream.next().await.unwrap();
    assert_eq!((config.kind.as_str(), &config.data["keys"]["greeting"]), ("config", &"hi".into()));
    assert!(config.id.ends_with(&format!(".{commit}")), "{}", config.id);
    let gone = rig.delete("a#0.1", 2).await;
    let told = stream.next_group().await;
    assert_eq!((view(&told).entries.len(), view(&told).version), (0, gone));
}

#[tokio::test]
async fn a_stream_that_is_resumed_tells_what_was_missed_and_nothing_twice() {
    let rig = Rig::start().await;
    let both = [entry("a#0.1", State::Starting, 1), entry("b#0.1", State::Starting, 1)];
    rig.shown(rig.put(&both).await).await;
    let query = "group=a&group=b&group=c";
    let mut last = String::new();
    let mut seen: BTreeMap<String, GroupView> = BTreeMap::new();
    for round in 2..12 {
        let resume = (!last.is_empty()).then_some(last.as_str());
        let mut stream = Stream::open(&rig, query, resume).await;
        for told in stream.first_state().await {
            if told.kind == "group" {
                let new = view(&told);
                let before = seen.insert(new.group.clone(), new.clone());
                assert_ne!(before.as_ref(), Some(&new), "told twice");
            }
            last = told.id;
        }
        // What is read while connected, and what is missed.
        let read = rig.put(&[entry("a#0.1", State::Ready, round)]).await;
        let told = stream.next_group().await;
        assert_eq!(view(&told).version, read);
        seen.insert("a".to_owned(), view(&told));
        last.clone_from(&told.id);
        drop(stream);
        let which = if round % 2 == 0 { "b#0.1" } else { "c#0.1" };
        let missed = rig.put(&[entry(which, State::Ready, round)]).await;
        rig.shown(missed).await;
    }
    let mut stream = Stream::open(&rig, query, Some(&last)).await;
    for told in stream.first_state().await.iter().filter(|told| told.kind == "group") {
        seen.insert(view(told).group, view(told));
    }
    for group in ["a", "b", "c"] {
        let (_, shown) = rig.get(&format!("/v1/groups/{group}")).await;
        assert_eq!(serde_json::to_value(&seen[group]).unwrap(), shown);
    }
}

#[tokio::test]
async fn a_resume_of_another_history_starts_anew() {
    let rig = Rig::start().await;
    let commit = rig.put(&[entry("a#0.1", State::Ready, 1)]).await;
    rig.shown(commit).await;
    let mut stream = Stream::open(&rig, "group=a", Some("another.99999")).await;
    let kinds: Vec<String> = stream.first_state().await.into_iter().map(|it| it.kind).collect();
    assert_eq!(kinds, ["registries", "group", "synced"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_shown_half_of_a_commit() {
    let rig = Rig::start().await;
    let mut stream = Stream::open(&rig, "group=web", None).await;
    stream.first_state().await;
    let mut last = 0;
    for touch in 1..=100 {
        let ids = ["a#0.1", "a#1.1", "b#0.1", "c#0.1", "d#0.1", "e#0.1"];
        let all: Vec<Entry> = ids.iter().map(|id| entry(id, State::Ready, touch)).collect();
        last = rig.put(&all).await;
    }
    loop {
        let shown = view(&stream.next_group().await);
        let touches: Vec<u64> = shown.entries.iter().map(|entry| entry.since_ms).collect();
        assert_eq!(touches.len(), 6);
        assert!(touches.iter().all(|touch| *touch == touches[0]), "{touches:?}");
        if shown.version == last {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_watcher_gets_the_newest_state_instead_of_a_queue() {
    const CHANGES: u64 = 300;
    let rig = Rig::start().await;
    let address = rig.socket_address();
    // Large views, so that the buffers of the sockets do not hold all of them.
    let many: Vec<Entry> = (0..400)
        .map(|slot| entry(&format!("big#{slot}.1"), State::Ready, 0))
        .map(|one| Entry { reason: Some("r".repeat(300)), ..one })
        .collect();
    rig.put(&many).await;
    let mut slow = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET /v1/watch?group=big HTTP/1.1\r\nhost: {address}\r\n\r\n");
    slow.write_all(request.as_bytes()).await.unwrap();
    until(|| async { rig.metric("lathe_registry_batches_total").await > 0 }).await;
    let mut last = 0;
    for touch in 1..=CHANGES {
        last = rig.put(&[Entry { since_ms: touch, ..many[0].clone() }]).await;
    }
    rig.shown(last).await;
    let sent = rig.metric("lathe_registry_batches_total").await;
    assert!(sent < CHANGES / 2, "{sent} batches were sent to one who reads nothing");
    // Now it reads: the newest state comes, after the few that were under way.
    let mut text = Vec::new();
    let mut piece = vec![0; 1 << 20];
    let wanted = format!("\"version\":{last},");
    while !String::from_utf8_lossy(&text).contains(&wanted) {
        // What is searched is the tail: enough for a view's head across two pieces.
        let keep = text.len().saturating_sub(wanted.len());
        text.drain(..keep);
        let count = within(slow.read(&mut piece)).await.unwrap();
        assert!(count > 0, "the stream goes on");
        text.extend_from_slice(&piece[..count]);
    }
}

#[tokio::test]
async fn there_is_a_limit_on_watchers_and_on_what_one_may_name() {
    let rig = Rig::with(|config| {
        config.limits.watchers_max = 1;
        config.groups_per_watch_max = 2;
    })
    .await;
    assert_eq!(rig.get("/v1/watch?group=a&group=b&config=c").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(rig.get("/v1/watch?grup=a").await.0, StatusCode::BAD_REQUEST);
    let mut stream = Stream::open(&rig, "group=a", None).await;
    stream.first_state().await;
    let (answer, problem) = rig.get_with("/v1/watch?group=a", &[]).await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        (&problem["code"], &answer.headers()["retry-after"]),
        (&"LT0608".into(), &"1".parse().unwrap())
    );
    drop(stream);
    until(|| async { rig.metric("lathe_registry_watchers").await == 0 }).await;
    Stream::open(&rig, "group=a", None).await.first_state().await;
}

#[tokio::test]
async fn the_end_of_the_registry_ends_its_streams() {
    let mut rig = Rig::start().await;
    let mut stream = Stream::open(&rig, "group=a", None).await;
    stream.first_state().await;
    rig.stop_registry().await;
    while let Some(told) = stream.next().await {
        assert_eq!(told.kind, "registries");
    }
}
