//! Messages and kept values: sent, seen, acknowledged, over a restart of the registry.

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{Method, Request, Response, StatusCode};
use lathe_api::door::Tokens;
use lathe_catalog::State;
use serde_json::{Value, json};

use crate::rig::{Rig, Stream, entry, until, within};

/// A registry with tokens, that knows two instances; and the first token.
async fn rig() -> (Rig, String) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    let token = Tokens::read_or_create(&file).unwrap().first().expose().to_owned();
    let rig = Rig::with(|config| config.token_file = Some(file)).await;
    let commit = rig.put(&[entry("a#0.1", State::Ready, 1), entry("b#0.1", State::Ready, 1)]).await;
    rig.shown(commit).await;
    (rig, token)
}

async fn write(
    rig: &Rig,
    (method, path): (Method, &str),
    shown: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> (Response<()>, Value) {
    let mut request = Request::builder()
        .method(method)
        .uri(format!("{}{path}", rig.url))
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {shown}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = Full::<Bytes>::from(body.to_string());
    let (head, body) = rig.send(request.body(body).unwrap()).await.into_parts();
    let body = within(body.collect()).await.unwrap().to_bytes();
    (Response::from_parts(head, ()), serde_json::from_slice(&body).unwrap_or(Value::Null))
}

async fn send(rig: &Rig, token: &str, group: &str, body: &Value) -> Value {
    let path = format!("/v1/groups/{group}/messages");
    let (head, view) = write(rig, (Method::POST, &path), token, &[], body).await;
    assert_eq!(head.status(), StatusCode::CREATED, "{view}");
    let place = format!("{path}/{}", view["number"]);
    assert_eq!(head.headers()["location"].to_str().unwrap(), place);
    view
}

async fn acknowledge(rig: &Rig, incarnation: &str, groups: Value) -> StatusCode {
    let path = format!("/v1/instances/{}/acks", incarnation.replace('#', "%23"));
    let body = json!({ "groups": groups });
    let secret = rig.secret(incarnation);
    write(rig, (Method::POST, &path), &secret, &[], &body).await.0.status()
}

fn receipts(view: &Value) -> Vec<&str> {
    let members = view["members"].as_array().unwrap();
    members.iter().map(|member| member["receipt"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_message_reaches_its_members_and_its_sender_sees_who_has_it() {
    let (rig, token) = rig().await;
    let mut mail = Stream::open(&rig, "member=a%230.1", None).await;
    mail.first_state().await;
    let sent = send(&rig, &token, "web", &json!({ "level": 7 })).await;
    assert_eq!((&sent["number"], receipts(&sent)), (&json!(1), vec!["waiting", "waiting"]));
    let told = mail.next().await.unwrap();
    assert_eq!(told.kind, "mail");
    assert_eq!(told.data["messages"][0]["body"], json!({ "level": 7 }));

    let (seen, _) = rig.get_with("/v1/groups/web/messages/1", &[]).await;
    let version = seen.headers()["lathe-version"].to_str().unwrap().to_owned();
    let path = format!("/v1/groups/web/messages/1?index={version}&wait=20s");
    let waited = async { rig.get(&path).await.1 };
    let acknowledged = async {
        // Somebody else's secret acknowledges nothing.
        let (path, other) = ("/v1/instances/a%230.1/acks", rig.secret("b#0.1"));
        let body = json!({ "groups": { "web": 1 } });
        let forged = write(&rig, (Method::POST, path), &other, &[], &body).await;
        assert_eq!(forged.0.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(acknowledge(&rig, "a#0.1", json!({ "web": 1 })).await, StatusCode::NO_CONTENT);
    };
    let (view, ()) = tokio::join!(waited, acknowledged);
    assert_eq!(receipts(&view), ["acknowledged", "waiting"]);
    rig.delete("b#0.1", 9).await;
    until(|| async { receipts(&rig.get("/v1/groups/web/messages/1").await.1)[1] == "gone" }).await;
    // Beyond what was sent nothing is acknowledged.
    assert_eq!(acknowledge(&rig, "a#0.1", json!({ "web": 2 })).await, StatusCode::BAD_REQUEST);
    assert_eq!(rig.metric("lathe_registry_messages_total").await, 1);
    assert_eq!(rig.metric("lathe_registry_acks_total").await, 1);
}

#[tokio::test]
async fn the_same_key_is_the_same_message_and_many_at_once_keep_one_order() {
    let (rig, token) = rig().await;
    let path = "/v1/groups/web/messages";
    let again = [("idempotency-key", "\"order-7\"")];
    for _ in 0..2 {
        let (_, view) = write(&rig, (Method::POST, path), &token, &again, &json!("once")).await;
        assert_eq!((&view["number"], &view["key"]), (&json!(1), &json!("order-7")));
    }
    let sends = (0..20).map(|body| {
        let (rig, token) = (&rig, &token);
        async move { send(rig, token, "web", &json!(body)).await["number"].as_u64().unwrap() }
    });
    let mut numbers = futures_util::future::join_all(sends).await;
    numbers.sort_unstable();
    assert_eq!(numbers, (2..=21).collect::<Vec<_>>());
    let (_, all) = rig.get(path).await;
    let kept = all.as_array().unwrap().iter().map(|view| view["number"].as_u64().unwrap());
    assert_eq!(kept.collect::<Vec<_>>(), (1..=21).collect::<Vec<_>>());
}

#[tokio::test]
async fn kept_values_are_written_under_conditions_and_seen_by_late_comers() {
    let (rig, token) = rig().await;
    let path = "/v1/groups/task.a/metadata/level";
    let put = |headers: &'static [(&'static str, &'static str)], value: u64| {
        let (rig, token) = (&rig, &token);
        async move { write(rig, (Method::PUT, path), token, headers, &json!(value)).await }
    };
    let absent: &[(&str, &str)] = &[("if-none-match", "*")];
    let (first, view) = put(absent, 1).await;
    assert_eq!((first.status(), &view["values"]), (StatusCode::OK, &json!({ "level": 1 })));
    let (second, problem) = put(absent, 2).await;
    assert_eq!(second.status(), StatusCode::PRECONDITION_FAILED);
    assert_eq!(problem["code"], "LT0614");
    let tag = first.headers()["etag"].to_str().unwrap().to_owned();
    let seen = [("if-match", tag.as_str())];
    let (kept, _) = write(&rig, (Method::PUT, path), &token, &seen, &json!(3)).await;
    assert_eq!(kept.status(), StatusCode::OK);
    let (late, _) = write(&rig, (Method::PUT, path), &token, &seen, &json!(4)).await;
    assert_eq!(late.status(), StatusCode::PRECONDITION_FAILED);

    let mut mail = Stream::open(&rig, "member=a%230.1", None).await;
    let state = mail.first_state().await;
    let told = state.iter().find(|told| told.kind == "mail").unwrap();
    assert_eq!(told.data["metadata"], json!({ "a": { "level": 3 } }));
    let (gone, view) = write(&rig, (Method::DELETE, path), &token, &[], &Value::Null).await;
    assert_eq!((gone.status(), &view["values"]), (StatusCode::OK, &json!({})));
    assert_eq!(mail.next().await.unwrap().data["metadata"], json!({}));
}

#[tokio::test]
async fn what_is_refused_says_why_and_writes_nothing() {
    let (rig, token) = rig().await;
    let path = "/v1/groups/web/messages";
    let large = json!("x".repeat(20_000));
    let huge = json!("x".repeat(70_000));
    for (method, path, shown, body, status, code) in [
        (Method::POST, path, "nonsense", json!(1), 401, "LT0602"),
        (Method::POST, "/v1/groups/never/messages", &token, json!(1), 404, "LT0607"),
        (Method::POST, path, &token, large.clone(), 413, "LT0604"),
        (Method::POST, path, &token, huge, 413, "LT0604"),
        (Method::PUT, "/v1/groups/web/metadata/k", "nonsense", json!(1), 401, "LT0602"),
        (Method::PUT, "/v1/groups/web/metadata/k", &token, large, 413, "LT0604"),
        (Method::PUT, "/v1/groups/web/metadata/%0a", &token, json!(1), 400, "LT0606"),
        (Method::DELETE, "/v1/groups/web/metadata/k", "nonsense", json!(1), 401, "LT0602"),
    ] {
        let (head, problem) = write(&rig, (method.clone(), path), shown, &[], &body).await;
        let found = (head.status().as_u16(), problem["code"].as_str().unwrap_or_default());
        assert_eq!(found, (status, code), "{method} {path} {problem}");
    }
    rig.put(&[entry("a#0.1", State::Draining, 2), entry("b#0.1", State::Draining, 2)]).await;
    until(|| async {
        let (head, problem) = write(&rig, (Method::POST, path), &token, &[], &json!(1)).await;
        head.status() == StatusCode::CONFLICT && problem["code"] == "LT0613"
    })
    .await;
    let missing = rig.get("/v1/groups/web/messages/77").await;
    assert_eq!((missing.0, &missing.1["code"]), (StatusCode::NOT_FOUND, &json!("LT0607")));
    let (status, _) = rig.get("/v1/watch?member=a%230.1&member=b%230.1").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn without_tokens_nobody_says_anything() {
    let rig = Rig::start().await;
    let write = write(&rig, (Method::POST, "/v1/groups/web/messages"), "x", &[], &json!(1)).await;
    assert_eq!(write.0.status(), StatusCode::UNAUTHORIZED);
    assert!(write.1["detail"].as_str().unwrap().contains("none is configured"));
}

#[tokio::test]
async fn what_was_said_is_there_when_the_store_comes_back() {
    let (mut rig, token) = rig().await;
    send(&rig, &token, "web", &json!(1)).await;
    acknowledge(&rig, "a#0.1", json!({ "web": 1 })).await;
    rig.stop_store().await;
    let path = "/v1/groups/web/messages";
    until(|| async {
        let (head, problem) = write(&rig, (Method::POST, path), &token, &[], &json!(2)).await;
        head.status() == StatusCode::SERVICE_UNAVAILABLE && problem["code"] == "LT0608"
    })
    .await;
    rig.restart_store();
    let again = [("idempotency-key", "after")];
    until(|| async {
        write(&rig, (Method::POST, path), &token, &again, &json!(3)).await.0.status()
            == StatusCode::CREATED
    })
    .await;
    let (_, first) = rig.get("/v1/groups/web/messages/1").await;
    assert_eq!(receipts(&first), ["acknowledged", "waiting"]);
}
