//! Look-ups that wait: for a change, or for what is durable.

use hyper::StatusCode;
use lathe_catalog::State;
use serde_json::Value;

use crate::rig::{Rig, entry, until, within};

/// Until so many watch or wait.
async fn watchers(rig: &Rig, number: u64) {
    until(|| async { rig.metric("lathe_registry_watchers").await == number }).await;
}

/// One that waits, and what happens once it does.
async fn wait_while(
    rig: &Rig,
    (path, tag): (&str, Option<&str>),
    happens: impl Future<Output = ()>,
) -> (StatusCode, Value) {
    let headers: Vec<(&str, &str)> = tag.map(|tag| ("if-none-match", tag)).into_iter().collect();
    let happens = async {
        watchers(rig, 1).await;
        happens.await;
    };
    let ((answer, body), ()) = tokio::join!(rig.get_with(path, &headers), happens);
    watchers(rig, 0).await;
    (answer.status(), body)
}

#[tokio::test]
async fn a_look_up_waits_for_another_content_and_not_for_another_version() {
    let rig = Rig::start().await;
    let history = within(rig.store.history()).await.unwrap();
    for names_its_history in [false, true] {
        let seen = rig.put(&[entry("a#0.1", State::Starting, 1)]).await;
        rig.shown(seen).await;
        let index = if names_its_history { String::new() } else { format!("&index={seen}") };
        let path = format!("/v1/groups/a?wait=10m{index}");
        let tag = names_its_history.then(|| format!("\"{history}:{seen}\""));
        let mut changed = 0;
        let happens = async {
            // The same again moves the version alone, and another group is another matter.
            rig.put(&[entry("a#0.1", State::Starting, 1)]).await;
            let other = rig.put(&[entry("b#0.1", State::Starting, seen)]).await;
            rig.shown(other).await;
            changed = rig.put(&[entry("a#0.1", State::Ready, other)]).await;
        };
        let (status, view) = wait_while(&rig, (&path, tag.as_deref()), happens).await;
        assert_eq!(status, StatusCode::OK);
        let shown = (&view["version"], &view["entries"][0]["state"]);
        assert_eq!(shown, (&changed.into(), &"ready".into()));
    }
    assert_eq!(rig.metric("lathe_registry_waits_total").await, 2);
}

#[tokio::test]
async fn own_keys_are_waited_for_as_well() {
    let rig = Rig::start().await;
    let path = "/v1/config/a?index=0&wait=10m";
    let happens = async {
        rig.put(&[entry("a#0.1", State::Ready, 1)]).await;
    };
    let (status, config) = wait_while(&rig, (path, None), happens).await;
    assert_eq!((status, &config["keys"]["greeting"]), (StatusCode::OK, &"hi".into()));
}

