//! However the executor ends, its task does not outlive it.

use std::process::Stdio;
use std::time::Duration;

use lathe_mesos::v1::TaskState::TaskRunning;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::stage::{Stage, until_dead};

#[tokio::test]
async fn a_killed_executor_takes_its_task_along() {
    let stage = Stage::start().await;
    let pid = stage.launch_endless().await;
    stage.signal(Signal::KILL);
    until_dead(pid).await;
}

#[tokio::test]
async fn an_executor_whose_parent_is_gone_ends_everything_at_once() {
    let stage = Stage::empty().await;
    // A host that dies: a shell that starts the executor and says its number.
    let executor = env!("CARGO_BIN_EXE_lathe-executor");
    let mut host = Command::new("/bin/sh")
        .arg("-c")
        .arg(format!("{executor} >/dev/null 2>&1 & echo $!; wait"))
        .env_clear()
        .envs(stage.environment())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(host.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(Duration::from_secs(30), lines.next_line()).await;
    let number = line.unwrap().unwrap().unwrap().trim().parse().unwrap();
    let executor = Pid::from_raw(number).unwrap();
    stage.until_subscribed(1).await;
    let task = stage.launch_endless().await;
    host.kill().await.unwrap();
    // What the kernel sends to a process that asked to live with its parent.
    kill_process(executor, Signal::TERM).unwrap();
    until_dead(executor).await;
    until_dead(task).await;
    let states = stage.states();
    assert_eq!(states.last(), Some(&TaskRunning), "no grace, no farewell: {states:?}");
}
