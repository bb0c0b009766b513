//! Questions and their answers, good and bad.

use std::fs;

use tokio::net::TcpListener;

use super::*;
use crate::test_server::{Reply, TestServer, specification, until};

/// A prober with the time that one question is given.
fn prober(folder: &Path, probe: ProbeSpec, timeout_ms: u64) -> (Prober, mpsc::Receiver<Event>) {
    let mut spec = specification();
    spec.env.clear();
    spec.health =
        Some(HealthSpec::Probe { probe, interval_ms: 1_000, timeout_ms, failures: 3, grace_ms: 0 });
    let (sender, events) = mpsc::channel(4);
    (Prober::of(folder, &spec, Some("/usr/bin:/bin"), sender).unwrap(), events)
}

/// The answer to one question: nothing, or why it is bad.
async fn answer(probe: ProbeSpec, timeout_ms: u64) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let (mut prober, mut events) = prober(folder.path(), probe, timeout_ms);
    prober.ask();
    match events.recv().await.unwrap() {
        Event::HealthPassed => Ok(()),
        Event::HealthFailed { message } => Err(message),
        other => panic!("{other:?}"),
    }
}

fn get(url: &str) -> ProbeSpec {
    let port = url.rsplit_once(':').unwrap().1.parse().unwrap();
    ProbeSpec::Http { port, path: "/healthz?deep=1".to_owned() }
}

fn shell(text: &str) -> ProbeSpec {
    ProbeSpec::Command { command: ["sh", "-c", text].map(str::to_owned).to_vec() }
}

/// A port on which nobody listens.
async fn nobody() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn an_answer_from_200_to_399_is_good() {
    for (status, expected) in [
        ("200 OK", Ok(())),
        ("302 Found", Ok(())),
        ("404 Not Found", Err("GET /healthz?deep=1: answered 404".to_owned())),
        ("503 Service Unavailable", Err("GET /healthz?deep=1: answered 503".to_owned())),
    ] {
        let server = TestServer::start(move |_| Reply::status(status, b"words")).await;
        assert_eq!(answer(get(&server.url), 30_000).await, expected);
        let request = server.requests().pop().unwrap();
        assert!(request.starts_with("GET /healthz?deep=1 HTTP/1.1\r\n"), "{request}");
    }
}

#[tokio::test]
async fn nobody_there_and_no_answer_are_bad() {
    let port = nobody().await;
    let refused = answer(ProbeSpec::Http { port, path: "/".to_owned() }, 30_000).await.unwrap_err();
    assert!(refused.starts_with("GET /: cannot connect to 127.0.0.1:"), "{refused}");
    assert!(refused.contains("refused"), "{refused}");
    // It takes connections, as a stopped process does, and answers none.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let late = answer(ProbeSpec::Http { port, path: "/".to_owned() }, 150).await;
    assert_eq!(late, Err("GET /: timed out after 150 ms".to_owned()));
    assert_eq!(answer(ProbeSpec::Tcp { port }, 30_000).await, Ok(()));
    let port = nobody().await;
    let refused = answer(ProbeSpec::Tcp { port }, 30_000).await.unwrap_err();
    assert!(refused.starts_with(&format!("connecting to port {port}: ")), "{refused}");
}

#[tokio::test]
async fn a_program_answers_by_its_status_and_its_last_line() {
    assert_eq!(answer(shell("test $LATHE_PORT_HTTP = 31007"), 30_000).await, Ok(()));
    let text = "echo on the way; echo the disk is full >&2; exit 3";
    let bad = answer(shell(text), 30_000).await.unwrap_err();
    assert_eq!(bad, format!("sh -c {text}: exit status 3: the disk is full"));
    let flood = answer(shell("yes words | head -c 3000000; exit 1"), 30_000).await.unwrap_err();
    assert!(flood.ends_with("exit status 1: words"), "{flood}");
    let absent = ProbeSpec::Command { command: vec!["./no-such-check".to_owned()] };
    let absent = answer(absent, 30_000).await.unwrap_err();
    assert!(absent.starts_with("./no-such-check: "), "{absent}");
    let long = answer(shell(&format!("echo {}; exit 1", "x".repeat(900))), 30_000).await;
    assert_eq!(long.unwrap_err().chars().count(), MESSAGE_MAX + 1);
}

#[tokio::test]
async fn a_program_that_takes_too_long_is_killed_with_what_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let text = "sleep 1000 & echo $! > number.new; mv number.new number; wait";
    for cancelled in [false, true] {
        let limit_ms = if cancelled { 3_600_000 } else { 300 };
        let (mut prober, mut events) = prober(folder.path(), shell(text), limit_ms);
        prober.ask();
        let number = folder.path().join("number");
        until("the number of the sleeper", || number.exists()).await;
        let pid = fs::read_to_string(&number).unwrap();
        fs::remove_file(&number).unwrap();
        if cancelled {
            prober.cancel();
        } else {
            let Some(Event::HealthFailed { message }) = events.recv().await else {
                panic!("it takes too long");
            };
            assert!(message.ends_with("timed out after 300 ms"), "{message}");
        }
        let stat = PathBuf::from(format!("/proc/{}/stat", pid.trim()));
        let ended = || fs::read_to_string(&stat).map_or(true, |text| text.contains(") Z "));
        until("the end of the sleeper", ended).await;
        assert!(events.try_recv().is_err());
    }
}

#[tokio::test]
async fn only_who_is_to_be_asked_has_a_prober() {
    let (sender, _events) = mpsc::channel(1);
    let mut spec = specification();
    for health in
        [None, Some(HealthSpec::None), Some(HealthSpec::Beat { interval_ms: 1, timeout_ms: 2 })]
    {
        spec.health = health;
        assert!(Prober::of(Path::new("/"), &spec, None, sender.clone()).is_none());
    }
}
