//! Where fetched engines are kept, and how one gets there once.
//!
//! Owns the folder, its lock, and that an engine is there whole or not at all. It must not know how
//! an engine is made.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use crate::maven::hex;
use crate::say::say;
use crate::{Code, Failure};

/// The variable that names another folder than the usual one.
pub const VARIABLE: &str = "LATHE_ENGINES";

/// Enough to tell apart what is made of different sources.
const KEY_DIGITS: usize = 8;

/// `$LATHE_ENGINES`, or `lathe/engines` in `$XDG_CACHE_HOME` or `~/.cache`.
///
/// # Errors
/// None of the three is set.
pub fn folder() -> Result<PathBuf, Failure> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(folder) = set(VARIABLE) {
        return Ok(folder.into());
    }
    let cache = set("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".cache")));
    let cache = cache.ok_or_else(|| {
        let what = "no folder to keep engines in: HOME is not set";
        Failure::new(Code::Asked, what, format!("set {VARIABLE} to a folder"))
    })?;
    Ok(cache.join("lathe/engines"))
}

/// The folder of an engine: made by `make` in a folder beside it, and renamed when it is whole. Two
/// that want the same one wait for each other; the second finds it there. Blocks.
pub(crate) fn provide(
    key: &str,
    make: impl FnOnce(&Path) -> Result<(), Failure>,
) -> Result<PathBuf, Failure> {
    let folder = folder()?;
    let home = folder.join(key);
    if home.is_dir() {
        return Ok(home);
    }
    fs::create_dir_all(&folder).map_err(|error| Failure::system(folder.display(), error))?;
    let _lock = lock(&folder.join(format!("{key}.lock")), key)?;
    if home.is_dir() {
        return Ok(home);
    }
    let part = folder.join(format!("{key}.part"));
    remove(&part)?;
    fs::create_dir_all(&part).map_err(|error| Failure::system(part.display(), error))?;
    make(&part)?;
    fs::rename(&part, &home).map_err(|error| Failure::system(home.display(), error))?;
    Ok(home)
}

/// A folder's name that changes with what the engine is made from.
pub(crate) fn key(name: &str, made_from: &[&str]) -> String {
    let mut digest = Sha256::new();
    for text in made_from {
        digest.update(text.len().to_le_bytes());
        digest.update(text);
    }
    format!("{name}-{}", &hex(&digest.finalize())[..KEY_DIGITS])
}

fn lock(path: &Path, key: &str) -> Result<File, Failure> {
    let file = File::create(path).map_err(|error| Failure::system(path.display(), error))?;
    let mut locked = flock(&file, FlockOperation::NonBlockingLockExclusive);
    if locked == Err(Errno::WOULDBLOCK) {
        say(&format!("another process fetches {key}; waiting for it"));
        locked = flock(&file, FlockOperation::LockExclusive);
    }
    locked.map_err(|error| Failure::system(path.display(), error))?;
    Ok(file)
}

fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::system(path.display(), error))
        }
        _ => Ok(()),
    }
}
