//! Tests of the executor's client.

use std::sync::Mutex;

use super::*;
use crate::scripted::{self, Answer as Reply, Scripted, Then};
use crate::v1::executor::event;

fn environment(pid: &str, more: &[(&str, &str)]) -> Environment {
    let fixed = [
        ("MESOS_FRAMEWORK_ID", "f1"),
        ("MESOS_EXECUTOR_ID", "e1"),
        ("MESOS_SLAVE_ID", "s1"),
        ("MESOS_SLAVE_PID", pid),
        ("MESOS_DIRECTORY", "/"),
    ];
    let all = fixed.iter().chain(more);
    let all = all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Environment::from_vars(all).unwrap()
}

fn client(server: &Scripted) -> Client {
    let token = [("MESOS_EXECUTOR_AUTHENTICATION_TOKEN", "t0ken")];
    let environment = environment(&format!("slave(3)@{}", server.url()), &token);
    Client::new(environment, Limits::default())
}

fn event(kind: event::Type) -> Event {
    Event { r#type: Some(kind.into()), ..Event::default() }
}

#[tokio::test]
async fn it_says_who_it_is_and_what_the_agent_may_not_have_heard() {
    let records = [event(event::Type::Subscribed).encode_to_vec()];
    let stream = Reply::stream(&records, Then::Hold);
    let server = Scripted::start(move |request| match request.connection {
        0 => stream.clone(),
        _ => Reply::accepted(),
    })
    .await;
    let client = client(&server);
    let task = TaskInfo { name: "t".into(), ..Default::default() };
    let update = call::Update::default();
    let subscription = client.subscribe(vec![task.clone()], vec![update.clone()]);
    let mut subscription = subscription.await.unwrap();
    assert_eq!(subscription.next().await.unwrap(), event(event::Type::Subscribed));
    let message = Call {
        message: Some(call::Message { data: Bytes::from_static(b"hi") }),
        ..client.environment().call(call::Type::Message)
    };
    client.call(message.clone()).await.unwrap();

    let requests = server.requests();
    let first = Call::decode(requests[0].body.as_slice()).unwrap();
    assert_eq!(first.r#type(), call::Type::Subscribe);
    assert_eq!((first.executor_id.value, first.framework_id.value), ("e1".into(), "f1".into()));
    let subscribe = first.subscribe.unwrap();
    assert_eq!(subscribe.unacknowledged_tasks, [task]);
    assert_eq!(subscribe.unacknowledged_updates, [update]);
    assert_eq!(Call::decode(requests[1].body.as_slice()).unwrap(), message);
    for request in requests {
        assert_eq!(request.path(), "/slave(3)/api/v1/executor");
        assert_eq!(request.header("authorization"), Some("Bearer t0ken"));
        assert_eq!(request.header("mesos-stream-id"), None);
    }
}

#[tokio::test]
async fn an_agent_that_recovers_or_is_away_may_be_asked_again() {
    let recovering = Reply::text("503 Service Unavailable", "", "Agent has not finished recovery");
    let server = Scripted::start(move |_| recovering.clone()).await;
    let error = client(&server).subscribe(Vec::new(), Vec::new()).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    let client = client(&server);
    drop(server);
    let error = client.subscribe(Vec::new(), Vec::new()).await.unwrap_err();
    assert!(error.is_retryable(), "{error}");
    let unknown = Reply::text("400 Bad Request", "", "Executor cannot be found");
    let server = Scripted::start(move |_| unknown.clone()).await;
    let error = self::client(&server).subscribe(Vec::new(), Vec::new()).await.unwrap_err();
    assert!(!error.is_retryable());
    assert!(error.to_string().contains("Executor cannot be found"), "{error}");
}

#[tokio::test]
async fn a_call_without_a_subscription_is_not_sent() {
    let server = Scripted::start(|_| Reply::accepted()).await;
    let client = client(&server);
    let call = client.environment().call(call::Type::Heartbeat);
    assert!(matches!(client.call(call).await, Err(CallError::Over)));
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_domain_socket_is_used_in_place_of_the_address() {
    let folder = std::env::temp_dir().join(format!("lathe-mesos-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("agent.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let answer = |_: &scripted::Request| {
            Reply::stream(&[event(event::Type::Subscribed).encode_to_vec()], Then::Hold)
        };
        let seen = Mutex::new(Vec::new());
        scripted::serve(stream, 0, &answer, &seen).await.unwrap();
        seen.into_inner().unwrap()
    });
    let socket = [("MESOS_DOMAIN_SOCKET", path.to_str().unwrap())];
    // Nobody can listen on this address, so that only the socket can have answered.
    let environment = environment("slave(1)@256.0.0.1:1", &socket);
    let client = Client::new(environment, Limits::default());
    let mut subscription = client.subscribe(Vec::new(), Vec::new()).await.unwrap();
    assert_eq!(subscription.next().await.unwrap(), event(event::Type::Subscribed));
    drop(subscription);
    assert_eq!(server.await.unwrap().len(), 1);
    std::fs::remove_dir_all(&folder).unwrap();
}
