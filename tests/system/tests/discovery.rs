//! Who finds whom: the registry's reads and streams, look-ups while instances come and go, own keys
//! that change under running load balancers.

#![expect(clippy::unwrap_used, reason = "a test: what is not there fails it")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use lathe_system::{
    Event, Events, Lathe, Load, Request, SOON, Signal, example, moved_example, until, write,
};
use serde_json::Value;

const HEAVY: &str = "http.frontpage.v4-2-1";
const LIGHT: &str = "http.frontpage.v4-2-2";

/// Incarnation and state of a group's entries.
fn states(view: &Value) -> BTreeMap<String, String> {
    let entries = view["entries"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    entries.iter().map(|one| (text(&one["incarnation"]), text(&one["state"]))).collect()
}

fn all_ready(view: &Value) -> Option<BTreeSet<String>> {
    let states = states(view);
    states.values().all(|state| state == "ready").then(|| states.into_keys().collect())
}

/// Events up to `synced`, that one not included.
fn until_synced(events: &mut Events) -> (Vec<Event>, String) {
    let mut heard = Vec::new();
    loop {
        let event = events.next(SOON).expect("the stream goes on");
        if event.kind == "synced" {
            return (heard, event.id);
        }
        heard.push(event);
    }
}

fn shows_all_instances(lathe: &Lathe) {
    let status = lathe.status();
    let listed = lathe.read_registry("/v1/instances");
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 13);
    for entry in listed {
        let name = entry["incarnation"].as_str().unwrap().rsplit_once('.').unwrap().0;
        let one = status.instance(name);
        assert_eq!(entry["state"], "ready");
        assert_eq!(entry["host"].as_str(), one.host.as_deref());
        assert_eq!(entry["ports"]["http"], one.ports["http"]);
        assert_eq!(entry["address"].as_str(), one.address.as_deref());
    }
    for (query, number) in
        [("task=http.lb", 3), ("tag=frontpage", 10), ("topology=my_topology&tag=net", 3)]
    {
        let some = lathe.read_registry(&format!("/v1/instances?{query}"));
        assert_eq!(some.as_array().unwrap().len(), number, "{query}");
    }
    let odd = Request::get(format!("{}/v1/instances?colour=red", lathe.registry())).send();
    assert_eq!(odd.status, 400);
}

fn commit(id: &str) -> u64 {
    id.rsplit_once('.').unwrap().1.parse().unwrap()
}

/// The example, once the registry has heard that all is ready. It may be late; what it shows, it
/// has been told.
fn heard_example() -> Lathe {
    let lathe = Lathe::with(&example());
    until("13 ready in the registry", SOON, || {
        let all = lathe.read_registry("/v1/groups/http");
        all_ready(&all).filter(|all| all.len() == 13)
    });
    lathe
}

#[test]
fn the_registry_shows_instances_and_groups_that_know_their_versions() {
    let lathe = heard_example();
    shows_all_instances(&lathe);
    let groups = lathe.read_registry("/v1/groups");
    let by_name: BTreeMap<&str, &Value> = groups
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["group"].as_str().unwrap(), one))
        .collect();
    for (group, kind, number) in [
        ("http.lb", "task", 3),
        (HEAVY, "task", 5),
        (LIGHT, "task", 5),
        ("frontpage", "tag", 10),
        ("lb", "tag", 3),
        ("net", "tag", 3),
        ("http", "tag", 13),
    ] {
        let one = by_name.get(group).unwrap_or_else(|| panic!("no {group} in {groups}"));
        assert_eq!(one["kind"], kind, "{one}");
        assert_eq!((&one["instances"], &one["ready"]), (&number.into(), &number.into()), "{one}");
    }

    let url = format!("{}/v1/groups/frontpage", lathe.registry());
    let first = Request::get(&url).send();
    assert_eq!(first.status, 200);
    let tag = first.header("etag").unwrap().to_owned();
    let view: Value = first.json();
    let expected =
        format!("\"{}:{}\"", view["history"].as_str().unwrap(), view["version"].as_u64().unwrap());
    assert_eq!(tag, expected);
    assert_eq!(first.header("lathe-version"), Some(view["version"].to_string().as_str()));
    let same = Request::get(&url).header("if-none-match", &tag).send();
    assert_eq!((same.status, same.text().as_str()), (304, ""));
    let prefixed = lathe.read_registry(&format!("/v1/groups/task.{HEAVY}"));
    assert_eq!(prefixed["entries"].as_array().unwrap().len(), 5);
    let unknown = lathe.read_registry("/v1/groups/nobody");
    assert_eq!((unknown["entries"].as_array().unwrap().len(), &unknown["version"]), (0, &0.into()));

    // One ends: the tag of a group that it was in is another one, those of others are not.
    let load_balancers = format!("{}/v1/groups/lb", lathe.registry());
    let others = Request::get(&load_balancers).send().header("etag").unwrap().to_owned();
    lathe.task(&format!("{LIGHT}#4.1")).signal(Signal::KILL);
    until("its replacement", SOON, || {
        let view: Value = Request::get(&url).send().json();
        all_ready(&view).filter(|all| all.len() == 10 && all.contains(&format!("{LIGHT}#4.2")))
    });
    let now = Request::get(&url).header("if-none-match", &tag).send();
    assert_eq!(now.status, 200);
    let now: Value = now.json();
    assert_eq!(now["history"], view["history"]);
    assert!(now["version"].as_u64() > view["version"].as_u64());
    let same = Request::get(&load_balancers).header("if-none-match", &others).send();
    assert_eq!(same.status, 304);
}

