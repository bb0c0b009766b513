//! Masters and a store that come and go under a scheduler, and tasks that nobody knows.

#![allow(clippy::unwrap_used, reason = "all of this is a test")]

#[path = "bare/hand.rs"]
mod hand;

use hand::Hand;
use lathe_engines::{MesosSpec, ZooKeeper, ZooKeeperSpec, block_on};
use lathe_system::{OnMesos, Process, SOON, Scripts, Signal, until};

/// Scripts that wait for ever.
fn sleepers(number: usize) -> Scripts {
    Scripts::default().with("sleeper", "exec sleep 100000", &format!("tasks = {number}"))
}

#[test]
fn the_leader_of_three_masters_is_found_by_others_and_followed_when_it_dies() {
    let zookeeper = block_on(ZooKeeper::start(&ZooKeeperSpec::default())).unwrap();
    let url = zookeeper.url("/mesos");
    let zookeeper_url = Some(url.clone());
    let spec = MesosSpec { masters: 3, zookeeper: zookeeper_url, ..MesosSpec::of_agents(2) };
    let mut lathe = OnMesos::without_scheduler(&spec);
    let leader = block_on(lathe.mesos().leader()).unwrap();
    // Only those that do not lead: they say who does.
    let others: Vec<String> = (0..3)
        .filter(|master| *master != leader)
        .map(|master| format!("--master={}", lathe.mesos().master_address(master)))
        .collect();
    lathe.start_scheduler(&others.iter().map(String::as_str).collect::<Vec<_>>());
    let id = lathe.connected();
    lathe.submit(&sleepers(3).write(&lathe.folder().join("a.toml")));
    let before = lathe.all_ready(3);
    let tasks = lathe.tasks();
    // And once more out of the group in ZooKeeper.
    let _ = lathe.end_scheduler(Signal::TERM);
    lathe.start_scheduler(&["--master", &url]);
    assert_eq!(lathe.connected(), id);
    for _ in 0..2 {
        let leader = block_on(lathe.mesos().leader()).unwrap();
        let taken = lathe.figure("lathe_scheduler_subscriptions_total");
        block_on(lathe.mesos().master(leader).kill()).unwrap();
        until("a subscription at the next leader", SOON, || {
            (lathe.figure("lathe_scheduler_subscriptions_total") > taken).then_some(())
        });
        assert_eq!(lathe.connected(), id);
        assert_eq!(lathe.all_ready(3).incarnations(), before.incarnations());
        block_on(lathe.mesos().restart_master(leader)).unwrap();
    }
    assert_eq!(lathe.tasks(), tasks);
    assert_eq!(lathe.framework()["id"], id.as_str());
}

#[test]
fn without_its_master_a_scheduler_says_so_and_with_it_again_all_is_as_before() {
    let lathe = OnMesos::with(&MesosSpec::of_agents(2));
    lathe.submit(&sleepers(3).write(&lathe.folder().join("a.toml")));
    let before = lathe.all_ready(3);
    let tasks = lathe.tasks();
    block_on(lathe.mesos().master(0).kill()).unwrap();
    until("word of it", SOON, || (lathe.figure("lathe_scheduler_connected") == 0.0).then_some(()));
    assert!(tasks.values().all(Process::runs));
    block_on(lathe.mesos().restart_master(0)).unwrap();
    lathe.connected();
    assert_eq!(lathe.all_ready(3).incarnations(), before.incarnations());
    until("answers about all", SOON, || {
        (lathe.figure("lathe_scheduler_unreconciled") == 0.0).then_some(())
    });
    assert_eq!(lathe.tasks(), tasks);
    // And it is not only remembered: what dies now is replaced.
    tasks.values().next().unwrap().signal(Signal::KILL);
    lathe.status_when("a new life", |now| {
        now.ready() == 3 && now.incarnations() != before.incarnations()
    });
}

#[test]
fn while_the_store_stands_still_nothing_is_acknowledged_or_started() {
    let lathe = OnMesos::with(&MesosSpec::of_agents(2));
    lathe.submit(&sleepers(3).write(&lathe.folder().join("a.toml")));
    let before = lathe.all_ready(3);
    let tasks = lathe.tasks();
    let acknowledged = lathe.framework_figure("calls/acknowledge");
    lathe.store().signal(Signal::STOP);
    let (incarnation, task) = tasks.iter().next().unwrap();
    task.signal(Signal::KILL);
    until("the end to be known to the master", SOON, || {
        (lathe.master_figures()["master/tasks_failed"] == 1.0).then_some(())
    });
    assert_eq!(lathe.framework_figure("calls/acknowledge"), acknowledged, "it is not durable yet");
    assert_eq!(lathe.framework_figure("calls/accept"), lathe.framework_figure("calls/accept"));
    let running = tasks.values().filter(|task| task.runs()).count();
    assert_eq!(running, 2);
    lathe.store().signal(Signal::CONT);
    let after = lathe.status_when("a new life", |now| {
        now.ready() == 3 && !now.incarnations().values().any(|one| one == incarnation)
    });
    let kept = after.incarnations().into_values().filter(|one| tasks.contains_key(one)).count();
    assert_eq!(kept, before.instances.len() - 1, "the others have not noticed");
    until("the acknowledgement", SOON, || {
        (lathe.framework_figure("calls/acknowledge") > acknowledged).then_some(())
    });
    assert_eq!(lathe.master_figures()["master/invalid_status_update_acknowledgements"], 0.0);
}

#[test]
fn a_task_that_nobody_knows_is_ended_once_a_scheduler_is_back() {
    let mut lathe = OnMesos::with(&MesosSpec::of_agents(1));
    let id = lathe.connected();
    lathe.submit(&sleepers(2).write(&lathe.folder().join("a.toml")));
    let before = lathe.all_ready(2);
    let info = lathe.framework();
    let _ = lathe.end_scheduler(Signal::KILL);
    let note = lathe.folder().join("stray");
    let command = format!("echo $$ > {}; exec sleep 100000", note.display());
    let master = lathe.mesos().master_address(0);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut hand = Hand::of(master, Some(&id), &info).await;
        hand.launch("stray", &command).await;
    });
    drop(runtime);
    let pid = until("the stray's own note", SOON, || {
        std::fs::read_to_string(&note).ok()?.trim().parse::<u32>().ok()
    });
    let stray = Process::of(pid).expect("it runs");
    lathe.start_again();
    until("the end of the stray", SOON, || (!stray.runs()).then_some(()));
    assert_eq!(lathe.all_ready(2).incarnations(), before.incarnations());
}

#[test]
fn what_is_removed_is_asked_to_end_and_then_made_to() {
    let lathe = OnMesos::with(&MesosSpec::of_agents(1));
    let deaf = "trap '' TERM; (trap '' TERM; sleep 100001) & while :; do sleep 1; done";
    let scripts = Scripts::default().with("deaf", deaf, "grace = \"200ms\"");
    lathe.submit(
        &scripts.with("meek", "exec sleep 100000", "").write(&lathe.folder().join("a.toml")),
    );
    lathe.all_ready(2);
    let mut all: Vec<Process> = lathe.tasks().into_values().collect();
    all.extend(all.clone().iter().flat_map(Process::descendants));
    assert!(all.len() >= 3, "{all:?}");
    let _ = lathe.lathe(&["remove", "a", "--yes"]).with_code(0);
    until("the ends of all", SOON, || all.iter().all(|one| !one.runs()).then_some(()));
    until("nothing to be known any more", SOON, || {
        let now = lathe.master_figures();
        (now["master/tasks_running"] + now["master/tasks_killing"] == 0.0).then_some(())
    });
}
