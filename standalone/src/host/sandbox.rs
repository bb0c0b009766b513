//! Sandboxes on disk: where they are, their making, and which are removed.
//!
//! Owns `frameworks/<F>/executors/<E>/runs/<run>` with its `latest` link, and the cache's folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::cluster::ExecutorKey;

/// Ended executors that are kept of those whose ids differ in the last number only, and runs of
/// one executor.
const KEPT: usize = 5;
/// Ended executors that are kept of one framework.
const KEPT_OF_FRAMEWORK: usize = 500;

/// The folder of a run.
pub(super) fn path(dir: &Path, key: &ExecutorKey, container_id: &str) -> PathBuf {
    runs(dir, key).join(container_id)
}

fn runs(dir: &Path, key: &ExecutorKey) -> PathBuf {
    let framework = dir.join("frameworks").join(&key.framework_id);
    framework.join("executors").join(&key.executor_id).join("runs")
}

/// Makes a host's folders, with an empty cache.
pub(super) fn prepare(dir: &Path) -> io::Result<()> {
    let cache = dir.join("cache");
    match fs::remove_dir_all(&cache) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    make_all(&dir.join("frameworks"))?;
    make_all(&cache)
}

fn make_all(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(dir)
}

/// Makes the folder of a run and lets `latest` name it.
pub(super) fn make(dir: &Path, key: &ExecutorKey, container_id: &str) -> io::Result<()> {
    let runs = runs(dir, key);
    make_all(&runs)?;
    DirBuilder::new().mode(0o755).create(runs.join(container_id))?;
    // Made beside and moved over it: the link is never missing.
    let fresh = runs.join(format!(".{container_id}"));
    symlink(container_id, &fresh)?;
    fs::rename(fresh, runs.join("latest"))
}

/// Removes sandboxes of executors that have ended, but for the last few of each kind.
pub(super) fn prune(dir: &Path, live: &BTreeSet<ExecutorKey>) {
    for framework in folders(&dir.join("frameworks")) {
        let framework_id = name_of(&framework.path);
        let mut kinds: BTreeMap<String, Vec<Folder>> = BTreeMap::new();
        let mut ended = Vec::new();
        for executor in folders(&framework.path.join("executors")) {
            prune_runs(&executor.path.join("runs"));
            let executor_id = name_of(&executor.path);
            let key = ExecutorKey { framework_id: framework_id.clone(), executor_id };
            if !live.contains(&key) {
                kinds.entry(kind_of(&key.executor_id)).or_default().push(executor);
            }
        }
        for mut of_kind in kinds.into_values() {
            of_kind.sort_by_key(|folder| std::cmp::Reverse(folder.changed));
            let old = of_kind.split_off(of_kind.len().min(KEPT));
            old.iter().for_each(Folder::remove);
            ended.extend(of_kind);
        }
        ended.sort_by_key(|folder| std::cmp::Reverse(folder.changed));
        ended.iter().skip(KEPT_OF_FRAMEWORK).for_each(Folder::remove);
    }
}

fn prune_runs(runs: &Path) {
    let latest = fs::read_link(runs.join("latest")).ok();
    let mut all = folders(runs);
    all.retain(|run| latest.as_deref() != run.path.file_name().map(Path::new));
    all.sort_by_key(|run| std::cmp::Reverse(run.changed));
    all.iter().skip(KEPT - 1).for_each(Folder::remove);
}

/// The id without the number that it ends with: `a.7` and `a.8` are of one kind.
fn kind_of(id: &str) -> String {
    let end = id.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    id[..end].to_owned()
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

struct Folder {
    path: PathBuf,
    changed: SystemTime,
}

impl Folder {
    fn remove(&self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(%error, path = %self.path.display(), "an old sandbox stays");
        }
    }
}

/// The folders in a folder; links are none.
fn folders(dir: &Path) -> Vec<Folder> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let folder = |entry: fs::DirEntry| {
        let metadata = entry.metadata().ok().filter(fs::Metadata::is_dir)?;
        Some(Folder { path: entry.path(), changed: metadata.modified().ok()? })
    };
    entries.flatten().filter_map(folder).collect()
}

#[cfg(test)]
mod tests;
