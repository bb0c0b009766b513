//! Keeps the cache within its size: the least recently used entries go first. Must not touch what
//! has just come in, or what another process is bringing in.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{CacheError, failed, try_lock};

/// Files on their way in that did not change for this long were left by a dead process.
const ABANDONED_AFTER: Duration = Duration::from_secs(3600);

struct Found {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

/// Removes entries, oldest use first, until all together take at most `bytes_max`; `newest` stays.
/// Does nothing while another process does the same.
pub(super) fn prune(folder: &Path, bytes_max: u64, newest: &Path) -> Result<(), CacheError> {
    let Some(_lock) = try_lock(&folder.join("prune.lock"))? else { return Ok(()) };
    let mut found = look(folder).map_err(failed("list", folder))?;
    found.sort_by(|a, b| (a.used, &a.path).cmp(&(b.used, &b.path)));
    let mut total: u64 = found.iter().map(|entry| entry.bytes).sum();
    for entry in found {
        if total <= bytes_max {
            break;
        }
        if entry.path == newest {
            continue;
        }
        // Hard links in sandboxes keep the bytes that still run; only the name goes. An executor
        // that is just about to link it finds nothing and downloads.
        match fs::remove_file(&entry.path) {
            Ok(()) => total -= entry.bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => total -= entry.bytes,
            Err(error) => return Err(failed("remove", &entry.path)(error)),
        }
        // A lock that somebody holds stays valid for its holder without its name.
        let _ = fs::remove_file(entry.path.with_extension("lock"));
    }
    Ok(())
}

/// The entries of the cache; removes abandoned files on the way.
fn look(folder: &Path) -> io::Result<Vec<Found>> {
    let now = SystemTime::now();
    let mut found = Vec::new();
    for item in fs::read_dir(folder)? {
        let item = item?;
        let name = item.file_name();
        let Some(name) = name.to_str() else { continue };
        let Ok(metadata) = item.metadata() else { continue };
        let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        if name.starts_with("incoming-") {
            let age = now.duration_since(used).unwrap_or_default();
            if age > ABANDONED_AFTER {
                let _ = fs::remove_file(item.path());
            }
        } else if name.parse::<crate::artifact::digest::Digest>().is_ok() {
            found.push(Found { path: item.path(), bytes: metadata.len(), used });
        }
    }
    Ok(found)
}
