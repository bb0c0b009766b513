//! A scheduler with much to do on a real Mesos: beside another framework, at its role's quota, under a
//! burst of submissions, and when all that runs ends at once.

#![allow(clippy::unwrap_used, reason = "all of this is a test")]

#[path = "bare/hand.rs"]
mod hand;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use hand::Hand;
use lathe_engines::{AgentSpec, MesosSpec};
use lathe_system::{OnMesos, Process, SOON, Scripts, Signal, binaries, until};
use serde_json::json;

/// Scripts that wait for ever.
fn sleepers(number: usize) -> Scripts {
    Scripts::default().with("sleeper", "exec sleep 100000", &format!("tasks = {number}"))
}

/// Whatever becomes of the test, the other thread ends.
struct Last<'a>(&'a AtomicBool);

impl Drop for Last<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

#[test]
fn another_framework_gets_its_share_while_one_is_busy() {
    let lathe = OnMesos::with(&MesosSpec::of_agents(2));
    lathe.submit(&sleepers(4).write(&lathe.folder().join("a.toml")));
    lathe.all_ready(4);
    let user = lathe.framework()["user"].clone();
    let info = json!({"name": "other", "user": user, "roles": ["other"], "failover_timeout": 60.0});
    let master = lathe.mesos().master_address(0);
    let go_on = AtomicBool::new(true);
    let rounds = std::thread::scope(|scope| {
        let busy = scope.spawn(|| {
            let mut rounds = 0;
            while rounds == 0 || go_on.load(Ordering::SeqCst) {
                let _ = lathe.lathe(&["restart", "--yes", "sleeper"]).with_code(0);
                rounds += 1;
            }
            rounds
        });
        let last = Last(&go_on);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // Each waits for an offer, and for no longer than anything may take.
        let other = runtime.block_on(async {
            let mut hand = Hand::of(master, None, &info).await;
            for task in 0..8 {
                hand.launch(&format!("task-{task}"), "exec sleep 100000").await;
            }
            hand
        });
        let share = lathe.master_figures()["allocator/mesos/roles/other/shares/dominant"];
        // What it is offered from now on it would keep; its connections end with the runtime.
        drop((other, runtime, last));
        let rounds = busy.join().unwrap();
        assert!(share > 0.0, "{share}");
        rounds
    });
    let now = lathe.all_ready(4);
    assert!(now.instances.iter().all(|one| one.life() > rounds), "{rounds} restarts of each");
}

/// Bounds the role of the scheduler.
fn limit_cpus(lathe: &OnMesos, cpus: f64) {
    let config = json!({"role": "lathe", "limits": {"cpus": {"value": cpus}}});
    let update = json!({"force": true, "quota_configs": [config]});
    let _ = lathe.operate(&json!({"type": "UPDATE_QUOTA", "update_quota": update}));
}

#[test]
fn a_role_at_its_quota_is_told_of_does_not_spin_and_goes_on_when_it_is_raised() {
    let lathe = OnMesos::with(&MesosSpec::default());
    limit_cpus(&lathe, 0.4);
    lathe.submit(&sleepers(3).write(&lathe.folder().join("a.toml")));
    let before = lathe.all_ready(3);
    let quota = "the quota of the role `lathe` is at most cpus 0.4";
    let refused = lathe.lathe(&["scale", "sleeper", "6", "--wait", "20s"]);
    assert_ne!(refused.code, Some(0), "{}", refused.err);
    let host = before.hosts_of("sleeper")[0].clone();
    let from = format!("no sufficient offers came from: {host}; {quota}");
    assert!(refused.err.contains(&from), "{}", refused.err);
    assert_eq!(lathe.all_ready(3).incarnations(), before.incarnations());

    // What ends does not come back while the quota is less than what the others have.
    limit_cpus(&lathe, 0.25);
    let (began, revives) = (Instant::now(), lathe.framework_figure("calls/revive"));
    let (lost, task) = lathe.tasks().into_iter().next().unwrap();
    task.signal(Signal::KILL);
    let quota = "the quota of the role `lathe` is at most cpus 0.25";
    let now = lathe.status_when("the reason", |now| {
        let mut reasons = now.instances.iter().filter_map(|one| one.reason.as_deref());
        // Twenty seconds and more have two digits.
        reasons.any(|why| why.contains(" s from") && why.ends_with(quota) && seconds(why) > 20)
    });
    assert_eq!(now.ready(), 2);
    let name = lost.rsplit_once('.').unwrap().0;
    let explained = lathe.lathe(&["explain", name]).with_code(0);
    assert!(explained.out.contains("no sufficient offers for"), "{}", explained.out);
    assert!(explained.out.replace('\n', " ").contains("quota of the role"), "{}", explained.out);
    let asked = lathe.framework_figure("calls/revive") - revives;
    let most = began.elapsed().as_secs_f64() / 2.0 + 3.0;
    assert!(asked <= most, "{asked} revives in {} s", began.elapsed().as_secs());

    limit_cpus(&lathe, 4.0);
    lathe.all_ready(3);
}

