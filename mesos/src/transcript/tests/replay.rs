//! Replays of recorded answers, byte for byte, through the real clients over TCP: the answer is cut
//! in two, at every byte where it is short and at some hundred places where it is long.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

use super::*;
use crate::address::Url;
use crate::scheduler::{AttemptError, CallError, Endpoint, SubscribeError};
use crate::scripted::{Answer, Scripted, Then};
use crate::{Credentials, Limits, StreamError, executor, operator, scheduler};

/// Answers up to this many bytes are cut everywhere.
const SHORT: usize = 600;
/// Places at which longer ones are cut.
const CUTS: usize = 250;

fn cuts(bytes: &[u8]) -> Vec<usize> {
    if bytes.len() <= SHORT {
        return (0..=bytes.len()).collect();
    }
    let mut random = Xoshiro256PlusPlus::seed_from_u64(bytes.len() as u64);
    (0..CUTS).map(|_| random.random_range(0..=bytes.len())).collect()
}

fn endpoint(server: &Scripted) -> Endpoint {
    let credentials = Credentials { principal: "lathe".into(), secret: "secret".into() };
    Endpoint {
        masters: vec![server.address.to_string()],
        credentials: Some(credentials),
        ..Endpoint::default()
    }
}

fn environment(server: &Scripted) -> executor::Environment {
    let pid = format!("slave(1)@{}", server.address);
    let pairs = [
        ("MESOS_FRAMEWORK_ID", "f"),
        ("MESOS_EXECUTOR_ID", "e"),
        ("MESOS_SLAVE_ID", "s"),
        ("MESOS_SLAVE_PID", &pid),
        ("MESOS_DIRECTORY", "/"),
    ];
    let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    executor::Environment::from_vars(pairs).unwrap()
}

/// The records of a recorded stream, read without a client.
fn expected<E: Message + Default>(exchange: &Exchange) -> Vec<E> {
    let mut decoder = Decoder::new(1 << 20);
    decoder.push(&exchange.response_body()).unwrap();
    let records = std::iter::from_fn(|| decoder.next());
    records.map(|record| E::decode(record).unwrap()).collect()
}

fn streams(api: Api) -> Vec<Exchange> {
    let mut all = all();
    all.retain(|exchange| exchange.api() == api && exchange.events.is_some());
    assert!(all.len() > 6, "only {} streams", all.len());
    all
}

/// A server that answers with whatever stands first in a queue.
async fn queued() -> (Scripted, Arc<Mutex<VecDeque<Answer>>>) {
    let queue = Arc::new(Mutex::new(VecDeque::new()));
    let answers = Arc::clone(&queue);
    let server = Scripted::start(move |_| answers.lock().unwrap().pop_front().unwrap()).await;
    (server, queue)
}

fn is_end(error: &StreamError) -> bool {
    // Some recordings stop while their stream went on.
    matches!(error, StreamError::Closed | StreamError::Broken(_))
}

#[tokio::test]
async fn recorded_scheduler_streams_give_their_events_however_they_are_cut() {
    let (server, queue) = queued().await;
    let client = scheduler::Client::new(endpoint(&server), Limits::default()).unwrap();
    for exchange in streams(Api::Scheduler) {
        let call = v1::scheduler::Call::decode(exchange.request_body()).unwrap();
        let expected: Vec<v1::scheduler::Event> = expected(&exchange);
        for at in cuts(&exchange.response) {
            queue.lock().unwrap().push_back(Answer::cut(&exchange.response, at, Then::Close));
            let subscribe = call.subscribe.clone().unwrap();
            let mut subscription = client.subscribe_as(subscribe).await.unwrap();
            let id = exchange.response_head().header("mesos-stream-id").map(str::to_owned);
            assert_eq!(Some(&subscription.stream_id), id.as_ref());
            for (index, event) in expected.iter().enumerate() {
                let got = subscription.next().await.unwrap();
                assert_eq!(got, *event, "{} #{index} cut at {at}", exchange.name);
            }
            let end = subscription.next().await.unwrap_err();
            assert!(is_end(&end), "{} cut at {at}: {end:?}", exchange.name);
        }
        let sent = server.requests().pop().unwrap();
        assert_eq!(v1::scheduler::Call::decode(sent.body.as_slice()).unwrap(), call);
        assert_eq!(sent.header("mesos-stream-id"), None, "a SUBSCRIBE has no stream yet");
    }
}

