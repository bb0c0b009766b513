//! What a registry says, laid over what the scheduler says.

use serde_json::json;

use super::*;

fn instance(slot: u32, state: &str) -> InstanceView {
    serde_json::from_value(json!({
        "instance": format!("web#{slot}"), "incarnation": format!("web#{slot}.1"), "topology": "t",
        "task": "web", "slot": slot, "crate_name": "web", "version": "1.0.0", "host": "one",
        "address": "127.0.0.1", "ports": {}, "tags": [], "state": state, "reason": null,
        "since_ms": 1, "incarnations": 1,
    }))
    .unwrap()
}

fn entry(incarnation: &str) -> (String, Entry) {
    let entry = serde_json::from_value(json!({
        "topology": "t", "task": "web", "slot": 0, "incarnation": incarnation, "host": "one",
        "address": "127.0.0.1", "crate_name": "web", "version": "1.0.0", "state": "suspect",
        "reason": "no beat for 3 s", "since_ms": 7,
    }));
    (incarnation.to_owned(), entry.unwrap())
}

#[test]
fn who_is_suspect_is_shown_so_and_is_not_counted_as_ready() {
    let task = json!({
        "task": "web", "topology": "t", "crate_name": "web", "version": "1.0.0", "wanted": 3,
        "ready": 2, "own": {},
    });
    let topology = json!({ "name": "t", "revision": 1, "tasks": [task], "submitted_ms": 1 });
    let mut status: StatusView = serde_json::from_value(json!({
        "scheduler": {
            "framework_id": null, "master": null, "connected": true, "term": 1, "waiting_for": null,
        },
        "topologies": [topology], "instances": [], "hosts": [],
    }))
    .unwrap();
    status.instances = vec![instance(0, "ready"), instance(1, "ready"), instance(2, "killing")];
    // One that ends is told as that; an entry of a life before says nothing of this one.
    mark(&mut status, &Suspects::from(["web#0.1", "web#1.0", "web#2.1"].map(entry)));
    let states: Vec<&str> = status.instances.iter().map(|one| one.state.as_str()).collect();
    assert_eq!(states, ["suspect", "ready", "killing"]);
    assert_eq!(status.instances[0].reason.as_deref(), Some("no beat for 3 s"));
    assert_eq!(status.instances[0].since_ms, 7);
    assert_eq!(status.topologies[0].tasks[0].ready, 1);
}
