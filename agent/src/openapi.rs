//! The agent's operations, for its OpenAPI document.

use lathe_api::openapi::catalog::{
    GROUP, HAS, INCARNATION, INDEX, OPENMETRICS, PORT, STATE, STREAMS, TAG, TASK, TASK_PATH, TEXT,
    TOPOLOGY, WAIT, read,
};
use lathe_api::openapi::{Operation, Parameter, catalog};
use serde_json::Value;

const HOOK: Parameter =
    Parameter { name: "hook", place: "path", summary: "name of a hook", schema: "Name" };

/// A copy cannot say what the newest state is.
const MODE: Parameter = Parameter {
    name: "mode",
    place: "query",
    summary: "as at registries, which alone know the newest state",
    schema: "CopyMode",
};

const OPERATIONS: [Operation; 16] = [
    read("/v1/groups", "The groups that are followed, with their versions and numbers")
        .parameters(&[MODE, HAS])
        .shows("Groups")
        .versioned(),
    read("/v1/groups/{group}", "One group that is followed")
        .parameters(&[GROUP, MODE, INDEX, WAIT, HAS])
        .shows("Group")
        .versioned(),
    read("/v1/instances", "Entries of all groups that are followed")
        .parameters(&[MODE, TASK, TAG, TOPOLOGY, STATE, HAS])
        .shows("Entries")
        .versioned(),
    read("/v1/instances/{incarnation}", "One entry")
        .parameters(&[INCARNATION, MODE, HAS])
        .shows("Entry")
        .versioned(),
    read("/v1/config/{task}", "The own keys of a task that is followed")
        .parameters(&[TASK_PATH, MODE, INDEX, WAIT, HAS])
        .shows("Config")
        .versioned(),
    read("/v1/registries", "Addresses of the registries that are known").shows("Addresses"),
    read("/v1/http_sd", "Instances as targets for Prometheus")
        .parameters(&[MODE, TASK, TAG, TOPOLOGY, PORT, HAS])
        .shows("Targets")
        .versioned(),
    read(
        "/v1/watch",
        "Changes; each of `group` and `config` may come many times. Last-Event-ID resumes",
    )
    .query(&["group", "config"])
    .answers(STREAMS),
    read("/v1/gossip", "Members, keys, rounds, and what was refused").shows("Gossip"),
    read("/v1/hooks", "How hooks stand, and their last runs").shows("Hooks"),
    read("/v1/hooks/{hook}", "How one hook stands").parameters(&[HOOK]).shows("Hook"),
    Operation::get("/v1/hooks/{hook}/run", "Runs a hook now, whatever holds it up")
        .by("post")
        .parameters(&[HOOK])
        .status("202")
        .answers(&[]),
    read("/openapi.json", "This document"),
    read("/healthz", "Whether the process lives").answers(TEXT),
    read("/readyz", "Whether somebody is heard who knows better").answers(TEXT),
    read("/metrics", "Metrics for Prometheus").answers(OPENMETRICS),
];

/// The document.
pub(crate) fn made() -> Value {
    catalog::document("Lathe agent", &OPERATIONS, include_str!("openapi/schemas.json"))
}

#[cfg(test)]
mod tests {
    //! The document has what the router has, and every schema that it names.

    use std::collections::BTreeSet;

    use super::{OPERATIONS, made};

    #[test]
    fn the_document_and_the_router_name_the_same_paths() {
        let routed = lathe_api::openapi::routes_of_source(include_str!("rest.rs"));
        let named: BTreeSet<&str> = OPERATIONS.iter().map(|operation| operation.path).collect();
        assert_eq!(named, routed);
    }

    #[test]
    fn the_page_says_what_the_document_says() {
        let intro = "What an [agent](agent.md) answers, as its `/openapi.json` says it, in the words of a [registry](rest-registry.md). Made by\n\
            `UPDATE_EXPECT=1 cargo test -p lathe-agent openapi`.";
        let page = lathe_api::openapi::page(&made(), intro);
        expect_test::expect_file!["../../docs/rest-agent.md"].assert_eq(&page);
    }

    #[test]
    fn each_schema_that_is_named_is_there_and_each_that_is_there_is_named() {
        let [named, there] = lathe_api::openapi::schemas_of(&made());
        assert_eq!(named, there);
    }
}