#[tokio::test]
async fn recorded_executor_streams_give_their_events_however_they_are_cut() {
    let (server, queue) = queued().await;
    let client = executor::Client::new(environment(&server), Limits::default());
    for exchange in streams(Api::Executor) {
        let expected: Vec<v1::executor::Event> = expected(&exchange);
        for at in cuts(&exchange.response) {
            queue.lock().unwrap().push_back(Answer::cut(&exchange.response, at, Then::Close));
            let mut subscription = client.subscribe(Vec::new(), Vec::new()).await.unwrap();
            for (index, event) in expected.iter().enumerate() {
                let got = subscription.next().await.unwrap();
                assert_eq!(got, *event, "{} #{index} cut at {at}", exchange.name);
            }
            let end = subscription.next().await.unwrap_err();
            assert!(is_end(&end), "{} cut at {at}: {end:?}", exchange.name);
        }
    }
}

/// What a call must come to, given its recorded answer.
fn assert_result(result: Result<(), CallError>, exchange: &Exchange, at: usize) {
    let place = format!("{} cut at {at}", exchange.name);
    match result {
        Ok(()) => assert!(matches!(exchange.status, 200 | 202), "{place}"),
        Err(CallError::Refused(refusal)) => {
            assert_eq!(refusal.status, exchange.status, "{place}");
            let text = String::from_utf8(exchange.response_body()).unwrap();
            assert_eq!(refusal.text, text.trim().replace(['\n', '\r'], " "), "{place}");
            let location = exchange.response_head().header("location").map(str::to_owned);
            assert_eq!(refusal.location, location, "{place}");
        }
        Err(other) => panic!("{place}: {other:?}"),
    }
}

#[tokio::test]
async fn recorded_answers_to_scheduler_calls_give_their_status_however_they_are_cut() {
    let (server, queue) = queued().await;
    let client = scheduler::Client::new(endpoint(&server), Limits::default()).unwrap();
    let subscribed = v1::scheduler::Event {
        r#type: Some(v1::scheduler::event::Type::Subscribed.into()),
        ..Default::default()
    };
    let records = [subscribed.encode_to_vec()];
    queue.lock().unwrap().push_back(Answer::stream(&records, Then::Hold));
    let mut subscription = client.subscribe(Default::default(), Vec::new()).await.unwrap();
    assert_eq!(subscription.next().await.unwrap(), subscribed);
    let caller = subscription.caller();
    let mut all = all();
    all.retain(|exchange| exchange.api() != Api::Executor && exchange.events.is_none());
    assert!(all.len() > 70, "only {} answers", all.len());
    for exchange in all {
        // Some requests were wrong on purpose; what counts is the answer.
        let call = match exchange.api() {
            Api::Scheduler => v1::scheduler::Call::decode(exchange.request_body()),
            _ => Ok(v1::scheduler::Call::default()),
        };
        let call = call.unwrap_or_default();
        for at in cuts(&exchange.response) {
            queue.lock().unwrap().push_back(Answer::cut(&exchange.response, at, Then::Read));
            assert_result(caller.call(call.clone()).await, &exchange, at);
        }
        let sent = server.requests().pop().unwrap();
        assert_eq!(v1::scheduler::Call::decode(sent.body.as_slice()).unwrap(), call);
        assert_eq!(sent.header("mesos-stream-id"), Some("s1"));
    }
}

#[tokio::test]
async fn recorded_answers_to_executor_calls_give_their_status_however_they_are_cut() {
    let (server, queue) = queued().await;
    let client = executor::Client::new(environment(&server), Limits::default());
    queue.lock().unwrap().push_back(Answer::stream(&[], Then::Hold));
    let subscription = client.subscribe(Vec::new(), Vec::new()).await.unwrap();
    let mut all = all();
    all.retain(|exchange| exchange.api() == Api::Executor && exchange.events.is_none());
    assert!(all.len() > 30, "only {} answers", all.len());
    for exchange in all {
        let call = v1::executor::Call::decode(exchange.request_body()).unwrap_or_default();
        for at in cuts(&exchange.response) {
            queue.lock().unwrap().push_back(Answer::cut(&exchange.response, at, Then::Read));
            assert_result(client.call(call.clone()).await, &exchange, at);
        }
        let sent = server.requests().pop().unwrap();
        assert_eq!(v1::executor::Call::decode(sent.body.as_slice()).unwrap(), call);
        assert_eq!(sent.path(), "/slave(1)/api/v1/executor");
    }
    drop(subscription);
}

