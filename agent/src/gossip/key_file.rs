//! The file of keys, and when it is another one.
//!
//! Owns the reading. A file that is wrong while the agent runs is told, and the keys from before stay.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use lathe_api::door::private_text;
use lathe_gossip::Keys;

use super::GossipError;

pub(super) fn read(path: &Path) -> Result<Keys, GossipError> {
    let text = private_text(path)?;
    Keys::parse(&text).map_err(|source| GossipError::Keys { path: path.to_owned(), source })
}

/// Tells when the file is another one.
#[derive(Debug)]
pub(super) struct Watched {
    path: PathBuf,
    seen: Option<(SystemTime, u64)>,
}

impl Watched {
    pub(super) fn new(path: PathBuf) -> Self {
        let seen = stamp(&path);
        Self { path, seen }
    }

    /// The keys, if the file has changed or `anyway`; nothing where it is no file of keys.
    pub(super) fn look(&mut self, anyway: bool) -> Option<Keys> {
        let now = stamp(&self.path);
        if now == self.seen && !anyway {
            return None;
        }
        self.seen = now;
        match read(&self.path) {
            Ok(keys) => {
                let names: Vec<&str> = keys.names().collect();
                tracing::info!(?names, "other keys of gossip");
                Some(keys)
            }
            Err(error) => {
                tracing::error!(%error, "the keys of gossip stay as they were");
                None
            }
        }
    }
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let about = fs::metadata(path).ok()?;
    Some((about.modified().ok()?, about.len()))
}
