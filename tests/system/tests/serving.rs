//! What tasks are told, what passes through them, and how they leave.

#![expect(clippy::unwrap_used, reason = "a test: what is not there fails it")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lathe_system::{
    Lathe, Load, Request, SOON, Signal, Stream, example, examples, fixture, moved_example, until,
    write,
};
use serde_json::{Value, json};

/// One task of the probe with these further lines.
fn probe(path: &str, task: &str, keys: &str) -> String {
    let folder = json!(fixture("probe"));
    format!(
        "[task.{path}]\ncrate = \"probe\"\nversion = \"1.0.0\"\ntask = \"my::{task}\"\n\
         path = {folder}\n{keys}\n"
    )
}

fn submitted(lathe: &mut Lathe, name: &str, text: &str) -> PathBuf {
    let file = write(&lathe.folder().join(format!("{name}.toml")), text);
    lathe.up(&[file.to_str().unwrap()]);
    file
}

#[test]
fn a_task_is_told_who_it_is_and_what_its_author_wrote() {
    let mut lathe = Lathe::new();
    let keys = "tasks = 2\nenv = { COLOUR = \"green\" }\ntags = [\"shown\"]\n\
                limits = { open = 7, names = [\"a\", \"b\"] }\nratio = 0.5";
    let teller = probe("teller", "Teller", "tasks = 1\nresources = { ports = [] }");
    submitted(&mut lathe, "told", &format!("{}{teller}", probe("probe", "Probe", keys)));
    let status = lathe.all_ready(3);
    let one = status.instance("probe#1");
    let own: Value = Request::get(format!("{}/own", one.url())).send().json();
    assert_eq!(own, json!({ "limits": { "open": 7, "names": ["a", "b"] }, "ratio": 0.5 }));
    let variables: Value = Request::get(format!("{}/environment", one.url())).send().json();
    for (name, value) in [
        ("LATHE_TASK", "my::Probe"),
        ("LATHE_TASK_PATH", "probe"),
        ("LATHE_TOPOLOGY", "told"),
        ("LATHE_INSTANCE", "probe#1"),
        ("LATHE_INCARNATION", "probe#1.1"),
        ("LATHE_CRATE", "probe"),
        ("LATHE_VERSION", "1.0.0"),
        ("LATHE_HOST", one.host.as_deref().unwrap()),
        ("LATHE_ADDRESS", "127.0.0.1"),
        ("LATHE_PORT_HTTP", &one.ports["http"].to_string()),
        ("LATHE_REGISTRIES", &lathe.registry()),
        ("COLOUR", "green"),
    ] {
        assert_eq!(variables[name], value, "{name}");
    }
    // Nothing of whoever started the cluster leaks in, the token least of all.
    for name in ["LATHE_HOME", "LATHE_CACHE", "LATHE_TOKEN_FILE", "CARGO_HOME", "USER"] {
        assert_eq!(variables.get(name), None, "{name}");
    }
    assert!(!variables.to_string().contains(&lathe.token()));

    // It finds itself and its like.
    let found = until("a look-up of two", SOON, || {
        let found: Value = Request::get(format!("{}/group/shown", one.url())).send().json();
        (found.as_array().unwrap().len() == 2).then_some(found)
    });
    let names: BTreeSet<&str> = found
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|entry| entry["incarnation"].as_str())
        .collect();
    assert_eq!(names, BTreeSet::from(["probe#0.1", "probe#1.1"]));

    // A task without a server is told to end as well, and its last words are kept.
    until("its words", SOON, || {
        let logs = lathe.lathe(&["logs", "teller#0"]).out;
        (logs == "teller#0 starts\n").then_some(())
    });
    let remains = write(&lathe.folder().join("told.toml"), &probe("probe", "Probe", keys));
    lathe.lathe(&["submit", "--yes", remains.to_str().unwrap()]).with_code(0);
    let logs = lathe.lathe(&["logs", "teller#0.1"]).with_code(0);
    assert_eq!(logs.out, "teller#0 starts\nteller#0 ends\n");
}

