//! Lives of tasks from LAUNCH to the last acknowledgement.

use std::fs;

use lathe_mesos::v1::TaskState::{
    TaskFailed, TaskFinished, TaskKilled, TaskKilling, TaskRunning, TaskStarting,
};
use rustix::process::{Pid, Signal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::stage::{Stage, TASK, until_dead};
use crate::test_server::{Reply, TestServer, until};

#[tokio::test]
async fn a_script_runs_and_finishes() {
    let mut stage = Stage::start().await;
    let spec = stage.script("echo hello; echo trouble >&2").await;
    stage.launch(&spec);
    stage.until_state(TaskFinished).await;
    assert!(stage.end().await.success());
    assert_eq!(stage.states(), [TaskStarting, TaskRunning, TaskFinished]);
    assert_eq!(stage.file("task.out"), "hello\n");
    assert_eq!(stage.file("task.err"), "trouble\n");
    assert_eq!(stage.file("crash.log"), "", "nothing crashed");
}

#[tokio::test]
async fn a_real_program_runs_until_it_is_killed() {
    let mut stage = Stage::start().await;
    let mut spec = stage.program(&fs::read("/bin/sleep").unwrap()).await;
    spec.crate_name = "sleep".to_owned();
    spec.args = vec!["1000".to_owned()];
    stage.launch(&spec);
    stage.until_state(TaskRunning).await;
    stage.agent.kill(TASK, None);
    let killed = stage.until_state(TaskKilled).await;
    assert_eq!(killed.message(), "killed on request");
    assert!(stage.end().await.success());
    assert_eq!(stage.states(), [TaskStarting, TaskRunning, TaskKilling, TaskKilled]);
}

#[tokio::test]
async fn an_exit_status_is_reported_with_the_last_words() {
    let mut stage = Stage::start().await;
    let spec = stage.script("echo 'the disk is gone' >&2; exit 3").await;
    stage.launch(&spec);
    let failed = stage.until_state(TaskFailed).await;
    assert!(failed.message().contains("exit status 3"), "{}", failed.message());
    assert!(failed.message().contains("crash.log"), "{}", failed.message());
    assert!(stage.end().await.success(), "the executor itself did well");
    let crash = stage.file("crash.log");
    assert!(crash.starts_with("exit status: 3\n"), "{crash}");
    assert!(crash.contains("the disk is gone\n"), "{crash}");
}

#[tokio::test]
async fn a_script_that_ignores_term_is_killed_after_its_grace() {
    let mut stage = Stage::start().await;
    let pid = stage.launch_endless().await;
    stage.agent.kill(TASK, Some(50));
    stage.until_state(TaskKilled).await;
    until_dead(pid).await;
    assert!(stage.end().await.success());
}

#[tokio::test]
async fn a_second_kill_without_grace_does_not_wait_for_the_first() {
    let mut stage = Stage::start().await;
    stage.launch_endless().await;
    stage.agent.kill(TASK, Some(3_600_000));
    stage.until_state(TaskKilling).await;
    stage.agent.kill(TASK, Some(0));
    stage.until_state(TaskKilled).await;
    assert!(stage.end().await.success());
}

#[tokio::test]
async fn a_program_is_ready_when_it_shakes_hands_and_is_asked_to_drain() {
    let mut stage = Stage::start().await;
    let mut spec = stage.script("exec sleep 1000").await;
    spec.sdk = true;
    stage.launch(&spec);
    stage.until_state(TaskStarting).await;
    // This test speaks for the program.
    let mut socket = UnixStream::connect(stage.sandbox().join("handshake.sock")).await.unwrap();
    assert_eq!(stage.states(), [TaskStarting]);
    socket.write_all(b"{\"lathe\":\"0.1.0\",\"ready\":true,\"ports\":{}}\n").await.unwrap();
    stage.until_state(TaskRunning).await;
    stage.agent.kill(TASK, None);
    let mut word = vec![0; b"{\"drain\":true}\n".len()];
    socket.read_exact(&mut word).await.unwrap();
    assert_eq!(word, b"{\"drain\":true}\n");
    stage.until_state(TaskKilled).await;
    assert!(stage.end().await.success());
}

#[tokio::test]
async fn a_program_that_never_shakes_hands_is_ended() {
    let mut stage = Stage::start_with(&[("LATHE_READY_TIMEOUT_MS", "100")]).await;
    let mut spec = stage.script("exec sleep 1000").await;
    spec.sdk = true;
    stage.launch(&spec);
    let failed = stage.until_state(TaskFailed).await;
    assert!(failed.message().starts_with("not ready after"), "{}", failed.message());
    assert!(stage.end().await.success());
    assert_eq!(stage.states(), [TaskStarting, TaskFailed]);
}

#[tokio::test]
async fn a_task_sees_its_own_environment_and_nothing_of_the_agent() {
    let mut stage = Stage::start().await;
    let mut spec = stage.script("env; pwd; cat config.json secret").await;
    spec.env.insert("GREETING".to_owned(), "hello".to_owned());
    stage.launch(&spec);
    stage.until_state(TaskFinished).await;
    stage.end().await;
    let seen = stage.file("task.out");
    for line in ["LATHE_INCARNATION=http.lb#2.7", "LATHE_PORT_HTTP=31007", "GREETING=hello"] {
        assert!(seen.lines().any(|known| known == line), "{line} is not in\n{seen}");
    }
    assert!(!seen.contains("MESOS_"), "{seen}");
    assert!(seen.lines().any(|line| line == stage.sandbox().to_str().unwrap()), "{seen}");
    assert!(seen.contains("\"colour\": \"red\"") && seen.ends_with("hush"), "{seen}");
}

#[tokio::test]
async fn what_a_program_leaves_behind_ends_with_it() {
    let mut stage = Stage::start().await;
    // One in the process group, one that left it.
    let text = "sleep 1000 & echo $!
        setsid sh -c 'echo $$; touch there; exec sleep 1000' &
        while [ ! -e there ]; do sleep 0.01; done";
    let spec = stage.script(text).await;
    stage.launch(&spec);
    stage.until_state(TaskFinished).await;
    let left: Vec<i32> = stage.file("task.out").lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(left.len(), 2);
    for number in left {
        until_dead(Pid::from_raw(number).unwrap()).await;
    }
    assert!(stage.end().await.success());
}

#[tokio::test]
async fn a_flood_of_output_stays_bounded_and_delays_nobody() {
    let mut stage = Stage::start().await;
    let spec = stage.script("yes 'a line of output' | head -c 20000000; echo the end").await;
    stage.launch(&spec);
    stage.until_state(TaskFinished).await;
    assert!(stage.end().await.success());
    let mut bytes = 0;
    for item in fs::read_dir(stage.sandbox()).unwrap() {
        let item = item.unwrap();
        if item.file_name().to_string_lossy().starts_with("task.out") {
            bytes += item.metadata().unwrap().len();
        }
    }
    assert!(bytes <= 3 * (4 << 20), "{bytes}");
    assert!(stage.file("task.out").ends_with("the end\n"));
}

#[tokio::test]
async fn a_shutdown_ends_the_task_within_the_agents_grace() {
    let mut stage = Stage::start_with(&[("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "500ms")]).await;
    let pid = stage.launch_endless().await;
    stage.agent.shut_down();
    stage.until_state(TaskKilled).await;
    until_dead(pid).await;
    assert!(stage.end().await.success());
}

#[tokio::test]
async fn a_stop_asked_for_by_signal_is_clean() {
    let mut stage = Stage::start().await;
    let spec = stage.script("exec sleep 1000").await;
    stage.launch(&spec);
    stage.until_state(TaskRunning).await;
    stage.signal(Signal::TERM);
    stage.until_state(TaskKilled).await;
    assert!(stage.end().await.success());
}

#[tokio::test]
async fn a_registry_hears_the_whole_life() {
    let registry = TestServer::start(|_| Reply::status("204 No Content", b"")).await;
    let mut stage = Stage::start().await;
    let mut spec = stage.script("trap '' TERM; while :; do sleep 0.05; done").await;
    spec.sdk = true;
    spec.registries = vec!["http://127.0.0.1:1".to_owned(), registry.url.clone()];
    stage.launch(&spec);
    let heard = |state: &str| {
        let wanted = format!("{{\"state\":\"{state}\"}}");
        registry.requests().iter().any(|request| request.ends_with(&wanted))
    };
    until("a beat of the start", || heard("starting")).await;
    let mut socket = UnixStream::connect(stage.sandbox().join("handshake.sock")).await.unwrap();
    socket.write_all(b"{\"lathe\":\"0.1.0\",\"ready\":true}\n").await.unwrap();
    until("a beat of readiness", || heard("ready")).await;
    stage.agent.kill(TASK, Some(3_600_000));
    until("a beat of draining", || heard("draining")).await;
    stage.agent.kill(TASK, Some(0));
    stage.until_state(TaskKilled).await;
    stage.end().await;
}
