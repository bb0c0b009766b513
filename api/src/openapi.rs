//! The OpenAPI document of a listener, made from one table of its operations.
//!
//! Owns the form of the document (OpenAPI 3.1); must not know what the operations do.

pub mod catalog;
mod page;

use serde_json::{Map, Value, json};

pub use page::page;

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
    /// Parameters of which there is more to say than that they are text: in the path, in the query, in
    /// headers.
    pub parameters: &'static [Parameter],
    /// Names of query parameters that are any text.
    pub query: &'static [&'static str],
    /// Name of the schema of the body, if it takes one.
    pub body: Option<&'static str>,
    /// Status of the answer with success, as the document writes it.
    pub status: &'static str,
    /// Media types of that answer; none is an answer without a body.
    pub answers: &'static [&'static str],
    /// Name of its schema, where it is JSON.
    pub shows: Option<&'static str>,
    /// The answer has a version: `ETag`, and 304 for who has it.
    pub versioned: bool,
}

/// A parameter of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    pub name: &'static str,
    /// `path`, `query` or `header`.
    pub place: &'static str,
    pub summary: &'static str,
    /// The name of its schema.
    pub schema: &'static str,
}

impl Operation {
    /// A read of JSON that needs a token.
    #[must_use]
    pub const fn get(path: &'static str, summary: &'static str) -> Self {
        Self {
            method: "get",
            path,
            summary,
            token: true,
            parameters: &[],
            query: &[],
            body: None,
            status: "2XX",
            answers: &["application/json"],
            shows: None,
            versioned: false,
        }
    }

    /// Without a token.
    #[must_use]
    pub const fn open(self) -> Self {
        Self { token: false, ..self }
    }

    /// With these parameters.
    #[must_use]
    pub const fn parameters(self, parameters: &'static [Parameter]) -> Self {
        Self { parameters, ..self }
    }

    /// With these query parameters, which are any text.
    #[must_use]
    pub const fn query(self, query: &'static [&'static str]) -> Self {
        Self { query, ..self }
    }

    /// With a body of this schema.
    #[must_use]
    pub const fn body(self, schema: &'static str) -> Self {
        Self { body: Some(schema), ..self }
    }

    /// With answers of these media types.
    #[must_use]
    pub const fn answers(self, answers: &'static [&'static str]) -> Self {
        Self { answers, ..self }
    }

    /// With this status, as `200`.
    #[must_use]
    pub const fn status(self, status: &'static str) -> Self {
        Self { status, ..self }
    }

    /// With an answer of this schema.
    #[must_use]
    pub const fn shows(self, schema: &'static str) -> Self {
        Self { shows: Some(schema), ..self }
    }

    /// With a version.
    #[must_use]
    pub const fn versioned(self) -> Self {
        Self { versioned: true, ..self }
    }

    /// By another method.
    #[must_use]
    pub const fn by(self, method: &'static str) -> Self {
        Self { method, ..self }
    }
}

/// The document of these operations (OpenAPI 3.1, JSON), with the schemas that they name. Refusals are
/// problems (RFC 9457).
#[must_use]
pub fn document(title: &str, operations: &[Operation], schemas: Map<String, Value>) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations {
        let item = paths.entry(operation.path).or_insert_with(|| json!({}));
        item[operation.method] = described(operation);
    }
    let mut all = schemas;
    all.insert("Problem".to_owned(), problem());
    json!({
        "openapi": "3.1.0",
        "info": { "title": title, "version": env!("CARGO_PKG_VERSION") },
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": all
        }
    })
}

fn problem() -> Value {
    json!({
        "type": "object",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": { "type": "string" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string" },
            "code": { "type": "string", "pattern": "^LT[0-9]{4}$" }
        }
    })
}

fn described(operation: &Operation) -> Value {
    let named = |place: &str, name: &str| {
        operation.parameters.iter().any(|one| one.place == place && one.name == name)
    };
    let in_path = operation.path.split('/').filter_map(|part| {
        let name = part.strip_prefix('{')?.strip_suffix('}')?;
        (!named("path", name)).then(|| parameter(name, "path"))
    });
    let in_query = operation.query.iter().map(|name| parameter(name, "query"));
    let told = operation.parameters.iter().map(|one| {
        let mut told = parameter(one.name, one.place);
        told["description"] = one.summary.into();
        told["schema"] = reference(one.schema);
        told
    });
    let mut made = json!({
        "summary": operation.summary,
        "parameters": in_path.chain(in_query).chain(told).collect::<Vec<_>>(),
        "responses": responses(operation)
    });
    if let Some(body) = operation.body {
        let content = json!({ "application/json": { "schema": reference(body) } });
        made["requestBody"] = json!({ "required": true, "content": content });
    }
    if operation.token {
        made["security"] = json!([{ "token": [] }]);
    }
    made
}

fn responses(operation: &Operation) -> Value {
    let problem = json!({ "application/problem+json": { "schema": reference("Problem") } });
    let mut done = json!({ "description": "done" });
    for answer in operation.answers {
        let schema = operation.shows.map(|schema| json!({ "schema": reference(schema) }));
        done["content"][answer] = schema.unwrap_or_else(|| json!({}));
    }
    let mut responses = json!({
        "4XX": { "description": "refused", "content": problem },
        "5XX": { "description": "not now", "content": problem }
    });
    if operation.versioned {
        done["headers"] = versions();
        responses["304"] = json!({ "description": "the client has it", "headers": versions() });
    }
    responses[operation.status] = done;
    responses
}

fn versions() -> Value {
    let header = |description: &str, schema: &Value| json!({ "description": description, "required": true, "schema": schema });
    let (text, number) = (json!({ "type": "string" }), json!({ "type": "integer", "minimum": 0 }));
    json!({
        "ETag": header("history and version, strong", &text),
        "Lathe-History": header("id of the store's life; in another one, versions start anew", &text),
        "Lathe-Version": header("commit of the last change", &number),
        "Lathe-Age-Ms": header("for how long the store was not heard", &number)
    })
}

fn parameter(name: &str, place: &str) -> Value {
    let required = place == "path";
    json!({ "name": name, "in": place, "required": required, "schema": { "type": "string" } })
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

/// Schemas that a document names, and those that it has, for tests that hold the two against each other.
#[must_use]
pub fn schemas_of(document: &Value) -> [std::collections::BTreeSet<String>; 2] {
    let text = document.to_string();
    let pieces = text.split("#/components/schemas/").skip(1);
    let named = pieces.filter_map(|piece| Some(piece.split('"').next()?.to_owned()));
    let schemas = document["components"]["schemas"].as_object();
    [named.collect(), schemas.into_iter().flat_map(Map::keys).cloned().collect()]
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
