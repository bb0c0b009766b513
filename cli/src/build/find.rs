//! Where a crate is: a folder that the task or the topology names, a git revision, a registry.

use std::path::{Path, PathBuf};

use super::Wish;
use crate::failure::{BAD_INPUT, Failure};

/// A crate's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Folder(PathBuf),
    Git { url: String, rev: String },
    Registry,
}

/// Folders that one pattern may name.
const FOLDERS_MAX: usize = 1_000;

/// In order: the task's own `path`, the topology's `[crates] paths`, git, the registry.
pub(super) fn find(wish: &Wish, folder: &Path, patterns: &[String]) -> Result<Found, Failure> {
    if let Some(path) = &wish.path {
        let at = folder.join(path);
        return match identity(&at) {
            Some((name, version)) if name == wish.crate_name && version == wish.version => {
                Ok(Found::Folder(at))
            }
            Some((name, version)) => {
                Err(not_found(wish)
                    .with_hint(format!("{} has crate `{name}` {version}", at.display())))
            }
            None => Err(not_found(wish).with_hint(format!("{} has no crate", at.display()))),
        };
    }
    let mut versions = Vec::new();
    for pattern in patterns {
        for candidate in expand(&folder.join(pattern)) {
            match identity(&candidate) {
                Some((name, version)) if name == wish.crate_name => {
                    if version == wish.version {
                        return Ok(Found::Folder(candidate));
                    }
                    versions.push(version);
                }
                _ => {}
            }
        }
    }
    if let Some((url, rev)) = &wish.git {
        if rev.is_empty() {
            let text = format!("[LT0301] crate `{}`: `git` needs `rev`", wish.crate_name);
            let hint = "a branch moves: name the revision, so that the same file means the same";
            return Err(Failure::new(text).with_code(BAD_INPUT).with_hint(hint));
        }
        return Ok(Found::Git { url: url.clone(), rev: rev.clone() });
    }
    if versions.is_empty() || wish.registry.is_some() {
        return Ok(Found::Registry);
    }
    // The crate is here in other versions: the registry's crate of that name is another one.
    versions.sort();
    Err(not_found(wish).with_hint(format!("versions here: {}", versions.join(", "))))
}

pub(super) fn not_found(wish: &Wish) -> Failure {
    let text = format!("[LT0301] crate `{}` {} was not found", wish.crate_name, wish.version);
    Failure::new(text).with_code(BAD_INPUT)
}

/// A path whose last part may be `*`.
fn expand(pattern: &Path) -> Vec<PathBuf> {
    if pattern.file_name().is_none_or(|name| name != "*") {
        return vec![pattern.to_owned()];
    }
    let Some(parent) = pattern.parent() else { return Vec::new() };
    let Ok(entries) = std::fs::read_dir(parent) else { return Vec::new() };
    let mut folders: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .take(FOLDERS_MAX)
        .collect();
    folders.sort();
    folders
}

/// Name and version in a folder's Cargo.toml.
fn identity(folder: &Path) -> Option<(String, String)> {
    let text = std::fs::read_to_string(folder.join("Cargo.toml")).ok()?;
    let manifest: toml::Table = text.parse().ok()?;
    let package = manifest.get("package")?;
    let name = package.get("name")?.as_str()?.to_owned();
    let version = package.get("version")?.as_str()?.to_owned();
    Some((name, version))
}
