//! The door for hosts outside: the same answers by TLS, REST and gRPC, to those who may come.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use lathe_api::v1::FollowRequest;
use lathe_api::v1::registry_client::RegistryClient;
use lathe_registry::config::{Config, Flags};
use lathe_tls::ClientTls;
use tonic::transport::Endpoint;

use crate::rig::Rig;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tls/testdata").join(name)
}

/// A registry with a second listener, which asks clients for a certificate or does not.
async fn rig(clients: bool) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("registry.toml");
    let clients = if clients {
        format!("tls_client_ca = {:?}\n", file("client-ca.pem"))
    } else {
        String::new()
    };
    let text = format!(
        "store = \"local:x\"\nkey_file = \"x\"\ntls_listen = \"127.0.0.1:0\"\n\
         tls_cert = {:?}\ntls_key = {:?}\n{clients}",
        file("server.pem"),
        file("server.key"),
    );
    std::fs::write(&path, text).unwrap();
    let flags = Flags { config: Some(path), ..Flags::default() };
    let tls = Config::load(&flags).unwrap().tls;
    assert!(tls.is_some());
    Rig::with(|config| config.tls = tls).await
}

async fn get(rig: &Rig, tls: &ClientTls, path: &str) -> Option<(StatusCode, Bytes)> {
    let client = Client::builder(TokioExecutor::new())
        .build::<_, Empty<Bytes>>(tls.connector(HttpConnector::new()));
    let url = format!("{}{path}", rig.tls.as_ref().unwrap());
    let answer = client.get(url.parse().unwrap()).await.ok()?;
    let status = answer.status();
    Some((status, answer.into_body().collect().await.ok()?.to_bytes()))
}

#[tokio::test]
async fn hosts_outside_read_and_follow_by_tls_what_those_inside_do_without() {
    let rig = rig(false).await;
    let tls = ClientTls::trusting(&file("ca.pem")).unwrap();
    let (status, body) = get(&rig, &tls, "/v1/groups").await.unwrap();
    assert_eq!((status, &body[..]), (StatusCode::OK, &b"[]"[..]));
    assert_eq!(rig.get("/v1/groups").await.0, StatusCode::OK);

    let endpoint = Endpoint::from_shared(rig.tls.clone().unwrap()).unwrap();
    let channel = endpoint.connect_with_connector(tls.connector(HttpConnector::new()));
    let mut client = RegistryClient::new(channel.await.unwrap());
    let followed = client.follow(FollowRequest::default()).await.unwrap();
    assert!(followed.into_inner().message().await.unwrap().is_some());

    let stranger = ClientTls::trusting(&file("other-ca.pem")).unwrap();
    assert_eq!(get(&rig, &stranger, "/v1/groups").await, None);
}

#[tokio::test]
async fn who_has_no_certificate_of_the_named_authority_is_told_nothing() {
    let rig = rig(true).await;
    let without = ClientTls::trusting(&file("ca.pem")).unwrap();
    assert_eq!(get(&rig, &without, "/v1/groups").await, None);
    let with =
        ClientTls::showing(&file("ca.pem"), &file("client.pem"), &file("client.key")).unwrap();
    assert_eq!(get(&rig, &with, "/v1/groups").await.unwrap().0, StatusCode::OK);
    // Inside nothing has changed.
    assert_eq!(rig.get("/v1/groups").await.0, StatusCode::OK);
}
