//! Tests of the operator's client.

use super::*;
use crate::scripted::{Answer as Reply, Scripted, Then};
use crate::v1::VersionInfo;
use crate::wire::Credentials;

fn client(server: &Scripted, limits: Limits) -> Client {
    let credentials = Credentials { principal: "lathe".into(), secret: "secret".into() };
    let endpoint = Endpoint {
        masters: vec![server.url()],
        credentials: Some(credentials),
        ..Endpoint::default()
    };
    Client::new(endpoint, limits).unwrap()
}

fn answer(message: &impl Message) -> Reply {
    let body = message.encode_to_vec();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    Reply::new(&[head.as_bytes(), &body].concat(), Then::Read)
}

fn get_version() -> master::Call {
    let kind = Some(master::call::Type::GetVersion.into());
    master::Call { r#type: kind, ..Default::default() }
}

fn version(text: &str) -> master::Response {
    let version_info = VersionInfo { version: text.into(), ..Default::default() };
    master::Response {
        r#type: Some(master::response::Type::GetVersion.into()),
        get_version: Some(master::response::GetVersion { version_info }),
        ..Default::default()
    }
}

#[tokio::test]
async fn a_call_is_answered_by_the_leading_master() {
    let leader = Scripted::start(|_| answer(&version("1.11.0"))).await;
    let location = format!("Location: //{}/master/api/v1\r\n", leader.url());
    let other =
        Scripted::start(move |_| Reply::text("307 Temporary Redirect", &location, "")).await;
    let client = client(&other, Limits::default());
    assert_eq!(client.master_call(get_version()).await.unwrap(), version("1.11.0"));
    let asked = leader.requests().remove(0);
    assert_eq!(asked.path(), "/master/api/v1");
    assert_eq!(asked.header("authorization"), Some("Basic bGF0aGU6c2VjcmV0"));
    assert_eq!(master::Call::decode(asked.body.as_slice()).unwrap(), get_version());
}

#[tokio::test]
async fn a_call_that_returns_nothing_gives_an_empty_response() {
    for status in ["200 OK", "202 Accepted"] {
        let server = Scripted::start(move |_| Reply::text(status, "", "")).await;
        let response = client(&server, Limits::default()).master_call(get_version()).await;
        assert_eq!(response.unwrap(), master::Response::default());
    }
}

#[tokio::test]
async fn refusals_and_dead_ends_are_told() {
    let server = Scripted::start(|_| Reply::text("403 Forbidden", "", "not you")).await;
    let error = client(&server, Limits::default()).master_call(get_version()).await.unwrap_err();
    assert!(matches!(&error, CallError::Refused(refusal) if refusal.status == 403), "{error:?}");
    let server = Scripted::start(|_| Reply::text("503 Service Unavailable", "", "later")).await;
    let error = client(&server, Limits::default()).master_call(get_version()).await.unwrap_err();
    assert!(matches!(&error, CallError::NoLeader { .. }) && error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn answers_that_are_too_large_or_no_message_are_refused() {
    let large = version(&"1".repeat(1000));
    let server = Scripted::start(move |_| answer(&large)).await;
    let limits = Limits { response: 1000, ..Limits::default() };
    let error = client(&server, limits).master_call(get_version()).await.unwrap_err();
    assert!(error.to_string().contains("more than 1000 bytes"), "{error}");
    let json = "Content-Type: application/json\r\n";
    let server = Scripted::start(move |_| Reply::text("200 OK", json, "{}")).await;
    let error = client(&server, Limits::default()).master_call(get_version()).await.unwrap_err();
    assert!(matches!(error, CallError::BadAnswer { .. }), "{error:?}");
    let protobuf = "Content-Type: application/x-protobuf\r\n";
    let server = Scripted::start(move |_| Reply::text("200 OK", protobuf, "\u{7f}")).await;
    let error = client(&server, Limits::default()).master_call(get_version()).await.unwrap_err();
    assert!(matches!(error, CallError::BadAnswer { .. }), "{error:?}");
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn files_are_read_at_the_agent_that_a_url_names() {
    let content = agent::Response {
        r#type: Some(agent::response::Type::ReadFile.into()),
        read_file: Some(agent::response::ReadFile { size: 5, data: Bytes::from_static(b"lo") }),
        ..Default::default()
    };
    let reply = answer(&content);
    let server = Scripted::start(move |_| reply.clone()).await;
    let url = Url::parse(&format!("http://{}/slave(1)", server.url()), 5051).unwrap();
    let call = agent::Call {
        r#type: Some(agent::call::Type::ReadFile.into()),
        read_file: Some(agent::call::ReadFile { path: "/x".into(), offset: 3, length: Some(2) }),
        ..Default::default()
    };
    let client = client(&server, Limits::default());
    assert_eq!(client.agent_call(&url, call.clone()).await.unwrap(), content);
    let asked = server.requests().remove(0);
    assert_eq!(asked.path(), "/slave(1)/api/v1");
    assert_eq!(agent::Call::decode(asked.body.as_slice()).unwrap(), call);
    drop(server);
    let error = client.agent_call(&url, call).await.unwrap_err();
    assert!(matches!(error, CallError::NotSent(_)), "{error:?}");
}
