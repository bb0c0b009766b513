//! Tests of the file beside.

use super::*;
use crate::model::{Restart, Target, Word};
use proptest::prelude::*;

const HEAD: &str = "crate = \"web\"\nversion = \"1.0.0\"\ntask = \"my::Web\"\ntasks = 2\n";

fn parsed(source: &str) -> Checked {
    parse("shop", source)
        .unwrap_or_else(|found| panic!("{}", crate::render("shop", source, &found)))
}

#[test]
fn the_readmes_topology_is_read_without_a_word() {
    let source = include_str!("../../../topologies/my_topology.toml");
    let checked = parse("my_topology", source).unwrap();
    assert_eq!(checked.warnings, []);
    let topology = checked.topology;
    assert_eq!(topology.name, "my_topology");
    assert_eq!(topology.crates_paths, ["tasks/*"]);
    let names: Vec<String> = topology.tasks.iter().map(|task| task.path.to_string()).collect();
    assert_eq!(names, ["http.frontpage.v4-2-1", "http.frontpage.v4-2-2", "http.lb"]);
    let lb = &topology.tasks[2];
    assert_eq!((lb.count, lb.task.as_str()), (3, "my::LoadBalancer"));
    assert_eq!(lb.biases[0].word, Word::Avoid);
    assert_eq!(lb.biases[1].weight, 50);
    let distribution =
        serde_json::json!([["task.http.frontpage.v4-2-1", "task.http.frontpage.v4-2-2"], [90, 10]]);
    assert_eq!(lb.own["backend_distribution"], distribution);
    assert_eq!(&source[lb.span.clone()], "[task.http.lb]");
}

#[test]
fn defaults_fill_what_a_task_leaves_open_and_tables_join_key_by_key() {
    let source = format!(
        "[topology]\nname = \"other\"\n[crates]\npaths = []\n[defaults]\nresources = {{ cpus = 0.25, mem = \"1GiB\" }}\n\
         env = {{ A = \"1\", B = \"1\" }}\ntags = [\"x\"]\nrestart = \"on-failure\"\npath = \"tasks/web\"\n\
         [task.a]\n{HEAD}resources = {{ mem = \"2GiB\", ports = {{ http = 8080, admin = \"any\" }} }}\n\
         env = {{ B = \"2\" }}\ntags = []\ngit = \"https://example.org\"\nrev = \"abc\"\n[task.b]\n{HEAD}"
    );
    let topology = parsed(&source).topology;
    assert_eq!(topology.name, "other");
    assert!(topology.crates_paths.is_empty());
    let (a, b) = (&topology.tasks[0], &topology.tasks[1]);
    assert_eq!((a.resources.cpus_milli, a.resources.mem_bytes), (250, 2 << 30));
    assert_eq!(a.resources.ports[1].fixed, Some(8080));
    assert_eq!(a.resources.ports[0].fixed, None);
    assert_eq!((a.env["A"].as_str(), a.env["B"].as_str()), ("1", "2"));
    assert!(a.tags.is_empty());
    assert_eq!((a.source.path.as_deref(), a.source.rev.as_deref()), (None, Some("abc")));
    assert_eq!(b.tags[0], "x");
    assert_eq!(b.restart, Restart::OnFailure);
    assert_eq!(b.source.path.as_deref(), Some("tasks/web"));
    assert_eq!((b.resources.disk_bytes, b.grace_ms), (16 << 20, 5_000));
    assert_eq!(b.resources.ports[0].name, "http");
}

#[test]
fn a_task_may_hold_tasks_and_own_tables() {
    let source = format!(
        "[task.web]\n{HEAD}[task.web.limits]\nrate = 1.5\nsince = 2020-01-02\n[task.web.canary]\n{HEAD}[task.web.group.deep]\n{HEAD}"
    );
    let topology = parsed(&source).topology;
    let names: Vec<&str> = topology.tasks.iter().map(|task| task.path.as_str()).collect();
    assert_eq!(names, ["web", "web.canary", "web.group.deep"]);
    let own = serde_json::json!({"limits": {"rate": 1.5, "since": "2020-01-02"}});
    assert_eq!(serde_json::Value::Object(topology.tasks[0].own.clone()), own);
}

#[test]
fn weight_and_domain_stand_in_either_order() {
    let source = format!(
        "[task.web]\n{HEAD}tags = [\"lb\", \"db\"]\nbiases = [[\"lb\", \"avoid\", 20, \"rack\"], [\"db\", \"prefer\", \"zone\", 30],\n\
         [\"task.web\", \"never\", \"host\"], [\"@disk=ssd\", \"always\"], [\"@gpu\", \"avoid\", 5], [\"lb\", \"neutral\"]]\n"
    );
    let task = &parsed(&source).topology.tasks[0];
    let said: Vec<(String, u8, Option<&str>)> = task
        .biases
        .iter()
        .map(|one| (format!("{} {}", one.target, one.word), one.weight, one.domain.as_deref()))
        .collect();
    let said: Vec<(&str, u8, Option<&str>)> =
        said.iter().map(|(a, b, c)| (a.as_str(), *b, *c)).collect();
    let wanted = [
        ("lb avoid", 20, Some("rack")),
        ("db prefer", 30, Some("zone")),
        ("web never", 50, None),
        ("@disk=ssd always", 50, None),
        ("@gpu avoid", 5, None),
        ("lb neutral", 50, None),
    ];
    assert_eq!(said, wanted);
    let ssd = Target::Attribute { name: "disk".into(), value: Some("ssd".into()) };
    assert_eq!(task.biases[3].target, ssd);
}

