//! Two registries on one store: each judges its share, and what comes to the other one is passed on.

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use lathe_catalog::{Entry, State};
use serde_json::{Value, json};

use crate::rig::{Rig, Second, entry, until};

async fn pass(rig: &Rig, secret: &str, body: &Value) -> StatusCode {
    let request = Request::post(format!("{}/v1/beats", rig.url))
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {secret}"))
        .body(Full::<Bytes>::from(body.to_string()))
        .unwrap();
    rig.send(request).await.status()
}

fn batch(beats: usize, state: &str) -> Value {
    let beat = json!({ "incarnation": "a#0.1", "state": state, "hops": 1 });
    json!({ "from": "http://127.0.0.1:1", "beats": vec![beat; beats] })
}

#[tokio::test]
async fn only_registries_pass_beats_on_and_not_too_many() {
    let rig = Rig::start().await;
    let secret = rig.secret("registry");
    for wrong in ["", "x", &rig.secret("a#0.1")] {
        assert_eq!(pass(&rig, wrong, &batch(1, "ready")).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(pass(&rig, &secret, &batch(400, "ready")).await, StatusCode::OK);
    assert_eq!(pass(&rig, &secret, &batch(401, "ready")).await, StatusCode::BAD_REQUEST);
    assert_eq!(pass(&rig, &secret, &batch(1, "suspect")).await, StatusCode::BAD_REQUEST);
    let nameless = json!({ "from": "", "beats": [] });
    assert_eq!(pass(&rig, &secret, &nameless).await, StatusCode::BAD_REQUEST);
    let huge = json!({ "from": "x".repeat(1024 * 1024), "beats": [] });
    assert_eq!(pass(&rig, &secret, &huge).await, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(rig.metric("lathe_registry_beats_passed_here_total").await, 400);
}

/// Waits until the two share so many.
async fn shared(rig: &Rig, second: &Second, all: u64) {
    until(|| async {
        let own = rig.metric("lathe_registry_instances_owned").await;
        let others = second.metric(rig, "lathe_registry_instances_owned").await;
        own + others == all && own > 0 && others > 0
    })
    .await;
}

#[tokio::test]
async fn a_beat_reaches_the_registry_that_judges_it_and_a_share_moves_when_one_ends() {
    let rig = Rig::start().await;
    let second = rig.second().await;
    let names: Vec<String> = (0..20).map(|slot| format!("a#{slot}.1")).collect();
    let entries: Vec<Entry> = names.iter().map(|name| entry(name, State::Ready, 1)).collect();
    let commit = rig.put(&entries).await;
    rig.shown(commit).await;
    shared(&rig, &second, 20).await;
    // All beat at the first one; those that the second one judges are passed on to it.
    for name in &names {
        assert_eq!(rig.beat(name, &rig.secret(name), "ready").await, StatusCode::NO_CONTENT);
    }
    until(|| async {
        let heard = second.metric(&rig, "lathe_registry_instances_heard").await;
        heard == second.metric(&rig, "lathe_registry_instances_owned").await
    })
    .await;
    let passed = rig.metric("lathe_registry_beats_passed_on_total").await;
    assert_eq!(passed, second.metric(&rig, "lathe_registry_beats_passed_here_total").await);
    // What is said of health at one is written by the other.
    let ill = json!({ "state": "ready", "failing": "no" });
    for name in &names {
        assert_eq!(rig.say(name, &rig.secret(name), &ill).await, StatusCode::NO_CONTENT);
    }
    until(|| async {
        let (_, all) = rig.get("/v1/instances?state=suspect").await;
        all.as_array().unwrap().len() == 20
    })
    .await;
    second.stop().await;
    until(|| async { rig.metric("lathe_registry_instances_owned").await == 20 }).await;
    for name in &names {
        assert_eq!(rig.beat(name, &rig.secret(name), "ready").await, StatusCode::NO_CONTENT);
    }
    until(|| async {
        let (_, all) = rig.get("/v1/instances?state=ready").await;
        all.as_array().unwrap().len() == 20
    })
    .await;
}
