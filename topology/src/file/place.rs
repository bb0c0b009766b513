//! Where a key of a task stands in a text that was read before.
//!
//! Owns the way from a task's name to a place, for findings that are made after the file was read:
//! a crate that does not build, a task that a binary does not have. It must not judge anything.

use std::ops::Range;

use crate::tree::{self, Entry, Node, Table};

/// The place of `key` in the table of the task `path`, else in `[defaults]`, else of the task's
/// table; nothing where the text has no such task.
#[must_use]
pub fn place_of(source: &str, path: &str, key: &str) -> Option<Range<usize>> {
    let root = tree::read(source).ok()?;
    let mut at = root.get("task")?;
    for part in path.split('.') {
        at = table_of(at)?.get(part)?;
    }
    let own = table_of(at).and_then(|table| table.get(key));
    let usual = || root.get("defaults").and_then(table_of).and_then(|table| table.get(key));
    Some(match own.or_else(usual) {
        Some(entry) => line_of(source, entry),
        None => at.item.span.clone(),
    })
}

fn table_of(entry: &Entry) -> Option<&Table> {
    match &entry.item.node {
        Node::Table(table) => Some(table),
        _ => None,
    }
}

/// `key = value` as far as it is on one line.
fn line_of(source: &str, entry: &Entry) -> Range<usize> {
    let (start, end) = (entry.key_span.start, entry.item.span.end);
    match source.get(start..end) {
        Some(text) if !text.contains('\n') => start..end,
        _ => entry.key_span.clone(),
    }
}

#[cfg(test)]
mod tests;
