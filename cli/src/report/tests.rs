//! Tests of the file beside: refusals of placement as people read them.
//!
//! Each is a file, placed on hosts of 4 cpus; the text is `tests/ui/LT02nn-what.txt`. With
//! `LATHE_UPDATE_UI=1` the texts are written instead of compared.

use std::path::Path;

use lathe_api::convert::refused_to_wire;
use lathe_placement::{
    Capacity, Cluster, Host, Options, Refusal, Running, RunningInstance, Verdict, place,
};
use lathe_topology::{Topology, parse, position};

use super::*;
use crate::printer::Colour;

fn task(name: &str, keys: &str) -> String {
    format!("[task.{name}]\ncrate = \"web\"\nversion = \"1.0.0\"\ntask = \"my::Web\"\n{keys}\n\n")
}

fn cluster(hosts: usize) -> Cluster {
    let capacity = Capacity {
        cpus_milli: 4_000,
        mem_bytes: 8 << 30,
        disk_bytes: 16 << 30,
        ports: vec![(31_000, 31_999)],
    };
    let names = (1..=hosts).map(|at| format!("host-{at}"));
    let host = |name| Host { name, capacity: capacity.clone(), ..Host::default() };
    Cluster { hosts: names.map(host).collect() }
}

/// One instance of the file's first task, on the first host.
fn runs(name: &str, source: &str) -> Running {
    let topology = read(name, source);
    let spec = &topology.tasks[0];
    let one = RunningInstance {
        topology: name.to_owned(),
        task: spec.path.clone(),
        slot: 0,
        host: "host-1".to_owned(),
        tags: spec.carried_tags(),
        biases: spec.biases.clone(),
        resources: spec.resources.clone(),
        keep: true,
    };
    Running { instances: vec![one] }
}

fn read(name: &str, source: &str) -> Topology {
    parse(name, source).expect("a good file").topology
}

/// The problem that a file is told as, compared with its text.
fn told(name: &str, source: &str, hosts: usize, running: &Running, steps: u64) -> Problem {
    let options = Options { budget_steps: steps, ..Options::default() };
    let verdict = place(&cluster(hosts), &[read("shop", source)], running, &options);
    let (word, refusal): (&str, Refusal) = match verdict {
        Verdict::Impossible(refusal) => ("impossible", refusal),
        Verdict::Blocked(refusal) => ("blocked", refusal),
        Verdict::Unknown { refusal, .. } => ("unknown", refusal),
        Verdict::Placed(plan) => panic!("{name} is placed: {plan:?}"),
    };
    let refusal = refused_to_wire(word, &refusal);
    let sent = Sent { file: "shop.toml", topology: "shop", text: source };
    shown(name, source, refused(Some(sent), &refusal))
}

/// A problem's text, compared with what is stored.
fn shown(name: &str, source: &str, problem: Problem) -> Problem {
    assert_eq!(problem.code.map(|code| code.to_string()).as_deref(), Some(&name[..6]), "{name}");
    assert!(problem.hint.is_some(), "{name}: nothing to try");
    let printer = Printer::new(Colour::Never);
    let text = render(&printer, source, std::slice::from_ref(&problem)) + "\n";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/ui/{name}.txt"));
    if std::env::var_os("LATHE_UPDATE_UI").is_some() {
        std::fs::write(file, &text).expect("the text is written");
    } else {
        assert_eq!(text, std::fs::read_to_string(file).unwrap_or_default(), "{name}");
    }
    problem
}

const STEPS: u64 = 2_000_000;

#[test]
fn what_is_impossible_is_told_with_the_statements_at_their_lines() {
    let none = Running::default();
    let apart =
        task("db", "tasks = 4\ntags = [\"heavy_disk\"]\nbiases = [[\"heavy_disk\", \"never\"]]");
    let problem = told("LT0201-apart", &apart, 3, &none, STEPS);
    let lines: Vec<usize> = problem
        .labels
        .iter()
        .filter_map(|label| Some(label.place.as_ref()?.position.line))
        .collect();
    assert_eq!(lines, [5, 7], "the count and the bias, each at its own line");
    assert_eq!(problem.parties, ["db"]);
    let sums = task("a", "tasks = 5\nresources = { cpus = 1 }")
        + &task("b", "tasks = 4\nresources = { cpus = 1 }");
    told("LT0201-sums", &sums, 2, &none, STEPS);
    let nobody = task("web", "tasks = 2\nbiases = [[\"db\", \"always\"]]");
    told("LT0204-nobody", &nobody, 3, &none, STEPS);
    let lone = task("web", "tasks = 1\ntags = [\"x\"]\nbiases = [[\"x\", \"always\"]]");
    told("LT0204-lone", &lone, 3, &none, STEPS);
    let large = task("web", "tasks = 1\nresources = { cpus = 8 }");
    told("LT0206-large", &large, 3, &none, STEPS);
    let port = task("web", "tasks = 2\nresources = { ports = { http = 31080 } }");
    told("LT0206-port", &port, 1, &none, STEPS);
    let disk = task("web", "tasks = 1\nbiases = [[\"@disk=ssd\", \"always\"]]");
    told("LT0207-attribute", &disk, 3, &none, STEPS);
}

