//! What the listener refuses.

use http_body_util::{BodyExt as _, Full};
use hyper::{Request, StatusCode};
use serde_json::Value;

use crate::rig::{Rig, within};

async fn problem(rig: &Rig, request: http::request::Builder, body: String) -> (StatusCode, Value) {
    let answer = rig.send(request.body(Full::from(body)).unwrap()).await;
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    assert!(answer.headers().keys().all(|name| !name.as_str().starts_with("access-control")));
    let status = answer.status();
    let body = within(answer.into_body().collect()).await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        (&body["type"], body["status"].as_u64()),
        (&"about:blank".into(), Some(u64::from(status.as_u16())))
    );
    (status, body["code"].clone())
}

#[tokio::test]
async fn an_unknown_host_is_refused() {
    let rig = Rig::with(|config| config.hosts = vec!["registry.test".to_owned()]).await;
    let groups = format!("{}/v1/groups", rig.url);
    let strange = Request::get(&groups).header("host", "evil.test");
    let refused = problem(&rig, strange, String::new()).await;
    assert_eq!(refused, (StatusCode::MISDIRECTED_REQUEST, "LT0601".into()));
    let (answer, _) = rig.get_with("/v1/groups", &[("host", "registry.test")]).await;
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_oversized_or_foreign_body_is_refused() {
    let rig = Rig::start().await;
    let beat = format!("{}/v1/instances/a%230.1/beat", rig.url);
    let large = Request::post(&beat).header("content-type", "application/json");
    let refused = problem(&rig, large, "x".repeat(5000)).await;
    assert_eq!(refused, (StatusCode::PAYLOAD_TOO_LARGE, "LT0604".into()));
    let form = Request::post(&beat).header("content-type", "text/plain");
    let refused = problem(&rig, form, "{}".to_owned()).await;
    assert_eq!(refused, (StatusCode::UNSUPPORTED_MEDIA_TYPE, "LT0603".into()));
}

#[tokio::test]
async fn names_and_parameters_are_bounded() {
    let rig = Rig::start().await;
    let long = "a".repeat(300);
    let paths = [
        format!("/v1/groups/{long}"),
        format!("/v1/config/{long}"),
        format!("/v1/watch?group={long}"),
        "/v1/groups/%0a".to_owned(),
        "/v1/instances?nonsense=1".to_owned(),
    ];
    for path in paths {
        let asked = Request::get(format!("{}{path}", rig.url));
        let refused = problem(&rig, asked, String::new()).await;
        assert_eq!(refused, (StatusCode::BAD_REQUEST, "LT0606".into()), "{path}");
    }
}
