//! TOML as an owned tree whose every key and value knows its place in the text.
//!
//! Owns the only use of the TOML library and the limits of size and depth. It must not know what
//! any key means.

mod depth;

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
    if let Some(span) = depth::beyond(source, DEPTH) {
        return Err(vec![too_deep(clamp(source, span))]);
    }
    let (root, errors) = DeTable::parse_recoverable(source);
    let root = root.into_inner();
    if errors.is_empty() {
        return Ok(convert_table(source, root));
    }
    let mut findings: Vec<Diagnostic> = Vec::new();
    let mut second_table: Option<usize> = None;
    for error in &errors {
        let finding = finding_of(source, error);
        let start = finding.labels[0].span.start;
        if finding.code == Code::DUPLICATE_KEY {
            let between = second_table.filter(|before| *before <= start);
            let between = between.map(|before| &source[before..start]);
            if is_header(source, start) {
                second_table = Some(start);
            } else if between.is_some_and(|text| !text.contains("\n[")) {
                // The keys of a second table stand twice only because the table does.
                continue;
            }
        }
        if findings.len() < DIAGNOSTICS && !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    Err(findings)
}

/// The line of that place, without the white space around it.
fn line_at(source: &str, at: usize) -> &str {
    let start = source[..at].rfind('\n').map_or(0, |newline| newline + 1);
    source[start..].lines().next().unwrap_or_default().trim()
}

fn is_header(source: &str, at: usize) -> bool {
    line_at(source, at).starts_with('[')
}

fn finding_of(source: &str, error: &toml::de::Error) -> Diagnostic {
    let span = clamp(source, error.span().unwrap_or(0..0));
    let text = error.message();
    if text.contains("duplicate key") {
        let line = line_at(source, span.start);
        let header = line.starts_with('[');
        let name = if header { line } else { &source[span.clone()] };
        let mut finding =
            Diagnostic::error(Code::DUPLICATE_KEY, span, format!("`{name}` stands twice"))
                .here("the second one")
                .party(name)
                .help("keep one of the two, or join what they say");
        if header && let Some(first) = source.find(line) {
            finding = finding.and_at(first..first + line.len(), "the first one");
        }
        finding
    } else if text.contains("recurs") {
        too_deep(span)
    } else {
        let finding = Diagnostic::error(Code::SYNTAX, span, format!("this is not TOML: {text}"));
        finding.help(syntax_help(text))
    }
}

/// What to try, by what the TOML library says.
fn syntax_help(text: &str) -> &'static str {
    if text.contains("must be quoted") {
        "put the text into quotes"
    } else if text.contains("key with no value") || text.contains("expected `=`") {
        "write `key = value`, or `[table]` on a line of its own"
    } else if text.contains("visible characters") {
        r#"write control characters as in "\u0000", and several lines between `"""`"#
    } else if text.contains("string") {
        "end the string with the quote that it began with, on the same line"
    } else if text.contains("unquoted key") {
        "put a key with other characters into quotes"
    } else {
        "look at the quotes, brackets, commas and equals signs around here"
    }
}

fn too_deep(span: Range<usize>) -> Diagnostic {
    let message = format!("tables and lists stand more than {DEPTH} deep in one another");
    Diagnostic::error(Code::LIMIT, span, message)
        .help("flatten what is nested; no known key needs more than five levels")
}

/// A place that is within the text and on character boundaries.
fn clamp(source: &str, span: Range<usize>) -> Range<usize> {
    let start = floor_boundary(source, span.start);
    start..floor_boundary(source, span.end).max(start)
}

fn convert_table(source: &str, table: DeTable<'_>) -> Table {
    let entries = table.into_iter().map(|(key, value)| {
        let key_span = clamp(source, key.span());
        let entry = Entry { key_span, item: convert(source, value) };
        (key.into_inner().into_owned(), entry)
    });
    entries.collect()
}

/// Recursion is fine here: the depth is bounded before the text is parsed.
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
