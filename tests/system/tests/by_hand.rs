//! Changes by hand: each is planned, asked for, carried out and followed as a submission is.

#![expect(clippy::unwrap_used, reason = "a test: what is not there fails it")]

use std::path::Path;

use lathe_system::{Lathe, Outcome, Scripts, Signal, write};
use serde_json::Value;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn json(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.out).unwrap_or_else(|e| panic!("{e} in {}", outcome.out))
}

/// The own keys of a task as the scheduler has them.
fn own(lathe: &Lathe, task: &str) -> Value {
    let status = json(&lathe.lathe(&["status", "--json"]).with_code(0));
    let topologies = status["topologies"].as_array().unwrap().clone();
    let mut tasks = topologies.iter().flat_map(|one| one["tasks"].as_array().unwrap());
    tasks.find(|one| one["task"] == task).unwrap()["own"].clone()
}

#[test]
fn an_operator_scales_sets_restarts_and_goes_back() {
    let mut lathe = Lathe::new();
    let keys = "tasks = 2\nshares = [90, 10]\ntags = [\"s\"]\nbiases = [[\"s\", \"never\"]]";
    let file = lathe.folder().join("shop.toml");
    let shop = |keys: &str| Scripts::default().with("page", "exec sleep 100000", keys).write(&file);
    lathe.up(&[text(&shop(keys))]);

    let dry = lathe.lathe(&["scale", "page", "3", "--dry-run"]).with_code(0);
    assert!(dry.out.contains("+ start    page#2 on host-"), "{}", dry.out);
    assert_eq!(lathe.all_ready(2).incarnations().len(), 2, "nothing was changed");
    let grown = lathe.lathe(&["scale", "page", "3"]).with_code(0);
    assert!(grown.err.contains("page: revision 2, 3 of 3 instances ready"), "{}", grown.err);
    assert!(grown.out.contains("page#2.1"), "{}", grown.out);
    // Three hosts, and no two share one.
    let refused = lathe.lathe(&["scale", "page", "4"]).with_code(3);
    assert!(
        refused.err.contains("LT0201") && refused.err.contains("nothing was changed"),
        "{}",
        refused.err
    );
    // No file was sent: the statements are told by their lines in what was accepted.
    let note = format!("note: topology {}, line ", lathe.status().topologies[0].name);
    assert!(refused.err.contains(&note), "{}", refused.err);
    assert!(!refused.err.lines().any(|line| line.trim() == "|"), "{}", refused.err);
    let unknown = lathe.lathe(&["scale", "nothing", "4"]).with_code(3);
    assert!(unknown.err.contains("LT0405"), "{}", unknown.err);
    // Fewer stops something: not without a yes.
    let asked = lathe.lathe(&["scale", "page", "1"]).with_code(3);
    assert!(asked.err.contains("- stop     page#") && asked.err.contains("--yes"), "{}", asked.err);
    lathe.all_ready(3);

    lathe.lathe(&["set", "page", "shares", "[[\"a\"], [100]]"]).with_code(0);
    assert_eq!(own(&lathe, "page"), serde_json::json!({ "shares": [["a"], [100]] }));
    let word = lathe.lathe(&["set", "page", "colour", "blue"]).with_code(2);
    assert!(word.err.contains("quotes"), "{}", word.err);
    let known = lathe.lathe(&["set", "page", "crate", "\"other\""]).with_code(3);
    assert!(known.err.contains("LT0407"), "{}", known.err);
    lathe.lathe(&["set", "page", "shares", "--unset"]).with_code(0);
    assert_eq!(own(&lathe, "page"), serde_json::json!({}));
    assert_eq!(lathe.status().instance("page#0").life(), 1, "no restart");

    let history = json(&lathe.lathe(&["history", "shop", "--json"]).with_code(0));
    let causes: Vec<&str> =
        history.as_array().unwrap().iter().map(|one| one["cause"].as_str().unwrap()).collect();
    assert_eq!(causes.len(), 4, "{causes:?}");
    assert!(causes[0].contains("took shares") && causes[3] == "submitted", "{causes:?}");
    let shown = lathe.lathe(&["history", "shop"]).with_code(0);
    assert!(shown.out.contains("4 now"), "{}", shown.out);
    let back = lathe.lathe(&["rollback", "shop", "--to", "2"]).with_code(0);
    assert!(back.err.contains("revision 5, 3 of 3"), "{}", back.err);
    assert_eq!(own(&lathe, "page"), serde_json::json!({ "shares": [90, 10] }));
    let never = lathe.lathe(&["rollback", "shop", "--to", "99"]).with_code(3);
    assert!(never.err.contains("LT0406"), "{}", never.err);

    let asked = lathe.lathe(&["restart", "page#1"]).with_code(3);
    assert!(asked.err.contains("~ replace  page#1"), "{}", asked.err);
    lathe.lathe(&["restart", "--yes", "page#1"]).with_code(0);
    let now = lathe.all_ready(3);
    assert_eq!((now.instance("page#1").life(), now.instance("page#0").life()), (2, 1));
    lathe.lathe(&["restart", "--yes", "page"]).with_code(0);
    let now = lathe.all_ready(3);
    assert_eq!((now.instance("page#1").life(), now.instance("page#0").life()), (3, 2));

    // A paused topology takes new contents in and waits with them.
    lathe.lathe(&["pause", "shop"]).with_code(0);
    let other = keys.replace("tasks = 2", "tasks = 3\nenv = { NEW = \"1\" }");
    let waits = lathe.lathe(&["submit", "--yes", text(&shop(&other))]);
    assert!(matches!(waits.code, Some(0 | 4)), "{}", waits.err);
    assert_eq!(lathe.status().instance("page#0").life(), 2);
    lathe.lathe(&["resume", "shop"]).with_code(0);
    lathe.status_when("new contents", |now| now.ready() == 3 && now.instance("page#0").life() == 3);

    let why = lathe.lathe(&["explain", "page#0.3"]).with_code(0);
    assert!(why.out.starts_with("page#0.3 is ready on host-"), "{}", why.out);
    assert_eq!(why.out.matches("excluded").count(), 2, "{}", why.out);
    assert!(why.out.contains("runs here"), "{}", why.out);
    let why = json(&lathe.lathe(&["explain", "page#0", "--json"]).with_code(0));
    assert_eq!(why["hosts"].as_array().unwrap().len(), 3);
    lathe.lathe(&["explain", "nobody#0"]).with_code(1);
    lathe.end(Signal::INT).with_code(0);
}

#[test]
fn a_change_by_hand_that_cannot_be_read_reaches_nobody() {
    let lathe = Lathe::new();
    for wrong in [
        vec!["scale", "page"],
        vec!["scale", "page", "-1"],
        vec!["set", "page", "key"],
        vec!["set", "page", "key", "1", "--unset"],
        vec!["rollback", "shop", "--to", "0"],
    ] {
        lathe.lathe(&wrong).with_code(2);
    }
    // Right, and nobody there.
    lathe.lathe(&["scale", "page", "1"]).with_code(5);
    let file = write(&lathe.folder().join("empty.toml"), "");
    lathe.lathe(&["plan", text(&file)]).with_code(2);
}