#[tokio::test]
async fn recorded_refusals_of_a_subscription_are_typed_by_their_status() {
    let (server, queue) = queued().await;
    let client = scheduler::Client::new(endpoint(&server), Limits::default()).unwrap();
    let mut statuses = std::collections::BTreeSet::new();
    for exchange in all() {
        if exchange.api() != Api::Scheduler || exchange.status < 400 {
            continue;
        }
        queue.lock().unwrap().push_back(Answer::new(&exchange.response, Then::Read));
        let error = client.subscribe(Default::default(), Vec::new()).await.unwrap_err();
        let passes = matches!(exchange.status, 404 | 503);
        assert_eq!(error.is_retryable(), passes, "{}: {error}", exchange.name);
        let status = match &error {
            SubscribeError::Refused { refusal, .. } => refusal.status,
            SubscribeError::NoLeader { attempts } => match &attempts[..] {
                [scheduler::Attempt { error: AttemptError::Refused(refusal), .. }] => {
                    refusal.status
                }
                other => panic!("{}: {other:?}", exchange.name),
            },
            other @ SubscribeError::TooLarge { .. } => panic!("{other:?}"),
        };
        assert_eq!(status, exchange.status, "{}", exchange.name);
        statuses.insert(status);
    }
    assert!(statuses.is_superset(&[400, 401, 404, 405, 406, 415, 503].into()), "{statuses:?}");
}

#[tokio::test]
async fn a_recorded_redirect_is_followed_to_the_leader() {
    let all = all();
    let named = |name: &str| all.iter().find(|exchange| exchange.name == name).unwrap().clone();
    let (leader, leader_queue) = queued().await;
    let (other, other_queue) = queued().await;
    let redirect = String::from_utf8(named("003-subscribe-non-leader").response).unwrap();
    assert!(redirect.contains("//127.0.0.1:5050/"));
    let redirect = redirect.replace("127.0.0.1:5050", &leader.address.to_string());
    other_queue.lock().unwrap().push_back(Answer::new(redirect.as_bytes(), Then::Read));
    let stream = named("014-subscribe-new-leader").response;
    leader_queue.lock().unwrap().push_back(Answer::new(&stream[..stream.len() / 2], Then::Hold));
    leader_queue.lock().unwrap().push_back(Answer::accepted());

    let client = scheduler::Client::new(endpoint(&other), Limits::default()).unwrap();
    let mut subscription = client.subscribe(Default::default(), Vec::new()).await.unwrap();
    let path = "/master/api/v1/scheduler";
    assert_eq!(subscription.master.to_string(), format!("http://{}{path}", leader.address));
    let first = subscription.next().await.unwrap();
    assert_eq!(first.r#type(), v1::scheduler::event::Type::Subscribed);
    subscription.caller().call(Default::default()).await.unwrap();
    let asked = leader.requests();
    assert_eq!(asked.len(), 2);
    for request in asked {
        assert_eq!(request.path(), path);
        assert_eq!(request.header("host"), Some(leader.address.to_string().as_str()));
        assert_eq!(request.header("authorization"), Some("Basic bGF0aGU6c2VjcmV0"));
    }
}

#[tokio::test]
async fn recorded_answers_of_operator_apis_are_read_however_they_are_cut() {
    let (server, queue) = queued().await;
    let client = operator::Client::new(endpoint(&server), Limits::default()).unwrap();
    let agent = Url::parse(&format!("{}/slave(1)", server.address), 5051).unwrap();
    for exchange in load("operator-protobuf").unwrap() {
        let (request, answer) = (exchange.request_body(), exchange.response_body());
        for at in cuts(&exchange.response) {
            queue.lock().unwrap().push_back(Answer::cut(&exchange.response, at, Then::Read));
            let result = if exchange.api() == Api::Agent {
                let call = v1::agent::Call::decode(request).unwrap();
                let response = client.agent_call(&agent, call).await;
                response.map(|response| {
                    let expected = v1::agent::Response::decode(answer.as_slice()).unwrap();
                    assert_eq!(response, expected, "{} cut at {at}", exchange.name);
                })
            } else {
                let call = v1::master::Call::decode(request).unwrap();
                let response = client.master_call(call).await;
                response.map(|response| {
                    let expected = v1::master::Response::decode(answer.as_slice()).unwrap();
                    assert_eq!(response, expected, "{} cut at {at}", exchange.name);
                })
            };
            assert_result(result, &exchange, at);
        }
        assert_eq!(server.requests().pop().unwrap().path(), exchange.request_head().path());
    }
}
