//! What programs rely on: the shapes of JSON as they are documented, and the exit codes.

#![expect(clippy::unwrap_used, reason = "a test: what is not there fails it")]

use std::collections::BTreeSet;
use std::path::Path;

use lathe_system::{
    Lathe, Outcome, Running, SOON, Scripts, Signal, conforms, schemas, until, write,
};
use serde_json::Value;

const DOCUMENT: &str = include_str!("../../../docs/json.md");

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e} in {text}"))
}

/// The examples of the document, by the name of the schema that each is said to have.
fn examples() -> Vec<(&'static str, &'static str)> {
    let blocks = DOCUMENT.split("```json ").skip(1);
    let example = |block: &'static str| {
        let (name, rest) = block.split_once('\n').unwrap();
        (name.trim(), rest.split_once("```").unwrap().0)
    };
    blocks.map(example).collect()
}

#[test]
fn every_documented_shape_has_an_example_that_is_as_documented() {
    let mut shown = BTreeSet::new();
    for (name, example) in examples() {
        conforms(name, &json(example));
        shown.insert(name);
    }
    for name in schemas() {
        assert!(shown.contains(name.as_str()), "docs/json.md has no example of {name}");
        assert!(DOCUMENT.contains(&format!("schema/{name}.json")), "no link to {name}");
    }
}

/// An instance that runs, one that fails its check again and again, and one that is to come.
fn files(lathe: &Lathe) -> [std::path::PathBuf; 3] {
    let steady = Scripts::default().with("steady", "echo hello; exec sleep 100000", "shares = [1]");
    let ill = "health = { kind = \"command\", command = [\"false\"], interval = \"100ms\", \
               failures = 1, grace = \"0s\" }";
    let ill = Scripts::default().with("ill", "exec sleep 100000", ill);
    let crowd = "tasks = 4\ntags = [\"c\"]\nbiases = [[\"c\", \"never\"]]";
    let crowd = Scripts::default().with("crowd", "exec sleep 100000", crowd);
    let folder = lathe.folder();
    [
        steady.write(&folder.join("steady.toml")),
        ill.write(&folder.join("ill.toml")),
        crowd.write(&folder.join("crowd.toml")),
    ]
}

/// What goes on until Ctrl-C: one value a line.
fn followed(lathe: &Lathe) {
    for (name, arguments, part) in [
        ("status", vec!["status", "--json", "--watch"], "steady#0.1"),
        ("group", vec!["watch", "--json", "steady"], "steady#0.1"),
        ("event", vec!["events", "--json", "-f"], "submitted"),
    ] {
        let mut command = lathe.command();
        command.args(&arguments);
        let running = Running::start(command);
        running.wait_for_line(part, SOON);
        running.signal(Signal::INT);
        let outcome = running.finish(SOON).with_code(0);
        outcome.out.lines().for_each(|line| conforms(name, &json(line)));
    }
}

/// Colours only where somebody wants them; a value has none in any case.
fn colours(lathe: &Lathe) {
    let plain = lathe.lathe(&["status"]).with_code(0);
    assert!(!plain.out.contains('\u{1b}'), "{}", plain.out);
    let coloured = lathe.lathe(&["--color", "always", "status"]).with_code(0);
    assert!(coloured.out.contains("\u{1b}[32mready\u{1b}[0m"), "{}", coloured.out);
    let value = lathe.lathe(&["--color", "always", "status", "--json"]).with_code(0);
    assert!(!value.out.contains('\u{1b}'), "{}", value.out);
    let file = write(&lathe.folder().join("wrong.toml"), "tasks = 3\n");
    let wrong = lathe.lathe(&["--color", "always", "check", text(&file)]).with_code(2);
    assert!(wrong.err.contains("\u{1b}["), "{}", wrong.err);
}

#[test]
fn what_commands_print_and_how_they_end_is_as_documented() {
    let mut lathe = Lathe::new();
    let [steady, ill, crowd] = files(&lathe);
    assert_eq!(lathe.lathe(&["status", "--json"]).with_code(5).out, "");
    lathe.up(&[text(&steady)]);
    let run = |arguments: &[&str], code: i32| -> Outcome { lathe.lathe(arguments).with_code(code) };

    // 4: accepted, and not all of it became ready.
    let accepted = run(&["submit", text(&ill)], 4);
    assert!(accepted.err.contains("revision 1, 0 of 1 instances ready"), "{}", accepted.err);
    // 3: refused. 2: wrong arguments, wrong file. 1: anything else.
    for (code, arguments) in [
        (3, vec!["submit", text(&crowd)]),
        (3, vec!["plan", "--json", text(&crowd)]),
        (3, vec!["remove", "steady"]),
        (3, vec!["scale", "nobody", "2"]),
        (2, vec!["no-such-command"]),
        (2, vec!["submit", "no-such-file.toml"]),
        (2, vec!["events", "--json", "--since", "soon"]),
        (2, vec!["logs", "--json"]),
        (1, vec!["logs", "--json", "nobody#0"]),
        (1, vec!["explain", "--json", "nobody#0"]),
        (1, vec!["history", "--json", "nobody"]),
        (1, vec!["status", "--json", "nobody"]),
    ] {
        let refused = run(&arguments, code);
        // Nothing is data; what went wrong may be JSON for those who asked for JSON.
        assert!(refused.out.is_empty() || arguments.contains(&"--json"), "{arguments:?}");
        refused.out.lines().for_each(|line| drop(json(line)));
        assert!(!refused.err.is_empty(), "{arguments:?}");
    }

    let one = |name: &str, arguments: &[&str], code: i32| {
        let outcome = run(arguments, code);
        let value = json(&outcome.out);
        conforms(name, &value);
        value
    };
    let status = one("status", &["status", "--json"], 0);
    assert_eq!(status["instances"].as_array().unwrap().len(), 2);
    one("status", &["status", "--json", "steady"], 0);
    one("plan", &["plan", "--json", text(&steady)], 0);
    one("explain", &["explain", "--json", "steady#0"], 0);
    until("a reason", SOON, || {
        let why = one("explain", &["explain", "--json", "ill#0"], 0);
        why["early_ends"].as_u64().filter(|ends| *ends > 2)
    });
    assert_eq!(one("hosts", &["hosts", "--json"], 0).as_array().unwrap().len(), 3);
    one("group", &["lookup", "--json", "steady"], 0);
    one("group", &["lookup", "--json", "nobody"], 1);
    one("message", &["send", "--json", "--no-wait", "steady", "1"], 0);
    one("message", &["send", "--json", "--wait", "1ms", "steady", "1"], 4);
    one("metadata", &["metadata", "--json", "steady", "level=7"], 0);
    one("history", &["history", "--json", "steady"], 0);
    // Between two of its lives the ill one waits, which is found; while it starts it is not.
    until("an ill instance is found", SOON, || {
        let outcome = lathe.lathe(&["doctor", "--json"]);
        conforms("doctor", &json(&outcome.out));
        (outcome.code == Some(1)).then_some(())
    });

    let each = |name: &str, arguments: &[&str]| {
        let outcome = run(arguments, 0);
        assert!(!outcome.out.is_empty(), "{arguments:?}");
        outcome.out.lines().for_each(|line| conforms(name, &json(line)));
    };
    each("event", &["events", "--json"]);
    each("log", &["logs", "--json", "steady#0"]);
    followed(&lathe);
    colours(&lathe);
    lathe.end(Signal::INT).with_code(0);
}
