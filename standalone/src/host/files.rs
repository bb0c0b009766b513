//! Reading of sandboxes for operators: LIST_FILES and READ_FILE of an agent.
//!
//! Owns the confinement: whatever a path says, nothing outside of the sandboxes is read.

use std::fs::{self, File, Metadata};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use lathe_mesos::v1;
use lathe_mesos::v1::agent::response::{ListFiles, ReadFile};

/// The most that one READ_FILE gives: sixteen pages, as Mesos does.
const LONGEST_READ: u64 = 16 * 4096;
/// Entries of a folder that are listed.
const MOST_ENTRIES: usize = 10_000;

/// The files of one host.
#[derive(Clone, Debug)]
pub(super) struct Files {
    /// The host's folder; only `frameworks` in it is shown.
    dir: PathBuf,
}

/// Why a file is not shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FileError {
    NotFound,
    /// What the path names is of the wrong kind, or cannot be read.
    Refused(String),
}

impl Files {
    pub(super) fn new(dir: &Path) -> Self {
        Self { dir: dir.to_path_buf() }
    }

    /// The real path of a virtual one (`/frameworks/…`) or of one below the host's folder.
    fn resolve(&self, path: &str) -> Result<PathBuf, FileError> {
        let root = self.dir.join("frameworks");
        let root = fs::canonicalize(root).map_err(|_| FileError::NotFound)?;
        let asked = Path::new(path);
        let within = asked
            .strip_prefix(&root)
            .or_else(|_| asked.strip_prefix(self.dir.join("frameworks")))
            .or_else(|_| asked.strip_prefix("/frameworks"))
            .map_err(|_| FileError::NotFound)?;
        if within.components().any(|part| !matches!(part, Component::Normal(_))) {
            return Err(FileError::NotFound);
        }
        // Links are followed, and then must still be inside.
        let real = fs::canonicalize(root.join(within)).map_err(|_| FileError::NotFound)?;
        match real.starts_with(&root) {
            true => Ok(real),
            false => Err(FileError::NotFound),
        }
    }

    /// Up to sixteen pages of a file from an offset, with the file's size.
    pub(super) fn read(
        &self,
        path: &str,
        offset: u64,
        length: Option<u64>,
    ) -> Result<ReadFile, FileError> {
        let refused = |error: std::io::Error| FileError::Refused(error.to_string());
        let real = self.resolve(path)?;
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let file = File::options()
            .read(true)
            .custom_flags(i32::try_from(flags.bits()).unwrap_or(0))
            .open(real)
            .map_err(refused)?;
        let metadata = file.metadata().map_err(refused)?;
        if !metadata.is_file() {
            return Err(FileError::Refused("Cannot read from a directory".to_owned()));
        }
        let size = metadata.len();
        let wanted = length.unwrap_or(LONGEST_READ).min(LONGEST_READ);
        let wanted = wanted.min(size.saturating_sub(offset));
        let mut data = vec![0; usize::try_from(wanted).unwrap_or(0)];
        let mut have = 0;
        while have < data.len() {
            match file.read_at(&mut data[have..], offset + have as u64).map_err(refused)? {
                0 => break,
                more => have += more,
            }
        }
        data.truncate(have);
        Ok(ReadFile { size, data: Bytes::from(data) })
    }

    /// The entries of a folder, with virtual paths.
    pub(super) fn list(&self, path: &str) -> Result<ListFiles, FileError> {
        let real = self.resolve(path)?;
        let entries = fs::read_dir(real).map_err(|error| FileError::Refused(error.to_string()))?;
        let base = path.trim_end_matches('/');
        let mut file_infos = Vec::new();
        for entry in entries.flatten().take(MOST_ENTRIES) {
            if let Ok(metadata) = entry.metadata() {
                let name = entry.file_name().to_string_lossy().into_owned();
                file_infos.push(info(format!("{base}/{name}"), &metadata));
            }
        }
        file_infos.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(ListFiles { file_infos })
    }
}

fn info(path: String, metadata: &Metadata) -> v1::FileInfo {
    let nanoseconds = metadata.mtime().saturating_mul(1_000_000_000) + metadata.mtime_nsec();
    v1::FileInfo {
        path,
        nlink: i32::try_from(metadata.nlink()).ok(),
        size: Some(metadata.len()),
        mtime: Some(v1::TimeInfo { nanoseconds }),
        mode: Some(metadata.mode()),
        uid: Some(metadata.uid().to_string()),
        gid: Some(metadata.gid().to_string()),
    }
}

#[cfg(test)]
mod tests;
