//! What is known of groups at one time, and what of it a hook sees.
//!
//! Owns the filter and the digest of what is seen. Whatever a hook sees twice in the same words has the
//! same digest, so that nobody is woken for nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lathe_catalog::{Entry, GroupView, State};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::recipe::Recipe;

/// All groups that are known, in one history. Cheap to copy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Id of the store's life.
    pub history: String,
    /// Groups by name.
    pub groups: BTreeMap<String, Arc<GroupView>>,
}

/// What one hook sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Id of the store's life.
    pub history: String,
    /// The newest version among the groups.
    pub version: u64,
    /// Digest of the recipe and of the entries, in hexadecimal digits.
    pub hash: String,
    /// Entries by group, in the order of their incarnations.
    pub groups: BTreeMap<String, Vec<Entry>>,
}

impl Input {
    /// What the hook sees of a snapshot; nothing before all of its groups are known.
    #[must_use]
    pub fn of(snapshot: &Snapshot, recipe: &Recipe, digest: &[u8]) -> Option<Self> {
        let mut groups = BTreeMap::new();
        let mut version = 0;
        for name in &recipe.groups {
            let view = snapshot.groups.get(name)?;
            version = version.max(view.version);
            let mut entries: Vec<Entry> =
                view.entries.iter().filter(|entry| recipe.sees(entry)).cloned().collect();
            entries.sort_by(|a, b| a.incarnation.cmp(&b.incarnation));
            groups.insert(name.clone(), entries);
        }
        let hash = hash(digest, &groups);
        Some(Self { history: snapshot.history.clone(), version, hash, groups })
    }

    /// The same with a digest by another recipe.
    pub(crate) fn hashed(self, digest: &[u8]) -> Self {
        Self { hash: hash(digest, &self.groups), ..self }
    }

    /// Entries of all groups, each once, in the order of their incarnations.
    #[must_use]
    pub fn entries(&self) -> BTreeMap<&str, &Entry> {
        let all = self.groups.values().flatten();
        all.map(|entry| (entry.incarnation.as_str(), entry)).collect()
    }

    /// The incarnations that are ready.
    #[must_use]
    pub fn ready(&self) -> BTreeSet<String> {
        let all = self.groups.values().flatten();
        let ready = all.filter(|entry| entry.state == State::Ready);
        ready.map(|entry| entry.incarnation.clone()).collect()
    }
}

/// Times are left out: who was suspect for a moment is what it was.
fn hash(digest: &[u8], groups: &BTreeMap<String, Vec<Entry>>) -> String {
    let mut hasher = Sha256::new();
    hasher.update(digest);
    for (name, entries) in groups {
        for part in [name.as_bytes(), &[0], &(entries.len() as u64).to_be_bytes()] {
            hasher.update(part);
        }
        for entry in entries {
            let plain = Entry { since_ms: 0, reason: None, ..entry.clone() };
            let text = serde_json::to_vec(&plain).expect("an entry has text keys only");
            hasher.update((text.len() as u64).to_be_bytes());
            hasher.update(&text);
        }
    }
    hex(&hasher.finalize())
}

/// Bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
