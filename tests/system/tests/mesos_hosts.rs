//! Agents of a real Mesos under a scheduler: restarted, out of reach, gone, drained, deactivated; and
//! instances that end there.

use lathe_engines::{MesosSpec, block_on};
use lathe_system::{OnMesos, Process, SOON, Scripts, Signal, Status, until};
use serde_json::{Value, json};

/// Two that never share a host, on three hosts.
fn two_apart() -> Scripts {
    let keys = "tasks = 2\ntags = [\"apart\"]\nbiases = [[\"apart\", \"never\"]]";
    Scripts::default().with("one", "exec sleep 100000", keys)
}

fn cluster(flags: &[&str]) -> (OnMesos, Status) {
    let mut lathe = OnMesos::without_scheduler(&MesosSpec::of_agents(3));
    let url = lathe.mesos().url();
    let all: Vec<&str> = ["--master", &url].iter().chain(flags).copied().collect();
    lathe.start_scheduler(&all);
    lathe.connected();
    lathe.submit(&two_apart().write(&lathe.folder().join("a.toml")));
    let status = lathe.all_ready(2);
    assert_ne!(status.hosts_of("one")[0], "");
    (lathe, status)
}

/// The agent on which an incarnation runs, by its process's folder.
fn agent_of(lathe: &OnMesos, incarnation: &str) -> usize {
    let task = lathe.tasks().remove(incarnation).expect("it runs");
    let executor = Process::of(task.parent).expect("so does its executor");
    let endpoint = executor.environment().remove("MESOS_AGENT_ENDPOINT").expect("it was told");
    (0..3).find(|agent| lathe.mesos().agent_address(*agent) == endpoint).expect("one of three")
}

/// Of one incarnation: its name and the agent that it is on.
fn some(lathe: &OnMesos, status: &Status) -> (String, usize) {
    let incarnation = status.incarnations().into_values().next().expect("one runs");
    let agent = agent_of(lathe, &incarnation);
    (incarnation, agent)
}

/// Until both run, one of them in place of `lost`; they never share an agent.
fn replaced(lathe: &OnMesos, lost: &str) -> Status {
    let after = lathe.status_when("a replacement", |now| {
        now.ready() == 2 && !now.incarnations().values().any(|one| one == lost)
    });
    let agents: Vec<usize> =
        after.incarnations().values().map(|one| agent_of(lathe, one)).collect();
    assert_ne!(agents[0], agents[1], "`never` holds");
    after
}

#[test]
fn an_agent_that_is_restarted_loses_no_task_and_no_update() {
    let (lathe, before) = cluster(&[]);
    let (incarnation, agent) = some(&lathe, &before);
    let tasks = lathe.tasks();
    block_on(lathe.mesos().agent(agent).kill()).unwrap();
    block_on(lathe.mesos().restart_agent(agent)).unwrap();
    assert_eq!(lathe.all_ready(2).incarnations(), before.incarnations());
    assert_eq!(lathe.tasks(), tasks);
    // What ends while its agent is away is heard of when that is back.
    block_on(lathe.mesos().agent(agent).kill()).unwrap();
    tasks[&incarnation].signal(Signal::KILL);
    block_on(lathe.mesos().restart_agent(agent)).unwrap();
    replaced(&lathe, &incarnation);
}

#[test]
fn an_agent_out_of_reach_is_waited_for_and_its_instance_is_the_same_afterwards() {
    let (lathe, before) = cluster(&["--replace-after", "1h"]);
    let (incarnation, agent) = some(&lathe, &before);
    lathe.mesos().agent(agent).pause().unwrap();
    lathe.status_when("an unreachable instance", |now| {
        let found = now.instances.iter().find(|one| one.incarnation.as_ref() == Some(&incarnation));
        found.is_some_and(|one| one.state == "unreachable")
    });
    lathe.mesos().agent(agent).resume().unwrap();
    assert_eq!(lathe.all_ready(2).incarnations(), before.incarnations());
}

