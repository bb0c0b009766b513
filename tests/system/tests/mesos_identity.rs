//! A scheduler as a framework of a real Mesos: who it is, what it is offered, and its own end.

use lathe_engines::{AgentSpec, MesosSpec, Proxy, block_on};
use lathe_system::{OnMesos, SOON, Scripts, Signal, until};
use serde_json::json;

/// Scripts that wait for ever.
fn sleepers(number: usize) -> Scripts {
    Scripts::default().with("sleeper", "exec sleep 100000", &format!("tasks = {number}"))
}

#[test]
fn a_framework_says_of_itself_what_lets_its_tasks_outlive_it_and_rests_when_all_is_done() {
    let lathe = OnMesos::with(&MesosSpec::of_agents(3));
    let framework = lathe.framework();
    let week = 7.0 * 24.0 * 3600.0;
    assert!(framework["failover_timeout"].as_f64().unwrap() >= week, "{framework}");
    assert_eq!(framework["checkpoint"], true);
    let capabilities = framework["capabilities"].as_array().unwrap();
    for name in ["TASK_KILLING_STATE", "PARTITION_AWARE", "MULTI_ROLE", "RESERVATION_REFINEMENT"] {
        assert!(capabilities.contains(&json!(name)), "{name} of {capabilities:?}");
    }
    assert_eq!(framework["roles"], json!(["lathe"]));
    rests(&lathe);

    let revives = lathe.framework_figure("calls/revive");
    lathe.submit(&sleepers(6).write(&lathe.folder().join("a.toml")));
    lathe.all_ready(6);
    let asked = lathe.framework_figure("calls/revive") - revives;
    assert!((1.0..=3.0).contains(&asked), "new work asked for offers {asked} times");
    rests(&lathe);
    let all = lathe.master_figures();
    assert_eq!(all["master/invalid_status_update_acknowledgements"], 0.0);
    assert_eq!(all["master/tasks_error"], 0.0);
    let calls = lathe.framework_figure("calls");
    assert!(calls < 200.0, "{calls} calls for six tasks");
}

/// Nothing is asked for and nothing is held.
fn rests(lathe: &OnMesos) {
    until("rest", SOON, || {
        let suppressed = lathe.framework_figure("roles/lathe/suppressed");
        let held = lathe.master_figures()["master/outstanding_offers"];
        (suppressed == 1.0 && held == 0.0).then_some(())
    });
}

#[test]
fn after_its_sudden_end_a_scheduler_comes_back_under_its_id_and_no_task_has_noticed() {
    let mut lathe = OnMesos::with(&MesosSpec::of_agents(2));
    let id = lathe.connected();
    lathe.submit(&sleepers(4).write(&lathe.folder().join("a.toml")));
    let before = lathe.all_ready(4);
    let tasks = lathe.tasks();
    assert_eq!(tasks.len(), 4);
    let _ = lathe.end_scheduler(Signal::KILL);
    assert!(tasks.values().all(lathe_system::Process::runs));
    lathe.start_again();
    assert_eq!(lathe.connected(), id);
    let after = lathe.all_ready(4);
    assert_eq!(after.incarnations(), before.incarnations());
    assert_eq!(lathe.tasks(), tasks);
    until("answers to all questions", SOON, || {
        let asked = lathe.framework_figure("calls/reconcile") >= 1.0;
        (asked && lathe.figure("lathe_scheduler_unreconciled") == 0.0).then_some(())
    });
    // What ends while nobody leads is made up for.
    let _ = lathe.end_scheduler(Signal::KILL);
    tasks.values().next().unwrap().signal(Signal::KILL);
    lathe.start_again();
    lathe.connected();
    lathe.status_when("a new life", |now| {
        now.ready() == 4 && now.incarnations() != after.incarnations()
    });
}

#[test]
fn a_framework_that_was_torn_down_stops_and_makes_no_other() {
    let mut lathe = OnMesos::with(&MesosSpec::default());
    let id = lathe.connected();
    lathe.submit(&sleepers(1).write(&lathe.folder().join("a.toml")));
    lathe.all_ready(1);
    let teardown = json!({"type": "TEARDOWN", "teardown": {"framework_id": {"value": id}}});
    let _ = lathe.operate(&teardown);
    let outcome = lathe.scheduler_ends();
    assert_ne!(outcome.code, Some(0));
    assert!(outcome.err.contains("removed"), "{}", outcome.err);
    let page = lathe.master_page("/master/frameworks");
    assert_eq!(page["frameworks"], json!([]), "no framework has come in its place");
    assert_eq!(page["completed_frameworks"].as_array().unwrap().len(), 1);
}

