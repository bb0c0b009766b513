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
fn until_synced(events: &Events) -> (Vec<Event>, String) {
    let mut heard = Vec::new();
    loop {
        let event = events.next(SOON).expect("the stream goes on");
        if event.kind == "synced" {
            return (heard, event.id);
        }
        heard.push(event);
    }
}

fn commit(id: &str) -> u64 {
    id.rsplit_once('.').unwrap().1.parse().unwrap()
}

#[test]
fn the_registry_shows_groups_with_versions_and_instances() {
    let lathe = Lathe::with(&example());
    // The registry may be late; what it shows, it has been told.
    until("13 ready in the registry", SOON, || {
        let all = lathe.read_registry("/v1/groups/http");
        all_ready(&all).filter(|all| all.len() == 13)
    });
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

#[test]
fn a_stream_resumes_without_a_gap_while_instances_are_killed() {
    let lathe = Lathe::with(&example());
    let url = format!("{}/v1/watch?group=frontpage&group=http.lb", lathe.registry());
    let events = Events::open(&url, None);
    let (first, mut last) = until_synced(&events);
    let groups: BTreeSet<&str> =
        first.iter().filter_map(|event| event.data["group"].as_str()).collect();
    assert_eq!(groups, BTreeSet::from(["frontpage", "http.lb"]));

    // What this watcher knows; a line for each life that it was shown.
    let mut known: BTreeMap<String, Value> = BTreeMap::new();
    let mut shown: BTreeSet<String> = BTreeSet::new();
    let mut take = |event: &Event, last: &mut String| {
        assert!(commit(&event.id) >= commit(last), "{} after {last}", event.id);
        event.id.clone_into(last);
        if event.kind == "group" {
            let group = event.data["group"].as_str().unwrap().to_owned();
            let before = known.get(&group).and_then(|view| view["version"].as_u64());
            assert!(event.data["version"].as_u64() > before, "{group} goes on");
            shown.extend(states(&event.data).into_keys());
            known.insert(group, event.data.clone());
        }
    };
    for event in &first {
        take(event, &mut event.id.clone());
    }

    // While it listens.
    let killed = format!("{HEAVY}#0.1");
    lathe.task(&killed).signal(Signal::KILL);
    loop {
        let event = events.next(SOON).expect("the stream goes on");
        take(&event, &mut last);
        if event.kind != "group" {
            continue;
        }
        let seen = states(&event.data);
        if seen.get(&format!("{HEAVY}#0.2")).map(String::as_str) == Some("ready") {
            assert!(!seen.contains_key(&killed), "{seen:?}");
            break;
        }
    }
    drop(events);

    // Unchanged, resumed: nothing is sent again.
    let events = Events::open(&url, Some(&last));
    let (missed, synced) = until_synced(&events);
    let missed: Vec<&Event> = missed.iter().filter(|event| event.kind == "group").collect();
    assert!(missed.is_empty(), "{missed:?}");
    assert!(commit(&synced) >= commit(&last));
    drop(events);

    // While nobody listens, and again while it resumes.
    for slot in 1..4 {
        lathe.task(&format!("{HEAVY}#{slot}.1")).signal(Signal::KILL);
    }
    until("replacements", SOON, || {
        let view = lathe.read_registry("/v1/groups/frontpage");
        all_ready(&view).filter(|all| (1..4).all(|slot| all.contains(&format!("{HEAVY}#{slot}.2"))))
    });
    lathe.task(&format!("{LIGHT}#2.1")).signal(Signal::KILL);
    let events = Events::open(&url, Some(&last));
    let mut news = 0;
    loop {
        let event = events.next(SOON).expect("the stream goes on");
        if event.kind == "group" {
            assert_eq!(event.data["group"], "frontpage", "load balancers did not change");
            news += 1;
        }
        take(&event, &mut last);
        if event.kind != "group" {
            continue;
        }
        let done = states(&event.data);
        let ready = |one: &str| done.get(one).is_some_and(|state| state == "ready");
        if ready(&format!("{LIGHT}#2.2")) && done.len() == 10 && done.values().all(|s| s == "ready")
        {
            break;
        }
    }
    assert!(news >= 1);
    let direct = lathe.read_registry("/v1/groups/frontpage");
    assert_eq!(known["frontpage"]["entries"], direct["entries"], "the same in the end");
    for slot in 0..4 {
        assert!(shown.contains(&format!("{HEAVY}#{slot}.2")), "{shown:?}");
    }

    // An id of another history is no resume: everything comes.
    let strange = Events::open(&url, Some("another-history.7"));
    let (all, _) = until_synced(&strange);
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
fn an_edited_distribution_reaches_running_load_balancers() {
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
