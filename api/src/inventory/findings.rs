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
    warnings: Vec<Warning>,
}

/// What was said once, though it may be true of many.
#[derive(Debug)]
struct Warning {
    about: String,
    text: String,
    times: usize,
}

impl Findings {
    pub(super) fn add(&mut self, code: Code, text: impl Into<String>, hint: impl Into<String>) {
        if self.listed.len() < LISTED {
            self.listed.push(Finding { code, text: text.into(), hint: hint.into() });
        } else {
            self.more += 1;
        }
    }

    /// A warning about something that may be so many times: the first place is told, the rest counted.
    pub(super) fn warn(&mut self, about: &str, text: impl FnOnce() -> String) {
        if let Some(said) = self.warnings.iter_mut().find(|one| one.about == about) {
            said.times += 1;
        } else if self.warnings.len() < WARNED {
            self.warnings.push(Warning { about: about.to_owned(), text: text(), times: 1 });
        }
    }

    /// The value, if nothing is wrong.
    pub(super) fn or_else<T>(mut self, value: impl FnOnce() -> T) -> Result<Read<T>, Vec<Finding>> {
        if self.listed.is_empty() {
            let told = |one: Warning| match one.times {
                1 => one.text,
                more => format!("{} (and {} more like it)", one.text, more - 1),
            };
            let warnings = self.warnings.into_iter().map(told).collect();
            return Ok(Read { value: value(), warnings });
        }
        if let (Some(last), 1..) = (self.listed.last_mut(), self.more) {
            last.text.push_str(&format!(" (and {} more that are wrong)", self.more));
        }
        Err(self.listed)
    }
}