#[test]
fn spans_are_places_of_the_text_on_character_boundaries() {
    let source = "# ä\n[task.\"wäb\"]\ncrate = \"é\"\nversion = \"ü\"\ntags = [\"ö\"]\nöwn = nan\n";
    let found = parse("shop", source).unwrap_err();
    assert!(!found.is_empty());
    for label in found.iter().flat_map(|one| &one.labels) {
        assert!(source.get(label.span.clone()).is_some(), "{label:?}");
    }
}

#[test]
fn defaults_do_not_multiply_without_bound() {
    let big = "x".repeat(30_000);
    let mut source = format!("[defaults]\nargs = [\"{big}\", \"{big}\", \"{big}\"]\n");
    for at in 0..1500 {
        source += &format!("[task.t{at}]\n{HEAD}");
    }
    let found = parse("shop", &source).unwrap_err();
    assert!(found.iter().any(|one| one.code == Code::LIMIT), "{:?}", found[0]);
}

#[test]
fn the_list_of_findings_is_bounded() {
    let mut source = String::new();
    for at in 0..1000 {
        source += &format!("[task.t{at}]\nversion = 1\n");
    }
    let found = parse("shop", &source).unwrap_err();
    assert_eq!(found.len(), crate::limits::DIAGNOSTICS + 1);
    assert_eq!(found.last().unwrap().message, "1800 further findings are not listed");
}

#[test]
fn a_file_where_everybody_excludes_everybody_is_judged_within_the_budget() {
    let mut source = String::from(
        "[defaults]\ntags = [\"x\"]\nbiases = [[\"x\", \"always\"], [\"y\", \"never\"], [\"t\", \"never\"]]\n",
    );
    for at in 0..1900 {
        source += &format!("[task.t.a{at}]\n{HEAD}");
    }
    let found = parse("shop", &source).unwrap_err();
    assert!(found.iter().any(|one| one.code == Code::CONTRADICTION));
}

/// Fragments of files: nearly right ones reach further into the reader than noise does.
fn fragments() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "[task.a]",
        "[task.a.b]",
        "[[task.a]]",
        "[task]",
        "[defaults]",
        "[crates]",
        "[topology]",
        "crate",
        "version",
        "task",
        "tasks",
        "tags",
        "biases",
        "resources",
        "env",
        "args",
        "grace",
        "ports",
        "own",
        "name",
        "paths",
        "git",
        "rev",
        "restart",
        "user",
        "=",
        "=",
        "=",
        ".",
        ",",
        "\n",
        "\n",
        "\n",
        "[",
        "]",
        "{",
        "}",
        "\"x\"",
        "\"1.0.0\"",
        "\"never\"",
        "\"always\"",
        "\"@a=b\"",
        "1",
        "-1",
        "0.5",
        "1e999",
        "nan",
        "true",
        "2020-01-01",
        "\"64MiB\"",
        "\"5s\"",
        "'''",
        "\"\"\"",
        "\"",
        "#",
        "ä",
        "\u{0}",
        "99999999999999999999",
        "[[\"x\",\"never\"]]",
        "crate = \"a\"\nversion = \"1.0.0\"\ntask = \"A\"\ntasks = 1\n",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.join(" "))
}

fn judge(source: &str) {
    let found = match parse("shop", source) {
        Ok(checked) => {
            assert!(checked.warnings.iter().all(|one| !one.is_error()));
            let printed = crate::print(&checked.topology);
            let again = parse("shop", &printed).unwrap_or_else(|found| {
                panic!("{printed}\n{}", crate::render("printed", &printed, &found))
            });
            let (once, twice) =
                (checked.topology.without_places(), again.topology.without_places());
            assert_eq!(once, twice);
            checked.warnings
        }
        Err(found) => {
            assert!(found.iter().any(Diagnostic::is_error));
            found
        }
    };
    for one in &found {
        assert!(one.labels.iter().all(|label| source.get(label.span.clone()).is_some()), "{one:?}");
    }
    assert!(crate::render("shop.toml", source, &found).lines().count() >= found.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_text_is_too_odd(bytes: Vec<u8>, text in "\\PC{0,200}") {
        judge(&String::from_utf8_lossy(&bytes));
        judge(&text);
    }

    #[test]
    fn no_nearly_right_file_is_too_odd(source in fragments()) {
        judge(&source);
    }

    #[test]
    fn no_broken_example_is_too_odd(at in 0usize..700, length in 0usize..40, with in "\\PC{0,8}") {
        let source = include_str!("../../../topologies/my_topology.toml");
        let start = at.min(source.len());
        let end = (start + length).min(source.len());
        judge(&format!("{}{with}{}", &source[..start], &source[end..]));
    }
}
