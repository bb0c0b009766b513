//! The documented shapes of JSON: schemas of `docs/schema`, held against what commands print.
//!
//! Reads the part of JSON Schema that those files use, and refuses any other word of it, so that no
//! rule is passed over.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

/// The schemas' folder.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema")
}

/// Demands that the value is as the schema of this name has it.
///
/// # Panics
/// With the place in the value, when it is not.
pub fn conforms(name: &str, value: &Value) {
    let file = format!("{name}.json");
    let schema = read(&file);
    if let Err(problem) = check(&file, &schema, value, "") {
        panic!("docs/schema/{file}: {problem}\n{value:#}");
    }
}

/// The names of all schemas.
///
/// # Panics
/// When the folder cannot be read.
#[must_use]
pub fn names() -> Vec<String> {
    let files = std::fs::read_dir(folder()).expect("the folder of schemas");
    let name = |file: std::io::Result<std::fs::DirEntry>| {
        let file = file.expect("a file").file_name().into_string().expect("a name");
        file.strip_suffix(".json").expect("a schema").to_owned()
    };
    let mut names: Vec<String> = files.map(name).collect();
    names.sort();
    names
}

fn read(file: &str) -> Value {
    let text = std::fs::read(folder().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
    serde_json::from_slice(&text).unwrap_or_else(|e| panic!("{file}: {e}"))
}

fn check(file: &str, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
    let rules = schema.as_object().expect("a schema is an object");
    if let Some(target) = rules.get("$ref").and_then(Value::as_str) {
        assert_eq!(rules.len(), 1, "a reference stands alone");
        let (other, place) = target.split_once('#').expect("a reference into a file");
        let other = if other.is_empty() { file } else { other };
        let whole = read(other);
        let part = whole.pointer(place).unwrap_or_else(|| panic!("{target} in {file}"));
        return check(other, part, value, at);
    }
    for (word, rule) in rules {
        let fine = match word.as_str() {
            "$schema" | "$defs" | "title" | "description" | "properties" => true,
            "type" => is_of(rule, value),
            "enum" => rule.as_array().expect("a list").contains(value),
            "minimum" => value.as_i64().is_none_or(|number| Some(number) >= rule.as_i64()),
            "maximum" => value.as_i64().is_none_or(|number| Some(number) <= rule.as_i64()),
            "required" => {
                let names = rule.as_array().expect("a list").iter().filter_map(Value::as_str);
                // As JSON Schema has it: what is no object is `type`'s matter alone.
                !value.is_object() || names.into_iter().all(|name| value.get(name).is_some())
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(file, rule, item, &format!("{at}/{index}"))?;
                }
                true
            }
            "additionalProperties" => {
                fields(file, rules, value, at)?;
                true
            }
            other => panic!("{file} uses `{other}`, which this check does not know"),
        };
        if !fine {
            return Err(format!("`{at}` breaks {word} {rule}"));
        }
    }
    Ok(())
}

/// Every field by its own rule, or by the one for all others.
fn fields(file: &str, rules: &Map<String, Value>, value: &Value, at: &str) -> Result<(), String> {
    let known = rules.get("properties");
    for (name, field) in value.as_object().into_iter().flatten() {
        let place = format!("{at}/{name}");
        match (known.and_then(|known| known.get(name)), &rules["additionalProperties"]) {
            (Some(rule), _) => check(file, rule, field, &place)?,
            (None, Value::Bool(false)) => return Err(format!("`{place}` is not documented")),
            (None, rule) => check(file, rule, field, &place)?,
        }
    }
    Ok(())
}

fn is_of(kinds: &Value, value: &Value) -> bool {
    let is = |kind: &Value| match kind.as_str().expect("a type's name") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the type `{other}` is not known"),
    };
    match kinds {
        Value::Array(kinds) => kinds.iter().any(is),
        kind => is(kind),
    }
}
