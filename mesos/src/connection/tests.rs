//! Tests of TLS towards a master, against a server that ends TLS before a scripted master.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lathe_tls::{ServerFiles, ServerTls};
use tokio::io::copy_bidirectional;
use tokio::net::TcpListener;

use super::*;
use crate::masters::{Endpoint, EndpointError};
use crate::operator;
use crate::scheduler::{Client, SubscribeError};
use crate::scripted::{Answer, Scripted, Then};
use crate::{Credentials, Limits};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tls/testdata").join(name)
}

/// A door with TLS before a master; counts the connections that went through.
struct Door {
    url: String,
    through: Arc<AtomicUsize>,
}

async fn door_before(master: &Scripted) -> Door {
    let files = ServerFiles {
        certificate: file("server.pem"),
        key: file("server.key"),
        client_authorities: None,
    };
    let tls = ServerTls::load(files).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let (through, to) = (Arc::new(AtomicUsize::new(0)), master.address);
    let count = Arc::clone(&through);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (tls, count) = (tls.clone(), Arc::clone(&count));
            tokio::spawn(async move {
                let Ok(mut outside) = tls.accept(stream).await else { return };
                count.fetch_add(1, Ordering::SeqCst);
                let mut inside = TcpStream::connect(to).await.unwrap();
                let _ = copy_bidirectional(&mut outside, &mut inside).await;
            });
        }
    });
    Door { url, through }
}

fn endpoint(master: &str, trusted: &str) -> Endpoint {
    let credentials = Credentials { principal: "lathe".to_owned(), secret: "geheim".to_owned() };
    Endpoint {
        masters: vec![master.to_owned()],
        credentials: Some(credentials),
        tls: Some(ClientTls::trusting(&file(trusted)).unwrap()),
        ..Endpoint::default()
    }
}

#[tokio::test]
async fn a_master_behind_tls_is_subscribed_to_and_a_redirect_stays_in_tls() {
    let leader = Scripted::start(|_| Answer::stream(&[], Then::Hold)).await;
    let before_leader = door_before(&leader).await;
    let there = before_leader.url.trim_start_matches("https:").to_owned();
    let location = format!("Location: {there}/master/api/v1/scheduler\r\n");
    let other =
        Scripted::start(move |_| Answer::text("307 Temporary Redirect", &location, "")).await;
    let before_other = door_before(&other).await;

    let client = Client::new(endpoint(&before_other.url, "ca.pem"), Limits::default()).unwrap();
    let subscription = client.subscribe(Default::default(), Vec::new()).await.unwrap();
    assert!(subscription.master.is_tls());
    assert_eq!(before_leader.through.load(Ordering::SeqCst), 1);
    let seen = leader.requests();
    assert!(seen[0].header("authorization").unwrap().starts_with("Basic "));
    assert!(before_leader.url.ends_with(seen[0].header("host").unwrap()));
}

#[tokio::test]
async fn who_is_signed_by_another_authority_is_not_told_the_password() {
    let master = Scripted::start(|_| Answer::stream(&[], Then::Hold)).await;
    let door = door_before(&master).await;
    let client = Client::new(endpoint(&door.url, "other-ca.pem"), Limits::default()).unwrap();
    let error = client.subscribe(Default::default(), Vec::new()).await.unwrap_err();
    assert!(matches!(error, SubscribeError::NoLeader { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("TLS with 127.0.0.1:"), "{text}");
    assert!(text.contains("certificate"), "{text}");
    assert!(master.requests().is_empty());
}

#[tokio::test]
async fn agents_are_spoken_to_over_tls_where_masters_are() {
    let agent = Scripted::start(|_| Answer::text("404 Not Found", "", "")).await;
    let door = door_before(&agent).await;
    let client = operator::Client::new(endpoint(&door.url, "ca.pem"), Limits::default()).unwrap();
    let offered = Url::parse(&door.url.replace("https", "http"), 1).unwrap();
    assert!(!offered.is_tls());
    client.agent_call(&offered, Default::default()).await.unwrap_err();
    assert_eq!((door.through.load(Ordering::SeqCst), agent.requests().len()), (1, 1));
}

#[test]
fn a_master_by_tls_takes_an_authority_to_trust() {
    let endpoint = Endpoint { masters: vec!["https://m1".to_owned()], ..Endpoint::default() };
    let error = Client::new(endpoint, Limits::default()).unwrap_err();
    assert!(matches!(error, EndpointError::NoTls { .. }), "{error}");
}
