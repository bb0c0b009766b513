//! Answers that are no success: the status with the text that Mesos gives, and what follows from
//! it. Knows no message.

use std::fmt;

/// A master or an agent answered, and not with success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The body, as much of it as the limits allow, control characters replaced.
    pub text: String,
    /// The `Location` header of a redirect.
    pub location: Option<String>,
}

/// What a refusal means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// Another master leads (307).
    NotLeading,
    /// No leader, or still recovering (503, other 5xx).
    Unavailable,
    /// Just started, its routes not installed yet; or, for a call about files, no such file (404).
    NotFound,
    /// Missing or wrong credentials (401).
    Unauthorized,
    /// Not allowed, or no such subscription any more (403).
    Forbidden,
    /// The call is wrong: unknown framework, stale stream id, failed validation (400).
    BadRequest,
    /// Anything else: media types, methods, conflicts, calls that are not implemented.
    Other,
}

impl Refusal {
    pub fn kind(&self) -> RefusalKind {
        match self.status {
            301 | 302 | 303 | 307 | 308 => RefusalKind::NotLeading,
            500 | 502..=599 => RefusalKind::Unavailable,
            404 => RefusalKind::NotFound,
            401 => RefusalKind::Unauthorized,
            403 => RefusalKind::Forbidden,
            400 => RefusalKind::BadRequest,
            _ => RefusalKind::Other,
        }
    }

    /// Whether the same may succeed later, or at another master. A call about files that is answered
    /// 404 counts, too: whether it can be about a file is known to who made the call.
    pub fn is_retryable(&self) -> bool {
        use RefusalKind::{NotFound, NotLeading, Unavailable};
        matches!(self.kind(), NotLeading | Unavailable | NotFound)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "answered {}", self.status)?;
        if let Some(location) = &self.location {
            write!(f, " (to {location})")?;
        }
        if !self.text.is_empty() {
            write!(f, ": {}", self.text)?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

/// A body made fit for a log line and an error message.
pub(crate) fn readable(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let clean = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
    clean.collect()
}

#[cfg(test)]
mod tests;