#[test]
fn bodies_pass_through_a_load_balancer_whole() {
    let mut lathe = Lathe::new();
    let paths = json!([examples().join("tasks/*")]);
    let text = format!(
        "[crates]\npaths = {paths}\n\n{}\n[task.front]\ncrate = \"http_loadbalancer\"\n\
         version = \"0.8.2\"\ntask = \"my::LoadBalancer\"\ntasks = 1\n\
         backend_distribution = [[\"task.probe\"], [1]]\n",
        probe("probe", "Probe", "tasks = 2")
    );
    submitted(&mut lathe, "through", &text);
    let url = format!("{}/echo", lathe.all_ready(3).instance("front#0").url());
    let long: Vec<u8> = (0..24 * 1024 * 1024_u32).map(|at| (at / 7 % 251) as u8).collect();
    for body in [Vec::new(), b"short".to_vec(), long] {
        let answer = Request::post(&url, body.clone()).send();
        assert_eq!(answer.status, 200);
        assert!(answer.bytes() == body, "{} bytes came of {}", answer.bytes().len(), body.len());
        let who = answer.header("lathe-served-by").unwrap();
        assert!(who.starts_with("probe#"), "{who}");
    }
    // A back end's own refusal is handed on.
    let refused = Request::get(url.replace("/echo", "/nothing")).send();
    assert_eq!(refused.status, 404);
}

#[test]
fn an_instance_that_is_ended_finishes_what_it_serves() {
    let mut lathe = Lathe::new();
    let gate = lathe.folder().join("gate");
    let keys = format!("tasks = 1\ngrace = \"100s\"\ngate = {}", json!(gate));
    submitted(&mut lathe, "leaving", &probe("probe", "Probe", &keys));
    let url = lathe.all_ready(1).instance("probe#0").url();
    let task = lathe.task("probe#0.1");
    let answer = Stream::open(Request::get(format!("{url}/long")));
    assert_eq!(answer.next(SOON).unwrap(), "started\n");

    std::thread::scope(|threads| {
        let removing = threads.spawn(|| lathe.lathe(&["remove", "--yes", "leaving"]));
        until("nothing new taken", SOON, || {
            Request::get(format!("{url}/own")).try_send().is_err().then_some(())
        });
        until("it is out of the look-ups", SOON, || {
            let group = lathe.read_registry("/v1/groups/probe");
            let entries = group["entries"].as_array().unwrap();
            entries.iter().all(|entry| entry["state"] != "ready").then_some(())
        });
        assert!(task.runs(), "it is given its time");
        write(&gate, "");
        assert_eq!(answer.next(SOON).unwrap(), "done\n");
        assert_eq!(answer.next(SOON), None);
        removing.join().unwrap().with_code(0);
    });
    assert!(!task.runs());
    assert_eq!(lathe.status().instances.len(), 0);
}

#[test]
fn fewer_front_pages_cost_no_request() {
    let lathe = Lathe::with(&example());
    let urls: Vec<String> = lathe.status().of_task("http.lb").iter().map(|one| one.url()).collect();
    let go_on = Arc::new(AtomicBool::new(true));
    let load = Load::new(&urls, "/index", 4);
    let sending = std::thread::spawn({
        let go_on = Arc::clone(&go_on);
        move || load.send_while(&go_on)
    });
    let file = lathe.folder().join("my_topology.toml");
    let text = moved_example();
    for number in [2, 5, 1] {
        write(&file, &text.replace("tasks = 5", &format!("tasks = {number}")));
        lathe.lathe(&["submit", "--yes", file.to_str().unwrap()]).with_code(0);
        lathe.all_ready(3 + 2 * number);
    }
    go_on.store(false, Ordering::SeqCst);
    let tally = sending.join().unwrap();
    assert_eq!(tally.failed, Vec::<String>::new());
    assert!(tally.good > 100, "{tally:?}");
}

#[test]
fn a_quiet_executor_makes_its_instance_suspect_until_it_is_heard_again() {
    let mut lathe = Lathe::new();
    submitted(&mut lathe, "quiet", &probe("probe", "Probe", "tasks = 1"));
    lathe.all_ready(1);
    let state = || {
        let entry = lathe.read_registry("/v1/instances/probe%230.1");
        entry["state"].as_str().unwrap_or_default().to_owned()
    };
    // Who was never heard is not missed.
    until("a beat", SOON, || {
        let metrics = Request::get(format!("{}/metrics", lathe.registry())).send().text();
        let mut beats = metrics.lines().filter(|line| line.contains("_beats_total "));
        beats.any(|line| !line.ends_with(" 0")).then_some(())
    });
    let executor = lathe_system::Process::of(lathe.task("probe#0.1").parent).unwrap();
    until("it is ready", SOON, || (state() == "ready").then_some(()));
    executor.signal(Signal::STOP);
    until("it is suspect", SOON, || (state() == "suspect").then_some(()));
    executor.signal(Signal::CONT);
    until("it is ready again", SOON, || (state() == "ready").then_some(()));
    assert_eq!(lathe.status().instance("probe#0").life(), 1, "quiet is not dead");
}
