//! The document as a page for people.
//!
//! Owns its form; what stands there is what the document says.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// A page of Markdown with every operation of a document, and every schema. `intro` stands below the title.
#[must_use]
pub fn page(document: &Value, intro: &str) -> String {
    let title = document["info"]["title"].as_str().unwrap_or_default();
    let mut page = format!("# {title}: REST\n\n{intro}\n\n## Operations\n\n");
    page.push_str("| operation | parameters | body | answer | |\n|---|---|---|---|---|\n");
    let paths = document["paths"].as_object().into_iter().flatten();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let _ = writeln!(
                page,
                "| `{} {path}` | {} | {} | {} | {}{} |",
                method.to_uppercase(),
                parameters(operation),
                body(operation),
                answers(operation),
                operation["summary"].as_str().unwrap_or_default(),
                if operation.get("security").is_some() { "; takes a token" } else { "" },
            );
        }
    }
    page.push_str("\n## Forms\n");
    let schemas = document["components"]["schemas"].as_object();
    for (name, schema) in schemas.into_iter().flatten() {
        let _ = write!(page, "\n### {name}\n\n{}", form(schema));
    }
    page
}

fn parameters(operation: &Value) -> String {
    let all = operation["parameters"].as_array().into_iter().flatten();
    let told = all.filter(|one| one["in"] != "path").map(|one| {
        let name = one["name"].as_str().unwrap_or_default();
        let place = if one["in"] == "header" { " (header)" } else { "" };
        match one["description"].as_str() {
            Some(text) => format!("`{name}`{place}: {text}"),
            None => format!("`{name}`{place}"),
        }
    });
    none_or(told.collect::<Vec<_>>().join("<br>"))
}

fn body(operation: &Value) -> String {
    let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    none_or(named(schema).unwrap_or_default())
}

/// What comes with success.
fn answers(operation: &Value) -> String {
    let done = operation["responses"].as_object().into_iter().flatten();
    let done = done.filter(|(status, _)| status.starts_with('2'));
    let told = done.map(|(status, answer)| {
        let forms = answer["content"].as_object().into_iter().flatten().map(|(media, content)| {
            named(&content["schema"]).unwrap_or_else(|| format!("`{media}`"))
        });
        let forms = forms.collect::<Vec<_>>().join(" or ");
        let version = if answer.get("headers").is_some() { ", or 304" } else { "" };
        format!("{status} {forms}{version}").trim_end().to_owned()
    });
    told.collect::<Vec<_>>().join("<br>")
}

fn none_or(text: String) -> String {
    if text.is_empty() { "–".to_owned() } else { text }
}

/// A link to the schema that is named.
fn named(schema: &Value) -> Option<String> {
    let name = schema["$ref"].as_str()?.rsplit('/').next()?;
    Some(format!("[{name}](#{})", name.to_lowercase()))
}

/// An object as a table of its keys, anything else in a line.
fn form(schema: &Value) -> String {
    match schema["properties"].as_object() {
        Some(properties) => {
            let mut text = "| key | type | |\n|---|---|---|\n".to_owned();
            let needed = schema["required"].as_array().cloned().unwrap_or_default();
            for (key, value) in properties {
                let must = needed.iter().any(|name| name.as_str() == Some(key));
                let must = if must { "always there" } else { "" };
                let _ = writeln!(text, "| `{key}` | {} | {must} |", kind(value));
            }
            text
        }
        None => format!("{}\n", kind(schema)),
    }
}

/// A type in words.
fn kind(schema: &Value) -> String {
    if let Some(link) = named(schema) {
        return link;
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ");
    }
    let base = match &schema["type"] {
        Value::String(one) => one.clone(),
        Value::Array(several) => {
            several.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or ")
        }
        _ => "anything".to_owned(),
    };
    if let Some(items) = schema.get("items") {
        return format!("{base} of {}", inner(items));
    }
    if let Some(values) = schema["additionalProperties"].as_object() {
        return format!("{base} of {}", inner(&Value::Object(values.clone())));
    }
    let pattern = schema["pattern"].as_str().map(|text| format!(" `{}`", text.replace('|', "\\|")));
    format!("{base}{}{}", bounds(schema), pattern.unwrap_or_default())
}

/// What is within a list: an object without a name by its keys.
fn inner(schema: &Value) -> String {
    let keys = |properties: &Map<String, Value>| {
        let keys = properties.iter().map(|(key, value)| format!("`{key}`: {}", kind(value)));
        format!("{{ {} }}", keys.collect::<Vec<_>>().join(", "))
    };
    schema["properties"].as_object().map_or_else(|| kind(schema), keys)
}

fn bounds(schema: &Value) -> String {
    let number = |key: &str| schema.get(key).map(Value::to_string);
    match (number("minimum"), number("maximum"), number("maxLength")) {
        (Some(least), Some(most), _) => format!(", {least} to {most}"),
        (Some(least), None, _) => format!(", at least {least}"),
        (_, _, Some(most)) => format!(", at most {most} characters"),
        _ => String::new(),
    }
}
