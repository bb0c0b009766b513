//! What is said to a group reaches its members, and who said it sees who has it.

#![expect(clippy::unwrap_used, reason = "a test: what is not there fails it")]

use lathe_system::{Lathe, SOON, fixture, until, write};
use serde_json::{Value, json};

/// One task of the probe, tagged `heard`.
fn probe(path: &str, task: &str, tasks: u32) -> String {
    let folder = json!(fixture("probe"));
    format!(
        "[task.{path}]\ncrate = \"probe\"\nversion = \"1.0.0\"\ntask = \"my::{task}\"\n\
         path = {folder}\ntasks = {tasks}\ntags = [\"heard\"]\nresources = {{ ports = [] }}\n"
    )
}

fn send(lathe: &Lathe, arguments: &[&str], code: i32) -> Value {
    let arguments = [&["send", "--json"], arguments].concat();
    serde_json::from_str(&lathe.lathe(&arguments).with_code(code).out).unwrap()
}

/// The receipts by incarnation.
fn receipts(message: &Value) -> Vec<(&str, &str)> {
    let members = message["members"].as_array().unwrap();
    members
        .iter()
        .map(|one| (one["incarnation"].as_str().unwrap(), one["receipt"].as_str().unwrap()))
        .collect()
}

/// Waits until an instance has printed exactly these lines.
fn prints(lathe: &Lathe, instance: &str, lines: &[&str]) {
    until(&format!("the words of {instance}"), SOON, || {
        let out = lathe.lathe(&["logs", instance]).out;
        (out.lines().collect::<Vec<_>>() == lines).then_some(())
    });
}

#[test]
fn messages_reach_their_members_in_order_and_values_whoever_comes() {
    let mut lathe = Lathe::new();
    let text = format!("{}{}", probe("ear", "Listener", 2), probe("mute", "Teller", 1));
    let file = write(&lathe.folder().join("said.toml"), &text);
    lathe.up(&[file.to_str().unwrap()]);
    lathe.all_ready(3);
    lathe.lathe(&["metadata", "heard", "level=3"]).with_code(0);
    for instance in ["ear#0", "ear#1"] {
        until("the value", SOON, || {
            let out = lathe.lathe(&["logs", instance]).out;
            out.ends_with("level 3\n").then_some(())
        });
    }

    // One that never says that it has a message is seen, and holds nobody up.
    let first = send(&lathe, &["heard", "{\"n\": 1}", "--wait", "2s"], 4);
    let expected =
        [("ear#0.1", "acknowledged"), ("ear#1.1", "acknowledged"), ("mute#0.1", "waiting")];
    assert_eq!(receipts(&first), expected);
    let own = send(&lathe, &["ear", "7", "--key", "once"], 0);
    assert_eq!(own, send(&lathe, &["ear", "8", "--key", "once"], 0));
    send(&lathe, &["heard", "[2]", "--no-wait"], 0);
    for instance in ["ear#0", "ear#1"] {
        until("the words", SOON, || {
            let out = lathe.lathe(&["logs", instance]).out;
            out.ends_with("level 3\nheard 1 {\"n\":1}\near 1 7\nheard 2 [2]\n").then_some(())
        });
    }

    // Whoever comes later finds what is kept, and no message of before.
    lathe.lathe(&["restart", "--yes", "ear#0"]).with_code(0);
    lathe.all_ready(3);
    prints(&lathe, "ear#0", &["level 0", "level 3"]);
    let last = send(&lathe, &["ear", "9"], 0);
    assert_eq!(receipts(&last), [("ear#0.2", "acknowledged"), ("ear#1.1", "acknowledged")]);

    let nobody = lathe.lathe(&["send", "nobody", "1"]).with_code(1);
    assert!(nobody.err.contains("LT0607"), "{}", nobody.err);
    lathe.lathe(&["send", "ear", "no value"]).with_code(2);
    lathe.lathe(&["metadata", "ear", "level"]).with_code(2);
    let kept = lathe.lathe(&["metadata", "heard", "--unset", "level"]).with_code(0);
    assert!(kept.err.contains("keeps no values"), "{}", kept.err);
}
