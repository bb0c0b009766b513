//! Mesos, alone and with ZooKeeper: it serves, is hurt, and comes back; nothing is left behind.

#[path = "mesos/one_task.rs"]
mod one_task;

use lathe_engines::{AgentSpec, Code, Mesos, MesosSpec, Signal, ZooKeeper, ZooKeeperSpec, until};
use lathe_mesos::v1::TaskState;
use one_task::{OneTask, runs};

#[tokio::test]
async fn a_master_and_its_agents_are_killed_and_come_back_with_what_they_knew() {
    let mut mesos = Mesos::start(&MesosSpec::of_agents(1)).await.unwrap();
    let other = mesos.add_agent(AgentSpec::with("rack:r2;zone:a")).await.unwrap();
    let before = ids(&mesos).await;
    assert_eq!(before.len(), 2);
    mesos.agent(other).kill().await.unwrap();
    mesos.missed(other).await.unwrap();
    mesos.restart_agent(other).await.unwrap();
    assert_eq!(ids(&mesos).await, before, "an agent on its own data is the same one");
    mesos.master(0).kill().await.unwrap();
    mesos.restart_master(0).await.unwrap();
    mesos.registered(0).await.unwrap();
    mesos.registered(other).await.unwrap();
    assert_eq!(ids(&mesos).await, before);
}

#[tokio::test]
async fn what_crashes_is_started_again_and_what_was_killed_is_not() {
    let mesos = Mesos::start(&MesosSpec::of_agents(1)).await.unwrap();
    let before = ids(&mesos).await;
    for daemon in [mesos.master(0), mesos.agent(0)] {
        let pid = daemon.pid();
        daemon.signal(Signal::Quit).unwrap();
        let again =
            until("another process", || async { daemon.pid().filter(|now| Some(*now) != pid) });
        again.await.unwrap();
    }
    mesos.registered(0).await.unwrap();
    assert_eq!(ids(&mesos).await, before);
    mesos.agent(0).kill().await.unwrap();
    mesos.missed(0).await.unwrap();
    assert_eq!(mesos.agent(0).pid(), None);
}

/// Ids of the agents and their racks, in order.
async fn ids(mesos: &Mesos) -> Vec<(String, String)> {
    let answer = mesos.read_master(0, "/master/slaves").await.expect("the master answers");
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let agents = answer["slaves"].as_array().expect("a list").iter();
    let mut ids: Vec<(String, String)> =
        agents.map(|agent| (text(&agent["id"]), text(&agent["attributes"]["rack"]))).collect();
    ids.sort();
    ids
}

#[tokio::test]
async fn a_task_outlives_its_agent_but_not_its_host() {
    let folder = tempfile::tempdir().unwrap();
    let mesos = Mesos::start(&MesosSpec::default()).await.unwrap();
    let mut task = OneTask::run(&mesos.url(), &folder.path().join("pid")).await;
    mesos.agent(0).kill().await.unwrap();
    assert!(runs(task.pid), "the executor goes on without its agent");
    mesos.restart_agent(0).await.unwrap();
    assert!(runs(task.pid), "an agent that comes back finds it");
    mesos.lose_host(0).await.unwrap();
    assert!(!runs(task.pid), "nothing runs on a host that is lost");
    // With the times for tests, three seconds.
    task.is(TaskState::TaskUnreachable).await;
}

#[tokio::test]
async fn the_end_of_a_cluster_is_the_end_of_its_tasks() {
    let folder = tempfile::tempdir().unwrap();
    let mesos = Mesos::start(&MesosSpec::default()).await.unwrap();
    let task = OneTask::run(&mesos.url(), &folder.path().join("pid")).await;
    let daemons: Vec<u32> = mesos.masters().chain(mesos.agents()).filter_map(|d| d.pid()).collect();
    assert!(runs(task.pid));
    assert!(daemons.len() == 2 && daemons.iter().all(|pid| runs(*pid)));
    drop(mesos);
    assert!(!runs(task.pid));
    assert!(!daemons.iter().any(|pid| runs(*pid)));
}

#[tokio::test]
async fn an_agent_that_stands_still_is_missed_and_comes_back() {
    let mesos = Mesos::start(&MesosSpec::default()).await.unwrap();
    mesos.agent(0).pause().unwrap();
    mesos.missed(0).await.unwrap();
    mesos.agent(0).resume().unwrap();
    mesos.registered(0).await.unwrap();
}

#[tokio::test]
async fn three_masters_elect_another_leader_and_agents_follow_it() {
    let zookeeper = ZooKeeper::start(&ZooKeeperSpec::default()).await.unwrap();
    let url = Some(zookeeper.url("/mesos"));
    let spec = MesosSpec { masters: 3, zookeeper: url, ..MesosSpec::of_agents(2) };
    let mesos = Mesos::start(&spec).await.unwrap();
    let first = mesos.leader().await.unwrap();
    mesos.master(first).kill().await.unwrap();
    let second = mesos.leader().await.unwrap();
    assert_ne!(first, second);
    for agent in 0..2 {
        mesos.registered(agent).await.unwrap();
    }
    mesos.restart_master(first).await.unwrap();
    let other = until("one that follows", || async {
        let answer = mesos.post_master(first, "/api/v1/scheduler", "").await?;
        (answer.status == 307).then_some(answer.location)
    });
    let location = other.await.unwrap().expect("it says where the leader is");
    assert!(location.contains(&mesos.master_address(second)), "{location}");
}

#[tokio::test]
async fn a_wrong_flag_is_told_with_the_end_of_the_log() {
    let mut spec = MesosSpec::default();
    spec.master_flags.insert("no_such_flag".to_owned(), "1".to_owned());
    let refused = Mesos::start(&spec).await.unwrap_err();
    assert_eq!(refused.code, Code::Process);
    assert!(refused.what.contains("no_such_flag"), "{refused}");
    let refused = Mesos::start(&MesosSpec { masters: 3, ..MesosSpec::default() }).await;
    assert_eq!(refused.unwrap_err().code, Code::Asked);
}
