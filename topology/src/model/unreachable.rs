//! How long an instance is waited for whose host does not answer.
//!
//! Owns the shape and its bounds. It must not know who waits.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest wait: two weeks. A master forgets a host that is away for longer.
pub(crate) const LONGEST_REPLACE_AFTER_MS: u64 = 14 * 24 * 3_600_000;

/// `[task.X.unreachable] replace_after`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplaceAfter {
    /// Milliseconds from when the host was found to be silent.
    Ms(u64),
    /// Not before somebody says that the host is gone for good.
    Never,
}

impl fmt::Display for ReplaceAfter {
    /// As a file says it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ms(ms) => write!(f, "{ms}ms"),
            Self::Never => f.write_str("never"),
        }
    }
}
