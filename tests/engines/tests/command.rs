//! The program `engines`: what it starts stays, is told of, and ends whole, whoever dies.

#[path = "mesos/one_task.rs"]
mod one_task;

use std::path::Path;
use std::process::{Command, Output};

use lathe_engines::until;
use one_task::{OneTask, runs};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

fn engines(words: &[&str], dir: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_engines"));
    command.args(words).arg("--dir").arg(dir).output().expect("the program runs")
}

fn json(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
}

fn pids(shown: &Value) -> Vec<u32> {
    let daemons = shown["daemons"].as_array().expect("a list").iter();
    daemons.map(|daemon| pid(&daemon["pid"])).collect()
}

fn pid(value: &Value) -> u32 {
    value.as_u64().and_then(|pid| pid.try_into().ok()).expect("a process id")
}

#[tokio::test]
async fn what_is_up_stays_until_it_is_taken_down() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let up = engines(&["up", "zookeeper", "mesos", "--agents", "1", "--json"], dir);
    let shown = json(&up);
    assert!(up.status.success(), "{shown:#}");
    assert!(shown["urls"]["mesos"].as_str().unwrap().starts_with("zk://127.0.0.1:"), "{shown:#}");
    let states = shown["daemons"].as_array().unwrap().iter();
    let states: Vec<&str> = states.map(|daemon| daemon["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["standalone", "leads", "registered"]);

    let again = engines(&["up"], dir);
    assert!(!again.status.success());
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(said.contains("are up already"), "{said}");
    assert_eq!(json(&engines(&["status", "--json"], dir)), shown);

    // What ends by itself is seen.
    let pids = pids(&shown);
    kill(pids[2]);
    until("the agent to be gone", || async { (!runs(pids[2])).then_some(()) }).await.unwrap();
    let status = engines(&["status"], dir);
    assert!(!status.status.success());
    let table = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(table.lines().any(|line| line.starts_with("agent-1") && line.contains(" ended ")));

    assert!(engines(&["down"], dir).status.success());
    assert!(!pids.iter().any(|pid| runs(*pid)));
    assert!(!engines(&["status"], dir).status.success(), "nothing is up");
    assert!(engines(&["down"], dir).status.success(), "which is what was asked for");

    // In the same folder it is the same cluster.
    let other = engines(&["up", "mesos", "--agents", "3"], dir);
    let said = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(!other.status.success() && said.contains("1 agents"), "{said}");
    let back = json(&engines(&["up", "zookeeper", "mesos", "--agents", "1", "--json"], dir));
    assert_eq!(back["urls"], shown["urls"]);
    assert!(engines(&["down"], dir).status.success());
}

#[tokio::test]
async fn when_the_holder_is_killed_nothing_is_left_behind_not_even_a_task() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("engines");
    let up = engines(&["up", "mesos", "--agents", "1", "--json"], &dir);
    let shown = json(&up);
    let master = shown["urls"]["mesos"].as_str().unwrap();
    let task = OneTask::run(master, &folder.path().join("pid")).await;
    let state = std::fs::read(dir.join("engines.json")).unwrap();
    let state: Value = serde_json::from_slice(&state).unwrap();
    let pids = pids(&shown);
    assert!(runs(task.pid));
    kill(pid(&state["holder"]["pid"]));
    until("all of it to be gone", || async {
        (!runs(task.pid) && !pids.iter().any(|pid| runs(*pid))).then_some(())
    })
    .await
    .unwrap();
}

#[test]
fn what_cannot_be_started_is_told_and_leaves_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let refused = engines(&["up", "mesos", "--masters", "3"], folder.path());
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("without ZooKeeper"), "{said}");
    assert!(!engines(&["status"], folder.path()).status.success());
}

fn kill(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process id");
    kill_process(pid, Signal::KILL).expect("it runs");
}
