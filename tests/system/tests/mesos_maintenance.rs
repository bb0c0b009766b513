//! Planned maintenance on a real Mesos: before a window instances are moved, and the master is told
//! whether it may have the machine.

#![expect(clippy::unwrap_used, reason = "a test: what is not there fails it")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lathe_engines::{AgentSpec, MesosSpec};
use lathe_system::{Cluster as _, OnMesos, SOON, Scripts, Signal, conforms, until};
use serde_json::{Value, json};

const HOUR: Duration = Duration::from_secs(3_600);

/// Agents on machines of these names; all have the same address.
fn machines(names: &[&str]) -> MesosSpec {
    let agent = |name: &&str| {
        let mut agent = AgentSpec::default();
        agent.flags.insert("hostname".to_owned(), (*name).to_owned());
        agent
    };
    MesosSpec { agents: names.iter().map(agent).collect(), ..MesosSpec::default() }
}

/// The whole schedule: one machine, away for an hour; or none.
fn plan(lathe: &OnMesos, machine: Option<(&str, Duration)>) {
    let window = |(name, begins_in): (&str, Duration)| {
        let start = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + begins_in;
        json!({
            "machine_ids": [{"hostname": name, "ip": "127.0.0.1"}],
            "unavailability": {
                "start": {"nanoseconds": u64::try_from(start.as_nanos()).unwrap()},
                "duration": {"nanoseconds": u64::try_from(HOUR.as_nanos()).unwrap()},
            },
        })
    };
    let windows: Vec<Value> = machine.into_iter().map(window).collect();
    let _ = lathe.operate(&json!({
        "type": "UPDATE_MAINTENANCE_SCHEDULE",
        "update_maintenance_schedule": {"schedule": {"windows": windows}},
    }));
}

/// What the master shows of our answer for a machine; none before there is one.
fn answer(lathe: &OnMesos, name: &str) -> Option<String> {
    let status: Value = lathe.operate(&json!({"type": "GET_MAINTENANCE_STATUS"})).json();
    let machines = status["get_maintenance_status"]["status"]["draining_machines"].as_array()?;
    let machine = machines.iter().find(|one| one["id"]["hostname"] == name)?;
    Some(machine["statuses"].as_array()?.first()?["status"].as_str()?.to_owned())
}

fn answered(lathe: &OnMesos, name: &str, with: &str) {
    until(&format!("{with} of {name}"), SOON, || {
        (answer(lathe, name).as_deref() == Some(with)).then_some(())
    });
}

fn host(lathe: &OnMesos, name: &str) -> Value {
    let hosts = lathe.lathe(&["hosts", "--json"]).with_code(0);
    let hosts: Value = serde_json::from_str(&hosts.out).unwrap();
    conforms("hosts", &hosts);
    hosts.as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone()
}

fn is_in_state(lathe: &OnMesos, name: &str, state: &str) {
    until(&format!("{name} to be {state}"), SOON, || {
        (host(lathe, name)["state"] == state).then_some(())
    });
}

fn submit(lathe: &OnMesos, task: &str, keys: &str) {
    let scripts = Scripts::default().with(task, "exec sleep 100000", keys);
    lathe.submit(&scripts.write(&lathe.folder().join(format!("{task}.toml"))));
}

