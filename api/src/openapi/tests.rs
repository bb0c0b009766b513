//! The document has what the table says.

use super::{Operation, document, routes_of_source};

#[test]
fn parameters_and_tokens_stand_in_the_document() {
    let operations = [
        Operation::get("/v1/things/{name}", "One thing").query(&["since"]),
        Operation::get("/healthz", "Alive").open().answer("text/plain"),
    ];
    let made = document("test", &operations);
    let thing = &made["paths"]["/v1/things/{name}"]["get"];
    assert_eq!(thing["parameters"][0]["name"], "name");
    assert_eq!(thing["parameters"][1]["in"], "query");
    assert!(thing["security"].is_array());
    let alive = &made["paths"]["/healthz"]["get"];
    assert!(alive["security"].is_null());
    assert!(alive["responses"]["2XX"]["content"]["text/plain"].is_object());
}

#[test]
fn routes_are_found_in_a_source_over_lines_too() {
    let source = "Router::new().route(\"/a\", get(a))\n.route(\n    \"/b/{c}\",\n get(b))";
    assert_eq!(routes_of_source(source).into_iter().collect::<Vec<_>>(), ["/a", "/b/{c}"]);
}