#[test]
fn a_contradiction_across_files_is_told_with_both_sides() {
    // Within one file the check finds it; here the other side runs already.
    let db = task("db", "tasks = 1\nbiases = [[\"web\", \"never\"]]");
    let web = task("web", "tasks = 1\nbiases = [[\"db\", \"always\"]]");
    told("LT0202-across", &web, 3, &runs("store", &db), STEPS);
    // Both are placed anew: each statement is told as that of its own file.
    let files = [read("shop", &web), read("store", &db)];
    let verdict = place(&cluster(3), &files, &Running::default(), &Options::default());
    let Verdict::Impossible(refusal) = verdict else { panic!("{verdict:?}") };
    let mut refusal = refused_to_wire("impossible", &refusal);
    let sent = Sent { file: "shop.toml", topology: "shop", text: &web };
    let unknown = refused(Some(sent), &refusal);
    let elsewhere = |problem: &Problem| {
        let labels = problem.labels.iter().filter(|label| label.place.is_none());
        labels.map(|label| label.text.clone()).collect::<Vec<_>>()
    };
    assert_eq!(elsewhere(&unknown), ["topology store, task db: [\"web\", \"never\"]"]);
    for reason in refusal.reasons.iter_mut().filter(|reason| reason.topology == "store") {
        // As the scheduler does, who has that file.
        reason.line = u32::try_from(position(&db, reason.start as usize).line).unwrap();
    }
    let problem = shown("LT0205-across", &web, refused(Some(sent), &refusal));
    assert_eq!(elsewhere(&problem), ["topology store, line 6, task db: [\"web\", \"never\"]"]);
    // Without a file, as after `lathe scale`, all of it is told by its place.
    for reason in refusal.reasons.iter_mut().filter(|reason| reason.topology == "shop") {
        reason.line = u32::try_from(position(&web, reason.start as usize).line).unwrap();
    }
    shown("LT0205-by-hand", "", refused(None, &refusal));
}

#[test]
fn what_is_blocked_is_told_with_what_is_missing() {
    let big = task("big", "tasks = 1\nresources = { cpus = 3 }");
    let web = task("web", "tasks = 1\nresources = { cpus = 2 }");
    told("LT0202-room", &web, 1, &runs("other", &big), STEPS);
}

#[test]
fn a_search_that_ended_is_told_honestly() {
    // Two of them fit on a host and three do not, which is not seen by adding them up.
    let sizes = [1.4, 1.5, 1.6, 1.7, 1.8].into_iter().enumerate();
    let tasks = sizes.map(|(at, cpus)| {
        task(&format!("t{at}"), &format!("tasks = 1\nresources = {{ cpus = {cpus} }}"))
    });
    told("LT0203-steps", &tasks.collect::<String>(), 2, &Running::default(), 0);
}

#[test]
fn the_pages_show_what_is_printed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for (page, text) in [("LT0202", "LT0202-room"), ("LT0203", "LT0203-steps")] {
        let page = std::fs::read_to_string(root.join(format!("../docs/errors/{page}.md"))).unwrap();
        let text = std::fs::read_to_string(root.join(format!("tests/ui/{text}.txt"))).unwrap();
        let example = page.split("```text\n").nth(1).and_then(|rest| rest.split("```").next());
        assert_eq!(words(example.unwrap_or_default()), words(&text), "docs/errors/{page}");
    }
}

#[test]
fn a_party_that_is_named_already_is_not_named_again() {
    assert!(names("crate `a` did not build", "a"));
    assert!(!names("crate `ab` did not build", "a"));
    assert!(!names("did not build", "b"));
    assert!(names("51 instances of db exclude each other", "db"));
}
