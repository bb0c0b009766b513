//! Beats as registries get them.

use super::*;
use crate::test_server::{Reply, TestServer, until};

fn beating(registries: &[&str], schedulers: &[&str]) -> Beating {
    let owned = |urls: &[&str]| urls.iter().map(|url| (*url).to_owned()).collect();
    Beating {
        incarnation: "http.lb#2.7".to_owned(),
        secret: "hush".to_owned(),
        registries: owned(registries),
        schedulers: owned(schedulers),
    }
}

/// An address where nobody listens.
async fn nobody() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[tokio::test]
async fn a_beat_says_who_and_how_over_one_connection() {
    let registry = TestServer::start(|_| Reply::status("204 No Content", b"")).await;
    let mut sender = Sender::new(beating(&[&registry.url], &[]));
    sender.beat(&Life::Starting).await;
    assert!(sender.connection.is_some(), "kept for the next beat");
    sender.beat(&Life::Ready).await;
    sender.beat(&Life::Draining).await;
    let requests = registry.requests();
    assert_eq!(requests.len(), 3);
    let first = requests[0].to_lowercase();
    assert!(first.starts_with("post /v1/instances/http.lb%232.7/beat http/1.1\r\n"), "{first}");
    assert!(first.contains("authorization: bearer hush\r\n"), "{first}");
    for (request, state) in requests.iter().zip(["starting", "ready", "draining"]) {
        assert!(request.ends_with(&format!("{{\"state\":\"{state}\"}}")), "{request}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_it_goes_along() {
    let registry = TestServer::start(|_| Reply::status("204 No Content", b"")).await;
    let mut sender = Sender::new(beating(&[&registry.url], &[]));
    sender.beat(&Life::Ailing("GET /\"x\": answered 503".to_owned())).await;
    let request = registry.requests().pop().unwrap();
    let body = request.rsplit_once("\r\n\r\n").unwrap().1;
    let said: serde_json::Value = serde_json::from_str(body).unwrap();
    let expected = serde_json::json!({ "state": "ready", "failing": "GET /\"x\": answered 503" });
    assert_eq!(said, expected);
}

#[tokio::test]
async fn the_next_registry_is_asked_when_one_fails_and_kept() {
    let silent = TestServer::start(|_| Reply::status("503 Service Unavailable", b"")).await;
    let good = TestServer::start(|_| Reply::status("204 No Content", b"")).await;
    let dead = nobody().await;
    let mut sender = Sender::new(beating(&[&dead, &silent.url, &good.url], &[]));
    sender.current = 0;
    sender.beat(&Life::Ready).await;
    sender.beat(&Life::Ready).await;
    assert_eq!((silent.requests().len(), good.requests().len()), (1, 2));
}

#[test]
fn not_all_begin_at_the_same_registry() {
    let firsts: std::collections::BTreeSet<usize> = (0..10)
        .map(|slot| {
            let incarnation = format!("http.lb#{slot}.1");
            Sender::new(Beating { incarnation, ..beating(&["a", "b", "c"], &[]) }).current
        })
        .collect();
    assert_eq!(firsts.into_iter().collect::<Vec<_>>(), [0, 1, 2]);
}

#[tokio::test]
async fn a_scheduler_knows_the_registries_of_today() {
    let good = TestServer::start(|_| Reply::status("204 No Content", b"")).await;
    let list = format!("[\"{}\"]", good.url);
    let scheduler = TestServer::start(move |_| Reply::ok(list.as_bytes())).await;
    let dead = nobody().await;
    let mut sender = Sender::new(beating(&[&dead], &[&dead, &scheduler.url]));
    sender.beat(&Life::Ready).await;
    sender.beat(&Life::Ready).await;
    assert_eq!(good.requests().len(), 1);
    assert!(scheduler.requests()[0].starts_with("GET /v1/registries HTTP/1.1\r\n"));
}

#[tokio::test]
async fn schedulers_are_not_asked_with_each_beat() {
    let scheduler = TestServer::start(|_| Reply::ok(b"[]")).await;
    let mut sender = Sender::new(beating(&[], &[&scheduler.url]));
    for _ in 0..5 {
        sender.beat(&Life::Ready).await;
    }
    assert_eq!(scheduler.requests().len(), 1);
}

#[tokio::test]
async fn answers_that_cannot_be_read_change_nothing() {
    let scheduler = TestServer::start(|_| Reply::ok(&vec![b'['; LIST_BYTES_MAX + 1])).await;
    let odd = TestServer::start(|_| Reply::ok(b"{\"registries\":1}")).await;
    let dead = nobody().await;
    let mut sender = Sender::new(beating(&[&dead], &[&scheduler.url, &odd.url]));
    sender.beat(&Life::Ready).await;
    assert_eq!(sender.beating.registries, [dead]);
}

#[tokio::test]
async fn beats_go_out_in_the_background() {
    let registry = TestServer::start(|_| Reply::status("204 No Content", b"")).await;
    let beats = Beats::start(beating(&[&registry.url], &[]));
    beats.beat(Life::Ready);
    until("a beat", || registry.requests().len() == 1).await;
    beats.beat(Life::Ready);
    until("the same life again", || registry.requests().len() == 2).await;
}
