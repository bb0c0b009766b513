//! Why an engine cannot be had, for the person who reads a test's output.
//!
//! Owns the codes and the form: what, where, one hint. It must not know any engine.

use std::fmt;

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// A program or library of the machine is missing.
    Missing,
    /// Something could not be fetched.
    Download,
    /// What was fetched is not what it should be.
    Checksum,
    /// A part could not be built here.
    Build,
    /// A process ended, or could not be started.
    Process,
    /// It was not ready in time.
    Late,
    /// The machine refused a file, a port or a thread.
    System,
    /// What was asked for cannot be.
    Asked,
}

impl Code {
    /// The code as it is printed.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Missing => "E1",
            Self::Download => "E2",
            Self::Checksum => "E3",
            Self::Build => "E4",
            Self::Process => "E5",
            Self::Late => "E6",
            Self::System => "E7",
            Self::Asked => "E8",
        }
    }
}

/// Why there is no engine. Shown the same way by `{}` and `{:?}`, so that `unwrap` tells it well.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("engines {}: {what}\nhint: {hint}", .code.text())]
pub struct Failure {
    pub code: Code,
    pub what: String,
    pub hint: String,
}

impl Failure {
    pub(crate) fn new(code: Code, what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, what: what.into(), hint: hint.into() }
    }

    /// For what the machine refuses.
    pub(crate) fn system(what: impl fmt::Display, error: impl fmt::Display) -> Self {
        Self::new(Code::System, format!("{what}: {error}"), "is there room, and may this user?")
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
