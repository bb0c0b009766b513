//! Refusals by a real cluster: the exit code, the coded text, the same as JSON, and nothing changed.

#![expect(clippy::unwrap_used, reason = "a test: what is not there fails it")]

use std::fs;
use std::path::Path;

use lathe_system::{Lathe, Outcome, Scripts, conforms, write};
use serde_json::Value;

/// What must be as it was: what is accepted, what runs, and what the catalog has of it, with the
/// number of its last change.
fn state(lathe: &Lathe) -> [Value; 3] {
    let status = lathe.lathe(&["status", "--json"]).with_code(0).out;
    let status: Value = serde_json::from_str(&status).unwrap();
    let group = lathe.read_registry("/v1/groups/keeper");
    [status["topologies"].clone(), status["instances"].clone(), group]
}

/// One that is refused: what it is called, how it exits, and the command.
type Case<'a> = (&'static str, i32, Vec<&'a str>);

fn refused(lathe: &Lathe, (code, exit, arguments): &Case<'_>) -> Outcome {
    let outcome = lathe.lathe(arguments).with_code(*exit);
    let whole: Value = serde_json::from_str(&outcome.out)
        .unwrap_or_else(|e| panic!("{code}: {e} in {}\n{}", outcome.out, outcome.err));
    conforms("refusal", &whole);
    assert_eq!(whole["exit"], *exit, "{code}: {whole}");
    let problems = whole["problems"].as_array().unwrap();
    let problem = problems.iter().find(|one| one["code"] == *code);
    let problem = problem.unwrap_or_else(|| panic!("no {code} in {whole}"));
    assert!(problem["hint"].is_string(), "{code}: nothing to try: {whole}");
    // Lines are not broken in a pipe, so what programs read stands in the text.
    assert!(outcome.err.contains(&format!("error[{code}]: ")), "{}", outcome.err);
    assert!(outcome.err.contains(problem["message"].as_str().unwrap()), "{}", outcome.err);
    outcome
}

/// Files that are refused, by code.
fn files(folder: &Path) -> Vec<(&'static str, i32, String)> {
    let script =
        |keys: &str| Scripts::default().with("web", "exec sleep 1", keys).text().to_owned();
    let sized = |cpus: &str| script("").replace("cpus = 0.1", cpus);
    let cases = [
        ("LT0101", 2, "[task.web\n".to_owned()),
        ("LT0102", 2, script("tags = [\"a\"]\ntags = [\"b\"]")),
        ("LT0103", 2, "#".repeat(10 * 1024 * 1024)),
        ("LT0104", 2, sized("cpu = 0.1")),
        ("LT0106", 2, script("tasks = \"five\"")),
        ("LT0107", 2, script("tasks = 99999999999999999999")),
        ("LT0111", 2, script("[task.web.state]\nkind = \"a\"")),
        ("LT0113", 2, script("biases = [[\"keeper\", \"nevr\"]]")),
        ("LT0115", 2, script("biases = [[\"keeper\", \"never\"], [\"keeper\", \"prefer\"]]")),
        ("LT0301", 2, script("").replace("version = \"1.0.0\"", "version = \"7.7.7\"")),
        ("LT0201", 3, script("tasks = 4\ntags = [\"w\"]\nbiases = [[\"w\", \"never\"]]")),
        ("LT0202", 3, sized("cpus = 2.0")),
        ("LT0204", 3, script("biases = [[\"nobody\", \"always\"]]")),
        ("LT0206", 3, sized("cpus = 64")),
        ("LT0207", 3, script("biases = [[\"@disk=ssd\", \"always\"]]")),
        ("LT0401", 3, script("").replace("[task.web]", "[task.keeper]")),
    ];
    let written = cases.map(|(code, exit, text)| {
        let file = write(&folder.join(format!("{code}.toml")), &text);
        (code, exit, file.to_str().unwrap().to_owned())
    });
    written.to_vec()
}

#[test]
fn every_refusal_has_a_code_an_exit_code_and_json_and_changes_nothing() {
    let mut lathe = Lathe::new();
    // One on each host, so that a second large one has no room now.
    let keys = "tasks = 3\ntags = [\"k\"]\nbiases = [[\"k\", \"never\"]]";
    let keeper = Scripts::default().with("keeper", "exec sleep 100000", keys);
    let keeper = keeper.text().replace("cpus = 0.1", "cpus = 3.0");
    let keeper = write(&lathe.folder().join("keep.toml"), &keeper);
    lathe.up(&[keeper.to_str().unwrap()]);
    let before = state(&lathe);

    let files = files(lathe.folder());
    let mut cases: Vec<Case<'_>> = Vec::new();
    for (code, exit, file) in &files {
        cases.push((code, *exit, vec!["submit", "--yes", "--json", file]));
    }
    for (code, exit, file) in files.iter().filter(|(code, ..)| ["LT0201", "LT0301"].contains(code))
    {
        cases.push((code, *exit, vec!["plan", "--json", file]));
    }
    fs::write(lathe.folder().join("bytes.toml"), b"a = \"\xff\"").unwrap();
    cases.push(("LT0101", 2, vec!["submit", "--yes", "--json", "bytes.toml"]));
    cases.push(("LT0702", 2, vec!["submit", "--yes", "--json", "nowhere.toml"]));
    cases.push(("LT0701", 2, vec!["scale", "keeper", "4", "--json", "--wait", "soon"]));
    cases.push(("LT0405", 3, vec!["scale", "nobody", "4", "--yes", "--json"]));
    // Nobody can be asked here.
    cases.push(("LT0703", 3, vec!["scale", "keeper", "2", "--json"]));
    for case in &cases {
        refused(&lathe, case);
        assert_eq!(state(&lathe), before, "{case:?} changed something");
    }
}

#[test]
fn what_was_blocked_is_told_with_who_takes_the_room() {
    let mut lathe = Lathe::new();
    let large = |name: &str, cpus: &str| {
        let scripts = Scripts::default().with(name, "exec sleep 100000", "");
        let text = scripts.text().replace("cpus = 0.1", cpus);
        write(&lathe.folder().join(format!("{name}.toml")), &text)
    };
    let (first, second) = (large("first", "cpus = 3.0"), large("second", "cpus = 2.0"));
    lathe.up(&["--hosts", "1", first.to_str().unwrap()]);
    let case = ("LT0202", 3, vec!["submit", "--yes", "--json", second.to_str().unwrap()]);
    let outcome = refused(&lathe, &case);
    for part in ["second.toml:", "first", "2.01 cpus", "nothing was changed"] {
        assert!(outcome.err.contains(part), "no `{part}` in {}", outcome.err);
    }
    let whole: Value = serde_json::from_str(&outcome.out).unwrap();
    assert_eq!(whole["verdict"], "blocked");
    assert_eq!(whole["problems"][0]["parties"][0], "second", "{whole}");
}
