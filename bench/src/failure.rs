//! Why a figure could not be measured.
//!
//! Owns the error and its text. It must not know the figures.

use std::error::Error;
use std::io;
use std::time::Duration;

/// What went wrong, by what was tried.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{doing}")]
    Io {
        doing: String,
        #[source]
        source: io::Error,
    },
    #[error("starting {program}")]
    Start {
        program: String,
        #[source]
        source: lathe_child::SpawnError,
    },
    #[error("cargo {arguments}: {said}")]
    Cargo { arguments: String, said: String },
    /// It ended before it should have, or otherwise than it should have.
    #[error("{what} ended with {how}; it said:\n{said}")]
    Ended { what: String, how: String, said: String },
    #[error("{what} did not come within {} s", limit.as_secs())]
    Late { what: String, limit: Duration },
    #[error("calling the scheduler")]
    Call {
        #[source]
        source: Box<tonic::Status>,
    },
    #[error("reaching the scheduler")]
    Reach {
        #[source]
        source: tonic::transport::Error,
    },
    /// Something answered, and not as it should.
    #[error("{0}")]
    Unexpected(String),
}

impl Failure {
    pub(crate) fn io(doing: impl Into<String>, source: io::Error) -> Self {
        Self::Io { doing: doing.into(), source }
    }

    pub(crate) fn call(status: tonic::Status) -> Self {
        Self::Call { source: Box::new(status) }
    }
}

/// An error and its causes in one line.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
