//! The folder that an engine writes into: its data, its configuration, its logs.
//!
//! Owns where it is, its removal, and what is shown of it when a test fails. It must not know what
//! the files are.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use tempfile::TempDir;

use crate::Failure;
use crate::say::say;

/// Lines of each log that are shown.
const TAIL_LINES: usize = 40;
/// What is read of a log's end to find them.
const TAIL_BYTES: u64 = 64 << 10;

/// A folder; one that was not asked for by name is removed with this value, unless a test fails.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    temporary: Option<TempDir>,
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
            let made = tempfile::Builder::new().prefix(&format!("lathe-{name}-")).tempdir();
            let folder = made.map_err(|error| Failure::system("a temporary folder", error))?;
            let path = folder.path().canonicalize();
            let path = path.map_err(|error| Failure::system(folder.path().display(), error))?;
            Ok(Self { path, temporary: Some(folder) })
        }
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
        if let Some(temporary) = self.temporary.take() {
            let _ = temporary.keep();
        }
        say(&format!("a test fails; what the engine wrote is kept in {}", self.path.display()));
        for log in logs(&self.path) {
            say(&format!("the end of {}:\n{}", log.display(), tail(&log)));
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
        let mut file = fs::File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&bytes).into_owned())
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
