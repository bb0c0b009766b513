//! The author's own keys, on their way to the task as they were written.
//!
//! Owns which values can make that way. It must not know what the keys mean: nobody but the task
//! does.

use serde_json::{Map, Number, Value};

use super::check::complaint;
use super::findings::Findings;
use super::keys::{KNOWN, REQUIRED};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::near;
use crate::tree::{Entry, Item, Node};

/// Takes an own key into `own`, and warns when it may have been meant otherwise.
pub(super) fn take(
    key: &str,
    entry: &Entry,
    owner: &str,
    own: &mut Map<String, Value>,
    findings: &mut Findings,
) {
    if let Some(value) = value_of(key, &entry.item, owner, findings) {
        own.insert(key.to_owned(), value);
    }
    if let Some(known) = near::misspelt(key, &KNOWN) {
        let message =
            format!("`{key}` of {owner} is taken as a key of your own; it looks like `{known}`");
        findings.add(
            Diagnostic::warning(Code::NEAR_MISS, entry.key_span.clone(), message)
                .party(owner.trim_matches('`'))
                .party(key)
                .help(format!("write `{known}` if that is meant; otherwise all is well")),
        );
    }
    if let Node::Table(table) = &entry.item.node {
        let of_a_task = REQUIRED.iter().filter(|key| table.contains_key(**key)).count();
        if of_a_task >= 2 {
            let message = format!("`{key}` of {owner} looks like a task, but it has no `crate`");
            findings.add(
                Diagnostic::warning(Code::LOOKS_LIKE_TASK, entry.item.span.clone(), message)
                    .here("taken as a key of your own")
                    .party(owner.trim_matches('`'))
                    .party(key)
                    .help("add `crate` if it is meant to be a task"),
            );
        }
    }
}

fn value_of(key: &str, item: &Item, owner: &str, findings: &mut Findings) -> Option<Value> {
    Some(match &item.node {
        Node::String(text) | Node::Date(text) => Value::String(text.clone()),
        Node::Boolean(value) => Value::Bool(*value),
        Node::Integer(Some(number)) => Value::Number((*number).into()),
        Node::Integer(None) => {
            let what = "has an integer beyond 64 bits";
            findings.add(
                complaint(Code::UNPORTABLE_VALUE, key, owner, item, what)
                    .help("write it as a string"),
            );
            return None;
        }
        Node::Float(text) => {
            let number = text.replace('_', "").parse::<f64>().ok().and_then(Number::from_f64);
            let Some(number) = number else {
                let what = format!("has {text}, which JSON cannot carry to the task");
                findings.add(
                    complaint(Code::UNPORTABLE_VALUE, key, owner, item, &what)
                        .help("write it as a string"),
                );
                return None;
            };
            Value::Number(number)
        }
        Node::Array(items) => {
            let values = items.iter().map(|item| value_of(key, item, owner, findings));
            Value::Array(values.collect::<Option<Vec<_>>>()?)
        }
        Node::Table(table) => {
            let values = table.iter().map(|(inner, entry)| {
                Some((inner.clone(), value_of(key, &entry.item, owner, findings)?))
            });
            Value::Object(values.collect::<Option<Map<_, _>>>()?)
        }
    })
}
