//! The forms of answers: heads alone, lines, targets; and how much one address may ask.

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::{Method, Request, StatusCode};
use lathe_catalog::{Entry, State};
use serde_json::{Value, json};

use crate::rig::{Rig, Stream, entry, until, within};

fn request(rig: &Rig, method: Method, path: &str) -> Request<Full<Bytes>> {
    let url = format!("{}{path}", rig.url);
    Request::builder().method(method).uri(url).body(Full::default()).unwrap()
}

#[tokio::test]
async fn a_head_is_that_of_the_answer_and_opens_nothing() {
    let rig = Rig::start().await;
    let commit = rig.put(&[entry("a#0.1", State::Ready, 1)]).await;
    rig.shown(commit).await;
    for path in
        ["/v1/groups", "/v1/groups/a", "/v1/instances/a%230.1", "/v1/http_sd", "/v1/config/a"]
    {
        let whole = rig.send(request(&rig, Method::GET, path)).await;
        let head = rig.send(request(&rig, Method::HEAD, path)).await;
        assert_eq!(head.status(), StatusCode::OK, "{path}");
        for name in ["etag", "content-type", "content-length", "lathe-version"] {
            assert_eq!(whole.headers()[name], head.headers()[name], "{path}: {name}");
        }
        assert!(within(head.into_body().collect()).await.unwrap().to_bytes().is_empty());
    }
    let head = rig.send(request(&rig, Method::HEAD, "/v1/watch?group=a")).await;
    assert_eq!(
        (head.status(), &head.headers()["content-type"]),
        (StatusCode::OK, &"text/event-stream".parse().unwrap())
    );
    assert!(within(head.into_body().collect()).await.unwrap().to_bytes().is_empty());
    assert_eq!(rig.metric("lathe_registry_batches_total").await, 0);
}

#[tokio::test]
async fn a_path_says_what_it_takes() {
    let rig = Rig::start().await;
    for (path, takes) in [("/v1/groups/a", "GET,HEAD"), ("/v1/instances/a/beat", "POST")] {
        let options = rig.send(request(&rig, Method::OPTIONS, path)).await;
        assert_eq!(
            (options.status(), &options.headers()["allow"]),
            (StatusCode::NO_CONTENT, &takes.parse().unwrap())
        );
        // Also when what is written is none of what is written anywhere.
        let refused = rig.send(request(&rig, Method::DELETE, path).map(|_| Full::from("x"))).await;
        assert_eq!(
            (refused.status(), &refused.headers()["allow"]),
            (StatusCode::METHOD_NOT_ALLOWED, &takes.parse().unwrap())
        );
    }
}

#[tokio::test]
async fn a_watch_comes_as_lines_for_whoever_wants_lines() {
    let rig = Rig::start().await;
    let commit = rig.put(&[entry("a#0.1", State::Ready, 1)]).await;
    rig.shown(commit).await;
    let mut asked = request(&rig, Method::GET, "/v1/watch?group=a");
    asked.headers_mut().insert("accept", "application/x-ndjson".parse().unwrap());
    let answer = rig.send(asked).await;
    assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
    let mut body = answer.into_body();
    let mut text = String::new();
    let mut lines: Vec<Value> = Vec::new();
    while lines.last().is_none_or(|line| line["event"] != "synced") {
        let frame = within(body.frame()).await.unwrap().unwrap();
        text.push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap());
        while let Some((line, rest)) = text.split_once('\n') {
            lines.push(serde_json::from_str(line).unwrap());
            text = rest.to_owned();
        }
    }
    let events: Vec<&str> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["registries", "group", "synced"]);
    assert_eq!(lines[1]["data"], rig.get("/v1/groups/a").await.1);
    // Its ids are those of events, so a stream may be resumed in the other form.
    let id = lines[2]["id"].as_str().unwrap();
    let resumed = Stream::open(&rig, "group=a", Some(id)).await.first_state().await;
    assert!(resumed.iter().all(|told| told.kind != "group"), "{resumed:?}");

    let mut asked = request(&rig, Method::GET, "/v1/watch?group=a");
    asked.headers_mut().insert("accept", "text/html".parse().unwrap());
    let refused = rig.send(asked).await;
    assert_eq!(refused.status(), StatusCode::NOT_ACCEPTABLE);
    let body = within(refused.into_body().collect()).await.unwrap().to_bytes();
    let problem: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem["code"], "LT0611");
}

#[tokio::test]
async fn prometheus_is_given_the_targets_that_it_asks_for() {
    let rig = Rig::start().await;
    let grpc = Entry {
        ports: [("grpc".to_owned(), 9)].into(),
        address: "fd00::1".to_owned(),
        ..entry("b#0.1", State::Suspect, 1)
    };
    let commit = rig.put(&[entry("a#0.1", State::Ready, 1), grpc]).await;
    rig.shown(commit).await;
    let targets = |query: &str| {
        let path = format!("/v1/http_sd?{query}");
        async { rig.get(&{ path }).await.1 }
    };
    let all = targets("tag=web").await;
    assert_eq!(
        (&all[0]["targets"], &all[1]["targets"]),
        (&json!(["127.0.0.1:31000"]), &json!(["[fd00::1]:9"]))
    );
    assert_eq!(all[0]["labels"]["__meta_lathe_incarnation"], "a#0.1");
    assert_eq!(all[1]["labels"]["__meta_lathe_state"], "suspect");
    assert_eq!(targets("task=task.a").await.as_array().unwrap().len(), 1);
    assert_eq!(targets("tag=web&port=grpc").await.as_array().unwrap().len(), 1);
    assert_eq!(targets("topology=other").await, json!([]));
    assert_eq!(rig.get("/v1/http_sd?colour=red").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn one_address_may_not_ask_or_follow_without_end() {
    let rig = Rig::with(|config| config.watchers_per_address_max = 1).await;
    let mut stream = Stream::open(&rig, "group=a", None).await;
    stream.first_state().await;
    for path in ["/v1/watch?group=a", "/v1/groups/a?index=0"] {
        let (answer, problem) = rig.get_with(path, &[]).await;
        assert_eq!(
            (answer.status(), &problem["code"]),
            (StatusCode::TOO_MANY_REQUESTS, &"LT0610".into())
        );
        assert!(answer.headers().contains_key("retry-after"));
    }
    drop(stream);
    until(|| async { rig.get("/v1/groups/a?index=0&wait=1ms").await.0 == StatusCode::OK }).await;

    let rig = Rig::with(|config| config.requests_per_second = 1).await;
    until(|| async { rig.get("/v1/groups").await.0 == StatusCode::TOO_MANY_REQUESTS }).await;
}

#[tokio::test]
async fn what_cannot_be_read_is_a_problem_whatever_it_is() {
    let rig = Rig::start().await;
    for path in [
        "/v1/groups/%ff",
        "/v1/instances/%ff",
        "/v1/groups?mode=new",
        "/v1/groups?mode=stale&mode=stale",
        "/v1/groups/a?index=-1",
        "/v1/groups/a?index=9223372036854775808",
        "/v1/groups/a?wait=soon",
        "/v1/registries?x=1",
        "/v1/watch?group=%00",
    ] {
        let (answer, problem) = rig.get_with(path, &[]).await;
        assert_eq!(
            (answer.status(), &problem["code"]),
            (StatusCode::BAD_REQUEST, &"LT0606".into()),
            "{path}"
        );
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
    }
}
