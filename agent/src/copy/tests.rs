//! What is taken and what is refused.

use serde_json::json;

use super::*;

fn selection() -> Selection {
    Selection { groups: ["g".to_owned(), "h".to_owned()].into(), configs: ["t".to_owned()].into() }
}

fn group(name: &str, history: &str, version: u64, slots: &[u32]) -> News {
    let entry = |slot: &u32| {
        json!({
            "topology": "d", "task": "g", "slot": slot, "incarnation": format!("g#{slot}.{version}"),
            "host": "h", "address": "127.0.0.1", "crate_name": "c", "version": "1",
            "state": "ready", "since_ms": 1,
        })
    };
    let entries: Vec<_> = slots.iter().map(entry).collect();
    let view = json!({ "group": name, "history": history, "version": version, "entries": entries });
    News::Group(serde_json::from_value(view).unwrap())
}

#[test]
fn versions_only_rise_within_a_history() {
    let mut copy = Copy::of("one");
    assert_eq!(copy.take(group("g", "one", 5, &[0]), &selection()), Taken::New);
    assert_eq!(copy.take(group("g", "one", 5, &[0]), &selection()), Taken::Known);
    assert_eq!(copy.take(group("g", "one", 7, &[1]), &selection()), Taken::New);
    let alarm = Alarm { name: "g".to_owned(), known: 7, told: 6 };
    assert_eq!(copy.take(group("g", "one", 6, &[2]), &selection()), Taken::Older(alarm));
    let alarm = Alarm { name: "g".to_owned(), known: 7, told: 7 };
    assert_eq!(copy.take(group("g", "one", 7, &[2]), &selection()), Taken::Contradiction(alarm));
    assert_eq!(copy.groups()["g"].entries[0].incarnation, "g#1.7");
    assert_eq!(copy.version(), 7);
}

#[test]
fn what_nobody_asked_for_is_not_taken() {
    let mut copy = Copy::of("one");
    assert_eq!(copy.take(group("g", "two", 9, &[0]), &selection()), Taken::Foreign);
    assert_eq!(copy.take(group("other", "one", 9, &[0]), &selection()), Taken::Foreign);
    assert!(copy.groups().is_empty() && !copy.has_all(&selection()));
}

#[test]
fn an_entry_of_two_groups_is_shown_once_as_the_newer_group_has_it() {
    let mut copy = Copy::of("one");
    let News::Group(mut old) = group("g", "one", 5, &[0]) else { panic!() };
    let News::Group(mut new) = group("h", "one", 6, &[0]) else { panic!() };
    old.entries[0].incarnation = "g#0.1".to_owned();
    new.entries[0].incarnation = "g#0.1".to_owned();
    new.entries[0].host = "newer".to_owned();
    copy.take(News::Group(new), &selection());
    copy.take(News::Group(old), &selection());
    let entries = copy.entries();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries["g#0.1"].host, "newer");
}
