//! Collects findings, bounded, each once.
//!
//! Owns the order and the number of what is listed. It must not know what is found.

use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::limits::DIAGNOSTICS;

/// Errors after which nothing can be said about how tasks bear on one another, since a tag or a
/// whole task is missing from the picture, are all but these.
const HARMLESS: [Code; 13] = [
    Code::UNKNOWN_KEY,
    Code::MISSING_KEY,
    Code::OUT_OF_RANGE,
    Code::NOT_CARRIED_OUT,
    Code::WEIGHT_ON_HARD_WORD,
    Code::TWO_WORDS,
    Code::BAD_UNIT,
    Code::INEXACT_VERSION,
    Code::SOURCE_CONFLICT,
    Code::LISTED_TWICE,
    Code::UNPORTABLE_VALUE,
    Code::CONTRADICTION,
    Code::STUCK_UPDATE,
];

#[derive(Debug, Default)]
pub(super) struct Findings {
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
    left_out: usize,
}

impl Findings {
    pub(super) fn add(&mut self, finding: Diagnostic) {
        let list = if finding.is_error() { &mut self.errors } else { &mut self.warnings };
        if list.len() < DIAGNOSTICS {
            list.push(finding);
        } else {
            self.left_out += 1;
        }
    }

    pub(super) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Whether enough is known of every task to judge them together.
    pub(super) fn allow_rules(&self) -> bool {
        self.errors.len() < DIAGNOSTICS
            && self.errors.iter().all(|error| HARMLESS.contains(&error.code))
    }

    /// Everything in the file's order.
    pub(super) fn into_sorted(self) -> Vec<Diagnostic> {
        let mut list = self.errors;
        list.extend(self.warnings);
        list.sort_by_key(|one| (one.labels.first().map_or(0, |label| label.span.start), one.code));
        list.dedup();
        if self.left_out > 0 {
            let message = format!("{} further findings are not listed", self.left_out);
            list.push(Diagnostic::warning(Code::LIMIT, 0..0, message));
        }
        list
    }
}
