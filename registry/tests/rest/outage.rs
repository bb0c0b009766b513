//! The registry without its store.

use hyper::StatusCode;
use lathe_catalog::State;
use lathe_coordination::{Options, Store};

use crate::rig::{Rig, Stream, entry, until};

#[tokio::test]
async fn without_the_store_it_serves_the_last_state_and_says_how_old_it_is() {
    let mut rig = Rig::start().await;
    let commit = rig.put(&[entry("a#0.1", State::Ready, 1)]).await;
    rig.shown(commit).await;
    let mut stream = Stream::open(&rig, "group=a", None).await;
    stream.first_state().await;
    rig.stop_store().await;
    until(|| async {
        let (answer, view) = rig.get_with("/v1/groups/a", &[]).await;
        assert_eq!(view["entries"][0]["incarnation"], "a#0.1");
        answer.headers()["lathe-age-ms"] != "0"
    })
    .await;
    until(|| async { rig.get("/readyz").await.0 == StatusCode::SERVICE_UNAVAILABLE }).await;
    assert_eq!(rig.get("/v1/groups/a").await.0, StatusCode::OK);

    rig.restart_store();
    until(|| async { rig.get("/readyz").await.0 == StatusCode::OK }).await;
    // The test's own session ends when the store was away for long, and so does the registry's.
    rig.store = Store::connect(&rig.store_address(), Options::default()).await.unwrap();
    let commit = rig.put(&[entry("a#0.1", State::Draining, 2)]).await;
    let told = stream.next_group().await;
    assert_eq!(
        (&told.data["version"], &told.data["entries"][0]["state"]),
        (&commit.into(), &"draining".into())
    );
    until(|| async { rig.get("/v1/registries").await.1 == serde_json::json!([rig.url]) }).await;
}
