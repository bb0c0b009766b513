//! Tests of finding the leading master.

use super::*;
use crate::scheduler::Client;
use crate::scripted::{Answer, Scripted, Then};

fn client(masters: &[String]) -> Client {
    let endpoint = Endpoint { masters: masters.to_vec(), ..Endpoint::default() };
    Client::new(endpoint, Limits::default()).unwrap()
}

async fn subscribe(masters: &[String]) -> Result<crate::scheduler::Subscription, SubscribeError> {
    client(masters).subscribe(Default::default(), Vec::new()).await
}

/// The port of a listener that is gone.
fn dead() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

async fn always(answer: Answer) -> Scripted {
    Scripted::start(move |_| answer.clone()).await
}

fn only_attempt(error: SubscribeError) -> AttemptError {
    match error {
        SubscribeError::NoLeader { mut attempts } if attempts.len() == 1 => {
            attempts.remove(0).error
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn masters_are_asked_in_turn_until_one_leads() {
    let recovering = always(Answer::text("503 Service Unavailable", "", "recovering")).await;
    let starting = always(Answer::text("404 Not Found", "", "")).await;
    let leader = always(Answer::stream(&[], Then::Hold)).await;
    let masters = [dead(), recovering.url(), starting.url(), leader.url()];
    let subscription = subscribe(&masters).await.unwrap();
    assert_eq!(subscription.master.authority(), leader.url());
    assert_eq!(subscription.stream_id, "s1");
    assert_eq!((recovering.requests().len(), starting.requests().len()), (1, 1));
}

#[tokio::test]
async fn when_nobody_leads_every_attempt_is_told() {
    let recovering = always(Answer::text("503 Service Unavailable", "", "No leader elected")).await;
    let error = subscribe(&[dead(), recovering.url()]).await.unwrap_err();
    assert!(error.is_retryable());
    let text = error.to_string();
    assert!(text.contains("cannot connect to"), "{text}");
    assert!(text.contains("answered 503: No leader elected"), "{text}");
}

#[tokio::test]
async fn who_is_announced_is_asked_before_the_others_and_they_remain() {
    let leader = always(Answer::stream(&[], Then::Hold)).await;
    let other = always(Answer::stream(&[], Then::Hold)).await;
    let (announce, announced) = watch::channel(None);
    let masters = vec![other.url()];
    let endpoint = Endpoint { masters, announced: Some(announced), ..Endpoint::default() };
    let client = Client::new(endpoint, Limits::default()).unwrap();
    let reached = async || {
        let subscription = client.subscribe(Default::default(), Vec::new()).await.unwrap();
        subscription.master.authority()
    };
    assert_eq!(reached().await, other.url());
    announce.send_replace(Some(Url::parse(&leader.url(), 1).unwrap()));
    assert_eq!(reached().await, leader.url());
    assert_eq!(reached().await, leader.url());
    // What is announced may be out of date.
    announce.send_replace(Some(Url::parse(&dead(), 1).unwrap()));
    assert_eq!(reached().await, other.url());
}

#[tokio::test]
async fn while_none_is_announced_there_is_nobody_to_ask_and_that_passes() {
    let (_announce, announced) = watch::channel(None);
    let endpoint = Endpoint { announced: Some(announced), ..Endpoint::default() };
    let client = Client::new(endpoint, Limits::default()).unwrap();
    let error = client.subscribe(Default::default(), Vec::new()).await.unwrap_err();
    assert!(error.is_retryable());
    assert_eq!(error.to_string(), "no leading master was found: none is announced");
}

#[tokio::test]
async fn each_attempt_starts_with_another_master() {
    let first = always(Answer::stream(&[], Then::Hold)).await;
    let second = always(Answer::stream(&[], Then::Hold)).await;
    let client = client(&[first.url(), second.url()]);
    for expected in [&first, &second, &first] {
        let subscription = client.subscribe(Default::default(), Vec::new()).await.unwrap();
        assert_eq!(subscription.master.authority(), expected.url());
    }
}

#[tokio::test]
async fn wrong_credentials_are_not_tried_at_every_master() {
    let first = always(Answer::text("401 Unauthorized", "", "401 Unauthorized.")).await;
    let second = always(Answer::stream(&[], Then::Hold)).await;
    let error = subscribe(&[first.url(), second.url()]).await.unwrap_err();
    assert!(!error.is_retryable());
    let SubscribeError::Refused { master, refusal } = error else { panic!("{error:?}") };
    assert_eq!(refusal.status, 401);
    assert_eq!(master.authority(), first.url());
    assert!(second.requests().is_empty());
}

#[tokio::test]
async fn a_circle_of_redirects_ends() {
    let answer =
        Answer::text("307 Temporary Redirect", "Location: /master/api/v1/scheduler\r\n", "");
    let server = always(answer).await;
    let error = only_attempt(subscribe(&[server.url()]).await.unwrap_err());
    assert!(matches!(error, AttemptError::TooManyRedirects), "{error:?}");
    assert_eq!(server.requests().len(), wire::MAX_REDIRECTS + 1);
}

#[tokio::test]
async fn redirects_that_cannot_be_followed_are_told() {
    let to = |location: &str| {
        Answer::text("307 Temporary Redirect", &format!("Location: {location}\r\n"), "")
    };
    for location in ["ftp://m2:5050/x", "//", "//u:p@m2:5050/"] {
        let server = always(to(location)).await;
        let error = only_attempt(subscribe(&[server.url()]).await.unwrap_err());
        assert!(matches!(error, AttemptError::Redirect(_)), "{location}: {error:?}");
    }
    let server = always(Answer::text("307 Temporary Redirect", "", "")).await;
    let error = only_attempt(subscribe(&[server.url()]).await.unwrap_err());
    assert!(matches!(error, AttemptError::Refused(_)), "{error:?}");
}

#[tokio::test]
async fn a_host_that_only_the_masters_know_can_be_replaced() {
    let leader = always(Answer::stream(&[], Then::Hold)).await;
    let port = leader.address.port();
    let location = format!("Location: //leader.invalid:{port}/master/api/v1/scheduler\r\n");
    let other = always(Answer::text("307 Temporary Redirect", &location, "")).await;
    let client = client(&[other.url()]);
    let alias = ("leader.invalid".to_owned(), "127.0.0.1".to_owned());
    let client = client.with_aliases([alias].into());
    let subscription = client.subscribe(Default::default(), Vec::new()).await.unwrap();
    assert_eq!(subscription.master.authority(), leader.url());
}

#[tokio::test]
async fn what_does_not_speak_like_a_master_is_none() {
    let html = "Content-Type: text/html\r\nMesos-Stream-Id: s1\r\n";
    let no_id = "Content-Type: application/x-protobuf\r\n";
    for (headers, what) in [(html, "not protobuf"), (no_id, "no Mesos-Stream-Id")] {
        let server = always(Answer::text("200 OK", headers, "")).await;
        let error = only_attempt(subscribe(&[server.url()]).await.unwrap_err());
        assert!(error.to_string().contains(what), "{error}");
    }
    let server = always(Answer::new(b"SSH-2.0-OpenSSH_9.2\r\n", Then::Close)).await;
    let error = only_attempt(subscribe(&[server.url()]).await.unwrap_err());
    assert!(matches!(error, AttemptError::Connection(ConnectionError::Broken { .. })), "{error:?}");
}

#[tokio::test]
async fn a_master_that_accepts_and_says_nothing_is_given_up() {
    let frozen = always(Answer::new(b"", Then::Hold)).await;
    let leader = always(Answer::stream(&[], Then::Hold)).await;
    let endpoint = Endpoint { masters: vec![frozen.url(), leader.url()], ..Endpoint::default() };
    let limits = Limits { subscribe: Duration::from_millis(50), ..Limits::default() };
    // The leader must answer within the same time; where this machine is too slow, again.
    let client = Client::new(endpoint, limits).unwrap();
    for _ in 0..100 {
        if let Ok(subscription) = client.subscribe(Default::default(), Vec::new()).await {
            assert_eq!(subscription.master.authority(), leader.url());
            return;
        }
    }
    panic!("the leader was never reached");
}

#[test]
fn an_endpoint_without_usable_masters_is_refused_at_once() {
    let new = |masters: &[&str]| {
        let masters = masters.iter().map(|text| (*text).to_owned()).collect();
        Client::new(Endpoint { masters, ..Endpoint::default() }, Limits::default()).unwrap_err()
    };
    assert_eq!(new(&[]), EndpointError::NoMasters);
    assert!(matches!(new(&["m1", "zk://m2"]), EndpointError::Address(_)));
    assert!(matches!(new(&["m1", "https://m2"]), EndpointError::NoTls { .. }));
}

#[test]
fn a_secret_is_never_printed() {
    let credentials = Credentials { principal: "lathe".into(), secret: "s3cret".into() };
    let endpoint = Endpoint {
        masters: vec!["m1".into()],
        credentials: Some(credentials),
        ..Endpoint::default()
    };
    assert!(!format!("{endpoint:?}").contains("s3cret"));
    let client = Client::new(endpoint, Limits::default()).unwrap();
    let printed = format!("{client:?}");
    assert!(!printed.contains("s3cret") && !printed.contains("bGF0aGU6"), "{printed}");
}
