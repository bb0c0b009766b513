//! The registry's operations, for its OpenAPI document.

use lathe_api::openapi::Operation;

const STREAM: &str = "text/event-stream";

pub(crate) const OPERATIONS: [Operation; 12] = [
    Operation::get("/v1/groups", "All groups, with their versions and numbers").open(),
    Operation::get("/v1/groups/{group}", "One group; ETag, If-None-Match gives 304").open(),
    Operation::get("/v1/instances", "Entries of the catalog")
        .open()
        .query(&["task", "tag", "topology", "state"]),
    Operation::get("/v1/instances/{incarnation}", "One entry").open(),
    Operation::get("/v1/instances/{incarnation}/beat", "An incarnation says that it lives")
        .by("post"),
    Operation::get("/v1/config/{task}", "A task's own keys").open(),
    Operation::get("/v1/registries", "Addresses of all registries").open(),
    Operation::get("/v1/watch", "Changes; Last-Event-ID resumes")
        .open()
        .query(&["group", "config"])
        .answer(STREAM),
    Operation::get("/openapi.json", "This document").open(),
    Operation::get("/healthz", "Whether the process lives").open().answer("text/plain"),
    Operation::get("/readyz", "Whether its answers are fresh").open().answer("text/plain"),
    Operation::get("/metrics", "Metrics for Prometheus").open().answer("text/plain"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::OPERATIONS;

    #[test]
    fn the_document_and_the_router_name_the_same_paths() {
        let routed = lathe_api::openapi::routes_of_source(include_str!("rest.rs"));
        let named: BTreeSet<&str> = OPERATIONS.iter().map(|operation| operation.path).collect();
        assert_eq!(named, routed);
    }
}