#[test]
fn a_wrong_password_is_told_and_is_not_tried_again_and_again() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let credentials = json!({"credentials": [{"principal": "lathe", "secret": "right"}]});
    let mut spec = MesosSpec::default();
    for (flag, value) in [
        ("authenticate_http_frameworks", "true".to_owned()),
        ("http_framework_authenticators", "basic".to_owned()),
        ("credentials", write("credentials", &credentials.to_string())),
    ] {
        spec.master_flags.insert(flag.to_owned(), value);
    }
    let mut lathe = OnMesos::without_scheduler(&spec);
    let proxy = block_on(Proxy::start(lathe.mesos().master_address(0))).unwrap();
    let (right, wrong) = (write("right", "right\n"), write("wrong", "wrong\n"));
    let master = proxy.address();
    lathe.start_scheduler(&["--master", &master, "--mesos-secret-file", &wrong]);
    let outcome = lathe.scheduler_ends();
    assert_ne!(outcome.code, Some(0));
    assert!(outcome.err.contains("401"), "{}", outcome.err);
    let connections = proxy.counts().connections;
    assert!(connections < 10, "{connections} connections for one refusal");
    lathe.start_scheduler(&["--master", &master, "--mesos-secret-file", &right]);
    lathe.connected();
}

#[test]
fn a_stream_in_single_bytes_is_read_like_any_other_and_a_cut_is_mended() {
    let mut lathe = OnMesos::without_scheduler(&MesosSpec::of_agents(2));
    let proxy = block_on(Proxy::start(lathe.mesos().master_address(0))).unwrap();
    proxy.split(1);
    lathe.start_scheduler(&["--master", &proxy.address()]);
    let id = lathe.connected();
    lathe.submit(&sleepers(3).write(&lathe.folder().join("a.toml")));
    let before = lathe.all_ready(3);
    for _ in 0..2 {
        let taken = lathe.figure("lathe_scheduler_subscriptions_total");
        block_on(proxy.drop_connections()).unwrap();
        until("another subscription", SOON, || {
            (lathe.figure("lathe_scheduler_subscriptions_total") > taken).then_some(())
        });
        assert_eq!(lathe.connected(), id);
    }
    assert_eq!(lathe.all_ready(3).incarnations(), before.incarnations());
    assert_eq!(lathe.framework()["id"], id.as_str());
}

#[test]
fn what_is_reserved_for_others_or_has_gpus_is_not_taken() {
    let resources = |text: &str| AgentSpec { resources: text.to_owned(), ..AgentSpec::default() };
    let agents = vec![
        resources("cpus(other):8;mem(other):8192;cpus:1;mem:1024;disk:1024"),
        resources("cpus:8;mem:8192;disk:1024;gpus:0"),
    ];
    let mut spec = MesosSpec { agents, ..MesosSpec::default() };
    spec.agents[1].resources = "cpus:1;mem:1024;disk:1024".to_owned();
    let lathe = OnMesos::with(&spec);
    let large = Scripts::default().with("large", "exec sleep 100000", "");
    let large = large.text().replace("cpus = 0.1", "cpus = 2");
    let file = lathe_system::write(&lathe.folder().join("large.toml"), &large);
    let refused = lathe.lathe(&["submit", file.to_str().unwrap()]);
    assert_ne!(refused.code, Some(0), "{}", refused.err);
    lathe.submit(&sleepers(6).write(&lathe.folder().join("a.toml")));
    lathe.all_ready(6);
    let page = lathe.master_page("/master/slaves");
    for agent in page["slaves"].as_array().unwrap() {
        let reserved = &agent["reserved_resources_full"]["other"];
        let unused = agent["used_resources_full"].as_array().is_none_or(|all| {
            all.iter().all(|one| one["role"] != "other" && one["reservations"].is_null())
        });
        assert!(unused, "{agent} {reserved}");
    }
}
