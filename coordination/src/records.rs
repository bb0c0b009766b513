//! The values of the store: records, operations, listings, events. Owns their meaning; must not
//! know how they travel or where they are kept.

use bytes::Bytes;

/// What stands at one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The content, at most [`crate::limits::MAX_RECORD_BYTES`].
    pub data: Bytes,
    /// How often this node was set since it was created: 0 after `Create`, plus 1 with each set.
    pub version: u64,
    /// The commit number of its last change.
    pub commit: u64,
    /// Whether it ends with the session that created it.
    pub ephemeral: bool,
}

/// How long a record lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Until it is deleted.
    Persistent,
    /// Until it is deleted or its session ends, by close or by expiry.
    Ephemeral,
}

/// One operation of a multi. Operations are judged in order; each sees those before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Fails with `Conflict` unless the node exists with exactly this version.
    Check { path: String, version: u64 },
    /// Fails with `Conflict` when the node exists.
    CheckAbsent { path: String },
    /// Fails with `Exists` when the node exists. Needs no parent.
    Create { path: String, data: Bytes, mode: Mode },
    /// Fails with `NotFound` when there is no node, with `Conflict` when `expect` is another version.
    Set { path: String, data: Bytes, expect: Option<u64> },
    /// Sets the node, or creates a persistent one. An ephemeral node stays its owner's.
    Put { path: String, data: Bytes },
    /// Fails with `NotFound` when there is no node, with `Conflict` when `expect` is another version.
    Delete { path: String, expect: Option<u64> },
}

impl Op {
    /// A `Check` of a version.
    pub fn check(path: impl Into<String>, version: u64) -> Self {
        Self::Check { path: path.into(), version }
    }

    /// A `CheckAbsent`.
    pub fn check_absent(path: impl Into<String>) -> Self {
        Self::CheckAbsent { path: path.into() }
    }

    /// A `Create` of a persistent record.
    pub fn create(path: impl Into<String>, data: impl Into<Bytes>) -> Self {
        Self::Create { path: path.into(), data: data.into(), mode: Mode::Persistent }
    }

    /// A `Create` of a record that ends with this session.
    pub fn create_ephemeral(path: impl Into<String>, data: impl Into<Bytes>) -> Self {
        Self::Create { path: path.into(), data: data.into(), mode: Mode::Ephemeral }
    }

    /// A `Set` of whatever version is there.
    pub fn set(path: impl Into<String>, data: impl Into<Bytes>) -> Self {
        Self::Set { path: path.into(), data: data.into(), expect: None }
    }

    /// A `Set` of exactly this version.
    pub fn set_if(path: impl Into<String>, data: impl Into<Bytes>, version: u64) -> Self {
        Self::Set { path: path.into(), data: data.into(), expect: Some(version) }
    }

    /// A `Put`.
    pub fn put(path: impl Into<String>, data: impl Into<Bytes>) -> Self {
        Self::Put { path: path.into(), data: data.into() }
    }

    /// A `Delete` of whatever version is there.
    pub fn delete(path: impl Into<String>) -> Self {
        Self::Delete { path: path.into(), expect: None }
    }

    /// A `Delete` of exactly this version.
    pub fn delete_if(path: impl Into<String>, version: u64) -> Self {
        Self::Delete { path: path.into(), expect: Some(version) }
    }

    /// The path that it concerns.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::Check { path, .. }
            | Self::CheckAbsent { path }
            | Self::Create { path, .. }
            | Self::Set { path, .. }
            | Self::Put { path, .. }
            | Self::Delete { path, .. } => path,
        }
    }

    /// The data that it carries, empty for those that carry none.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        match self {
            Self::Create { data, .. } | Self::Set { data, .. } | Self::Put { data, .. } => data,
            Self::Check { .. } | Self::CheckAbsent { .. } | Self::Delete { .. } => &[],
        }
    }
}

/// The node at a prefix and everything below it, all as of one commit.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Listing {
    /// The last commit that this listing contains.
    pub commit: u64,
    /// Ordered by path.
    pub records: Vec<(String, Record)>,
}

/// What a watch says. Events come in the order of their commits; those of one commit by path. A store
/// may tell the sum of several commits: then of each record the last change alone. Commits of which
/// only a part is told are followed by the rest at once: whoever takes everything that is ready has
/// whole commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchEvent {
    /// The whole state below the prefix: first, and again whenever changes could have been missed.
    /// It replaces everything that was heard before; what it does not name does not exist.
    Snapshot(Listing),
    /// A record was created or set.
    Changed { path: String, record: Record, commit: u64 },
    /// A record was deleted, or its session ended.
    Deleted { path: String, commit: u64 },
}

/// How a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SessionState {
    /// The store answers.
    Connected,
    /// No connection at the moment; the session and its ephemerals may or may not live on.
    Disconnected,
    /// The store ended the session, or it was closed: final. Make a new `Store`.
    Expired,
}
