//! Sudden ends: whoever is killed with -9, nothing below it stays, and what was lost comes back.

use std::collections::BTreeSet;

use lathe_system::{Lathe, Load, Process, SOON, Scripts, Signal, example, until};

/// Starts children, a grandchild, and one that has left its group and its parent.
const FAMILY: &str = "sleep 100000 & (sleep 100001 & sleep 100002) & \
                      (setsid sh -c 'sleep 100003 & sleep 100004' &) ; echo started; wait";
/// The shell of the script, and what it starts.
const MEMBERS: usize = 8;

/// Every process of an incarnation, wherever it has gone.
fn members(lathe: &Lathe, incarnation: &str) -> Vec<Process> {
    let all = lathe.processes().into_iter();
    all.filter(|one| one.environment().get("LATHE_INCARNATION").is_some_and(|i| i == incarnation))
        .collect()
}

fn family(lathe: &Lathe, incarnation: &str) -> Vec<Process> {
    until(&format!("the family of {incarnation}"), SOON, || {
        let found = members(lathe, incarnation);
        (found.iter().filter(|one| one.name == "sleep").count() == 5).then_some(found)
    })
}

fn all_end(what: &str, processes: &[Process]) {
    until(&format!("the ends of {what}"), SOON, || {
        processes.iter().all(|one| !one.runs()).then_some(())
    });
}

#[test]
fn after_kill_9_of_lathe_up_nothing_is_left_and_the_next_start_brings_all_back() {
    let mut lathe = Lathe::with(&example());
    let before = lathe.status();
    let processes = lathe.running().process().descendants();
    assert!(processes.len() > 26);
    assert_eq!(lathe.end(Signal::KILL).code, None);
    all_end("all that ran", &processes);
    lathe.nothing_is_left(SOON);

    lathe.up(&[]);
    let after = lathe.all_ready(13);
    assert_eq!(after.topologies[0].revision, before.topologies[0].revision);
    assert_eq!(after.scheduler.framework_id, before.scheduler.framework_id);
    assert!(after.scheduler.term > before.scheduler.term);
    for one in &before.instances {
        let again = after.instance(&one.instance);
        assert_eq!(again.life(), one.life() + 1, "{}", one.instance);
    }
    let urls: Vec<String> = after.of_task("http.lb").iter().map(|one| one.url()).collect();
    let tally = Load::new(&urls, "/index", 3).send(300);
    assert_eq!((tally.good, tally.failed), (300, Vec::new()));

    // The same once more: no life is ever counted twice.
    let _ = lathe.end(Signal::KILL);
    lathe.nothing_is_left(SOON);
    lathe.up(&[]);
    let again = lathe.all_ready(13);
    assert!(again.instances.iter().all(|one| one.life() == 3), "{:?}", again.incarnations());
}

#[test]
fn a_killed_executor_host_or_standalone_leaves_nobody_behind() {
    let mut lathe = Lathe::new();
    let scripts = Scripts::default().with(
        "family",
        FAMILY,
        "tasks = 3\ntags = [\"f\"]\nbiases = [[\"f\", \"avoid\"]]",
    );
    let file = scripts.write(&lathe.folder().join("families.toml"));
    lathe.up(&[file.to_str().unwrap()]);
    let first = lathe.all_ready(3);
    let hosts: BTreeSet<String> = first.hosts_of("family").into_iter().collect();
    assert_eq!(hosts.len(), 3);

    // The task's own process: its children go with it.
    let family_of = family(&lathe, "family#0.1");
    assert!(family_of.len() >= 6 && family_of.len() <= MEMBERS, "{family_of:?}");
    lathe.task("family#0.1").signal(Signal::KILL);
    all_end("family#0.1", &family_of);
    lathe.status_when("family#0.2", |now| now.instance("family#0").life() == 2 && now.ready() == 3);

    // An executor.
    let lost = family(&lathe, "family#0.2");
    let executor = Process::of(lathe.task("family#0.2").parent).unwrap();
    assert_eq!(executor.name, "lathe-executor");
    executor.signal(Signal::KILL);
    all_end("family#0.2", &lost);
    let now = lathe
        .status_when("family#0.3", |now| now.instance("family#0").life() == 3 && now.ready() == 3);
    assert_eq!(now.instance("family#1").life(), 1, "the others are as they were");
    assert_eq!(now.instance("family#2").life(), 1);

    // A virtual host.
    let at = now.instance("family#1").host.clone().unwrap();
    let lost = family(&lathe, "family#1.1");
    let executor = Process::of(lathe.task("family#1.1").parent).unwrap();
    let host = Process::of(executor.parent).unwrap();
    assert!(host.command_line().contains(&"host".to_owned()), "{:?}", host.command_line());
    let below = host.descendants();
    assert!(below.len() > lost.len());
    host.signal(Signal::KILL);
    all_end("the host's processes", &below);
    all_end("family#1.1", &lost);
    let now = lathe.status_when("family#1 elsewhere", |now| {
        now.instance("family#1").life() == 2 && now.ready() == 3
    });
    assert_ne!(now.instance("family#1").host.as_deref(), Some(at.as_str()));
    assert_eq!(now.instance("family#2").life(), 1);

    // Standalone: without it there is no cluster, so `lathe up` says so and ends.
    family(&lathe, "family#2.1");
    lathe.daemon("lathe-standalone").signal(Signal::KILL);
    let up = lathe.running();
    up.wait_for_line("lathe-standalone was ended by signal 9", SOON);
    lathe.nothing_is_left(SOON);
    lathe.end(Signal::TERM).with_code(1);
}