/// What a watcher has been shown.
#[derive(Default)]
struct Watcher {
    /// Id of the last event.
    last: String,
    /// The newest view of each group.
    known: BTreeMap<String, Value>,
    /// Every life that was in a view.
    shown: BTreeSet<String>,
}

impl Watcher {
    fn take(&mut self, event: &Event) {
        if !self.last.is_empty() {
            assert!(commit(&event.id) >= commit(&self.last), "{} after {}", event.id, self.last);
        }
        self.last.clone_from(&event.id);
        if event.kind == "group" {
            let group = event.data["group"].as_str().unwrap().to_owned();
            let before = self.known.get(&group).and_then(|view| view["version"].as_u64());
            assert!(event.data["version"].as_u64() > before, "{group} goes on");
            self.shown.extend(states(&event.data).into_keys());
            self.known.insert(group, event.data.clone());
        }
    }

    /// Listens until these lives of front pages are ready, and every other one.
    fn listen(&mut self, events: &mut Events, lives: &[String]) {
        loop {
            let event = events.next(SOON).expect("the stream goes on");
            self.take(&event);
            let ready = all_ready(&self.known["frontpage"]).unwrap_or_default();
            if ready.len() == 10 && lives.iter().all(|life| ready.contains(life)) {
                return;
            }
        }
    }
}

#[test]
fn a_stream_resumes_without_a_gap_while_instances_are_killed() {
    let lathe = heard_example();
    let kill = |task: &str, slot: u32| {
        lathe.task(&format!("{task}#{slot}.1")).signal(Signal::KILL);
        format!("{task}#{slot}.2")
    };
    let url = format!("{}/v1/watch?group=frontpage&group=http.lb", lathe.registry());
    let mut watcher = Watcher::default();
    let mut events = Events::open(&url, None);
    let (first, _) = until_synced(&mut events);
    first.iter().for_each(|event| watcher.take(event));
    let groups: Vec<&str> = watcher.known.keys().map(String::as_str).collect();
    assert_eq!(groups, ["frontpage", "http.lb"]);

    // While it listens.
    let mut lives = vec![kill(HEAVY, 0)];
    watcher.listen(&mut events, &lives);
    drop(events);

    // Unchanged, resumed: nothing is sent again.
    let mut events = Events::open(&url, Some(&watcher.last));
    let (missed, _) = until_synced(&mut events);
    let missed: Vec<&Event> = missed.iter().filter(|event| event.kind == "group").collect();
    assert!(missed.is_empty(), "{missed:?}");
    drop(events);

    // While nobody listens, and again while it resumes.
    lives.extend((1..4).map(|slot| kill(HEAVY, slot)));
    until("replacements", SOON, || {
        let ready = all_ready(&lathe.read_registry("/v1/groups/frontpage"))?;
        lives.iter().all(|life| ready.contains(life)).then_some(())
    });
    lives.push(kill(LIGHT, 2));
    let before = watcher.known["http.lb"]["version"].clone();
    let mut events = Events::open(&url, Some(&watcher.last));
    watcher.listen(&mut events, &lives);
    assert_eq!(watcher.known["http.lb"]["version"], before, "load balancers did not change");
    let direct = lathe.read_registry("/v1/groups/frontpage");
    assert_eq!(watcher.known["frontpage"]["entries"], direct["entries"], "the same in the end");
    assert!(lives.iter().all(|life| watcher.shown.contains(life)), "{:?}", watcher.shown);

    // An id of another history is no resume: everything comes.
    let mut strange = Events::open(&url, Some("another-history.7"));
    let (all, _) = until_synced(&mut strange);
    let groups = all.iter().filter(|event| event.kind == "group").count();
    assert_eq!(groups, 2);
}

