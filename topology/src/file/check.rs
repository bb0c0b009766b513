//! Values of a wanted type, or a finding that says what stands there instead.
//!
//! Owns the wording of wrong types and ranges. It must not know which key it reads.

use std::ops::RangeInclusive;

use super::findings::Findings;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::limits::TEXT_BYTES;
use crate::tree::{Item, Node, Table};

/// An error at a value: `` `key` of OWNER … ``.
pub(super) fn complaint(code: Code, key: &str, owner: &str, item: &Item, what: &str) -> Diagnostic {
    let owner_name = owner.trim_matches('`');
    Diagnostic::error(code, item.span.clone(), format!("`{key}` of {owner} {what}"))
        .party(owner_name)
        .party(key)
}

pub(super) fn wrong_type(key: &str, owner: &str, item: &Item, wanted: &str) -> Diagnostic {
    let what = format!("must be {wanted}, not {}", item.node.type_name());
    let finding = complaint(Code::WRONG_TYPE, key, owner, item, &what);
    finding.help(match example(key) {
        Some(example) => format!("write it as in `{example}`"),
        None => format!("write {wanted}"),
    })
}

/// How a known key may be written.
fn example(key: &str) -> Option<&'static str> {
    Some(match key {
        "crate" => "crate = \"shop_web\"",
        "version" => "version = \"1.4.0\"",
        "task" => "task = \"shop::Web\"",
        "tasks" => "tasks = 5",
        "tags" => "tags = [\"web\"]",
        "biases" => "biases = [[\"web\", \"avoid\"]]",
        "resources" => "resources = { cpus = 0.5, mem = \"128MiB\" }",
        "cpus" => "cpus = 0.5",
        "ports" => "ports = [\"http\"]",
        "env" => "env = { LOG = \"info\" }",
        "args" => "args = [\"--verbose\"]",
        "user" => "user = \"www-data\"",
        "restart" => "restart = \"on-failure\"",
        "update" => "update = { parallel = 2 }",
        "unreachable" => "unreachable = { replace_after = \"5m\" }",
        "path" => "path = \"tasks/web\"",
        "git" => "git = \"https://example.com/web.git\"",
        "rev" => "rev = \"4f2a9c1\"",
        "registry" => "registry = \"own\"",
        "features" => "features = [\"tls\"]",
        "name" => "name = \"shop\"",
        "paths" => "paths = [\"tasks/*\"]",
        _ => return None,
    })
}

/// A text that is not empty, not huge, and has no NUL byte (no process could be given one).
pub(super) fn text(key: &str, owner: &str, item: &Item, findings: &mut Findings) -> Option<String> {
    let Node::String(text) = &item.node else {
        findings.add(wrong_type(key, owner, item, "a string"));
        return None;
    };
    let what = if text.is_empty() { Some("must not be empty") } else { unfit(text) };
    if let Some(what) = what {
        let finding = complaint(Code::OUT_OF_RANGE, key, owner, item, what);
        findings.add(finding.help(UNFIT_HELP));
        return None;
    }
    Some(text.clone())
}

/// What to do about a text that cannot be handed to a process.
pub(super) const UNFIT_HELP: &str = "write a text of 1 to 32,768 bytes without NUL characters";

/// Why a text cannot be handed to a process, if it cannot.
pub(super) fn unfit(text: &str) -> Option<&'static str> {
    if text.len() > TEXT_BYTES {
        Some("is longer than 32 KiB")
    } else if text.contains('\0') {
        Some("contains a NUL character")
    } else {
        None
    }
}

/// A list of texts, each as `text` has it; the first wrong one is named.
pub(super) fn texts(
    key: &str,
    owner: &str,
    item: &Item,
    most: usize,
    findings: &mut Findings,
) -> Option<Vec<String>> {
    let items = list(key, owner, item, most, findings)?;
    items.iter().map(|item| text(key, owner, item, findings)).collect()
}

/// A list of at most so many.
pub(super) fn list<'i>(
    key: &str,
    owner: &str,
    item: &'i Item,
    most: usize,
    findings: &mut Findings,
) -> Option<&'i [Item]> {
    let Node::Array(items) = &item.node else {
        findings.add(wrong_type(key, owner, item, "a list"));
        return None;
    };
    if items.len() > most {
        let what = format!("has {} entries; at most {most} are allowed", items.len());
        let finding = complaint(Code::LIMIT, key, owner, item, &what);
        findings.add(finding.help("leave out what is not needed, or split the task"));
        return None;
    }
    Some(items)
}

pub(super) fn table<'i>(
    key: &str,
    owner: &str,
    item: &'i Item,
    findings: &mut Findings,
) -> Option<&'i Table> {
    let Node::Table(table) = &item.node else {
        findings.add(wrong_type(key, owner, item, "a table"));
        return None;
    };
    Some(table)
}

/// A whole number within a range.
pub(super) fn integer(
    key: &str,
    owner: &str,
    item: &Item,
    range: RangeInclusive<i64>,
    findings: &mut Findings,
) -> Option<i64> {
    let Node::Integer(number) = &item.node else {
        findings.add(wrong_type(key, owner, item, "an integer"));
        return None;
    };
    let inside = number.filter(|number| range.contains(number));
    if inside.is_none() {
        let (least, most) = (range.start(), range.end());
        let what = format!("must be from {least} to {most}");
        let finding = complaint(Code::OUT_OF_RANGE, key, owner, item, &what);
        findings.add(finding.help(format!("write a whole number from {least} to {most}")));
    }
    inside
}
