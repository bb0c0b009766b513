//! Hosts that go silent and come back.

#![expect(clippy::unwrap_used, reason = "a test: what is not there fails it")]

use lathe_system::{Lathe, Process, Request, SOON, Scripts, until};
use serde_json::Value;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// One thing done to a virtual host, as `lathe hosts` will do it.
fn act(lathe: &Lathe, host: &str, action: &str) -> Value {
    let credentials = STANDARD.encode(format!("lathe:{}", lathe.token()));
    let url = format!("{}/standalone/hosts/{host}/{action}", lathe.master());
    let answer = Request::post(url, "").header("authorization", &format!("Basic {credentials}"));
    let answer = answer.send();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// What standalone says of a host.
fn state(lathe: &Lathe, host: &str) -> String {
    let credentials = STANDARD.encode(format!("lathe:{}", lathe.token()));
    let hosts = Request::get(format!("{}/standalone/hosts", lathe.master()))
        .header("authorization", &format!("Basic {credentials}"))
        .send()
        .json::<Value>();
    let found = hosts.as_array().unwrap().iter().find(|one| one["name"] == host);
    found.unwrap()["state"].as_str().unwrap().to_owned()
}

/// Its state as the command line shows it.
fn shown(lathe: &Lathe, host: &str) -> String {
    let hosts = lathe.lathe(&["hosts", "--json"]).with_code(0);
    let hosts: Value = serde_json::from_str(&hosts.out).unwrap();
    let found = hosts.as_array().unwrap().iter().find(|one| one["name"] == host);
    found.unwrap()["state"].as_str().unwrap().to_owned()
}

/// Processes of all lives of an instance.
fn lives(lathe: &Lathe, instance: &str) -> Vec<Process> {
    let all = lathe.processes().into_iter();
    all.filter(|one| one.environment().get("LATHE_INSTANCE").is_some_and(|i| i == instance))
        .collect()
}

#[test]
fn what_a_silent_host_had_runs_elsewhere_and_once_when_it_is_back() {
    let mut lathe = Lathe::new();
    let keys = "tasks = 3\ntags = [\"s\"]\nbiases = [[\"s\", \"avoid\"]]";
    let scripts = Scripts::default().with("steady", "exec sleep 100000", keys);
    let file = scripts.write(&lathe.folder().join("steady.toml"));
    lathe.up(&[file.to_str().unwrap()]);
    let before = lathe.all_ready(3);
    let host = before.instance("steady#1").host.clone().unwrap();
    let old = lathe.task("steady#1.1");

    act(&lathe, &host, "pause");
    let now = lathe.status_when("steady#1 elsewhere", |now| {
        now.instance("steady#1").life() == 2 && now.ready() == 3
    });
    assert_ne!(now.instance("steady#1").host.as_deref(), Some(host.as_str()));
    assert!(old.runs(), "nobody can reach it");
    assert_eq!(lives(&lathe, "steady#1").len(), 2);

    act(&lathe, &host, "resume");
    until("the end of the old life", SOON, || (!old.runs()).then_some(()));
    let now = lathe.all_ready(3);
    assert_eq!(now.instance("steady#1").life(), 2);
    assert_eq!(now.instance("steady#0").life(), 1);
    assert_eq!(now.instance("steady#2").life(), 1);
    assert_eq!(lives(&lathe, "steady#1").len(), 1);

    // A killed one is gone at once; started again it takes new work.
    let host = now.instance("steady#0").host.clone().unwrap();
    let old = lathe.task("steady#0.1");
    act(&lathe, &host, "kill");
    until("its end", SOON, || (!old.runs()).then_some(()));
    let now = lathe.status_when("steady#0 elsewhere", |now| {
        now.instance("steady#0").life() == 2 && now.ready() == 3
    });
    assert_ne!(now.instance("steady#0").host.as_deref(), Some(host.as_str()));
    act(&lathe, &host, "resume");
    until("it is back", SOON, || (state(&lathe, &host) == "active").then_some(()));
    let more = Scripts::default().with("steady", "exec sleep 100000", keys).with(
        "filler",
        "exec sleep 100000",
        "tasks = 3\ntags = [\"f\"]\nbiases = [[\"f\", \"never\"]]",
    );
    let more = more.write(&file);
    lathe.lathe(&["submit", "--yes", more.to_str().unwrap()]).with_code(0);
    let now = lathe.all_ready(6);
    assert!(now.hosts_of("filler").contains(&host), "{:?}", now.hosts_of("filler"));
}

#[test]
fn a_virtual_host_is_drained_and_taken_back() {
    let mut lathe = Lathe::new();
    let scripts = Scripts::default().with("steady", "exec sleep 100000", "");
    let file = scripts.write(&lathe.folder().join("steady.toml"));
    lathe.up(&[file.to_str().unwrap()]);
    let host = lathe.all_ready(1).hosts_of("steady")[0].clone();
    let drained = lathe.lathe(&["drain", &host, "--yes"]).with_code(0);
    assert!(drained.err.contains("drained"), "{}", drained.err);
    assert_eq!(shown(&lathe, &host), "drained");
    let status = lathe.all_ready(1);
    assert_ne!(status.hosts_of("steady")[0], host);
    let life = status.instance("steady#0").incarnation.clone();
    let back = lathe.lathe(&["reactivate", &host]).with_code(0);
    assert!(back.err.contains("active"), "{}", back.err);
    assert_eq!(shown(&lathe, &host), "active");
    let active = lathe.lathe(&["reactivate", &host]).with_code(0);
    assert!(active.err.contains("active already"), "{}", active.err);
    assert_eq!(lathe.all_ready(1).instance("steady#0").incarnation, life, "nothing moves back");
}