#[test]
fn a_killed_front_page_costs_no_client_that_asks_once_more() {
    let lathe = Lathe::with(&example());
    let urls: Vec<String> = lathe.status().of_task("http.lb").iter().map(|one| one.url()).collect();
    let go_on = Arc::new(AtomicBool::new(true));
    let load = Load::new(&urls, "/index", 4).retrying_elsewhere();
    let sending = std::thread::spawn({
        let go_on = Arc::clone(&go_on);
        move || load.send_while(&go_on)
    });
    // One after another, each when the one before is back, so that there is always a back end.
    for (task, slot) in [(HEAVY, 0), (LIGHT, 0), (HEAVY, 3), (LIGHT, 4)] {
        let lost = format!("{task}#{slot}.1");
        lathe.task(&lost).signal(Signal::KILL);
        until(&format!("{lost} out of the look-ups"), SOON, || {
            let view = lathe.read_registry(&format!("/v1/groups/{task}"));
            let all = all_ready(&view)?;
            (!all.contains(&lost) && all.contains(&format!("{task}#{slot}.2"))).then_some(())
        });
    }
    go_on.store(false, Ordering::SeqCst);
    let tally = sending.join().unwrap();
    assert_eq!(tally.failed, Vec::<String>::new());
    assert!(tally.good > 100, "{tally:?}");
    // The load balancers found the new ones: every front page is asked again.
    let status = lathe.all_ready(13);
    for one in status.of_task("http.lb") {
        assert_eq!(one.life(), 1);
    }
}

#[test]
fn a_distribution_that_is_edited_or_set_reaches_running_load_balancers() {
    let lathe = Lathe::with(&example());
    let before = lathe.status().incarnations();
    let urls: Vec<String> = lathe.status().of_task("http.lb").iter().map(|one| one.url()).collect();
    let file = lathe.folder().join("my_topology.toml");
    let shifted = moved_example().replace("[90, 10]", "[0, 100]");
    write(&file, &shifted);
    let file = file.to_str().unwrap();
    let plan = lathe.lathe(&["plan", file]).with_code(0);
    assert!(plan.out.contains("no instance changes, 13 instances stay"), "{}", plan.out);
    assert!(plan.out.contains("http.lb: own keys change, without a restart"), "{}", plan.out);
    let submitted = lathe.lathe(&["submit", file]).with_code(0);
    assert!(submitted.err.contains("revision 2"), "{}", submitted.err);

    until("all to the other version", SOON, || {
        let tally = Load::new(&urls, "/index", 3).send(90);
        assert_eq!(tally.failed, Vec::<String>::new());
        let of = |name: &str| tally.served_by.get(name).copied().unwrap_or_default();
        (of("http.frontpage.v4-2-2 http_frontpage 4.2.2") == 90).then_some(())
    });
    assert_eq!(lathe.status().incarnations(), before, "nobody was started again");
    let config = lathe.read_registry("/v1/config/task.http.lb");
    assert_eq!(config["keys"]["backend_distribution"][1], serde_json::json!([0, 100]));

    // By hand, without a file: there and back again.
    let versions = ["v4-2-1", "v4-2-2"].map(|version| format!("task.http.frontpage.{version}"));
    for (weights, name) in [
        ([100, 0], "http.frontpage.v4-2-1 http_frontpage 4.2.1"),
        ([0, 100], "http.frontpage.v4-2-2 http_frontpage 4.2.2"),
    ] {
        let value = serde_json::json!([versions, weights]).to_string();
        lathe.lathe(&["set", "http.lb", "backend_distribution", &value]).with_code(0);
        until("all to the version that was set", SOON, || {
            let tally = Load::new(&urls, "/index", 3).send(90);
            assert_eq!(tally.failed, Vec::<String>::new());
            (tally.served_by.get(name) == Some(&90)).then_some(())
        });
    }
    assert_eq!(lathe.status().incarnations(), before, "nobody was started again");

    // One that starts later is told the new values as well.
    lathe.task("http.lb#1.1").signal(Signal::KILL);
    let now = lathe.status_when("http.lb#1.2", |now| {
        now.instance("http.lb#1").life() == 2 && now.ready() == 13
    });
    let url = [now.instance("http.lb#1").url()];
    let tally = Load::new(&url, "/index", 2).send(60);
    assert_eq!(tally.failed, Vec::<String>::new());
    assert_eq!(tally.served_by.len(), 1, "{:?}", tally.served_by);
}
