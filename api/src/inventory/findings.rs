//! What is wrong with a file of hosts or of what runs, collected up to a bound.
//!
//! Owns the form of a finding. It must not know what is read.

use lathe_topology::Code;

use super::Read;

/// Findings that are listed; the rest is counted.
const LISTED: usize = 20;
/// Warnings that are listed.
const WARNED: usize = 10;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What kind it is.
    pub code: Code,
    /// What is wrong and where, in one sentence.
    pub text: String,
    /// What to try.
    pub hint: String,
}

#[derive(Debug, Default)]
pub(super) struct Findings {
    listed: Vec<Finding>,
    more: usize,
    warnings: Vec<String>,
}

impl Findings {
    pub(super) fn add(&mut self, code: Code, text: impl Into<String>, hint: impl Into<String>) {
        if self.listed.len() < LISTED {
            self.listed.push(Finding { code, text: text.into(), hint: hint.into() });
        } else {
            self.more += 1;
        }
    }

    pub(super) fn warn(&mut self, text: impl FnOnce() -> String) {
        if self.warnings.len() < WARNED {
            self.warnings.push(text());
        }
    }

    /// The value, if nothing is wrong.
    pub(super) fn or_else<T>(mut self, value: impl FnOnce() -> T) -> Result<Read<T>, Vec<Finding>> {
        if self.listed.is_empty() {
            return Ok(Read { value: value(), warnings: self.warnings });
        }
        if let (Some(last), 1..) = (self.listed.last_mut(), self.more) {
            last.text.push_str(&format!(" (and {} more that are wrong)", self.more));
        }
        Err(self.listed)
    }
}