#[tokio::test]
async fn who_has_waited_in_vain_is_answered_as_it_is() {
    let rig = Rig::start().await;
    let commit = rig.put(&[entry("a#0.1", State::Ready, 1)]).await;
    rig.shown(commit).await;
    let path = format!("/v1/groups/a?index={commit}&wait=1ms");
    let (answer, view) = rig.get_with(&path, &[]).await;
    assert_eq!((answer.status(), &view["version"]), (StatusCode::OK, &commit.into()));
    let tag = answer.headers()["etag"].to_str().unwrap();
    let (answer, _) = rig.get_with(&path, &[("if-none-match", tag)]).await;
    assert_eq!(answer.status(), StatusCode::NOT_MODIFIED);
    let preferred = [("if-none-match", tag), ("prefer", "wait=0")];
    let (answer, _) = rig.get_with("/v1/groups/a", &preferred).await;
    assert_eq!(answer.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(rig.metric("lathe_registry_waits_total").await, 3);
}

#[tokio::test]
async fn the_longest_wait_is_the_registrys() {
    let rig = Rig::with(|config| config.wait_max_ms = 1).await;
    let (status, view) = rig.get("/v1/groups/a?index=0&wait=10m").await;
    assert_eq!((status, &view["version"]), (StatusCode::OK, &0.into()));
}

#[tokio::test]
async fn who_has_seen_something_else_is_answered_at_once() {
    let rig = Rig::start().await;
    let commit = rig.put(&[entry("a#0.1", State::Ready, 1)]).await;
    rig.shown(commit).await;
    for (path, tag) in [
        // Older, of another history perhaps, and nothing that could be compared.
        ("/v1/groups/a?index=0&wait=10m", None),
        ("/v1/groups/a?index=9000000&wait=10m", None),
        ("/v1/groups/a?wait=10m", None),
        ("/v1/groups/a?wait=10m", Some("\"another:9000000\"")),
        ("/v1/groups/a?wait=10m", Some("\"not one of ours\"")),
    ] {
        let headers: Vec<_> = tag.map(|tag| ("if-none-match", tag)).into_iter().collect();
        let (answer, view) = rig.get_with(path, &headers).await;
        assert_eq!((answer.status(), &view["version"]), (StatusCode::OK, &commit.into()), "{path}");
    }
}

#[tokio::test]
async fn the_end_of_the_registry_ends_waits() {
    let mut rig = Rig::start().await;
    let url = format!("{}/v1/groups/a?index=0", rig.url);
    let request = hyper::Request::get(url).body(http_body_util::Full::default()).unwrap();
    let client = rig.client();
    let waiting = tokio::spawn(async move { client.request(request).await.unwrap().status() });
    watchers(&rig, 1).await;
    rig.stop_registry().await;
    assert_eq!(within(waiting).await.unwrap(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_wait_that_is_given_up_leaves_its_place() {
    let rig = Rig::with(|config| config.limits.watchers_max = 1).await;
    let url = format!("{}/v1/groups/a?index=0", rig.url);
    let request = hyper::Request::get(url).body(http_body_util::Full::default()).unwrap();
    let client = rig.client();
    let waiting = tokio::spawn(async move { client.request(request).await.unwrap().status() });
    watchers(&rig, 1).await;
    let (status, problem) = rig.get("/v1/groups/a?index=0").await;
    assert_eq!((status, &problem["code"]), (StatusCode::SERVICE_UNAVAILABLE, &"LT0608".into()));
    waiting.abort();
    watchers(&rig, 0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_linearizable_look_up_shows_everything_that_was_durable_before_it() {
    let rig = Rig::start().await;
    for touch in 1..=100 {
        let commit = rig.put(&[entry("a#0.1", State::Ready, touch)]).await;
        let one = rig.get("/v1/groups/a?mode=linearizable");
        let other = rig.get("/v1/instances/a%230.1?mode=linearizable");
        let ((status, view), (_, entry)) = tokio::join!(one, other);
        assert_eq!((status, &view["version"]), (StatusCode::OK, &commit.into()));
        assert_eq!(entry["since_ms"], touch);
    }
}

#[tokio::test]
async fn without_the_store_an_answer_is_as_old_as_its_reader_takes_it() {
    let mut rig = Rig::with(|config| config.max_age_ms = 1).await;
    let commit = rig.put(&[entry("a#0.1", State::Ready, 1)]).await;
    rig.shown(commit).await;
    for mode in ["stale", "default", "linearizable"] {
        assert_eq!(rig.get(&format!("/v1/groups/a?mode={mode}")).await.0, StatusCode::OK, "{mode}");
    }
    rig.stop_store().await;
    for mode in ["default", "linearizable"] {
        until(|| async {
            let path = format!("/v1/groups/a?mode={mode}");
            let (answer, problem) = rig.get_with(&path, &[]).await;
            let refused = answer.status() == StatusCode::SERVICE_UNAVAILABLE;
            assert!(!refused || problem["code"] == "LT0612", "{problem}");
            assert!(!refused || answer.headers().contains_key("retry-after"));
            refused
        })
        .await;
    }
    let (answer, view) = rig.get_with("/v1/groups/a?mode=stale", &[]).await;
    assert_eq!((answer.status(), &view["version"]), (StatusCode::OK, &commit.into()));
    assert_ne!(answer.headers()["lathe-age-ms"], "0");
    // Whoever seeks another registry asks any.
    assert_eq!(rig.get("/v1/registries").await.0, StatusCode::OK);
}
