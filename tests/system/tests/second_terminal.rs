//! What a second terminal does beside a running `lathe up`, and what is refused there.

#![expect(clippy::unwrap_used, reason = "a test: what is not there fails it")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use lathe_system::{
    Lathe, Outcome, Running, SOON, Scripts, Signal, example, examples, moved_example, until, write,
};
use serde_json::Value;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// What a refusal must leave as it is.
fn state(lathe: &Lathe) -> (Vec<(String, u64)>, BTreeMap<String, String>) {
    let status = lathe.status();
    let topologies = status.topologies.iter().map(|one| (one.name.clone(), one.revision));
    (topologies.collect(), status.incarnations())
}

#[test]
fn a_second_terminal_plans_submits_and_removes() {
    let mut lathe = Lathe::with(&example());
    let before = state(&lathe);
    let same = example();

    let plan = lathe.lathe(&["plan", text(&same)]).with_code(0);
    assert_eq!(plan.out.trim(), "my_topology: nothing changes (13 instances stay)");
    let again = lathe.lathe(&["submit", text(&same)]).with_code(0);
    assert!(again.err.contains("my_topology: nothing changes"), "{}", again.err);
    assert_eq!(state(&lathe), before);

    let copy = lathe.folder().join("my_topology.toml");
    let moved = moved_example();
    write(&copy, &moved);
    let plan = lathe.lathe(&["plan", text(&copy)]).with_code(0);
    assert!(plan.out.contains("nothing changes"), "the same from another place: {}", plan.out);

    write(&copy, &moved.replace("tasks = 3", "tasks = 4"));
    let plan = lathe.lathe(&["plan", text(&copy)]).with_code(0);
    let lines: Vec<&str> = plan.out.lines().collect();
    assert_eq!(lines.len(), 3, "{}", plan.out);
    assert_eq!(lines[0], "my_topology: 1 change, 13 instances stay");
    assert!(lines[1].starts_with("  + start    http.lb#3 on host-"), "{}", plan.out);
    assert_eq!(lines[2], "  ~ http.lb: 3 → 4 instances");
    let plan = lathe.lathe(&["plan", "--json", text(&copy)]).with_code(0);
    let plan: Value = serde_json::from_str(&plan.out).unwrap();
    let starts = |one: &&Value| one["change"] == "start";
    assert_eq!(plan["changes"].as_array().unwrap().iter().filter(starts).count(), 1, "{plan}");
    assert_eq!(state(&lathe), before, "a plan changes nothing");

    let grown = lathe.lathe(&["submit", text(&copy)]).with_code(0);
    assert!(grown.err.contains("revision 2, 14 of 14 instances ready"), "{}", grown.err);
    let after = lathe.status();
    let mut incarnations = after.incarnations();
    assert_eq!(incarnations.remove("http.lb#3").as_deref(), Some("http.lb#3.1"));
    assert_eq!(incarnations, before.1, "the others are as they were");

    // Fewer means that something is stopped: not without a yes.
    let refused = lathe.lathe(&["submit", text(&same)]).with_code(3);
    assert!(refused.err.contains("- stop     http.lb#3"), "{}", refused.err);
    assert!(refused.err.contains("--yes"), "{}", refused.err);
    assert_eq!(lathe.status().incarnations(), after.incarnations());
    let shrunk = lathe.lathe(&["submit", "--yes", text(&same)]).with_code(0);
    assert!(shrunk.err.contains("revision 3, 13 of 13"), "{}", shrunk.err);
    let status = lathe.all_ready(13);
    assert_eq!(status.incarnations(), before.1);

    let table = lathe.lathe(&["status"]).with_code(0).out;
    for one in &status.instances {
        assert!(table.contains(one.incarnation.as_ref().unwrap()), "{table}");
    }
    // A front page says nothing; it can be asked all the same.
    assert_eq!(lathe.lathe(&["logs", "http.frontpage.v4-2-1#0"]).with_code(0).out, "");
    let unknown = lathe.lathe(&["logs", "http.nobody#0"]).with_code(1);
    assert!(unknown.err.contains("http.nobody#0"), "{}", unknown.err);

    let refused = lathe.lathe(&["remove", "my_topology"]).with_code(3);
    assert!(refused.err.contains("13 running instances"), "{}", refused.err);
    assert_eq!(lathe.status().incarnations(), before.1);
    let tasks = lathe.tasks();
    assert_eq!(tasks.len(), 13);
    let removed = lathe.lathe(&["remove", "--yes", "my_topology"]).with_code(0);
    assert!(removed.err.contains("my_topology: removed"), "{}", removed.err);
    let status = lathe.lathe(&["status"]).with_code(0);
    assert_eq!(status.out.trim(), "no topology runs here");
    until("the ends of all tasks", SOON, || tasks.values().all(|one| !one.runs()).then_some(()));
    let unknown = lathe.lathe(&["remove", "--yes", "my_topology"]);
    assert_eq!(unknown.code, Some(3), "{}", unknown.err);

    lathe.end(Signal::INT).with_code(0);
    let nobody = lathe.lathe(&["status"]).with_code(5);
    assert!(nobody.err.contains("lathe up"), "what to try: {}", nobody.err);
}

/// A topology of one task of an example crate.
fn one_task(lathe: &Lathe, name: &str, keys: &str) -> PathBuf {
    let tasks = serde_json::json!([examples().join("tasks/*")]);
    let file = format!(
        "[crates]\npaths = {tasks}\n\n[task.page]\ncrate = \"http_frontpage\"\n{keys}\n",
        keys = keys.trim()
    );
    write(&lathe.folder().join(format!("{name}.toml")), &file)
}

