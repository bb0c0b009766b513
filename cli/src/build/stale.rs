//! What the shared target folder was built from.
//!
//! Cargo takes two packages of one name and version for the same where each is its own workspace,
//! whatever folder they stand in, and tells fresh from stale by times alone: a crate of another
//! checkout would get the first one's binary. So the digests of what was built last are kept
//! beside, and what differs is cleaned before it is built.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::cargo;
use super::key::Key;
use crate::failure::Failure;
use crate::home::write_whole;

/// The record beside the target folder. Guarded by the lock on builds.
pub(super) struct Sources {
    file: PathBuf,
    known: BTreeMap<String, String>,
}

impl Sources {
    pub(super) fn read(target: &Path) -> Self {
        let file = target.with_file_name("sources.json");
        // Unreadable is as good as empty: then everything local is built again.
        let known = std::fs::read(&file).ok();
        let known = known.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        Self { file, known }
    }

    /// Cleans what was built from something else. Until the build has succeeded nothing is known.
    pub(super) async fn prepare(
        &mut self,
        key: &Key,
        folder: &Path,
        target: &Path,
    ) -> Result<(), Failure> {
        let differs = |(spec, digest): &(&String, &String)| self.known.get(*spec) != Some(*digest);
        let stale: Vec<String> =
            key.locals.iter().filter(differs).map(|(spec, _)| spec.clone()).collect();
        if stale.is_empty() {
            return Ok(());
        }
        for spec in &stale {
            self.known.remove(spec);
        }
        self.write()?;
        cargo::clean(folder, target, &stale).await
    }

    pub(super) fn built(&mut self, key: &Key) -> Result<(), Failure> {
        self.known.extend(key.locals.clone());
        self.write()
    }

    fn write(&self) -> Result<(), Failure> {
        let text = serde_json::to_vec(&self.known).expect("plain values always serialise");
        write_whole(&self.file, &text)
    }
}
