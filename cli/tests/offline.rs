//! `lathe plan FILE --hosts hosts.json` from outside: verdicts, exit codes, JSON, wrong files.

#![expect(clippy::unwrap_used, reason = "a test: what is not there fails it")]

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

const DOCUMENT: &str = include_str!("../../docs/json.md");
const KEYS: &str = "crate = \"web\"\nversion = \"1.0.0\"\ntask = \"my::Web\"\n";

struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {} {}", self.out, self.err))
    }
}

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::Builder::new().prefix("lathe-offline-").tempdir().unwrap())
    }

    fn with(self, name: &str, text: &str) -> Self {
        fs::write(self.0.path().join(name), text).unwrap();
        self
    }

    fn plan(&self, words: &str) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lathe"));
        command.arg("plan").args(words.split(' '));
        self.said(command)
    }

    /// The same with so much memory; a program that wants more is ended.
    fn plan_within(&self, mib: u32, words: &str) -> Said {
        let mut command = Command::new("sh");
        let script = format!("ulimit -v {}; exec \"$0\" plan \"$@\"", mib << 10);
        command.args(["-c", &script, env!("CARGO_BIN_EXE_lathe")]).args(words.split(' '));
        self.said(command)
    }

    fn said(&self, mut command: Command) -> Said {
        command.current_dir(self.0.path());
        command.env_remove("LATHE_SCHEDULER").env_remove("NO_COLOR");
        let output = command.output().unwrap();
        Said {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

fn task(name: &str, rest: &str) -> String {
    format!("[task.{name}]\n{KEYS}{rest}\n")
}

fn hosts(names: &[&str]) -> String {
    let host = |name| json!({"name": name, "resources": {"cpus": 4.0, "mem": "8GiB"}});
    Value::from(names.iter().map(host).collect::<Vec<_>>()).to_string()
}

/// The fields of an object, and of the first object of each list in it.
fn fields(value: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (key, value) in value.as_object().unwrap() {
        names.insert(key.clone());
        let rows = value.as_array().into_iter().flatten().filter_map(Value::as_object);
        names.extend(rows.flat_map(|row| row.keys().map(|name| format!("{key}.{name}"))));
    }
    names
}

/// The fields that the examples of the document have together.
fn documented() -> BTreeSet<String> {
    let blocks = DOCUMENT.split("```json offline\n").skip(1);
    let examples = blocks.map(|block| block.split_once("```").unwrap().0);
    examples.flat_map(|text| fields(&serde_json::from_str(text).unwrap())).collect()
}

#[test]
fn a_plan_for_hosts_of_a_file_is_told_for_people_and_for_programs() {
    let folder = Folder::new()
        .with("shop.toml", &task("web", "tasks = 2\nbiases = [[\"web\", \"never\"]]"))
        .with("hosts.json", &hosts(&["h1", "h2"]));
    let said = folder.plan("shop.toml --hosts hosts.json");
    assert_eq!(said.code, Some(0), "{}", said.err);
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(
        lines,
        [
            "shop: 2 changes, 0 instances stay",
            "  + start web#0 on h1",
            "  + start web#1 on h2",
            "score 0, and no plan has more",
        ]
    );
    let answer = folder.plan("shop.toml --hosts hosts.json --json").json();
    assert_eq!(answer["verdict"], "placed");
    assert_eq!(answer["assignments"][1]["host"], "h2");
    assert_eq!((&answer["score"], &answer["bound"]), (&json!(0), &json!(0)));
    assert!(fields(&answer).is_subset(&documented()), "{answer}");
}

#[test]
fn what_runs_is_kept_moved_as_far_as_allowed_and_stopped() {
    let folder = Folder::new()
        .with("shop.toml", &task("web", "tasks = 2\nbiases = [[\"web\", \"never\"]]"))
        .with("hosts.json", &hosts(&["h1", "h2"]))
        .with(
            "running.json",
            r#"[{"task": "web", "slot": 0, "host": "h1"}, {"task": "web", "slot": 1, "host": "h1"}]"#,
        );
    let blocked = folder.plan("shop.toml --hosts hosts.json --running running.json --json");
    assert_eq!(blocked.code, Some(3), "{}", blocked.err);
    assert_eq!(blocked.json()["verdict"], "blocked");
    let words = "shop.toml --hosts hosts.json --running running.json --max-moves 1";
    let moved = folder.plan(&format!("{words} --json")).json();
    assert_eq!((&moved["verdict"], &moved["moves"]), (&json!("placed"), &json!(1)));
    let said = folder.plan(&format!("{words} --all"));
    assert!(said.out.contains("> move  web#") && said.out.contains("(from h1)"), "{}", said.out);
    assert!(said.out.contains("  keep  web#"), "{}", said.out);
    let folder = folder.with("shop.toml", &task("db", "tasks = 0"));
    let stopped = folder.plan("shop.toml --hosts hosts.json --running running.json --json").json();
    assert_eq!(stopped["stops"].as_array().unwrap().len(), 2);
    assert!(fields(&stopped).is_subset(&documented()), "{stopped}");
}

#[test]
fn what_is_impossible_is_told_at_its_lines_with_the_verdicts_exit_code() {
    let folder = Folder::new()
        .with("shop.toml", &task("web", "tasks = 3\nbiases = [[\"web\", \"never\"]]"))
        .with("hosts.json", &hosts(&["h1", "h2"]));
    let said = folder.plan("shop.toml --hosts hosts.json");
    assert_eq!((said.code, said.out.as_str()), (Some(3), ""), "{}", said.err);
    assert!(said.err.contains("error[LT0201]: impossible: "), "{}", said.err);
    assert!(said.err.contains("shop.toml:5:1"), "{}", said.err);
    let answer = folder.plan("shop.toml --hosts hosts.json --json");
    assert_eq!(answer.code, Some(3));
    let answer = answer.json();
    let lines: Vec<_> =
        answer["reasons"].as_array().unwrap().iter().map(|one| one["line"].clone()).collect();
    assert_eq!(lines, [json!(5), json!(6)], "{answer}");
    assert_eq!(answer["reasons"][0]["file"], "shop.toml");
    assert!(fields(&answer).is_subset(&documented()), "{answer}");
    let spent = folder.plan("shop.toml --hosts hosts.json --json --budget 0").json();
    assert!(spent["verdict"] != "placed", "{spent}");
}

#[test]
fn several_files_are_planned_together_and_share_no_name_and_no_task() {
    let folder = Folder::new()
        .with("a.toml", &task("web", "tasks = 1\nbiases = [[\"db\", \"never\"]]"))
        .with("b.toml", &task("db", "tasks = 1"))
        .with("c.toml", &format!("[topology]\nname = \"a\"\n{}", task("x", "tasks = 1")))
        .with("d.toml", &task("db", "tasks = 1"))
        .with("hosts.json", &hosts(&["h1", "h2"]));
    let answer = folder.plan("a.toml b.toml --hosts hosts.json --json").json();
    let rows = answer["assignments"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert!(rows[0]["host"] != rows[1]["host"], "{answer}");
    let problem = |words: &str, exit: i32| {
        let said = folder.plan(words);
        assert_eq!(said.code, Some(exit), "{}", said.err);
        said.json()["problems"][0]["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(problem("a.toml c.toml --hosts hosts.json --json", 2), "LT0123");
    assert_eq!(problem("b.toml d.toml --hosts hosts.json --json", 2), "LT0401");
    assert_eq!(problem("a.toml b.toml --json", 2), "LT0701");
}

#[test]
fn wrong_files_of_hosts_are_refused_with_codes_and_nothing_else_on_stdout() {
    let folder = Folder::new()
        .with("shop.toml", &task("web", "tasks = 1"))
        .with("good.json", &hosts(&["h1"]))
        .with("nan.json", "[{\"name\": \"h1\", \"resources\": {\"cpus\": NaN}}]")
        .with("minus.json", "[{\"name\": \"h1\", \"resources\": {\"cpus\": -1}}]")
        .with("twice.json", &hosts(&["h1", "h1"]))
        .with("object.json", "{}")
        .with("memory.json", "[{\"name\": \"h1\", \"resources\": {\"memory\": \"64GiB\"}}]")
        .with("lines.json", "{\"name\": \"h1\"}\n{\"name\": \"h2\"}\n");
    for (words, code) in [
        ("--hosts memory.json", "LT0104"),
        ("--hosts lines.json", "LT0106"),
        ("--hosts nan.json", "LT0128"),
        ("--hosts minus.json", "LT0107"),
        ("--hosts twice.json", "LT0123"),
        ("--hosts object.json", "LT0106"),
        ("--hosts none.json", "LT0702"),
        ("--hosts good.json --running object.json", "LT0106"),
    ] {
        let said = folder.plan(&format!("shop.toml {words} --json"));
        assert_eq!(said.code, Some(2), "{words}: {}", said.err);
        let answer = said.json();
        assert_eq!(answer["problems"][0]["code"], code, "{words}");
        assert!(answer["problems"][0]["hint"].is_string(), "{answer}");
        let people = folder.plan(&format!("shop.toml {words}"));
        assert_eq!((people.code, people.out.as_str()), (Some(2), ""));
        assert!(people.err.contains(&format!("error[{code}]: ")), "{}", people.err);
    }
}

#[test]
fn a_plan_is_drawn_in_the_terminal_and_into_a_file_and_its_bound_has_a_certificate() {
    let web = task("web", "tasks = 2\nbiases = [[\"web\", \"never\"], [\"db\", \"prefer\"]]");
    let folder = Folder::new()
        .with("shop.toml", &(web + &task("db", "tasks = 1")))
        .with("hosts.json", &hosts(&["h1", "h2"]));
    let words = "shop.toml --hosts hosts.json --picture --svg plan.svg --certificate proof.json";
    let said = folder.plan(words);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.contains("A db: 1") && said.out.contains("B!"), "{}", said.out);
    let read = |name: &str| fs::read_to_string(folder.0.path().join(name)).unwrap_or_default();
    assert!(read("plan.svg").starts_with("<svg "), "{}", read("plan.svg"));
    let answer = folder.plan("shop.toml --hosts hosts.json --json").json();
    let proof: Value = serde_json::from_str(&read("proof.json")).unwrap();
    assert_eq!(proof["claim"]["bound"], answer["bound"], "{proof}");
    let nowhere = folder.plan("shop.toml --hosts hosts.json --svg no/such/plan.svg");
    assert_eq!(nowhere.code, Some(1), "{}", nowhere.err);
}

#[test]
fn hosts_as_another_command_prints_them_are_planned_for_like_those_of_the_files_own_form() {
    let printed = DOCUMENT.split_once("```json hosts\n").unwrap().1.split_once("```").unwrap().0;
    let mut listed: Value = serde_json::from_str(printed).unwrap();
    listed[0]["instances"] = json!([]);
    let listed = listed.to_string();
    let own = json!([{"name": "host-1", "resources": {"cpus": 4, "mem": "8GiB", "disk": "16GiB"}}]);
    let folder = Folder::new()
        .with("shop.toml", &task("web", "tasks = 4\nresources = { cpus = 1.0 }"))
        .with("more.toml", &task("web", "tasks = 5\nresources = { cpus = 1.0 }"))
        .with("listed.json", &listed)
        .with("status.json", &format!("{{\"scheduler\": {{}}, \"hosts\": {listed}}}"))
        .with("own.json", &own.to_string());
    let plan = folder.plan("shop.toml --hosts own.json --json");
    for file in ["listed.json", "status.json"] {
        let said = folder.plan(&format!("shop.toml --hosts {file} --json"));
        assert_eq!((said.code, &said.out, said.err.as_str()), (Some(0), &plan.out, ""), "{file}");
        let more = folder.plan(&format!("more.toml --hosts {file} --json"));
        assert_eq!(more.json()["verdict"], "impossible", "it has 4 cpus: {}", more.err);
    }
}

/// Twenty tasks of so many instances together.
fn twenty(instances: usize) -> String {
    let one = |at: usize| {
        let biases =
            format!("[[\"t{at}\", \"avoid\", 20], [\"t{}\", \"prefer\", 30]]", (at + 1) % 20);
        let rest =
            format!("tasks = {}\nbiases = {biases}\nresources = {{ cpus = 0.1 }}", instances / 20);
        task(&format!("t{at}"), &rest)
    };
    (0..20).map(one).collect()
}

#[test]
fn many_instances_on_many_hosts_are_planned_and_drawn_in_bounded_memory() {
    let names: Vec<String> = (0..5_000).map(|at| format!("h{at}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let runs = (0..1_000).map(|slot| {
        json!({"topology": "other", "task": "old", "slot": slot, "host": names[slot * 5],
            "tags": ["t1"], "resources": {"cpus": 0.5}})
    });
    let folder = Folder::new()
        .with("shop.toml", &twenty(20_000))
        .with("hosts.json", &hosts(&names))
        .with("running.json", &Value::from(runs.collect::<Vec<_>>()).to_string());
    let given = "shop.toml --hosts hosts.json --running running.json --budget 1000";
    let said = folder.plan_within(600, &format!("{given} --svg plan.svg --json"));
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(said.json()["assignments"].as_array().unwrap().len(), 20_000);
    let drawn = fs::read_to_string(folder.0.path().join("plan.svg")).unwrap();
    assert!(drawn.len() < 20 << 20, "{} bytes are drawn", drawn.len());
}

#[test]
fn lists_and_files_beyond_their_limits_are_refused_in_bounded_memory() {
    let many = |text: &str, number: usize| format!("[{}]", vec![text; number].join(","));
    let named: Value = (0..200_001).map(|at| json!({"name": format!("h{at}")})).collect();
    let run = "{\"task\": \"t0\", \"slot\": 1, \"host\": \"h\"}";
    let folder = Folder::new()
        .with("shop.toml", &twenty(20))
        .with("hosts.json", &hosts(&["h1"]))
        .with("empty.json", &many("{}", 200_001))
        .with("many.json", &named.to_string())
        .with("nested.json", &("[".repeat(1_000_000) + &"]".repeat(1_000_000)))
        .with("long.json", &many(&format!("{:?}", "x".repeat(1_000)), 20_000))
        .with("alike.json", &many(run, 30_000));
    for (words, code) in [
        ("--hosts empty.json", "LT0105"),
        ("--hosts many.json", "LT0103"),
        ("--hosts nested.json", "LT0128"),
        ("--hosts long.json", "LT0106"),
        ("--hosts hosts.json --running alike.json", "LT0123"),
    ] {
        let said = folder.plan_within(600, &format!("shop.toml {words} --json"));
        assert_eq!(said.code, Some(2), "{words}: {}", said.err);
        let answer = said.json();
        let codes: Vec<&Value> =
            answer["problems"].as_array().unwrap().iter().map(|one| &one["code"]).collect();
        assert!(codes.contains(&&json!(code)), "{words}: {codes:?}");
        assert!(said.out.len() < 100_000, "{words}: {} bytes are said", said.out.len());
    }
}
