//! What the documents of those who serve the catalog share: parameters and schemas.

use serde_json::{Map, Value};

use super::{Operation, Parameter};

/// Plain text.
pub const TEXT: &[&str] = &["text/plain"];
/// Streams of changes.
pub const STREAMS: &[&str] = &["text/event-stream", "application/x-ndjson"];
/// Figures for Prometheus.
pub const OPENMETRICS: &[&str] = &["application/openmetrics-text"];

const fn query(name: &'static str, schema: &'static str, summary: &'static str) -> Parameter {
    Parameter { name, place: "query", summary, schema }
}

/// A group in the path.
pub const GROUP: Parameter =
    Parameter { name: "group", place: "path", summary: "task path or tag", schema: "Name" };
/// A task in the path.
pub const TASK_PATH: Parameter =
    Parameter { name: "task", place: "path", summary: "task path", schema: "Name" };
/// An incarnation in the path.
pub const INCARNATION: Parameter =
    Parameter { name: "incarnation", place: "path", summary: "as `http.lb#2.7`", schema: "Name" };
/// What the client has.
pub const HAS: Parameter = Parameter {
    name: "If-None-Match",
    place: "header",
    summary: "tags of what the client has",
    schema: "Text",
};
/// How new the answer has to be.
pub const MODE: Parameter = query("mode", "Mode", "how new the answer has to be");
/// Waits for another version.
pub const INDEX: Parameter = query("index", "Index", "the version that the client has seen: waits");
/// How long it waits.
pub const WAIT: Parameter = query("wait", "Wait", "for how long; `Prefer: wait=30` says the same");
/// Of a task.
pub const TASK: Parameter = query("task", "Text", "those of this task");
/// With a tag.
pub const TAG: Parameter = query("tag", "Text", "those that carry this tag");
/// Of a topology.
pub const TOPOLOGY: Parameter = query("topology", "Text", "those of this topology");
/// In a state.
pub const STATE: Parameter = query("state", "State", "those in this state");
/// By a port.
pub const PORT: Parameter =
    query("port", "Text", "by the port of this name; else `http`, or the first");

/// A read that takes no token.
#[must_use]
pub const fn read(path: &'static str, summary: &'static str) -> Operation {
    Operation::get(path, summary).open().status("200")
}

/// The document of one who serves the catalog: with the schemas that all of them share and its own, as JSON.
///
/// # Panics
/// When its schemas are no JSON.
#[must_use]
pub fn document(title: &str, operations: &[Operation], own: &str) -> Value {
    let read = |text| serde_json::from_str::<Map<String, Value>>(text).expect("schemas are JSON");
    let (mut schemas, mut own) = (read(include_str!("catalog.json")), read(own));
    schemas.append(&mut own);
    super::document(title, operations, schemas)
}