#[test]
fn an_agent_that_stays_away_is_replaced_and_what_comes_back_with_it_ends() {
    let (lathe, before) = cluster(&["--replace-after", "100ms"]);
    let (incarnation, agent) = some(&lathe, &before);
    let old = lathe.tasks().remove(&incarnation).unwrap();
    lathe.mesos().agent(agent).pause().unwrap();
    let after = lathe.status_when("a replacement", |now| {
        now.ready() == 2 && !now.incarnations().values().any(|one| *one == incarnation)
    });
    assert!(old.runs(), "nobody could tell it");
    lathe.mesos().agent(agent).resume().unwrap();
    until("the end of the one too many", SOON, || (!old.runs()).then_some(()));
    assert_eq!(lathe.all_ready(2).incarnations(), after.incarnations());
}

#[test]
fn each_task_out_of_reach_is_waited_for_as_it_says_itself() {
    // Four on one agent; the scheduler says an hour, and three of them say something else.
    let mut lathe = OnMesos::without_scheduler(&MesosSpec::of_agents(2));
    let url = lathe.mesos().url();
    lathe.start_scheduler(&["--master", &url, "--replace-after", "1h"]);
    lathe.connected();
    let keys = |more: &str| {
        format!("tasks = 1\ntags = [\"near\"]\nbiases = [[\"near\", \"prefer\"]]\n{more}")
    };
    let run = "exec sleep 100000";
    let scripts = Scripts::default()
        .with("soon", run, &keys("unreachable = { replace_after = \"100ms\" }"))
        .with("late", run, &keys("unreachable = { replace_after = \"1h\" }"))
        .with("never", run, &keys("unreachable = { replace_after = \"never\" }"))
        .with("usual", run, &keys(""));
    lathe.submit(&scripts.write(&lathe.folder().join("a.toml")));
    let before = lathe.all_ready(4);
    let host = before.hosts_of("soon");
    assert!(["late", "never", "usual"].iter().all(|task| before.hosts_of(task) == host));
    let (_, agent) = some(&lathe, &before);
    lathe.mesos().agent(agent).pause().unwrap();
    let after = lathe.status_when("a replacement of the one that does not wait", |now| {
        let out = now.instances.iter().filter(|one| one.state == "unreachable").count();
        now.ready() == 1 && out == 3 && now.of_task("soon")[0].state == "ready"
    });
    assert_eq!(after.of_task("soon")[0].incarnations, 2);
    lathe.mesos().agent(agent).resume().unwrap();
    let back = lathe.all_ready(4).incarnations();
    for task in ["late#0", "never#0", "usual#0"] {
        assert_eq!(back[task], before.incarnations()[task]);
    }
}

#[test]
fn an_agent_that_an_operator_gives_up_is_replaced_at_once() {
    let (lathe, before) = cluster(&["--replace-after", "1h"]);
    let (incarnation, agent) = some(&lathe, &before);
    let id = lathe.agent_id(agent);
    let call = json!({"type": "MARK_AGENT_GONE", "mark_agent_gone": {"agent_id": {"value": id}}});
    let _ = lathe.operate(&call);
    replaced(&lathe, &incarnation);
}

fn drain_state(lathe: &OnMesos, agent: &str) -> Value {
    let page = lathe.master_page("/master/slaves");
    let all = page["slaves"].as_array().expect("a list");
    let found = all.iter().find(|one| one["id"] == agent).cloned().unwrap_or_default();
    found["drain_info"]["state"].clone()
}

