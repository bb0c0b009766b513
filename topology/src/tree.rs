//! TOML as an owned tree whose every key and value knows its place in the text.
//!
//! Owns the only use of the TOML library and the limits of size and depth. It must not know what
//! any key means.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::code::Code;
use crate::diagnostic::{Diagnostic, floor_boundary};
use crate::limits::{DEPTH, DIAGNOSTICS, SOURCE_BYTES};

/// A value with its place.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) node: Node,
    pub(crate) span: Range<usize>,
}

/// A key with its place, and its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key_span: Range<usize>,
    pub(crate) item: Item,
}

/// A table by key.
pub(crate) type Table = BTreeMap<String, Entry>;

/// A TOML value. Numbers keep their text, so that nothing is rounded.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    String(String),
    /// `None`: beyond 64 bits.
    Integer(Option<i64>),
    Float(String),
    Boolean(bool),
    Date(String),
    Array(Vec<Item>),
    Table(Table),
}

impl Node {
    /// The type as a sentence names it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::String(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Boolean(_) => "a boolean",
            Self::Date(_) => "a date",
            Self::Array(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// Reads a text.
///
/// # Errors
/// Everything that the TOML library finds, as `LT0101` and `LT0102`, or the one limit that the
/// text is beyond, as `LT0103`.
pub(crate) fn read(source: &str) -> Result<Table, Vec<Diagnostic>> {
    if source.len() > SOURCE_BYTES {
        let message = format!(
            "the file has {} bytes; at most {SOURCE_BYTES} (512 KiB) are read",
            source.len()
        );
        let finding = Diagnostic::error(Code::LIMIT, 0..0, message)
            .help("split the file into several topologies");
        return Err(vec![finding]);
    }
    let (root, errors) = DeTable::parse_recoverable(source);
    let root = root.into_inner();
    if let Some(span) = too_deep(&root) {
        dismantle(root);
        let message = format!("tables and lists stand more than {DEPTH} deep in one another");
        let finding = Diagnostic::error(Code::LIMIT, clamp(source, span), message)
            .help("flatten what is nested; no known key needs more than five levels");
        return Err(vec![finding]);
    }
    if errors.is_empty() {
        return Ok(convert_table(source, root));
    }
    let mut findings: Vec<Diagnostic> =
        errors.iter().take(DIAGNOSTICS).map(|error| finding_of(source, error)).collect();
    findings.dedup();
    Err(findings)
}

fn finding_of(source: &str, error: &toml::de::Error) -> Diagnostic {
    let span = clamp(source, error.span().unwrap_or(0..0));
    let text = error.message();
    if text.contains("duplicate key") {
        let name = &source[span.clone()];
        Diagnostic::error(Code::DUPLICATE_KEY, span, format!("`{name}` stands twice"))
            .here("the second one")
            .party(name)
            .help("keep one of the two, or join what they say")
    } else if text.contains("recursion limit") {
        Diagnostic::error(Code::LIMIT, span, "tables and lists stand too deep in one another")
            .help("flatten what is nested; no known key needs more than five levels")
    } else {
        Diagnostic::error(Code::SYNTAX, span, format!("this is not TOML: {text}"))
    }
}

/// A place that is within the text and on character boundaries.
fn clamp(source: &str, span: Range<usize>) -> Range<usize> {
    let start = floor_boundary(source, span.start);
    start..floor_boundary(source, span.end).max(start)
}

/// The place of the first value beyond the depth limit. Without recursion: the text decides how
/// deep it goes.
fn too_deep(root: &DeTable<'_>) -> Option<Range<usize>> {
    let mut open: Vec<(usize, &Spanned<DeValue<'_>>)> =
        root.iter().map(|(_, value)| (1, value)).collect();
    while let Some((depth, value)) = open.pop() {
        if depth > DEPTH {
            return Some(value.span());
        }
        match value.get_ref() {
            DeValue::Array(items) => open.extend(items.iter().map(|item| (depth + 1, item))),
            DeValue::Table(table) => {
                open.extend(table.iter().map(|(_, item)| (depth + 1, item)));
            }
            _ => {}
        }
    }
    None
}

/// Takes a deep tree apart level by level, since dropping it whole would use the stack.
fn dismantle(root: DeTable<'_>) {
    let mut open: Vec<DeValue<'_>> = vec![DeValue::Table(root)];
    while let Some(value) = open.pop() {
        match value {
            DeValue::Array(items) => open.extend(items.into_iter().map(Spanned::into_inner)),
            DeValue::Table(table) => {
                open.extend(table.into_iter().map(|(_, item)| item.into_inner()));
            }
            _ => {}
        }
    }
}

fn convert_table(source: &str, table: DeTable<'_>) -> Table {
    let entries = table.into_iter().map(|(key, value)| {
        let key_span = clamp(source, key.span());
        let entry = Entry { key_span, item: convert(source, value) };
        (key.into_inner().into_owned(), entry)
    });
    entries.collect()
}

/// Recursion is fine here: the depth was checked.
fn convert(source: &str, value: Spanned<DeValue<'_>>) -> Item {
    let span = clamp(source, value.span());
    let node = match value.into_inner() {
        DeValue::String(text) => Node::String(text.into_owned()),
        DeValue::Integer(number) => {
            Node::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok())
        }
        DeValue::Float(number) => Node::Float(number.as_str().to_owned()),
        DeValue::Boolean(value) => Node::Boolean(value),
        DeValue::Datetime(date) => Node::Date(date.to_string()),
        DeValue::Array(items) => {
            Node::Array(items.into_iter().map(|item| convert(source, item)).collect())
        }
        DeValue::Table(table) => Node::Table(convert_table(source, table)),
    };
    Item { node, span }
}

#[cfg(test)]
mod tests;
