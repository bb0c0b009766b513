//! Where measurements take place: the checkout, folders of their own, a clean environment.
//!
//! Owns the paths and the lock that keeps two measurements apart. It must not know what is measured.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use lathe_child::Spawn;
use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

use crate::failure::Failure;

/// Folders of this run.
#[derive(Debug)]
pub(crate) struct Surroundings {
    /// The root of the checkout.
    pub(crate) root: PathBuf,
    /// `LATHE_CACHE` of everything warm: built task crates.
    pub(crate) cache: PathBuf,
    /// Kept over runs, beside what cargo builds.
    own: PathBuf,
    _lock: File,
}

impl Surroundings {
    /// Makes the folders below cargo's target folder. Refuses while another run has them.
    pub(crate) fn new(root: PathBuf, target: &Path) -> Result<Self, Failure> {
        let own = target.join("bench");
        let cache = own.join("cache");
        let io = |doing: &str, path: &Path| {
            let doing = format!("{doing} {}", path.display());
            move |error| Failure::io(doing, error)
        };
        fs::create_dir_all(&cache).map_err(io("making", &cache))?;
        let path = own.join("lock");
        let lock = File::create(&path).map_err(io("opening", &path))?;
        if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            let text = format!("another measurement uses {}", own.display());
            return Err(Failure::Unexpected(text));
        }
        forget(&own, &cache)?;
        Ok(Self { root, cache, own, _lock: lock })
    }

    /// The topology of the README.
    pub(crate) fn topology(&self) -> PathBuf {
        self.root.join("topologies/my_topology.toml")
    }

    /// An empty folder, gone when the value is dropped.
    pub(crate) fn folder(&self, prefix: &str) -> Result<TempDir, Failure> {
        let made = tempfile::Builder::new().prefix(prefix).tempdir_in(&self.own);
        made.map_err(|error| Failure::io("making a folder", error))
    }

    /// How often a second the disk takes a small write for good.
    pub(crate) fn syncs_per_second(&self) -> Result<f64, Failure> {
        use std::io::Write as _;
        let folder = self.folder("sync-")?;
        let io = |error| Failure::io("syncing a file", error);
        let mut file = File::create(folder.path().join("file")).map_err(io)?;
        let started = std::time::Instant::now();
        let mut times = 0_u32;
        while started.elapsed().as_secs_f64() < 1.0 {
            file.write_all(&[0; 512]).map_err(io)?;
            file.sync_data().map_err(io)?;
            times += 1;
        }
        Ok(f64::from(times) / started.elapsed().as_secs_f64())
    }
}

/// Removes what a run that was killed left, and what the sources of another day made: the artifacts
/// that are there afterwards are this run's. Compiled crates are kept.
fn forget(own: &Path, cache: &Path) -> Result<(), Failure> {
    let io = |error| Failure::io(format!("emptying {}", own.display()), error);
    let entries = fs::read_dir(own).map_err(io)?;
    let folders = entries.filter_map(Result::ok).map(|entry| entry.path());
    let folders = folders.filter(|path| path.is_dir() && path != cache);
    for folder in folders.chain([cache.join("artifacts")]) {
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io(error)),
            _ => {}
        }
    }
    Ok(())
}

/// A program with this process's environment but for what cargo put into it and what would lead to
/// another Lathe. It ends with this process.
pub(crate) fn program(path: impl Into<PathBuf>) -> Spawn {
    let kept = std::env::vars_os().filter(|(name, _)| name.to_str().is_none_or(is_kept));
    Spawn::new(path).envs(kept).parent_death(lathe_child::Signal::Term).own_group()
}

pub(crate) fn is_kept(name: &str) -> bool {
    let of_cargo = name.starts_with("CARGO_PKG_")
        || name.starts_with("CARGO_MANIFEST_")
        || ["CARGO", "CARGO_CRATE_NAME", "CARGO_BIN_NAME", "LD_LIBRARY_PATH"].contains(&name);
    !(of_cargo || name.starts_with("LATHE_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_run_has_the_folders_and_finds_them_empty_but_for_compiled_crates() {
        let target = tempfile::tempdir().unwrap();
        let left = ["home-x/run", "cache/artifacts/key", "cache/build/release"];
        for path in left {
            fs::create_dir_all(target.path().join("bench").join(path)).unwrap();
        }
        let surroundings = Surroundings::new(PathBuf::from("."), target.path()).unwrap();
        let is_left = left.map(|path| target.path().join("bench").join(path).exists());
        assert_eq!(is_left, [false, false, true]);
        let second = Surroundings::new(PathBuf::from("."), target.path());
        assert!(second.unwrap_err().to_string().starts_with("another measurement uses "));
        drop(surroundings);
        Surroundings::new(PathBuf::from("."), target.path()).unwrap();
    }

    #[test]
    fn another_lathe_and_the_cargo_above_are_kept_out_and_its_settings_are_not() {
        for name in ["LATHE_HOME", "LATHE_SCHEDULER", "CARGO", "CARGO_PKG_NAME"] {
            assert!(!is_kept(name), "{name}");
        }
        for name in ["PATH", "HOME", "CARGO_HOME", "CARGO_TARGET_DIR", "RUSTFLAGS"] {
            assert!(is_kept(name), "{name}");
        }
    }
}
