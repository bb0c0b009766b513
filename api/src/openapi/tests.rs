//! The document has what the table says.

use serde_json::{Map, json};

use super::{Operation, Parameter, document, routes_of_source};

#[test]
fn parameters_and_tokens_stand_in_the_document() {
    let operations = [
        Operation::get("/v1/things/{name}", "One thing").query(&["since"]),
        Operation::get("/healthz", "Alive").open().answers(&["text/plain"]),
    ];
    let made = document("test", &operations, Map::new());
    let thing = &made["paths"]["/v1/things/{name}"]["get"];
    assert_eq!(thing["parameters"][0]["name"], "name");
    assert_eq!(thing["parameters"][1]["in"], "query");
    assert!(thing["security"].is_array());
    let alive = &made["paths"]["/healthz"]["get"];
    assert!(alive["security"].is_null());
    assert!(alive["responses"]["2XX"]["content"]["text/plain"].is_object());
}

#[test]
fn what_an_operation_takes_and_shows_is_told_by_its_schemas() {
    const NAME: Parameter =
        Parameter { name: "name", place: "path", summary: "which", schema: "Name" };
    let operations = [
        Operation::get("/v1/things/{name}", "One").parameters(&[NAME]).shows("Thing").versioned(),
        Operation::get("/v1/things", "Makes one")
            .by("post")
            .body("Thing")
            .status("204")
            .answers(&[]),
    ];
    let mut schemas = Map::new();
    schemas.insert("Thing".to_owned(), json!({ "type": "object" }));
    let made = document("test", &operations, schemas);
    let one = &made["paths"]["/v1/things/{name}"]["get"];
    assert_eq!(one["parameters"].as_array().unwrap().len(), 1);
    assert_eq!(one["parameters"][0]["schema"]["$ref"], "#/components/schemas/Name");
    let shown = &one["responses"]["2XX"];
    let schema = &shown["content"]["application/json"]["schema"]["$ref"];
    assert_eq!(schema, "#/components/schemas/Thing");
    assert!(shown["headers"]["ETag"].is_object() && one["responses"]["304"].is_object());
    let makes = &made["paths"]["/v1/things"]["post"];
    assert_eq!(makes["requestBody"]["required"], true);
    assert!(makes["responses"]["204"]["content"].is_null());
    assert!(made["components"]["schemas"]["Thing"].is_object());
}

#[test]
fn routes_are_found_in_a_source_over_lines_too() {
    let source = "Router::new().route(\"/a\", get(a))\n.route(\n    \"/b/{c}\",\n get(b))";
    assert_eq!(routes_of_source(source).into_iter().collect::<Vec<_>>(), ["/a", "/b/{c}"]);
}
