//! Updates by a task's own rule, on real processes of standalone and of a real Mesos: what stays ready
//! meanwhile, and a version that fails. What is counted is told by a registry there, and by the
//! master here.

#![expect(clippy::unwrap_used, reason = "a test: what is not there fails it")]

use std::path::PathBuf;

use lathe_engines::MesosSpec;
use lathe_system::{Cluster, Lathe, OnMesos, Scripts, Told};
use serde_json::Value;

const WAITS: &str = "exec sleep 100000";
const FALLS_WHEN_BAD: &str = "if [ $MODE = bad ]; then exit 1; fi; exec sleep 100000";

/// Five pages that run a script, replaced by a rule.
fn shop(cluster: &impl Cluster, script: &str, mode: &str) -> PathBuf {
    let keys = format!(
        "tasks = 5\nenv = {{ MODE = \"{mode}\" }}\nupdate = {{ parallel = 2, max_surge = 1, \
         min_healthy = 4, canary = 1, bake = \"1s\" }}\n"
    );
    Scripts::default().with("page", script, &keys).write(&cluster.folder().join("shop.toml"))
}

fn revisions(cluster: &impl Cluster) -> Vec<(u64, String)> {
    let outcome = cluster.lathe(&["history", "shop", "--json"]).with_code(0);
    let all: Value = serde_json::from_str(&outcome.out).unwrap();
    let of = |one: &Value| {
        (one["revision"].as_u64().unwrap(), one["cause"].as_str().unwrap().to_owned())
    };
    all.as_array().unwrap().iter().map(of).collect()
}

/// Five pages run; they are replaced.
fn keeps_within_its_rule(cluster: &impl Cluster) {
    cluster.all_ready(5);
    lathe_system::until("the pages as others see them", lathe_system::SOON, || {
        (cluster.told("page") == Told { all: 5, ready: 5 }).then_some(())
    });
    let file = shop(cluster, WAITS, "new");
    let file = file.to_str().unwrap();
    let plan = cluster.lathe(&["plan", file]).with_code(0);
    assert!(plan.out.contains("1 first as canary"), "{}", plan.out);
    let (outcome, seen) = cluster.watched("page", &["submit", "--yes", file]);
    let outcome = outcome.with_code(0);
    assert!(outcome.err.contains("5 of 5 instances ready"), "{}", outcome.err);
    assert!(seen.looks > 10, "{seen:?}");
    assert!(seen.fewest_ready >= 4, "{seen:?}");
    assert!(seen.most <= 6, "{seen:?}");
    let now = cluster.all_ready(5);
    assert!(now.instances.iter().all(|one| one.life() == 2), "{:?}", now.incarnations());
}

/// Five good pages run; a bad version is undone.
fn goes_back_by_itself(cluster: &impl Cluster) {
    cluster.all_ready(5);
    // What runs must have held before it is something to go back to: the next one says so.
    let file = shop(cluster, FALLS_WHEN_BAD, "better");
    let file = file.to_str().unwrap();
    cluster.lathe(&["submit", "--yes", file]).with_code(0);
    let before = cluster.all_ready(5).incarnations();
    shop(cluster, FALLS_WHEN_BAD, "bad");
    let (outcome, seen) = cluster.watched("page", &["submit", "--yes", file]);
    let outcome = outcome.with_code(3);
    assert!(outcome.err.contains("LT0408"), "{}", outcome.err);
    assert!(outcome.err.contains("ended early 3 times"), "{}", outcome.err);
    assert!(seen.fewest_ready >= 4, "{seen:?}");
    let after = cluster.all_ready(5).incarnations();
    let same = after.iter().filter(|(name, one)| before.get(*name) == Some(*one)).count();
    assert!(same >= 4, "only the canary was touched: {before:?}, {after:?}");
    let revisions = revisions(cluster);
    assert_eq!(revisions[0].0, 4, "{revisions:?}");
    assert!(revisions[0].1.starts_with("rolled back by itself from revision 3: "), "{revisions:?}");
}

#[test]
fn an_update_never_leaves_fewer_ready_than_its_rule_says() {
    let mut lathe = Lathe::new();
    let file = shop(&lathe, WAITS, "old");
    lathe.up(&[file.to_str().unwrap()]);
    keeps_within_its_rule(&lathe);
}

#[test]
fn on_mesos_an_update_never_leaves_fewer_running_than_its_rule_says() {
    let lathe = OnMesos::with(&MesosSpec::of_agents(2));
    lathe.submit(&shop(&lathe, WAITS, "old"));
    keeps_within_its_rule(&lathe);
}

#[test]
fn a_bad_version_is_rolled_back_by_itself() {
    let mut lathe = Lathe::new();
    let file = shop(&lathe, FALLS_WHEN_BAD, "good");
    lathe.up(&[file.to_str().unwrap()]);
    goes_back_by_itself(&lathe);
}

#[test]
fn on_mesos_a_bad_version_is_rolled_back_by_itself() {
    let lathe = OnMesos::with(&MesosSpec::of_agents(2));
    lathe.submit(&shop(&lathe, FALLS_WHEN_BAD, "good"));
    goes_back_by_itself(&lathe);
}
