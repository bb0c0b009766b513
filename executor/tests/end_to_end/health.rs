//! Instances that hang, or are not well, under a real executor.

use std::fs;

use lathe_api::rest::{HealthSpec, LaunchSpec, ProbeSpec};
use lathe_mesos::v1::TaskState::{TaskFailed, TaskKilled, TaskRunning, TaskStarting};
use lathe_mesos::v1::task_status::Reason;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

use crate::stage::{Stage, TASK, until_dead};
use crate::test_server::{Reply, TestServer, until};

fn probed(mut spec: LaunchSpec, probe: ProbeSpec, grace_ms: u64) -> LaunchSpec {
    spec.grace_ms = 100;
    spec.health = Some(HealthSpec::Probe {
        probe,
        interval_ms: 100,
        timeout_ms: 10_000,
        failures: 3,
        grace_ms,
    });
    spec
}

fn file_is_there(name: &str) -> ProbeSpec {
    let text = format!("test -e {name} || {{ echo {name} is not there; exit 1; }}");
    ProbeSpec::Command { command: ["sh", "-c", &text].map(str::to_owned).to_vec() }
}

#[tokio::test]
async fn the_first_good_check_makes_ready_and_three_bad_ones_end_it() {
    let registry = TestServer::start(|_| Reply::status("204 No Content", b"")).await;
    let heard = |body: &str| registry.requests().iter().any(|request| request.ends_with(body));
    let mut stage = Stage::start().await;
    let spec = stage.script("exec sleep 1000").await;
    let mut spec = probed(spec, file_is_there("well"), 3_600_000);
    spec.registries = vec![registry.url.clone()];
    stage.launch(&spec);
    until("a beat of the start", || heard(r#"{"state":"starting"}"#)).await;
    // The two go different ways: either may come first.
    stage.until_state(TaskStarting).await;
    assert_eq!(stage.states(), [TaskStarting]);
    fs::write(stage.sandbox().join("well"), "").unwrap();
    stage.until_state(TaskRunning).await;
    until("a beat of readiness", || heard(r#"{"state":"ready"}"#)).await;
    fs::remove_file(stage.sandbox().join("well")).unwrap();
    let failed = stage.until_state(TaskFailed).await;
    let command = "sh -c test -e well || { echo well is not there; exit 1; }";
    let why = format!("{command}: exit status 1: well is not there");
    assert_eq!(failed.message(), format!("3 health checks failed in a row: {why}"));
    assert_eq!(failed.reason(), Reason::TaskHealthCheckStatusUpdated);
    assert_eq!(failed.healthy, Some(false));
    assert!(registry.requests().iter().any(|request| request.contains(r#""failing":"sh -c "#)));
    assert!(stage.end().await.success());
    assert_eq!(stage.states(), [TaskStarting, TaskRunning, TaskFailed]);
}

#[tokio::test]
async fn a_program_that_is_never_well_is_ended_after_its_grace() {
    let mut stage = Stage::start().await;
    let spec = stage.script("exec sleep 1000").await;
    stage.launch(&probed(spec, file_is_there("well"), 300));
    let failed = stage.until_state(TaskFailed).await;
    assert!(failed.message().starts_with("3 health checks failed in a row: "), "{failed:?}");
    assert!(stage.end().await.success());
    assert_eq!(stage.states(), [TaskStarting, TaskFailed]);
}

#[tokio::test]
async fn an_answer_over_http_is_judged() {
    let answers = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let good = std::sync::Arc::clone(&answers);
    let server = TestServer::start(move |_| {
        if good.load(std::sync::atomic::Ordering::SeqCst) {
            Reply::ok(b"well")
        } else {
            Reply::status("503 Service Unavailable", b"")
        }
    })
    .await;
    let port = server.url.rsplit_once(':').unwrap().1.parse().unwrap();
    let mut stage = Stage::start().await;
    let spec = stage.script("exec sleep 1000").await;
    let probe = ProbeSpec::Http { port, path: "/healthz".to_owned() };
    stage.launch(&probed(spec, probe, 3_600_000));
    stage.until_state(TaskRunning).await;
    answers.store(false, std::sync::atomic::Ordering::SeqCst);
    let failed = stage.until_state(TaskFailed).await;
    let expected = "3 health checks failed in a row: GET /healthz: answered 503";
    assert_eq!(failed.message(), expected);
    assert!(stage.end().await.success());
}

#[tokio::test]
async fn a_stopped_process_falls_silent_and_is_killed() {
    let mut stage = Stage::start().await;
    let mut spec = stage.script("echo $$; exec sleep 1000").await;
    spec.sdk = true;
    spec.health = Some(HealthSpec::Beat { interval_ms: 100, timeout_ms: 1_500 });
    spec.grace_ms = 100;
    stage.launch(&spec);
    stage.until_state(TaskStarting).await;
    until("the program's number", || stage.file("task.out").ends_with('\n')).await;
    let number = stage.file("task.out").trim().parse().unwrap();
    let pid = Pid::from_raw(number).unwrap();
    // This test speaks for the program.
    let mut socket = UnixStream::connect(stage.sandbox().join("handshake.sock")).await.unwrap();
    let word = b"{\"lathe\":\"0.1.0\",\"ready\":true,\"beats\":true}\n";
    socket.write_all(word).await.unwrap();
    stage.until_state(TaskRunning).await;
    socket.write_all(b"{\"lathe\":\"0.1.0\",\"beat\":true}\n").await.unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    let failed = stage.until_state(TaskFailed).await;
    assert!(failed.message().starts_with("the program hangs: no beat for "), "{failed:?}");
    until_dead(pid).await;
    assert!(stage.end().await.success());
    assert!(stage.file("crash.log").starts_with("signal: 9\n"), "{}", stage.file("crash.log"));
}

#[tokio::test]
async fn a_program_of_an_older_sdk_is_not_watched() {
    let mut stage = Stage::start().await;
    let mut spec = stage.script("exec sleep 1000").await;
    spec.sdk = true;
    spec.health = Some(HealthSpec::Beat { interval_ms: 10, timeout_ms: 20 });
    stage.launch(&spec);
    stage.until_state(TaskStarting).await;
    let mut socket = UnixStream::connect(stage.sandbox().join("handshake.sock")).await.unwrap();
    socket.write_all(b"{\"lathe\":\"0.1.0\",\"ready\":true}\n").await.unwrap();
    stage.until_state(TaskRunning).await;
    until("the note", || stage.log().contains("does not beat: it is not watched")).await;
    stage.agent.kill(TASK, Some(0));
    stage.until_state(TaskKilled).await;
    assert!(stage.end().await.success());
}

#[tokio::test]
async fn a_beat_of_a_program_without_the_sdk_is_refused() {
    let mut stage = Stage::start().await;
    let mut spec = stage.script("exec sleep 1000").await;
    spec.health = Some(HealthSpec::Beat { interval_ms: 1_000, timeout_ms: 10_000 });
    stage.launch(&spec);
    let error = stage.until_state(lathe_mesos::v1::TaskState::TaskError).await;
    assert!(error.message().ends_with("and the program has no SDK"), "{error:?}");
    assert!(stage.end().await.success());
}
