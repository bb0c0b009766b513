//! Updates by a task's own rule, on real processes: what stays ready meanwhile, seen by a registry,
//! and a version that fails.

#![expect(clippy::unwrap_used, reason = "a test: what is not there fails it")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lathe_system::{Lathe, Scripts};
use serde_json::Value;

/// What the samples saw at the least and at the most.
#[derive(Clone, Copy, Debug)]
struct Seen {
    samples: u32,
    fewest_ready: usize,
    most: usize,
}

/// Five pages that run a script, replaced by a rule.
fn shop(lathe: &Lathe, script: &str, mode: &str) -> PathBuf {
    let keys = format!(
        "tasks = 5\nenv = {{ MODE = \"{mode}\" }}\nupdate = {{ parallel = 2, max_surge = 1, \
         min_healthy = 4, canary = 1, bake = \"1s\" }}\n"
    );
    Scripts::default().with("page", script, &keys).write(&lathe.folder().join("shop.toml"))
}

/// How many pages a registry tells of, and how many of them are ready.
fn pages(lathe: &Lathe) -> (usize, usize) {
    let group = lathe.read_registry("/v1/groups/page");
    let entries = group["entries"].as_array().unwrap();
    let states: Vec<&str> = entries.iter().filter_map(|one| one["state"].as_str()).collect();
    let ready = states.iter().filter(|state| **state == "ready").count();
    (states.len(), ready)
}

/// Looks each 100 ms until it is told to stop.
fn sample(lathe: &Lathe, go_on: &AtomicBool) -> Seen {
    let mut seen = Seen { samples: 0, fewest_ready: usize::MAX, most: 0 };
    while go_on.load(Ordering::SeqCst) {
        let (all, ready) = pages(lathe);
        seen.samples += 1;
        seen.fewest_ready = seen.fewest_ready.min(ready);
        seen.most = seen.most.max(all);
        std::thread::sleep(Duration::from_millis(100));
    }
    seen
}

/// Runs a command while the pages are looked at.
fn watched(lathe: &Lathe, arguments: &[&str]) -> (lathe_system::Outcome, Seen) {
    let go_on = AtomicBool::new(true);
    std::thread::scope(|scope| {
        let looking = scope.spawn(|| sample(lathe, &go_on));
        let outcome = lathe.lathe(arguments);
        go_on.store(false, Ordering::SeqCst);
        (outcome, looking.join().unwrap())
    })
}

fn revisions(lathe: &Lathe) -> Vec<(u64, String)> {
    let outcome = lathe.lathe(&["history", "shop", "--json"]).with_code(0);
    let all: Value = serde_json::from_str(&outcome.out).unwrap();
    let of = |one: &Value| {
        (one["revision"].as_u64().unwrap(), one["cause"].as_str().unwrap().to_owned())
    };
    all.as_array().unwrap().iter().map(of).collect()
}

#[test]
fn an_update_never_leaves_fewer_ready_than_its_rule_says() {
    let mut lathe = Lathe::new();
    let file = shop(&lathe, "exec sleep 100000", "old");
    let file = file.to_str().unwrap();
    lathe.up(&[file]);
    lathe.all_ready(5);
    lathe_system::until("the pages in a registry", lathe_system::SOON, || {
        (pages(&lathe) == (5, 5)).then_some(())
    });
    shop(&lathe, "exec sleep 100000", "new");
    let plan = lathe.lathe(&["plan", file]).with_code(0);
    assert!(plan.out.contains("1 first as canary"), "{}", plan.out);
    let (outcome, seen) = watched(&lathe, &["submit", "--yes", file]);
    let outcome = outcome.with_code(0);
    assert!(outcome.err.contains("5 of 5 instances ready"), "{}", outcome.err);
    assert!(seen.samples > 10, "{seen:?}");
    assert!(seen.fewest_ready >= 4, "{seen:?}");
    let now = lathe.all_ready(5);
    assert!(now.instances.iter().all(|one| one.life() == 2), "{:?}", now.incarnations());
}

#[test]
fn a_bad_version_is_rolled_back_by_itself() {
    let mut lathe = Lathe::new();
    let good = "if [ $MODE = bad ]; then exit 1; fi; exec sleep 100000";
    let file = shop(&lathe, good, "good");
    let file = file.to_str().unwrap();
    lathe.up(&[file]);
    lathe.all_ready(5);
    // What runs must have held before it is something to go back to: the next one says so.
    shop(&lathe, good, "better");
    lathe.lathe(&["submit", "--yes", file]).with_code(0);
    let before = lathe.all_ready(5).incarnations();
    shop(&lathe, good, "bad");
    let (outcome, seen) = watched(&lathe, &["submit", "--yes", file]);
    let outcome = outcome.with_code(3);
    assert!(outcome.err.contains("LT0408"), "{}", outcome.err);
    assert!(outcome.err.contains("ended early 3 times"), "{}", outcome.err);
    assert!(seen.fewest_ready >= 4, "{seen:?}");
    let after = lathe.all_ready(5).incarnations();
    let same = after.iter().filter(|(name, one)| before.get(*name) == Some(*one)).count();
    assert!(same >= 4, "only the canary was touched: {before:?}, {after:?}");
    let revisions = revisions(&lathe);
    assert_eq!(revisions[0].0, 4, "{revisions:?}");
    assert!(revisions[0].1.starts_with("rolled back by itself from revision 3: "), "{revisions:?}");
}
