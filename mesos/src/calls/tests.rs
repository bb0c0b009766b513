//! Tests of what is sent by itself; the rest is tested with the clients.

use super::*;
use crate::address::Url;
use crate::scripted::{Answer as Reply, Scripted};

#[tokio::test]
async fn a_pulse_is_sent_while_there_is_nothing_else() {
    let server = Scripted::start(|_| Reply::accepted()).await;
    let target = Target::new(Url::parse(&server.url(), 1).unwrap());
    let fate = Fate::new();
    let body = Bytes::from_static(b"alive");
    let pulse = Pulse { every: Duration::from_millis(5), body: body.clone() };
    let calls = Calls::start(target, &Limits::default(), Arc::clone(&fate), Some(pulse));
    let waiting = async {
        while server.requests().len() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(30), waiting).await.unwrap();
    assert!(server.requests().iter().all(|request| request.body == body));
    calls.enqueue(Bytes::from_static(b"call")).wait().await.unwrap();
    assert!(server.requests().iter().any(|request| request.body == b"call"));
    fate.end(None);
    let error = calls.enqueue(Bytes::new()).wait().await.unwrap_err();
    assert!(matches!(error, CallError::Over), "{error:?}");
}

#[tokio::test]
async fn a_call_under_way_is_heard_out_when_the_subscription_ends() {
    let fate = Fate::new();
    let end = Arc::clone(&fate);
    let server = Scripted::start(move |_| {
        end.end(None);
        Reply::accepted()
    })
    .await;
    let target = Target::new(Url::parse(&server.url(), 1).unwrap());
    let calls = Calls::start(target, &Limits::default(), fate, None);
    let (first, second) = (calls.enqueue(Bytes::new()), calls.enqueue(Bytes::new()));
    first.wait().await.unwrap();
    let error = second.wait().await.unwrap_err();
    assert!(matches!(error, CallError::Over), "{error:?}");
    assert_eq!(server.requests().len(), 1);
}
