//! The scheduler's REST operations, for its OpenAPI document. What changes something beyond
//! artifacts is gRPC, described by its own .proto file.

use axum::Json;
use lathe_api::openapi::{Operation, document};

const BINARY: &str = "application/octet-stream";
const TEXT: &str = "text/plain";

const OPERATIONS: [Operation; 19] = [
    Operation::get("/v1/status", "Everything at one moment"),
    Operation::get("/v1/topologies", "Accepted topologies"),
    Operation::get("/v1/topologies/{name}/history", "What a topology said, the newest first"),
    Operation::get("/v1/tasks", "Their tasks"),
    Operation::get("/v1/instances", "Instances, running or waiting"),
    Operation::get("/v1/hosts", "Hosts as the master lists them"),
    Operation::get("/v1/registries", "Addresses of the registries").open(),
    Operation::get("/v1/explain/{instance}", "Why an instance is where it is, host by host"),
    Operation::get("/v1/events", "What happens; Last-Event-ID resumes")
        .query(&["follow"])
        .answers(&["text/event-stream"]),
    Operation::get("/v1/logs/{instance}", "A piece of a sandbox file")
        .query(&["file", "offset", "length", "previous"]),
    Operation::get("/v1/backup", "The whole store and its binaries, as lines of JSON")
        .query(&["artifacts"])
        .answers(&["application/x-ndjson"]),
    Operation::get("/v1/artifacts/{sha256}", "A binary; also by the incarnation's own secret")
        .query(&["incarnation"])
        .answers(&[BINARY]),
    Operation::get("/v1/artifacts/{sha256}", "Keeps a binary under its digest")
        .by("put")
        .answers(&[TEXT]),
    Operation::get("/v1/executor/{sha256}/lathe-executor", "The executor")
        .open()
        .answers(&[BINARY]),
    Operation::get("/v1/system/registry", "What a registry is told that the scheduler has placed")
        .query(&["incarnation"]),
    Operation::get("/openapi.json", "This document").open(),
    Operation::get("/healthz", "Whether the process lives").open().answers(&[TEXT]),
    Operation::get("/readyz", "Whether it has a master").open().answers(&[TEXT]),
    Operation::get("/metrics", "Metrics for Prometheus").open().answers(&[TEXT]),
];

pub(super) async fn openapi() -> Json<serde_json::Value> {
    Json(made())
}

fn made() -> serde_json::Value {
    document("Lathe scheduler", &OPERATIONS, serde_json::Map::new())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{OPERATIONS, made};

    #[test]
    fn the_page_says_what_the_document_says() {
        let intro = "What a scheduler answers by REST, as its `/openapi.json` says it; what changes something comes by gRPC, as the command `lathe` \
            does it. [Operating](operating.md#the-schedulers-rest) has the rest, [JSON](json.md) the forms. Made by\n\
            `UPDATE_EXPECT=1 cargo test -p lathe-scheduler openapi`.";
        let page = lathe_api::openapi::page(&made(), intro);
        expect_test::expect_file!["../../../docs/rest-scheduler.md"].assert_eq(&page);
    }

    #[test]
    fn the_document_and_the_router_name_the_same_paths() {
        let routed = lathe_api::openapi::routes_of_source(include_str!("../api.rs"));
        let named: BTreeSet<&str> = OPERATIONS.iter().map(|operation| operation.path).collect();
        assert_eq!(named, routed);
    }
}