#[test]
fn before_a_window_instances_move_within_their_rule_and_the_machine_is_given() {
    let mut lathe = OnMesos::with(&machines(&["alpha", "beta", "gamma"]));
    submit(
        &lathe,
        "page",
        "tasks = 3\nupdate = { min_healthy = \"100%\", max_surge = 1, bake = \"500ms\" }",
    );
    let before = lathe.all_ready(3);
    let name = before.hosts_of("page")[0].clone();
    let there = before.hosts_of("page").iter().filter(|host| **host == name).count();

    // It is far off: the machine is used until an hour before.
    plan(&lathe, Some((&name, HOUR * 3)));
    until("the window to be shown", SOON, || {
        host(&lathe, &name)["maintenance"].as_object().cloned()
    });
    assert_eq!(host(&lathe, &name)["state"], "active");
    assert_eq!(lathe.all_ready(3).incarnations(), before.incarnations());

    let ((), seen) = lathe.watched_while("page", || {
        plan(&lathe, Some((&name, HOUR / 2)));
        answered(&lathe, &name, "ACCEPT");
    });
    assert!(seen.looks > 5 && seen.fewest_ready >= 3, "{seen:?}");
    assert!(seen.most <= 4, "{seen:?}");
    let after = lathe.all_ready(3);
    assert!(!after.hosts_of("page").contains(&name), "{:?}", after.hosts_of("page"));
    let moved = |name: &String| before.incarnations().get(name) != after.incarnations().get(name);
    assert_eq!(after.incarnations().keys().filter(|name| moved(name)).count(), there);
    assert_eq!(lathe.figure("lathe_scheduler_ends_total{outcome=\"failed\"}"), 0.0);

    // Nothing new is placed there, by a new leader either, which has only the schedule to know it by.
    let _ = lathe.end_scheduler(Signal::KILL);
    lathe.start_again();
    lathe.connected();
    is_in_state(&lathe, &name, "leaving");
    submit(&lathe, "more", "tasks = 4");
    assert!(!lathe.all_ready(7).hosts_of("more").contains(&name));

    // The plan is dropped, and all three machines are of use again.
    plan(&lathe, None);
    is_in_state(&lathe, &name, "active");
    submit(&lathe, "apart", "tasks = 3\ntags = [\"a\"]\nbiases = [[\"a\", \"never\"]]");
    assert!(lathe.all_ready(10).hosts_of("apart").contains(&name));
}

#[test]
fn what_has_no_place_elsewhere_stays_and_the_machine_is_refused_until_there_is_one() {
    let lathe = OnMesos::with(&machines(&["alpha", "beta", "gamma"]));
    let spare = lathe.lathe(&["drain", "gamma", "--yes"]);
    let _ = spare.with_code(0);
    submit(&lathe, "apart", "tasks = 2\ntags = [\"a\"]\nbiases = [[\"a\", \"never\"]]");
    let before = lathe.all_ready(2);
    plan(&lathe, Some(("alpha", HOUR / 2)));
    answered(&lathe, "alpha", "DECLINE");
    let now = lathe.all_ready(2);
    assert_eq!(now.incarnations(), before.incarnations(), "nothing ends without another place");
    let stays = now.instances.iter().find(|one| one.host.as_deref() == Some("alpha")).unwrap();
    let reason = stays.reason.as_deref().unwrap_or_default();
    assert!(reason.contains("its host is to be left"), "{reason}");
    let why = lathe.lathe(&["explain", &stays.instance]).with_code(0);
    assert!(why.out.contains("alpha: out of use, leaving, runs here"), "{}", why.out);
    assert!(why.out.contains("gamma: out of use, drained"), "{}", why.out);
    assert_eq!(lathe.figure("lathe_scheduler_leaving_stuck"), 1.0);
    assert!(lathe.scheduler().said().contains("cannot be left"), "the log has the reason");

    let _ = lathe.lathe(&["reactivate", "gamma"]).with_code(0);
    answered(&lathe, "alpha", "ACCEPT");
    let after = lathe.all_ready(2);
    let mut hosts = after.hosts_of("apart");
    hosts.sort();
    assert_eq!(hosts, ["beta", "gamma"]);
    assert_eq!(lathe.figure("lathe_scheduler_leaving_stuck"), 0.0);
}

#[test]
fn a_schedule_that_is_hidden_from_the_scheduler_is_known_by_what_it_is_asked() {
    let mut spec = machines(&["alpha", "beta"]);
    let acls = json!({"get_maintenance_schedules": [
        {"principals": {"type": "ANY"}, "machines": {"type": "NONE"}},
    ]});
    spec.master_flags.insert("acls".to_owned(), acls.to_string());
    let lathe = OnMesos::with(&spec);
    submit(&lathe, "page", "tasks = 2");
    let name = lathe.all_ready(2).hosts_of("page")[0].clone();
    plan(&lathe, Some((&name, HOUR / 2)));
    until("an empty machine", SOON, || {
        let status = lathe.all_ready(2);
        (!status.hosts_of("page").contains(&name)).then_some(())
    });
    answered(&lathe, &name, "ACCEPT");
    submit(&lathe, "more", "tasks = 4");
    assert!(!lathe.all_ready(6).hosts_of("more").contains(&name));
    is_in_state(&lathe, &name, "leaving");
}
