//! Hosts of a real Mesos that an operator takes out of use and back by the command line; and what is
//! refused there, with nothing changed.

#![expect(clippy::unwrap_used, reason = "a test: what is not there fails it")]

use lathe_engines::{MesosSpec, block_on};
use lathe_system::{OnMesos, Outcome, SOON, Scripts, Status, conforms, until};
use serde_json::{Value, json};

/// Two that never share a host, on three hosts.
fn cluster(spec: &MesosSpec) -> (OnMesos, Status) {
    let lathe = OnMesos::with(spec);
    let keys = "tasks = 2\ntags = [\"apart\"]\nbiases = [[\"apart\", \"never\"]]";
    let scripts = Scripts::default().with("one", "exec sleep 100000", keys);
    lathe.submit(&scripts.write(&lathe.folder().join("a.toml")));
    let status = lathe.all_ready(2);
    (lathe, status)
}

fn state_of(lathe: &OnMesos, host: &str) -> String {
    let hosts = lathe.lathe(&["hosts", "--json"]).with_code(0);
    let hosts: Value = serde_json::from_str(&hosts.out).unwrap();
    conforms("hosts", &hosts);
    let found = hosts.as_array().unwrap().iter().find(|one| one["name"] == host);
    found.map_or_else(String::new, |one| one["state"].as_str().unwrap().to_owned())
}

/// A refusal: its exit code, and the code of its page. Nothing may have been changed by it.
fn refused(outcome: &Outcome, code: &str) {
    assert_eq!(outcome.code, Some(3), "{}", outcome.err);
    assert!(outcome.err.contains(code), "{}", outcome.err);
}

#[test]
fn a_host_is_drained_and_taken_back_by_command() {
    let (lathe, before) = cluster(&MesosSpec::of_agents(3));
    let host = before.hosts_of("one")[0].clone();
    // Nobody can be asked.
    let unasked = lathe.lathe(&["drain", &host]);
    refused(&unasked, "LT0703");
    assert!(unasked.err.contains("one#"), "it shows what would end: {}", unasked.err);
    assert_eq!(lathe.all_ready(2).incarnations(), before.incarnations());

    let drained = lathe.lathe(&["drain", &host, "--yes", "--max-grace", "5s", "--json"]);
    let drained = drained.with_code(0);
    let shown: Value = serde_json::from_str(&drained.out).unwrap();
    conforms("host", &shown);
    assert_eq!(shown["name"], host.as_str());
    assert_eq!(shown["state"], "drained");
    assert!(drained.err.contains("drain"), "progress: {}", drained.err);
    assert_eq!(state_of(&lathe, &host), "drained");
    let after = lathe.all_ready(2);
    assert!(!after.hosts_of("one").contains(&host), "{:?}", after.hosts_of("one"));
    assert_eq!(lathe.figure("lathe_scheduler_ends_total{outcome=\"failed\"}"), 0.0);
    // Once more changes nothing, and there is nothing to ask.
    let again = lathe.lathe(&["drain", &host]).with_code(0);
    assert!(again.err.contains("drained"), "{}", again.err);

    let back = lathe.lathe(&["reactivate", &host]).with_code(0);
    assert!(back.err.contains("active"), "{}", back.err);
    let back = lathe.lathe(&["reactivate", &host]).with_code(0);
    assert!(back.err.contains("already"), "{}", back.err);
    assert_eq!(state_of(&lathe, &host), "active");
    // Three that never share a host need it.
    let _ = lathe.lathe(&["scale", "one", "3"]).with_code(0);
    assert!(lathe.all_ready(3).hosts_of("one").contains(&host));
    let log = lathe.scheduler().said();
    let written = |what: &str| {
        log.lines().filter(|line| line.contains("audit") && line.contains(what)).count()
    };
    assert_eq!((written("drain"), written("reactivate")), (1, 1), "{log}");
}

#[test]
fn a_drain_that_is_left_goes_on_without_the_command() {
    let (lathe, before) = cluster(&MesosSpec::of_agents(3));
    let host = before.hosts_of("one")[0].clone();
    let left = lathe.lathe(&["drain", &host, "--yes", "--no-wait"]).with_code(0);
    assert!(left.err.contains(&host), "{}", left.err);
    until("the end of it", SOON, || (state_of(&lathe, &host) == "drained").then_some(()));
    lathe.all_ready(2);
}

#[test]
fn a_host_that_is_drained_for_good_is_given_up() {
    let (lathe, before) = cluster(&MesosSpec::of_agents(3));
    let host = before.hosts_of("one")[0].clone();
    let gone = lathe.lathe(&["drain", &host, "--yes", "--mark-gone"]).with_code(0);
    assert!(gone.err.contains("gone"), "{}", gone.err);
    assert_eq!(state_of(&lathe, &host), "");
    assert!(!lathe.all_ready(2).hosts_of("one").contains(&host));
    refused(&lathe.lathe(&["reactivate", &host]), "LT0409");
}

#[test]
fn a_host_that_is_not_known_or_out_of_reach_is_not_drained() {
    let (lathe, before) = cluster(&MesosSpec::of_agents(3));
    refused(&lathe.lathe(&["drain", "nobody", "--yes"]), "LT0409");
    refused(&lathe.lathe(&["reactivate", "nobody"]), "LT0409");
    let host = before.hosts_of("one")[0].clone();
    let port = host.rsplit_once(':').unwrap().1;
    let agent = (0..3).find(|at| lathe.mesos().agent_address(*at).ends_with(port)).unwrap();
    lathe.mesos().agent(agent).pause().unwrap();
    until("an unreachable host", SOON, || (state_of(&lathe, &host) == "unreachable").then_some(()));
    refused(&lathe.lathe(&["drain", &host, "--yes"]), "LT0410");
    lathe.mesos().agent(agent).resume().unwrap();
    assert_eq!(lathe.all_ready(2).incarnations(), before.incarnations());
    assert_eq!(state_of(&lathe, &host), "active");
}

#[test]
fn a_master_that_forbids_it_or_is_away_is_named_and_nothing_ends() {
    let mut spec = MesosSpec::of_agents(3);
    let acls = json!({"drain_agents": [
        {"principals": {"type": "ANY"}, "agents": {"type": "NONE"}},
    ]});
    spec.master_flags.insert("acls".to_owned(), acls.to_string());
    let (lathe, before) = cluster(&spec);
    let host = before.hosts_of("one")[0].clone();
    let forbidden = lathe.lathe(&["drain", &host, "--yes", "--json"]);
    assert_eq!(forbidden.code, Some(3), "{}", forbidden.err);
    let said: Value = serde_json::from_str(&forbidden.out).unwrap();
    conforms("refusal", &said);
    assert_eq!(said["problems"][0]["code"], "LT0411", "{said}");
    assert!(forbidden.err.contains("403"), "{}", forbidden.err);
    assert_eq!(lathe.all_ready(2).incarnations(), before.incarnations());
    assert_eq!(state_of(&lathe, &host), "active");

    block_on(lathe.mesos().master(0).kill()).unwrap();
    refused(&lathe.lathe(&["drain", &host, "--yes"]), "LT0402");
    block_on(lathe.mesos().restart_master(0)).unwrap();
    lathe.connected();
    assert_eq!(lathe.all_ready(2).incarnations(), before.incarnations());
}