#[test]
fn a_scheduler_that_was_killed_goes_on_where_it_was() {
    let mut lathe = Lathe::new();
    let scripts = Scripts::default().with("steady", "exec sleep 100000", "tasks = 4");
    let file = scripts.write(&lathe.folder().join("steady.toml"));
    lathe.up(&[file.to_str().unwrap()]);
    let before = lathe.status();
    let tasks = lathe.tasks();
    assert_eq!(tasks.len(), 4);
    let up = lathe.running().process();
    let scheduler = lathe.daemon("lathe-scheduler");
    let arguments = scheduler.command_line();

    // Nobody tells `lathe up` what happens meanwhile.
    up.signal(Signal::STOP);
    scheduler.signal(Signal::KILL);
    until("the scheduler's end", SOON, || (!scheduler.runs()).then_some(()));
    let mut command = lathe.command_of(arguments[0].as_ref());
    command.args(&arguments[1..]);
    let second = lathe_system::Running::start(command);
    let line = second.wait_for_line("listening", SOON);
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    let url = line["listening"].as_str().unwrap();
    let token = lathe.home().join("run/token");
    let of_second = |command: &str| {
        let token = token.to_str().unwrap();
        lathe.lathe(&[command, "--json", "--scheduler", url, "--token-file", token])
    };
    let after = until("four ready instances", SOON, || {
        let status: Option<lathe_system::Status> =
            serde_json::from_str(&of_second("status").out).ok();
        status.filter(|status| status.scheduler.connected && status.ready() == 4)
    });
    assert_eq!(after.scheduler.framework_id, before.scheduler.framework_id);
    assert!(after.scheduler.term > before.scheduler.term);
    assert_eq!(after.incarnations(), before.incarnations());
    assert_eq!(lathe.tasks(), tasks, "no process was started again");

    // It acts: an instance that ends now is replaced.
    tasks["steady#0.1"].signal(Signal::KILL);
    until("steady#0.2", SOON, || {
        let status: lathe_system::Status = serde_json::from_str(&of_second("status").out).ok()?;
        (status.instance("steady#0").life() == 2 && status.ready() == 4).then_some(())
    });
    second.signal(Signal::TERM);
    second.finish(SOON).with_code(0);
    up.signal(Signal::CONT);
    lathe.running().wait_for_line("lathe-scheduler was ended by signal 9", SOON);
    lathe.end(Signal::TERM).with_code(1);
    lathe.nothing_is_left(SOON);
}

#[test]
fn without_its_registry_lathe_up_says_so_and_ends() {
    let mut lathe = Lathe::new();
    lathe.up(&[]);
    lathe.daemon("lathe-registry").signal(Signal::KILL);
    lathe.running().wait_for_line("lathe-registry was ended by signal 9", SOON);
    lathe.nothing_is_left(SOON);
    lathe.end(Signal::TERM).with_code(1);
}
