//! What is durable of a hook: what was acknowledged, and what is under way.
//!
//! Owns the shape alone. Nothing of what a template renders stands in it, only digests.

use serde::{Deserialize, Serialize};

/// The last word on one hook.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The state that was followed to its end last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<Mark>,
    /// The state that is being followed: its files may be in place, its program may have run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending: Option<Pending>,
    /// What was put back: its history and version. Older state is no news even then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<(String, u64)>,
    /// Digest of the state that was given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// One state of what a hook sees.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Id of the store's life.
    pub history: String,
    /// The newest version among its groups.
    pub version: u64,
    /// Digest of what is seen.
    pub hash: String,
    /// Digest of the files as rendered; empty where there are none, or where nobody knows.
    #[serde(default)]
    pub files: String,
    /// Entries that are seen.
    pub count: u64,
}

/// A state that is being followed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// The version that was acknowledged before; 0 if none was.
    pub from_version: u64,
    /// Where it goes.
    pub to: Mark,
    /// How far it is.
    pub phase: Phase,
}

/// How far a state has been followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The files stand beside their places; from here on they may be in them.
    Rendered,
    /// The files are in their places; from here on the program may run.
    Replaced,
    /// The files of before are put back, and the program may run on them.
    Restoring,
}

impl Record {
    /// The newest version that this hook has ever followed in a history, to its end or not.
    #[must_use]
    pub fn floor(&self, history: &str) -> u64 {
        let pending = self.pending.as_ref().map(|pending| &pending.to);
        let marks = pending.into_iter().chain(&self.done);
        let reached = marks.map(|mark| (&mark.history, mark.version));
        let left = self.left.iter().map(|(history, version)| (history, *version));
        let own = reached.chain(left).filter(|(named, _)| *named == history);
        own.map(|(_, version)| version).max().unwrap_or(0)
    }
}
