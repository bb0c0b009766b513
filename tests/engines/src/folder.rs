//! The folder that an engine writes into: its data, its configuration, its logs.
//!
//! Owns where it is, its removal, and what is shown of it when a test fails. It must not know what
//! the files are.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

use crate::Failure;
use crate::say::say;

/// Lines of each log that are shown.
const TAIL_LINES: usize = 40;
/// What is read of a log's end to find them.
const TAIL_BYTES: u64 = 64 << 10;

/// How folders that nobody asked for by name begin.
const PREFIX: &str = "lathe-engine-";
/// Locked as long as the folder's process lives; the lock says nothing in a folder that is kept.
const OWNER: &str = "owner.lock";
const KEPT: &str = "kept";

/// A folder; one that was not asked for by name is removed with this value, unless a test fails. An
/// engine that serves all tests of a program is never dropped: the next program removes its folder.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    temporary: Option<(TempDir, File)>,
}

impl Folder {
    /// The one that was asked for, kept; or one of its own.
    pub(crate) fn new(asked: Option<&Path>, name: &str) -> Result<Self, Failure> {
        if let Some(path) = asked {
            fs::create_dir_all(path)
                .and_then(|()| path.canonicalize())
                .map(|path| Self { path, temporary: None })
                .map_err(|error| Failure::system(path.display(), error))
        } else {
            let parent = std::env::temp_dir();
            remove_left(&parent);
            Self::temporary(&parent, name).map_err(|error| Failure::system("a folder", error))
        }
    }

    fn temporary(parent: &Path, name: &str) -> io::Result<Self> {
        let prefix = format!("{PREFIX}{name}-");
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir_in(parent)?;
        let path = folder.path().canonicalize()?;
        // Under its own name the file is locked from the beginning.
        let (part, owner) = (path.join("owner.part"), path.join(OWNER));
        let lock = File::create(&part)?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        fs::rename(part, owner)?;
        Ok(Self { path, temporary: Some((folder, lock)) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// A number that was noted under a name, when the folder was used before.
    pub(crate) fn noted(&self, name: &str) -> Option<u16> {
        fs::read_to_string(self.path.join("ports").join(name)).ok()?.trim().parse().ok()
    }

    /// Notes a number for whoever uses the folder later.
    pub(crate) fn note(&self, name: &str, number: u16) -> Result<(), Failure> {
        let path = self.within("ports")?.join(name);
        let written = fs::write(&path, format!("{number}\n"));
        written.map_err(|error| Failure::system(path.display(), error))
    }

    /// A folder within, made.
    pub(crate) fn within(&self, name: &str) -> Result<PathBuf, Failure> {
        let path = self.path.join(name);
        fs::create_dir_all(&path).map_err(|error| Failure::system(path.display(), error))?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !thread::panicking() {
            return;
        }
        if let Some((temporary, _)) = self.temporary.take() {
            // A folder that cannot be marked goes when the next program looks.
            let _ = File::create(temporary.path().join(KEPT));
            let _ = temporary.keep();
        }
        say(&format!("a test fails; what the engine wrote is kept in {}", self.path.display()));
        for log in logs(&self.path) {
            say(&format!("the end of {}:\n{}", log.display(), tail(&log)));
        }
    }
}

/// Removes folders whose processes are gone, unless a test failed there. What cannot be removed is
/// another user's, or somebody removes it just now.
fn remove_left(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let path = entry.path();
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        if !ours || path.join(KEPT).exists() {
            continue;
        }
        let Ok(owner) = File::open(path.join(OWNER)) else { continue };
        if flock(&owner, FlockOperation::NonBlockingLockExclusive).is_ok() {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

/// The logs in a folder, sorted.
pub(crate) fn logs(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut logs: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    logs.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
    logs.sort();
    logs
}

/// The last lines of a log, or why it cannot be read.
pub(crate) fn tail(log: &Path) -> String {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let read = || {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok::<_, io::Error>(String::from_utf8_lossy(&bytes).into_owned())
    };
    match read() {
        Ok(text) => {
            let lines: Vec<&str> = text.lines().collect();
            lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
        }
        Err(error) => error.to_string(),
    }
}

#[cfg(test)]
mod tests;
