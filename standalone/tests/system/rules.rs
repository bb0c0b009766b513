//! What every listener holds to: Host, limits, authentication, pages; and recorded requests cut at
//! every byte.

use std::collections::BTreeSet;

use lathe_mesos::transcript;
use lathe_mesos::v1::master;
use prost::Message as _;

use crate::framework::Framework;
use crate::mapping::{authorized, is_error_of_form};
use crate::stage::{PATIENCE, Stage};
use crate::wire::{basic, exchange, request};

fn authorization(stage: &Stage) -> (String, String) {
    ("Authorization".to_owned(), basic(&stage.token))
}

fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn pages_need_no_secret_and_everything_else_does() {
    let stage = Stage::start(&["name=one"]);
    for page in ["/healthz", "/readyz", "/metrics"] {
        let answer =
            exchange(stage.address, &request(&format!("GET {page} HTTP/1.1"), &[], b""), None);
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    for line in [
        "GET /standalone/hosts HTTP/1.1",
        "POST /standalone/hosts/one/kill HTTP/1.1",
        "POST /api/v1 HTTP/1.1",
        "POST /api/v1/scheduler HTTP/1.1",
        "POST /master/api/v1/scheduler HTTP/1.1",
    ] {
        let answer = exchange(stage.address, &request(line, &[], b""), None);
        assert_eq!((answer.status, &*answer.body), (401, "401 Unauthorized."), "{line}");
    }
    let nowhere = exchange(stage.address, &request("GET /nowhere HTTP/1.1", &[], b""), None);
    assert_eq!(nowhere.status, 404);
}

#[test]
fn another_name_than_this_machines_is_refused() {
    let stage = Stage::start(&["name=one"]);
    let bytes = b"GET /healthz HTTP/1.1\r\nHost: evil.example\r\n\r\n";
    assert_eq!(exchange(stage.address, bytes, None).status, 400);
}

#[test]
fn a_body_beyond_the_limit_is_refused() {
    let stage = Stage::start(&["name=one"]);
    let headers = [authorization(&stage), header("Content-Type", "application/x-protobuf")];
    let body = vec![0; 8 * 1024 * 1024 + 1];
    let head = request("POST /api/v1/scheduler HTTP/1.1", &headers, b"");
    let head = String::from_utf8(head).unwrap();
    let head = head.replace("Content-Length: 0", &format!("Content-Length: {}", body.len()));
    // The answer comes before the body is through, so only its beginning is sent.
    let bytes = [head.as_bytes(), &body[..1024]].concat();
    assert_eq!(exchange(stage.address, &bytes, None).status, 413);
}

#[test]
fn json_is_not_spoken() {
    let stage = Stage::start(&["name=one"]);
    let headers = [authorization(&stage), header("Content-Type", "application/json")];
    for path in ["/api/v1/scheduler", "/api/v1"] {
        let line = format!("POST {path} HTTP/1.1");
        let answer = exchange(stage.address, &request(&line, &headers, b"{}"), None);
        assert_eq!(answer.status, 415);
    }
}

#[tokio::test]
async fn a_framework_that_hangs_up_is_disconnected() {
    let stage = Stage::start(&["name=one"]);
    let subscribed = |stage: &Stage| {
        let page = exchange(stage.address, &request("GET /metrics HTTP/1.1", &[], b""), None);
        let line = page
            .body
            .lines()
            .find(|line| line.starts_with("lathe_standalone_frameworks_subscribed "));
        line.and_then(|line| line.rsplit(' ').next()).unwrap().parse::<u32>().unwrap()
    };
    let framework = Framework::subscribe(&stage).await;
    assert_eq!(subscribed(&stage), 1);
    drop(framework);
    let since = std::time::Instant::now();
    while subscribed(&stage) > 0 {
        assert!(since.elapsed() < PATIENCE, "still subscribed");
        // The client closes its connections on this thread, too.
        tokio::task::yield_now().await;
    }
}

#[test]
fn operators_see_hosts_and_hear_what_is_not_imitated() {
    let stage = Stage::start(&["name=one,cpus=2,rack=r1", "name=two"]);
    let headers = [authorization(&stage), header("Content-Type", "application/x-protobuf")];
    let ask = |kind: master::call::Type| {
        let call = master::Call { r#type: Some(kind.into()), ..Default::default() };
        let bytes = request("POST /api/v1 HTTP/1.1", &headers, &call.encode_to_vec());
        exchange(stage.address, &bytes, None)
    };
    assert_eq!(ask(master::call::Type::GetMetrics).status, 501);
    for kind in [
        master::call::Type::GetAgents,
        master::call::Type::GetVersion,
        master::call::Type::GetHealth,
        master::call::Type::GetState,
        master::call::Type::GetMaster,
    ] {
        let answer = ask(kind);
        assert_eq!(answer.status, 200, "{}", kind.as_str_name());
        assert_eq!(answer.header("content-type"), Some("application/x-protobuf"));
    }
}

#[test]
fn recorded_errors_are_answered_alike_wherever_the_request_is_cut() {
    let stage = Stage::start(&["name=one"]);
    let mut cuts = 0;
    for recorded in transcript::load("scheduler-protobuf").unwrap() {
        if !is_error_of_form(&recorded) || recorded.request.len() > 400 {
            continue;
        }
        let bytes = authorized(&recorded, &basic(&stage.token), None);
        let whole = exchange(stage.address, &bytes, None);
        assert_eq!(whole.status, recorded.status, "{}", recorded.name);
        for cut in 1..bytes.len() {
            let answer = exchange(stage.address, &bytes, Some(cut));
            assert_eq!((answer.status, &answer.body), (whole.status, &whole.body), "at {cut}");
            cuts += 1;
        }
    }
    assert!(cuts > 1000, "only {cuts} cuts were tried");
}

#[test]
fn the_page_of_metrics_has_what_is_served_and_nothing_else() {
    let stage = Stage::start(&["name=one"]);
    let page = include_str!("../../../docs/metrics.md");
    let (_, section) = page.split_once("\n## Standalone\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `lathe_"));
    let documented: BTreeSet<(String, String)> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            (cells[1].trim_matches('`').to_owned(), cells[2].to_owned())
        })
        .collect();
    let served = exchange(stage.address, &request("GET /metrics HTTP/1.1", &[], b""), None);
    let builds = |line: &&str| line.starts_with("lathe_standalone_build_info{version=");
    assert!(served.body.lines().any(|line| builds(&line)), "{}", served.body);
    let served: BTreeSet<(String, String)> = served
        .body
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '))
        .map(|(name, kind)| (name.to_owned(), kind.to_owned()))
        .collect();
    assert_eq!(served, documented);
    for path in ["/healthz", "/readyz"] {
        let line = format!("GET {path} HTTP/1.1");
        assert_eq!(exchange(stage.address, &request(&line, &[], b""), None).status, 200, "{path}");
    }
}
