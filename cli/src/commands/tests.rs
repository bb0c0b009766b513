//! The examples of docs/json.md are what this version reads and writes.

use lathe_api::rest::{
    EventView, ExplainView, GroupView, HostView, LogPiece, RevisionView, StatusView,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

const DOCUMENT: &str = include_str!("../../../docs/json.md");

fn example(name: &str) -> Value {
    let (_, rest) = DOCUMENT.split_once(&format!("```json {name}\n")).expect("an example");
    let (example, _) = rest.split_once("```").expect("its end");
    serde_json::from_str(example).expect("JSON")
}

/// A field that is missing in the document, or is gone, makes the two differ.
fn agrees<T: Serialize + DeserializeOwned>(name: &str, example: &Value) {
    let read: T = serde_json::from_value(example.clone()).expect(name);
    let written = serde_json::to_value(&read).expect(name);
    assert_eq!(&written, example, "mend docs/json.md and docs/schema/{name}.json");
}

#[test]
fn the_documented_examples_have_every_field_and_no_other() {
    agrees::<StatusView>("status", &example("status"));
    agrees::<ExplainView>("explain", &example("explain"));
    agrees::<Vec<RevisionView>>("history", &example("history"));
    agrees::<EventView>("event", &example("event"));
    agrees::<LogPiece>("log", &example("log"));
    agrees::<GroupView>("group", &example("group"));
    agrees::<Vec<HostView>>("hosts", &example("hosts"));
    agrees::<HostView>("host", &example("host"));
}