#[test]
fn an_agent_that_is_drained_is_empty_soon_and_nothing_counts_as_failed() {
    let (lathe, before) = cluster(&[]);
    let (incarnation, agent) = some(&lathe, &before);
    let id = lathe.agent_id(agent);
    let grace = json!({"seconds": 5, "nanoseconds": 0});
    let drain = json!({"agent_id": {"value": id}, "max_grace_period": grace});
    let _ = lathe.operate(&json!({"type": "DRAIN_AGENT", "drain_agent": drain}));
    replaced(&lathe, &incarnation);
    until("the agent to be drained", SOON, || {
        (drain_state(&lathe, &id) == "DRAINED").then_some(())
    });
    assert_eq!(lathe.figure("lathe_scheduler_ends_total{outcome=\"failed\"}"), 0.0);
    let back = json!({"agent_id": {"value": id}});
    let _ = lathe.operate(&json!({"type": "REACTIVATE_AGENT", "reactivate_agent": back}));
    lathe.all_ready(2);
}

#[test]
fn an_agent_that_is_drained_for_good_is_replaced_and_its_last_words_are_acknowledged() {
    let (lathe, before) = cluster(&[]);
    let (incarnation, agent) = some(&lathe, &before);
    let id = lathe.agent_id(agent);
    let drain = json!({"agent_id": {"value": id}, "mark_gone": true});
    let _ = lathe.operate(&json!({"type": "DRAIN_AGENT", "drain_agent": drain}));
    replaced(&lathe, &incarnation);
    // Which happens only when all is acknowledged.
    until("the agent to be gone", SOON, || {
        let page = lathe.master_page("/master/slaves");
        page["slaves"].as_array()?.iter().all(|one| one["id"] != id.as_str()).then_some(())
    });
    // A draining agent that is to be gone may tell an end twice, each to be acknowledged; the second
    // acknowledgement may come when the agent is gone, and counts as invalid there.
    let invalid = &lathe.master_figures()["master/invalid_status_update_acknowledgements"];
    assert!([0.0, 1.0].iter().any(|number| invalid == number), "{invalid}");
}

#[test]
fn an_agent_that_is_away_over_a_masters_restart_is_waited_for() {
    let (lathe, before) = cluster(&["--replace-after", "100ms"]);
    let (incarnation, agent) = some(&lathe, &before);
    let tasks = lathe.tasks();
    block_on(lathe.mesos().master(0).kill()).unwrap();
    block_on(lathe.mesos().agent(agent).kill()).unwrap();
    block_on(lathe.mesos().restart_master(0)).unwrap();
    lathe.connected();
    // Of all others there is an answer, of this one there is none for ten minutes.
    until("answers about the others", SOON, || {
        (lathe.figure("lathe_scheduler_unreconciled") <= 1.0).then_some(())
    });
    let now = lathe.status_when("both as they were", |now| now.instances.len() == 2);
    assert_eq!(now.incarnations(), before.incarnations());
    assert!(tasks[&incarnation].runs());
    block_on(lathe.mesos().restart_agent(agent)).unwrap();
    assert_eq!(lathe.all_ready(2).incarnations(), before.incarnations());
    assert_eq!(lathe.tasks(), tasks);
}

#[test]
fn what_falls_again_and_again_backs_off_and_the_others_do_not_notice() {
    let (lathe, before) = cluster(&[]);
    let falls = Scripts::default().with("falls", "exit 7", "");
    let file = falls.write(&lathe.folder().join("b.toml"));
    let _ = lathe.lathe(&["submit", file.to_str().unwrap()]);
    lathe.status_when("three ends", |now| {
        now.of_task("falls").iter().any(|one| one.incarnations >= 3)
    });
    let now = lathe.status_when("a pause", |now| now.of_task("falls")[0].state == "waiting");
    let kept = now.incarnations();
    assert!(before.incarnations().iter().all(|(name, one)| kept.get(name) == Some(one)));
    assert_eq!(lathe.master_figures()["master/tasks_error"], 0.0);
}

