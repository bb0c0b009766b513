//! How a command fails: a text for people and an exit code for programs.

use std::fmt;

/// Everything went as asked.
pub(crate) const OK: u8 = 0;
/// Something failed that is neither the input's fault nor a refusal.
pub(crate) const FAILED: u8 = 1;
/// The arguments or the file are wrong. Nothing was changed.
pub(crate) const BAD_INPUT: u8 = 2;
/// The scheduler refused. Nothing was changed.
pub(crate) const REFUSED: u8 = 3;
/// Accepted, but not everything became ready.
pub(crate) const NOT_READY: u8 = 4;
/// No scheduler was found, or it does not answer.
pub(crate) const UNREACHABLE: u8 = 5;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub code: u8,
    pub text: String,
    pub hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { code: FAILED, text: text.into(), hint: None }
    }

    pub(crate) fn with_code(self, code: u8) -> Self {
        Self { code, ..self }
    }

    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// An I/O error with what was being done.
    pub(crate) fn io(doing: impl fmt::Display, error: &std::io::Error) -> Self {
        Self::new(format!("{doing}: {error}"))
    }
}

/// The error and everything below it, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        below = error.source();
    }
    text
}
