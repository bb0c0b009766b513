//! Tests of a subscription: its events, its end, and its calls.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::recordio::FrameError;
use crate::scripted::{Answer as Reply, Scripted, Then};
use crate::v1::{AgentId, TaskId};

fn subscribed(heartbeat_seconds: f64) -> Vec<u8> {
    Event {
        r#type: Some(event::Type::Subscribed.into()),
        subscribed: Some(event::Subscribed {
            heartbeat_interval_seconds: Some(heartbeat_seconds),
            ..Default::default()
        }),
        ..Event::default()
    }
    .encode_to_vec()
}

fn message(size: usize) -> Vec<u8> {
    let data = Bytes::from(vec![0; size]);
    let message = event::Message { data, ..Default::default() };
    let kind = Some(event::Type::Message.into());
    Event { r#type: kind, message: Some(message), ..Event::default() }.encode_to_vec()
}

fn acknowledge(number: usize) -> Call {
    Call {
        r#type: Some(call::Type::Acknowledge.into()),
        acknowledge: Some(call::Acknowledge {
            agent_id: AgentId { value: "s".into() },
            task_id: TaskId { value: number.to_string() },
            uuid: Bytes::from_static(&[7; 16]),
        }),
        ..Call::default()
    }
}

async fn subscribe(server: &Scripted, limits: Limits) -> Subscription {
    let endpoint = Endpoint { masters: vec![server.url()], ..Endpoint::default() };
    let client = Client::new(endpoint, limits).unwrap();
    client.subscribe(FrameworkInfo::default(), Vec::new()).await.unwrap()
}

/// A server whose first connection is a stream and whose others answer calls.
async fn master<F>(stream: Reply, calls: F) -> Scripted
where
    F: Fn(usize) -> Reply + Send + Sync + 'static,
{
    let number = AtomicUsize::new(0);
    Scripted::start(move |request| match request.connection {
        0 => stream.clone(),
        _ => calls(number.fetch_add(1, Ordering::Relaxed)),
    })
    .await
}

fn held() -> Reply {
    Reply::stream(&[subscribed(15.0)], Then::Hold)
}

#[tokio::test]
async fn calls_go_in_order_on_one_connection_beside_the_stream() {
    let server = master(held(), |_| Reply::accepted()).await;
    let subscription = subscribe(&server, Limits::default()).await;
    let caller = subscription.caller();
    let answers: Vec<_> = (0..300).map(|number| caller.enqueue(&acknowledge(number))).collect();
    for answer in answers {
        answer.wait().await.unwrap();
    }
    let requests = server.requests();
    assert_eq!(requests.len(), 301);
    for (number, request) in requests[1..].iter().enumerate() {
        assert_eq!(request.connection, 1);
        assert_eq!(request.header("mesos-stream-id"), Some("s1"));
        assert_eq!(Call::decode(request.body.as_slice()).unwrap(), acknowledge(number));
    }
}

#[tokio::test]
async fn requests_have_exactly_the_headers_that_masters_check() {
    let server = master(held(), |_| Reply::accepted()).await;
    let subscription = subscribe(&server, Limits::default()).await;
    subscription.caller().call(acknowledge(1)).await.unwrap();
    for request in server.requests() {
        assert!(request.head.starts_with("POST /api/v1/scheduler HTTP/1.1"), "{}", request.head);
        assert_eq!(request.header("content-type"), Some("application/x-protobuf"));
        assert_eq!(request.header("accept"), Some("application/x-protobuf"));
        assert_eq!(request.header("authorization"), None);
    }
}

#[tokio::test]
async fn a_subscription_carries_the_id_of_its_framework() {
    let server = master(held(), |_| Reply::accepted()).await;
    let endpoint = Endpoint { masters: vec![server.url()], ..Endpoint::default() };
    let client = Client::new(endpoint, Limits::default()).unwrap();
    let id = crate::v1::FrameworkId { value: "f1".into() };
    let framework = FrameworkInfo { id: Some(id.clone()), ..Default::default() };
    let _subscription = client.subscribe(framework, vec!["quiet".into()]).await.unwrap();
    let call = Call::decode(server.requests()[0].body.as_slice()).unwrap();
    assert_eq!(call.framework_id, Some(id.clone()));
    let subscribe = call.subscribe.unwrap();
    assert_eq!(subscribe.framework_info.id, Some(id));
    assert_eq!(subscribe.suppressed_roles, ["quiet"]);
}

#[tokio::test]
async fn a_refused_call_leaves_the_next_one_alone() {
    let large = "x".repeat(100_000);
    let refuse = move |number| match number {
        0 => Reply::text("400 Bad Request", "", "no such offer\n"),
        1 => Reply::text("503 Service Unavailable", "", &large),
        _ => Reply::accepted(),
    };
    let server = master(held(), refuse).await;
    let mut subscription = subscribe(&server, Limits::default()).await;
    let caller = subscription.caller();
    let CallError::Refused(refusal) = caller.call(acknowledge(0)).await.unwrap_err() else {
        panic!("not refused")
    };
    assert_eq!((refusal.status, refusal.text.as_str()), (400, "no such offer"));
    let error = caller.call(acknowledge(1)).await.unwrap_err();
    assert!(error.is_retryable());
    let CallError::Refused(refusal) = error else { panic!("not refused") };
    assert_eq!(refusal.text.len(), Limits::default().text, "a long text is cut off");
    caller.call(acknowledge(2)).await.unwrap();
    assert_eq!(subscription.next().await.unwrap().r#type(), event::Type::Subscribed);
}

#[tokio::test]
async fn a_connection_that_was_closed_between_calls_is_replaced() {
    let closing = "Connection: close\r\n";
    let server = master(held(), move |_| Reply::text("202 Accepted", closing, "")).await;
    let subscription = subscribe(&server, Limits::default()).await;
    for number in 0..5 {
        subscription.caller().call(acknowledge(number)).await.unwrap();
    }
    let connections: Vec<_> = server.requests().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_call_without_an_answer_ends_the_subscription() {
    let server = master(held(), |number| match number {
        0 => Reply::accepted(),
        _ => Reply::new(b"", Then::Close),
    })
    .await;
    let mut subscription = subscribe(&server, Limits::default()).await;
    assert_eq!(subscription.next().await.unwrap().r#type(), event::Type::Subscribed);
    let caller = subscription.caller();
    caller.call(acknowledge(0)).await.unwrap();
    let answers: Vec<_> = (1..4).map(|number| caller.enqueue(&acknowledge(number))).collect();
    let mut errors = Vec::new();
    for answer in answers {
        errors.push(answer.wait().await.unwrap_err());
    }
    assert!(matches!(errors[0], CallError::Unanswered(_)), "{errors:?}");
    assert!(matches!(errors[1..], [CallError::Over, CallError::Over]), "{errors:?}");
    assert!(errors.iter().all(CallError::is_retryable));
    assert_eq!(server.requests().len(), 3, "nothing was sent after the broken call");
    let end = subscription.next().await.unwrap_err();
    assert!(matches!(end, StreamError::Calls { .. }), "{end:?}");
    let end = subscription.next().await.unwrap_err();
    assert!(matches!(end, StreamError::Closed), "{end:?}");
}

#[tokio::test]
async fn a_call_that_is_not_answered_in_time_ends_the_subscription() {
    let server = master(held(), |_| Reply::new(b"", Then::Hold)).await;
    let limits = Limits { answer: Duration::from_millis(30), ..Limits::default() };
    let mut subscription = subscribe(&server, limits).await;
    subscription.next().await.unwrap();
    let error = subscription.caller().call(acknowledge(0)).await.unwrap_err();
    let CallError::Unanswered(source) = error else { panic!("{error:?}") };
    assert!(matches!(source, ConnectionError::TimedOut { .. }), "{source:?}");
    assert!(matches!(subscription.next().await, Err(StreamError::Calls { .. })));
}

#[tokio::test]
async fn calls_that_are_too_many_or_too_large_are_not_sent() {
    let server = master(held(), |_| Reply::new(b"", Then::Hold)).await;
    let limits = Limits { queue: 2, request: 100, ..Limits::default() };
    let endpoint = Endpoint { masters: vec![server.url()], ..Endpoint::default() };
    let client = Client::new(endpoint, limits).unwrap();
    let name = "x".repeat(200);
    let framework = FrameworkInfo { name, ..Default::default() };
    let error = client.subscribe(framework, Vec::new()).await.unwrap_err();
    assert!(matches!(error, SubscribeError::TooLarge { limit: 100, .. }), "{error:?}");
    let subscription = client.subscribe(FrameworkInfo::default(), Vec::new()).await.unwrap();
    let caller = subscription.caller();
    let answers: Vec<_> = (0..4).map(|number| caller.enqueue(&acknowledge(number))).collect();
    let full = answers.into_iter().last().unwrap().wait().await.unwrap_err();
    assert!(matches!(full, CallError::Full { waiting: 2 }), "{full:?}");
    let mut large = acknowledge(0);
    large.acknowledge.as_mut().unwrap().uuid = Bytes::from(vec![0; 200]);
    let error = caller.call(large).await.unwrap_err();
    assert!(matches!(error, CallError::TooLarge { limit: 100, .. }), "{error:?}");
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn dropping_a_subscription_ends_its_calls() {
    let server = master(held(), |_| Reply::accepted()).await;
    let subscription = subscribe(&server, Limits::default()).await;
    let caller = subscription.caller();
    caller.call(acknowledge(0)).await.unwrap();
    drop(subscription);
    let error = caller.call(acknowledge(1)).await.unwrap_err();
    assert!(matches!(error, CallError::Over), "{error:?}");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn silence_ends_a_subscription() {
    let stream = Reply::stream(&[subscribed(0.02)], Then::Hold);
    let server = master(stream, |_| Reply::accepted()).await;
    let mut subscription = subscribe(&server, Limits::default()).await;
    subscription.next().await.unwrap();
    let StreamError::Silent { after } = subscription.next().await.unwrap_err() else {
        panic!("not silent")
    };
    assert_eq!(after, Duration::from_millis(100), "five heartbeats");
    let error = subscription.caller().call(acknowledge(0)).await.unwrap_err();
    assert!(matches!(error, CallError::Over), "{error:?}");
}

#[tokio::test]
async fn a_stream_without_a_first_event_is_silent() {
    let server = master(Reply::stream(&[], Then::Hold), |_| Reply::accepted()).await;
    let limits = Limits { subscribe: Duration::from_millis(500), ..Limits::default() };
    let mut subscription = subscribe(&server, limits).await;
    assert!(matches!(subscription.next().await, Err(StreamError::Silent { .. })));
}

#[test]
fn five_heartbeats_are_waited_for_and_odd_intervals_are_not_believed() {
    let interval = |seconds| {
        let event = Event::decode(subscribed(seconds).as_slice()).unwrap();
        stream::Event::heartbeat_interval(&event)
    };
    let silence = <Event as stream::Event>::silence;
    assert_eq!(silence(interval(15.0)), Some(Duration::from_secs(75)));
    for odd in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(silence(interval(odd)), Some(Duration::from_secs(75)), "{odd}");
    }
}

#[tokio::test]
async fn events_that_nobody_takes_end_the_subscription() {
    let records: Vec<_> = (0..50).map(|_| message(100)).collect();
    let cases = [
        (Limits { backlog: 10, ..Limits::default() }, 10),
        (Limits { backlog_bytes: 5 * message(100).len(), ..Limits::default() }, 5),
        (Limits { backlog_bytes: 1, ..Limits::default() }, 1),
    ];
    for (limits, taken) in cases {
        let server = master(Reply::stream(&records, Then::Hold), |_| Reply::accepted()).await;
        let mut subscription = subscribe(&server, limits).await;
        subscription.events.ended().await;
        for _ in 0..taken {
            assert_eq!(subscription.next().await.unwrap().encode_to_vec(), records[0]);
        }
        let end = subscription.next().await.unwrap_err();
        assert!(matches!(end, StreamError::Overflow { .. }), "{end:?}");
    }
}

#[tokio::test]
async fn a_stream_that_is_no_stream_of_events_ends_with_the_reason() {
    let chunk = |bytes: &str| {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nMesos-Stream-Id: s1\
            \r\nTransfer-Encoding: chunked\r\n\r\n";
        let text = format!("{head}{:x}\r\n{bytes}\r\n0\r\n\r\n", bytes.len());
        Reply::new(text.as_bytes(), Then::Hold)
    };
    let end = async |bytes: &str, limits: Limits| {
        let server = master(chunk(bytes), |_| Reply::accepted()).await;
        let mut subscription = subscribe(&server, limits).await;
        subscription.next().await.unwrap_err()
    };
    let error = end("hello\n", Limits::default()).await;
    assert!(matches!(error, StreamError::Frame(FrameError::NotADigit { byte: b'h' })), "{error:?}");
    let error = end("999\nx", Limits { record: 998, ..Limits::default() }).await;
    assert!(matches!(error, StreamError::Frame(FrameError::TooLarge { .. })), "{error:?}");
    let error = end("9\nx", Limits::default()).await;
    assert!(matches!(error, StreamError::Truncated), "{error:?}");
    let error = end("3\n\u{7f}\u{7f}\u{7f}", Limits::default()).await;
    assert!(matches!(error, StreamError::Decode(_)), "{error:?}");
}