#[test]
fn an_agent_that_is_deactivated_keeps_what_it_has_and_gets_nothing() {
    let (lathe, before) = cluster(&[]);
    let used: Vec<usize> =
        before.incarnations().values().map(|one| agent_of(&lathe, one)).collect();
    let free = (0..3).find(|agent| !used.contains(agent)).unwrap();
    for agent in [used[0], free] {
        let id = lathe.agent_id(agent);
        let call =
            json!({"type": "DEACTIVATE_AGENT", "deactivate_agent": {"agent_id": {"value": id}}});
        let _ = lathe.operate(&call);
    }
    assert_eq!(lathe.all_ready(2).incarnations(), before.incarnations());
    // What is left to place on is the other used one.
    let other = Scripts::default().with("more", "exec sleep 100000", "tasks = 3");
    lathe.submit(&other.write(&lathe.folder().join("b.toml")));
    let now = lathe.all_ready(5);
    for one in now.of_task("more") {
        assert_eq!(agent_of(&lathe, one.incarnation.as_ref().unwrap()), used[1]);
    }
    assert_eq!(
        before
            .incarnations()
            .into_values()
            .filter(|one| { now.incarnations().values().any(|have| have == one) })
            .count(),
        2
    );
}

#[test]
fn an_instance_or_its_executor_that_dies_is_replaced_and_leaves_no_process() {
    let (lathe, before) = cluster(&[]);
    let (incarnation, _) = some(&lathe, &before);
    lathe.tasks()[&incarnation].signal(Signal::KILL);
    let after = replaced(&lathe, &incarnation);
    let (incarnation, _) = some(&lathe, &after);
    let task = lathe.tasks().remove(&incarnation).unwrap();
    Process::of(task.parent).unwrap().signal(Signal::KILL);
    replaced(&lathe, &incarnation);
    until("the end of the task without executor", SOON, || (!task.runs()).then_some(()));
    assert_eq!(lathe.tasks().len(), 2);
    assert_eq!(lathe.master_figures()["master/invalid_status_update_acknowledgements"], 0.0);
}

#[test]
fn agents_that_went_at_once_are_held_until_somebody_says_that_they_are_lost() {
    let mut lathe = OnMesos::without_scheduler(&MesosSpec::of_agents(5));
    let url = lathe.mesos().url();
    // Longer than it takes the master to tell of one after the other.
    lathe.start_scheduler(&["--master", &url, "--replace-after", "3s"]);
    lathe.connected();
    let keys = "tasks = 5\ntags = [\"t\"]\nbiases = [[\"t\", \"avoid\"]]";
    let scripts = Scripts::default().with("one", "exec sleep 100000", keys);
    lathe.submit(&scripts.write(&lathe.folder().join("a.toml")));
    let before = lathe.all_ready(5).incarnations();
    (0..3).for_each(|agent| lathe.mesos().agent(agent).pause().unwrap());
    lathe.status_when("three that are waited for", |now| {
        now.instances.iter().filter(|one| one.state == "unreachable").count() == 3
    });
    until("the figure", SOON, || {
        (lathe.figure("lathe_scheduler_losses_held") == 3.0).then_some(())
    });
    let hosts = lathe.lathe(&["hosts"]).with_code(0);
    assert!(hosts.err.contains("3 of 5 hosts went at once"), "{}", hosts.err);
    let refused = lathe.lathe(&["hosts", "confirm-lost"]).with_code(3);
    assert!(refused.err.contains("--yes"), "{}", refused.err);
    assert_eq!(lathe.figure("lathe_scheduler_losses_held"), 3.0);

    let lost = lathe.lathe(&["hosts", "confirm-lost", "--yes", "--json"]).with_code(0);
    let lost: Value = serde_json::from_str(&lost.out).unwrap();
    assert_eq!(lost["hosts"].as_array().map(Vec::len), Some(3), "{lost}");
    let after = lathe.all_ready(5).incarnations();
    assert_eq!(after.values().filter(|one| before.values().any(|had| had == *one)).count(), 2);
    let again = lathe.lathe(&["hosts", "confirm-lost"]).with_code(0);
    assert!(again.err.contains("no hosts went at once"), "{}", again.err);
    (0..3).for_each(|agent| lathe.mesos().agent(agent).resume().unwrap());
    assert_eq!(lathe.all_ready(5).incarnations(), after);
}
