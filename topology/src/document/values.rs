//! Values of configuration files that need more than their TOML type.
//!
//! Owns durations, lists of texts, and the words for a range. It must not know any key.

use std::ops::RangeInclusive;

use crate::tree::{Item, Node};
use crate::units::parse_duration_ms;

pub(super) const DURATION: &str = "a duration such as \"5s\"";

pub(super) fn duration(node: &Node) -> Option<Result<u64, String>> {
    match node {
        Node::String(text) => {
            Some(parse_duration_ms(text).map_err(|error| format!("is not a duration: {error}")))
        }
        _ => None,
    }
}

pub(super) fn texts(items: &[Item]) -> Option<Vec<String>> {
    let texts = items.iter().map(|item| match &item.node {
        Node::String(text) => Some(text.clone()),
        _ => None,
    });
    texts.collect()
}

pub(super) fn words_of(range: &RangeInclusive<u64>, show: impl Fn(u64) -> String) -> String {
    match (*range.start(), *range.end()) {
        (0, u64::MAX) => "a whole number from 0".to_owned(),
        (least, u64::MAX) => format!("at least {}", show(least)),
        (0, most) => format!("at most {}", show(most)),
        (least, most) => format!("from {} to {}", show(least), show(most)),
    }
}
