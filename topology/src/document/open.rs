//! What the readers of one configuration file share: its open tables and its problems.
//!
//! Owns the naming of keys that nobody asked for. It must not know what any key means.

use std::ops::Range;

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::near;
use crate::tree::Table;

#[derive(Debug)]
pub(super) struct File {
    pub(super) open: Vec<Open>,
    pub(super) problems: Vec<Diagnostic>,
}

/// A table that somebody reads.
#[derive(Debug)]
pub(super) struct Open {
    /// The dotted path of this table with its last dot; empty at the top.
    pub(super) prefix: String,
    pub(super) table: Table,
    pub(super) span: Range<usize>,
    pub(super) asked: Vec<&'static str>,
}

impl Open {
    pub(super) fn name_unknown_keys(&self, found: &mut Vec<Diagnostic>) {
        for (key, entry) in &self.table {
            if self.asked.iter().any(|asked| asked == key) {
                continue;
            }
            let name = format!("{}{key}", self.prefix);
            let message = format!("`{name}` is not a known key");
            let place = entry.key_span.clone();
            let finding = Diagnostic::error(Code::CONFIG_UNKNOWN_KEY, place, message).party(name);
            found.push(finding.help(match near::nearest(key, &self.asked) {
                Some(near) => format!("did you mean `{near}`?"),
                None if self.asked.is_empty() => "no key is known here".to_owned(),
                None => format!("known here: {}", self.asked.join(", ")),
            }));
        }
    }
}
