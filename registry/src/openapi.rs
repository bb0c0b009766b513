//! The registry's operations, for its OpenAPI document.

use lathe_api::openapi::catalog::{
    GROUP, HAS, INCARNATION, INDEX, MODE, OPENMETRICS, PORT, STATE, STREAMS, TAG, TASK, TASK_PATH,
    TEXT, TOPOLOGY, WAIT, read,
};
use lathe_api::openapi::{Operation, Parameter, catalog};
use serde_json::Value;

const SIGN: Parameter = Parameter {
    name: "Lathe-Sign",
    place: "header",
    summary: "`true`: the answer has its signature, for those who hand it on",
    schema: "Text",
};
const NUMBER: Parameter = Parameter {
    name: "number",
    place: "path",
    summary: "the message's place in the group's order",
    schema: "Number",
};
const KEY: Parameter =
    Parameter { name: "key", place: "path", summary: "key of a value", schema: "Key" };
const ONCE: Parameter = Parameter {
    name: "Idempotency-Key",
    place: "header",
    summary: "a message with the same key is sent once",
    schema: "Key",
};
const HOOK: Parameter =
    Parameter { name: "hook", place: "path", summary: "name of a hook", schema: "Name" };
const EXPECTS: Parameter = Parameter {
    name: "If-Match",
    place: "header",
    summary: "the tag that the client has seen, or `*` for a key that has a value",
    schema: "Text",
};

const FLEET: Parameter =
    Parameter { name: "fleet", place: "path", summary: "name of a fleet", schema: "Fleet" };
const HOLDER: Parameter =
    Parameter { name: "holder", place: "path", summary: "who takes turns", schema: "Holder" };

const OPERATIONS: [Operation; 28] = [
    read("/v1/groups", "All groups, with their versions and numbers")
        .parameters(&[MODE, HAS])
        .shows("Groups")
        .versioned(),
    read(
        "/v1/groups/{group}",
        "One group; one that nobody ever belonged to is empty, at version 0",
    )
    .parameters(&[GROUP, MODE, INDEX, WAIT, HAS, SIGN])
    .shows("Group")
    .versioned(),
    read("/v1/groups/{group}/messages", "The messages that the group keeps, and who has them")
        .parameters(&[GROUP, MODE, INDEX, WAIT, HAS])
        .shows("Messages")
        .versioned(),
    Operation::get("/v1/groups/{group}/messages", "A message to those who are in the group")
        .by("post")
        .parameters(&[GROUP, ONCE])
        .body("Any")
        .status("201")
        .shows("Message"),
    read("/v1/groups/{group}/messages/{number}", "One message, and who has it")
        .parameters(&[GROUP, NUMBER, MODE, INDEX, WAIT, HAS])
        .shows("Message")
        .versioned(),
    read("/v1/groups/{group}/metadata", "The values that the group keeps")
        .parameters(&[GROUP, MODE, INDEX, WAIT, HAS])
        .shows("Metadata")
        .versioned(),
    Operation::get("/v1/groups/{group}/metadata/{key}", "The group keeps this value from now on")
        .by("put")
        .parameters(&[GROUP, KEY, EXPECTS])
        .body("Any")
        .status("200")
        .shows("Metadata"),
    Operation::get("/v1/groups/{group}/metadata/{key}", "The group keeps the value no more")
        .by("delete")
        .parameters(&[GROUP, KEY, EXPECTS])
        .status("200")
        .shows("Metadata"),
    read("/v1/instances", "Entries of the catalog")
        .parameters(&[MODE, TASK, TAG, TOPOLOGY, STATE, HAS])
        .shows("Entries")
        .versioned(),
    read("/v1/instances/{incarnation}", "One entry")
        .parameters(&[INCARNATION, MODE, HAS])
        .shows("Entry")
        .versioned(),
    Operation::get("/v1/instances/{incarnation}/beat", "An incarnation says that it lives")
        .by("post")
        .parameters(&[INCARNATION])
        .body("Beat")
        .status("204")
        .answers(&[]),
    Operation::get("/v1/instances/{incarnation}/acks", "An incarnation has its groups' messages")
        .by("post")
        .parameters(&[INCARNATION])
        .body("Acks")
        .status("204")
        .answers(&[]),
    Operation::get(
        "/v1/beats",
        "A registry passes on beats of incarnations that another one judges",
    )
    .by("post")
    .body("PassedBeats")
    .status("200")
    .shows("PassedAnswer"),
    read("/v1/config/{task}", "A task's own keys; one that never was has none, at version 0")
        .parameters(&[TASK_PATH, MODE, INDEX, WAIT, HAS, SIGN])
        .shows("Config")
        .versioned(),
    read("/v1/registries", "Addresses of all registries").shows("Addresses"),
    read("/v1/public-key", "The public key of what all registries of the cluster sign")
        .shows("PublicKey"),
    read("/v1/hooks", "How hooks stand: whose turn they are, and how their last runs ended")
        .shows("Hooks"),
    read("/v1/hooks/{hook}", "How one hook stands").parameters(&[HOOK]).shows("Hook"),
    read("/v1/fleets", "Fleets of which somebody has a turn").shows("Fleets"),
    read("/v1/fleets/{fleet}", "Who has turns of a fleet").parameters(&[FLEET]).shows("Turns"),
    Operation::get(
        "/v1/fleets/{fleet}/leases/{holder}",
        "A turn, where fewer than `max_parallel` others have one; 409 says who has them",
    )
    .by("put")
    .parameters(&[FLEET, HOLDER])
    .body("Lease")
    .status("200")
    .shows("Turns"),
    Operation::get("/v1/fleets/{fleet}/leases/{holder}", "The turn is over")
        .by("delete")
        .parameters(&[FLEET, HOLDER])
        .status("204")
        .answers(&[]),
    read("/v1/http_sd", "Instances as targets for Prometheus")
        .parameters(&[MODE, TASK, TAG, TOPOLOGY, PORT, HAS])
        .shows("Targets")
        .versioned(),
    read(
        "/v1/watch",
        "Changes; each of `group` and `config` may come many times. Last-Event-ID resumes",
    )
    .query(&["group", "config", "member"])
    .answers(STREAMS),
    read("/openapi.json", "This document"),
    read("/healthz", "Whether the process lives").answers(TEXT),
    read("/readyz", "Whether its answers are fresh").answers(TEXT),
    read("/metrics", "Metrics for Prometheus").answers(OPENMETRICS),
];

/// The document.
pub(crate) fn made() -> Value {
    catalog::document("Lathe registry", &OPERATIONS, include_str!("openapi/schemas.json"))
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
        let intro = "What a [registry](discovery.md) answers, as its `/openapi.json` says it; headers, waiting and refusals\n\
            are told in [operating](operating.md#the-registrys-rest). Made by `UPDATE_EXPECT=1 cargo test -p lathe-registry openapi`.";
        let page = lathe_api::openapi::page(&made(), intro);
        expect_test::expect_file!["../../docs/rest-registry.md"].assert_eq(&page);
    }

    #[test]
    fn each_schema_that_is_named_is_there_and_each_that_is_there_is_named() {
        let [named, there] = lathe_api::openapi::schemas_of(&made());
        assert_eq!(named, there);
    }
}
