//! Why an operation on the store failed. Owns the words; must not know how they travel.

/// Why an operation on the store failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A `Set` or `Delete` of a node that does not exist. Nothing of the multi was done.
    #[error("there is no record at {path}")]
    NotFound { path: String },
    /// A `Create` of a node that exists. Nothing of the multi was done.
    #[error("there is a record at {path} already")]
    Exists { path: String },
    /// A check or an expected version failed. Nothing of the multi was done.
    #[error("the record at {path} is not as operation {index} expects")]
    Conflict {
        path: String,
        /// Which operation of the multi, from 0.
        index: usize,
    },
    /// The connection was lost or not to be had in time: whether a write was done is unknown.
    #[error("no connection to the store (the outcome of a write is unknown): {reason}")]
    Disconnected { reason: String },
    /// The session ended: its ephemerals are gone and this client is finished.
    #[error("the session with the store has ended")]
    Expired,
    /// A record, multi or listing beyond its limit.
    #[error("{what} is {size} bytes, the limit is {limit}")]
    TooLarge { what: &'static str, size: u64, limit: u64 },
    /// A path, an address or a request that can never succeed.
    #[error("invalid request: {reason}")]
    Invalid { reason: String },
    /// The store has as many of these as it takes.
    #[error("the store takes no more {what}")]
    TooMany { what: &'static str },
}

impl StoreError {
    /// Whether the same call may succeed later with no change by the caller. A write that failed so
    /// may have been done: read before writing again, or let its checks protect it.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Disconnected { .. } | Self::TooMany { .. })
    }

    pub(crate) fn disconnected(reason: impl Into<String>) -> Self {
        Self::Disconnected { reason: reason.into() }
    }

    pub(crate) fn invalid(reason: impl Into<String>) -> Self {
        Self::Invalid { reason: reason.into() }
    }
}
