//! Instances that run and do not do their work: found, left out, ended, replaced.

#![expect(clippy::unwrap_used, reason = "a test: what is not there fails it")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lathe_system::{Lathe, Load, SOON, Signal, example, fixture, until, write};
use serde_json::json;

/// State and reason of an incarnation in the catalog.
fn shown(lathe: &Lathe, incarnation: &str) -> (String, String) {
    let entry = lathe.read_registry(&format!("/v1/instances/{}", incarnation.replace('#', "%23")));
    let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    (text("state"), text("reason"))
}

#[test]
fn a_stopped_page_is_left_out_and_replaced_and_no_request_fails() {
    let mut lathe = Lathe::with(&example());
    let status = lathe.all_ready(13);
    let urls: Vec<String> = status.of_task("http.lb").iter().map(|one| one.url()).collect();
    let go_on = Arc::new(AtomicBool::new(true));
    let load = Load::new(&urls, "/index", 6);
    let sending = std::thread::spawn({
        let go_on = Arc::clone(&go_on);
        move || load.send_while(&go_on)
    });
    let page = lathe.task("http.frontpage.v4-2-1#3.1");
    page.signal(Signal::STOP);
    until("it is out of the look-ups", SOON, || {
        let (state, reason) = shown(&lathe, "http.frontpage.v4-2-1#3.1");
        (state == "suspect" && reason.starts_with("no beat for")).then_some(())
    });
    // For as long as its executor has not ended it, `lathe status` says the same.
    lathe.status_when("a suspect", |now| {
        let one = now.instance("http.frontpage.v4-2-1#3");
        let reason = one.reason.as_deref().unwrap_or_default();
        one.state == "suspect" && reason.starts_with("no beat for") && now.ready() == 12
    });
    lathe.running().wait_for_line("the program hangs: no beat for", SOON);
    until("its end", SOON, || (!page.runs()).then_some(()));
    let after = lathe.status_when("its replacement", |now| {
        now.instance("http.frontpage.v4-2-1#3").life() == 2 && now.ready() == 13
    });
    go_on.store(false, Ordering::SeqCst);
    let tally = sending.join().unwrap();
    assert_eq!(tally.failed, Vec::<String>::new());
    assert!(tally.good > 100, "{tally:?}");
    let others = after.instances.iter().filter(|one| one.life() != 1).count();
    assert_eq!(others, 1, "nobody else was replaced: {:?}", after.incarnations());
}

#[test]
fn pages_that_are_killed_cost_no_request() {
    let lathe = Lathe::with(&example());
    let status = lathe.all_ready(13);
    let urls: Vec<String> = status.of_task("http.lb").iter().map(|one| one.url()).collect();
    let go_on = Arc::new(AtomicBool::new(true));
    // No second try at another load balancer: those are not killed.
    let load = Load::new(&urls, "/index", 8);
    let sending = std::thread::spawn({
        let go_on = Arc::clone(&go_on);
        move || load.send_while(&go_on)
    });
    for round in 0..12 {
        // One to three at a time, of both versions in turn.
        let pages = lathe.tasks().into_iter();
        let pages: Vec<_> = pages.filter(|(name, _)| name.starts_with("http.frontpage.")).collect();
        for at in 0..=(round % 3) {
            let (name, page) = &pages[(round * 7 + at * 3) % pages.len()];
            page.signal(Signal::KILL);
            until(&format!("the end of {name}"), SOON, || (!page.runs()).then_some(()));
        }
        lathe.all_ready(13);
    }
    go_on.store(false, Ordering::SeqCst);
    let tally = sending.join().unwrap();
    assert_eq!(tally.failed, Vec::<String>::new());
    assert!(tally.good > 100, "{tally:?}");
}

/// A table that asks often and forgives nothing but the start.
fn checked(path: &str, crate_name: &str, task: &str, how: &str, more: &str) -> String {
    let folder = json!(fixture(crate_name));
    format!(
        "[task.{path}]\ncrate = \"{crate_name}\"\nversion = \"1.0.0\"\ntask = \"{task}\"\n\
         tasks = 1\ngrace = \"200ms\"\npath = {folder}\n{more}\n\n[task.{path}.health]\n{how}\n\
         interval = \"200ms\"\ntimeout = \"10s\"\nfailures = 3\ngrace = \"1h\"\n\n"
    )
}

fn set_well(files: &[std::path::PathBuf], well: bool) {
    for file in files {
        if well {
            write(file, "");
        } else {
            fs::remove_file(file).unwrap();
        }
    }
}

#[test]
fn each_kind_of_check_makes_ready_and_ends() {
    let mut lathe = Lathe::new();
    let well = |name: &str| lathe.folder().join(name);
    let files = [well("web.well"), well("door.well"), well("job.well")];
    let key = |file: &Path| format!("well = {}", json!(file));
    let test = json!(["test", "-e", files[2]]);
    let text = [
        checked("web", "probe", "my::Probe", "path = \"/health\"", &key(&files[0])),
        checked("door", "probe", "my::Door", "kind = \"tcp\"", &key(&files[1])),
        checked(
            "job",
            "script",
            "sh",
            &format!("command = {test}"),
            "args = [\"exec sleep 100000\"]",
        ),
    ]
    .concat();
    let file = write(&lathe.folder().join("checked.toml"), &text);
    lathe.start_up(&[file.to_str().unwrap()]);
    until("three that start", SOON * 4, || {
        let status = lathe.lathe(&["status", "--json"]);
        let status: Option<lathe_system::Status> = serde_json::from_str(&status.out).ok();
        let starting = |one: &lathe_system::Instance| one.state == "starting";
        status.filter(|now| now.instances.iter().filter(|one| starting(one)).count() == 3)
    });
    // Registries hear of it a moment after the scheduler.
    until("a registry that shows it as starting", SOON, || {
        (shown(&lathe, "web#0.1").0 == "starting").then_some(())
    });
    set_well(&files, true);
    lathe.all_ready(3);
    lathe.running().wait_for_line("Ctrl-C ends everything", SOON);

    set_well(&files, false);
    for why in ["GET /health: answered 503", "connecting to port", "test -e "] {
        let line = lathe.running().wait_for_line(why, SOON);
        assert!(line.contains("3 health checks failed in a row: "), "{line}");
    }
    lathe.status_when("three that start again", |now| {
        now.instances.iter().all(|one| one.life() == 2 && one.state == "starting")
    });
    set_well(&files, true);
    let now = lathe.all_ready(3);
    assert!(now.instances.iter().all(|one| one.life() == 2), "{:?}", now.incarnations());
}