/// Of `no sufficient offers for 21 s from …`, the number.
fn seconds(why: &str) -> u64 {
    let number = why.split(" for ").nth(1).and_then(|rest| rest.split(' ').next());
    number.and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// One of eight hosts is of use.
const HOSTS: u32 = 8;

#[test]
fn hosts_of_no_use_are_offered_once_for_each_revive_and_not_at_rest() {
    let lathe = OnMesos::with(&MesosSpec::of_agents(HOSTS as usize));
    let keys = "tasks = 2\nbiases = [[\"@rack=r1\", \"always\"]]";
    let scripts = Scripts::default().with("choosy", "exec sleep 100000", keys);
    let before = lathe.framework_figure("offers/sent");
    let revives = lathe.framework_figure("calls/revive");
    let began = Instant::now();
    lathe.submit(&scripts.write(&lathe.folder().join("a.toml")));
    lathe.all_ready(2);
    rests(&lathe);
    let sent = lathe.framework_figure("offers/sent") - before;
    let revives = lathe.framework_figure("calls/revive") - revives;
    // Each revive clears what was declined; what is declined meanwhile comes back after a second.
    let most = f64::from(HOSTS) * (revives + began.elapsed().as_secs_f64() + 1.0);
    assert!((1.0..=most).contains(&sent), "{sent} offers for {revives} revives");
    let at_rest = lathe.framework_figure("offers/sent");
    let _ = lathe.lathe(&["status"]).with_code(0);
    assert_eq!(lathe.framework_figure("offers/sent"), at_rest);
}

/// Nothing is asked for and nothing is held.
fn rests(lathe: &OnMesos) {
    until("rest", SOON, || {
        let suppressed = lathe.framework_figure("roles/lathe/suppressed");
        let held = lathe.master_figures()["master/outstanding_offers"];
        (suppressed == 1.0 && held == 0.0).then_some(())
    });
}

/// How many submit at a time, and what each of them does.
const CALLERS: usize = 10;
const SUBMISSIONS: usize = 10;

#[test]
fn a_hundred_submissions_at_once_ask_for_offers_no_oftener_than_is_allowed() {
    let lathe = OnMesos::with(&MesosSpec::of_agents(2));
    let (began, before) = (Instant::now(), lathe.framework_figure("calls/revive"));
    std::thread::scope(|scope| {
        for caller in 0..CALLERS {
            let lathe = &lathe;
            scope.spawn(move || {
                let task = format!("of{caller}");
                let scripts = Scripts::default().with(&task, "exec sleep 100000", "");
                let file = scripts.write(&lathe.folder().join(format!("{task}.toml")));
                let submit = ["submit", "--wait", "10m", file.to_str().unwrap()];
                let _ = lathe.lathe(&submit).with_code(0);
                // Two instances and one by turns: each other one needs an offer.
                for round in 1..SUBMISSIONS {
                    let number = if round % 2 == 1 { "2" } else { "1" };
                    let scale = ["scale", "--yes", "--wait", "10m", &task, number];
                    let _ = lathe.lathe(&scale).with_code(0);
                }
            });
        }
    });
    let asked = lathe.framework_figure("calls/revive") - before;
    // Two a second at the most, and never more than one for each that needs offers, but for those
    // that had to be repeated.
    let most = began.elapsed().as_secs_f64() * 2.0 + 2.0;
    assert!((1.0..=most).contains(&asked), "{asked} revives in {} s", began.elapsed().as_secs());
    lathe.all_ready(2 * CALLERS);
    rests(&lathe);
}

/// As many as start within the time that submissions have, on a machine that has more to do.
const MANY: usize = 40;

#[test]
fn what_ends_at_once_is_written_together_and_all_of_it_is_acknowledged() {
    let lathe = OnMesos::with(&MesosSpec::of_agents(3));
    lathe.submit(&sleepers(MANY).write(&lathe.folder().join("a.toml")));
    lathe.all_ready(MANY);
    let tasks = lathe.tasks();
    assert_eq!(tasks.len(), MANY);
    end_at_once(&lathe, &tasks.into_values().collect::<Vec<_>>());
    let now = lathe.all_ready(MANY);
    assert!(now.instances.iter().all(|one| one.life() >= 2), "{:?}", now.incarnations());
}

/// As many executors as two cores start within a minute, where none of them has a process of a task
/// below it.
const CROWD: usize = 200;

#[test]
fn hundreds_that_end_at_once_for_good_are_all_acknowledged_and_none_is_started_again() {
    let resources = "cpus:64;mem:65536;disk:65536".to_owned();
    let agent = AgentSpec { resources, ..AgentSpec::default() };
    let mut spec = MesosSpec { agents: vec![agent; 3], ..MesosSpec::default() };
    // Who starts among so many others is late, and would not be waited for.
    spec.agent_flags.insert("executor_registration_timeout".into(), "10mins".into());
    let mut lathe = OnMesos::without_scheduler(&spec);
    // One that says that its task runs, and does nothing else.
    let executor = binaries().built.with_file_name("scripted-executor");
    let master = lathe.mesos().url();
    lathe.start_scheduler(&["--master", &master, "--executor", executor.to_str().unwrap()]);
    lathe.connected();
    let keys = format!("tasks = {CROWD}\nrestart = \"never\"");
    let scripts = Scripts::default().with("sleeper", "exec sleep 100000", &keys);
    let file = scripts.write(&lathe.folder().join("a.toml"));
    let _ = lathe.lathe(&["submit", "--wait", "10m", file.to_str().unwrap()]).with_code(0);
    lathe.all_ready(CROWD);
    let executors = lathe.executors();
    assert_eq!(executors.len(), CROWD);
    end_at_once(&lathe, &executors);
    lathe.status_when("all of them ended for good", |now| {
        let ended = now.instances.iter().filter(|one| one.state == "finished");
        ended.count() == CROWD && now.instances.iter().all(|one| one.incarnations == 1)
    });
}

/// Kills all of these processes, each with a task of its own, before the first of their ends is
/// durable. Each end is acknowledged once it is.
fn end_at_once(lathe: &OnMesos, processes: &[Process]) {
    let acknowledged = lathe.framework_figure("calls/acknowledge");
    // The store is slow: all ends are there before the first is durable.
    lathe.store().signal(Signal::STOP);
    processes.iter().for_each(|process| process.signal(Signal::KILL));
    let many = f64::from(u32::try_from(processes.len()).unwrap());
    until("the ends to be known to the master", SOON, || {
        (lathe.master_figures()["master/tasks_failed"] == many).then_some(())
    });
    assert_eq!(lathe.framework_figure("calls/acknowledge"), acknowledged, "none is durable yet");
    let writes = lathe.figure("lathe_scheduler_persist_seconds_count");
    lathe.store().signal(Signal::CONT);
    // Looked at in this order: more may be written meanwhile, and not less.
    let made = until("the acknowledgements", SOON, || {
        let made = lathe.framework_figure("calls/acknowledge") - acknowledged;
        (made >= many).then_some(made)
    });
    let writes = lathe.figure("lathe_scheduler_persist_seconds_count") - writes;
    assert!(writes * 2.0 < made, "{writes} writes for {made} acknowledgements");
    until("nothing that waits for an acknowledgement", SOON, || {
        let states = lathe.states_of("sleeper");
        (!states.iter().any(|state| state == "TASK_FAILED")).then_some(())
    });
    let all = lathe.master_figures();
    assert_eq!(all["master/invalid_status_update_acknowledgements"], 0.0);
}
