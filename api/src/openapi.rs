//! The OpenAPI document of a listener, made from one table of its operations.
//!
//! Owns the form of the document (OpenAPI 3.1); must not know what the operations do.

use serde_json::{Map, Value, json};

/// One operation of a REST listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// In lower case, as the document writes it.
    pub method: &'static str,
    /// With parameters in braces, as the router writes it.
    pub path: &'static str,
    pub summary: &'static str,
    /// Whether a bearer token or secret is needed.
    pub token: bool,
    /// Names of query parameters.
    pub query: &'static [&'static str],
    /// Media type of the answer with success.
    pub answer: &'static str,
}

impl Operation {
    /// A read of JSON that needs a token.
    #[must_use]
    pub const fn get(path: &'static str, summary: &'static str) -> Self {
        Self { method: "get", path, summary, token: true, query: &[], answer: "application/json" }
    }

    /// Without a token.
    #[must_use]
    pub const fn open(self) -> Self {
        Self { token: false, ..self }
    }

    /// With these query parameters.
    #[must_use]
    pub const fn query(self, query: &'static [&'static str]) -> Self {
        Self { query, ..self }
    }

    /// With an answer of another media type.
    #[must_use]
    pub const fn answer(self, answer: &'static str) -> Self {
        Self { answer, ..self }
    }

    /// By another method.
    #[must_use]
    pub const fn by(self, method: &'static str) -> Self {
        Self { method, ..self }
    }
}

/// The document of these operations (OpenAPI 3.1, JSON). Refusals are problems (RFC 9457).
#[must_use]
pub fn document(title: &str, operations: &[Operation]) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations {
        let item = paths.entry(operation.path).or_insert_with(|| json!({}));
        item[operation.method] = described(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": title, "version": env!("CARGO_PKG_VERSION") },
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": { "Problem": {
                "type": "object",
                "required": ["type", "title", "status", "detail"],
                "properties": {
                    "type": { "type": "string" },
                    "title": { "type": "string" },
                    "status": { "type": "integer" },
                    "detail": { "type": "string" },
                    "code": { "type": "string", "pattern": "^LT[0-9]{4}$" }
                }
            } }
        }
    })
}

fn described(operation: &Operation) -> Value {
    let in_path = operation.path.split('/').filter_map(|part| {
        let name = part.strip_prefix('{')?.strip_suffix('}')?;
        Some(parameter(name, "path", true))
    });
    let in_query = operation.query.iter().map(|name| parameter(name, "query", false));
    let problem = json!({ "application/problem+json": {
        "schema": { "$ref": "#/components/schemas/Problem" }
    } });
    let mut made = json!({
        "summary": operation.summary,
        "parameters": in_path.chain(in_query).collect::<Vec<_>>(),
        "responses": {
            "2XX": { "description": "done", "content": { operation.answer: {} } },
            "4XX": { "description": "refused", "content": problem },
            "5XX": { "description": "not now", "content": problem }
        }
    });
    if operation.token {
        made["security"] = json!([{ "token": [] }]);
    }
    made
}

fn parameter(name: &str, place: &str, required: bool) -> Value {
    json!({ "name": name, "in": place, "required": required, "schema": { "type": "string" } })
}

/// The paths that a router's source names, for tests that hold the table against it.
#[must_use]
pub fn routes_of_source(source: &str) -> std::collections::BTreeSet<&str> {
    let mut paths = std::collections::BTreeSet::new();
    for (_, after) in
        source.match_indices(".route(").map(|(at, call)| source.split_at(at + call.len()))
    {
        let text = after.trim_start().strip_prefix('"').and_then(|text| text.split('"').next());
        paths.extend(text);
    }
    paths
}

#[cfg(test)]
mod tests;