/// A crate whose source is this.
fn own_crate(folder: &Path, name: &str, source: &str) {
    let manifest = format!(
        "[workspace]\n\n[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n"
    );
    write(&folder.join("Cargo.toml"), &manifest);
    write(&folder.join("src/main.rs"), source);
}

#[test]
fn a_refused_submission_changes_nothing_and_says_why() {
    let mut lathe = Lathe::new();
    let scripts = Scripts::default().with("keeper", "exec sleep 100000", "");
    let keeper = scripts.write(&lathe.folder().join("keeper.toml"));
    lathe.up(&[text(&keeper)]);
    let before = state(&lathe);
    let refuse = |file: &Path, code: i32, parts: &[&str]| -> Outcome {
        let outcome = lathe.lathe(&["submit", "--yes", text(file)]).with_code(code);
        for part in parts {
            assert!(outcome.err.contains(part), "no `{part}` in {}", outcome.err);
        }
        assert_eq!(outcome.out, "");
        assert_eq!(state(&lathe), before);
        outcome
    };

    let known = "version = \"4.2.1\"\ntask = \"my::FrontPage\"\ntasks = 1";
    let file = one_task(&lathe, "task", &known.replace("my::FrontPage", "my::Nobody"));
    refuse(&file, 2, &["[LT0303]", "my::Nobody", "my::FrontPage"]);
    let file = one_task(&lathe, "version", &known.replace("4.2.1", "9.9.9"));
    refuse(&file, 2, &["[LT0301]", "9.9.9", "4.2.1", "4.2.2"]);

    own_crate(&lathe.folder().join("broken"), "broken", "fn main() { no_such_function() }\n");
    let broken = "[task.broken]\ncrate = \"broken\"\nversion = \"0.1.0\"\ntask = \"a\"\ntasks = 1\n\
                  path = \"broken\"\n";
    let file = write(&lathe.folder().join("broken.toml"), broken);
    refuse(&file, 2, &["[LT0302]", "no_such_function", "src/main.rs:1"]);

    let misspelt = format!("{known}\nresources = {{ cpus = \"many\", memory = \"1GiB\" }}");
    let file = one_task(&lathe, "invalid", &misspelt);
    let invalid =
        refuse(&file, 2, &["error[LT01", "invalid.toml:", "memory", "nothing was changed"]);
    assert!(invalid.err.matches("error[LT01").count() >= 2, "all problems: {}", invalid.err);
    let checked = lathe.lathe(&["check", text(&file)]).with_code(2);
    assert!(checked.err.contains("error[LT01"), "{}", checked.err);
    refuse(&lathe.folder().join("nowhere.toml"), 2, &["nowhere.toml"]);

    // Four that never share a host, and three hosts.
    let apart = known.replace("tasks = 1", "tasks = 4\ntags = [\"page\"]\n");
    let apart = one_task(&lathe, "apart", &format!("{apart}biases = [[\"page\", \"never\"]]"));
    let parts = ["error[LT0201]", "apart.toml:", "biases = [[\"page\", \"never\"]]"];
    refuse(&apart, 3, &parts);
    refuse(&apart, 3, &["impossible", "at most 1 of 4", "help: ", "nothing was changed"]);
    let plan = lathe.lathe(&["plan", text(&apart)]).with_code(3);
    assert!(plan.err.contains("error[LT0201]"), "{}", plan.err);

    // A path belongs to one topology.
    let second = Scripts::default().with("keeper", "exec sleep 1", "");
    let second = second.write(&lathe.folder().join("second.toml"));
    refuse(&second, 3, &["keeper", "belongs to topology", "second.toml:"]);
    assert!(lathe.tasks().contains_key("keeper#0.1"));
}

#[test]
fn logs_are_followed_and_a_submission_is_carried_out_once() {
    let mut lathe = Lathe::new();
    let gate = lathe.folder().join("gate");
    let script = format!(
        "echo one; while [ ! -e {} ]; do sleep 0.05; done; echo two; exec sleep 100000",
        gate.display()
    );
    let file = lathe.folder().join("talking.toml");
    let talking = |number: u32| {
        let keys = format!("tasks = {number}");
        Scripts::default().with("talking", &script, &keys).write(&file)
    };
    lathe.up(&[text(&talking(1))]);
    let mut command = lathe.command();
    command.args(["logs", "--follow", "talking#0"]);
    let following = Running::start(command);
    following.wait_for_line("one", SOON);
    write(&gate, "");
    following.wait_for_line("two", SOON);
    following.signal(Signal::INT);
    assert_eq!(following.finish(SOON).with_code(0).out, "one\ntwo\n");

    talking(2);
    let submit = ["submit", "--submission-id", "an-id", text(&file)];
    let first = lathe.lathe(&submit).with_code(0);
    assert!(first.err.contains("revision 2, 2 of 2 instances ready"), "{}", first.err);
    let after = state(&lathe);
    let again = lathe.lathe(&submit).with_code(0);
    assert!(again.err.contains("revision 2"), "{}", again.err);
    assert_eq!(state(&lathe), after);
    // Both of a pair that come at once end well; the topology is as one of them wanted it.
    let other = Scripts::default().with("other", "exec sleep 100000", "tasks = 2");
    let other = other.write(&lathe.folder().join("other.toml"));
    talking(3);
    std::thread::scope(|threads| {
        for file in [&file, &other] {
            threads.spawn(|| lathe.lathe(&["submit", text(file)]).with_code(0));
        }
    });
    let now = lathe.all_ready(5);
    assert_eq!((now.of_task("talking").len(), now.of_task("other").len()), (3, 2));
}
