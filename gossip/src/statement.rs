//! What a registry has said of one thing at one version.
//!
//! Owns its bounds. The content is text here; who shows it reads it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::Signature;

/// Bytes of what is said of one thing: as many as one event of a stream may have.
pub const CONTENT_BYTES_MAX: usize = 8 << 20;
/// Bytes of a name, and of a history's.
pub(crate) const NAME_BYTES_MAX: usize = 512;

/// What a statement is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// A group.
    Group,
    /// A task's own keys.
    Config,
}

/// One thing of which registries say something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subject {
    /// What it is.
    pub kind: Kind,
    /// Task path or tag.
    pub name: String,
}

/// Stands for a subject in digests. Two that have the same are told apart by the statements themselves.
pub(crate) type SubjectKey = u64;

impl Kind {
    pub(crate) fn byte(self) -> u8 {
        match self {
            Self::Group => 1,
            Self::Config => 2,
        }
    }
}

impl Subject {
    /// A group.
    #[must_use]
    pub fn group(name: &str) -> Self {
        Self { kind: Kind::Group, name: name.to_owned() }
    }

    /// A task's own keys.
    #[must_use]
    pub fn config(name: &str) -> Self {
        Self { kind: Kind::Config, name: name.to_owned() }
    }

    pub(crate) fn key(&self) -> SubjectKey {
        let mut digest = Sha256::new_with_prefix([self.kind.byte()]);
        digest.update(self.name.as_bytes());
        first_bytes(&digest.finalize())
    }
}

/// Stands for a history where there is little room.
pub(crate) fn history_key(history: &str) -> u64 {
    first_bytes(&Sha256::digest(history.as_bytes()))
}

fn first_bytes(digest: &[u8]) -> u64 {
    digest.iter().take(8).fold(0, |all, byte| all << 8 | u64::from(*byte))
}

/// A statement with its signature, which need not be good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// What it is of.
    pub subject: Subject,
    /// Id of the store's life.
    pub history: String,
    /// The commit of its last change.
    pub version: u64,
    /// When a registry that signed this heard the store last, in milliseconds since the Unix epoch: it was the
    /// newest version then.
    pub heard_ms: u64,
    /// What it says: JSON, byte for byte as the registry has sent it.
    pub content: Arc<str>,
    /// SHA-256 of the content.
    pub digest: [u8; 32],
    /// Of a registry.
    pub signature: Signature,
}

impl Statement {
    /// A statement with the digest of its content.
    #[must_use]
    pub fn new(
        (subject, history): (Subject, &str),
        (version, heard_ms): (u64, u64),
        content: Arc<str>,
        signature: Signature,
    ) -> Self {
        let digest = digest_of(&content);
        let history = history.to_owned();
        Self { subject, history, version, heard_ms, content, digest, signature }
    }
}

/// SHA-256 of a content.
#[must_use]
pub(crate) fn digest_of(content: &str) -> [u8; 32] {
    Sha256::digest(content.as_bytes()).into()
}
