//! Where a crate is: a folder that the task or the topology names, a git revision, a registry.

use std::path::{Path, PathBuf};

use lathe_topology::Code;

use super::Wish;
use crate::failure::Failure;

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
        return at_path(wish, &folder.join(path));
    }
    let mut versions = Vec::new();
    let mut unread = None;
    for pattern in patterns {
        for candidate in expand(&folder.join(pattern)) {
            match identity(&candidate) {
                Ok((name, version)) if name == wish.crate_name => {
                    if version == wish.version {
                        return Ok(Found::Folder(candidate));
                    }
                    versions.push(version);
                }
                Err(Unread::Broken { name, why }) if may_be(wish, name.as_deref(), &candidate) => {
                    unread = unread.or(Some((candidate, why)));
                }
                _ => {}
            }
        }
    }
    if let Some((url, rev)) = &wish.git {
        if rev.is_empty() {
            let text = format!("crate `{}` comes from git, and no `rev` is named", wish.crate_name);
            let hint = "a branch moves: name the revision, so that the same file means the same";
            let failure = Failure::coded(Code::CRATE_NOT_FOUND, text);
            return Err(failure.at_key("git").with_hint(hint));
        }
        return Ok(Found::Git { url: url.clone(), rev: rev.clone() });
    }
    if !versions.is_empty() && wish.registry.is_none() {
        // The crate is here in other versions: the registry's crate of that name is another one.
        versions.sort();
        let hint = format!("versions here: {}", versions.join(", "));
        return Err(not_found(wish).at_key("version").with_hint(hint));
    }
    if let (Some((folder, why)), None) = (unread, &wish.registry) {
        return Err(broken(wish, &folder, &why));
    }
    Ok(Found::Registry)
}

/// The crate in the folder that the task names.
fn at_path(wish: &Wish, at: &Path) -> Result<Found, Failure> {
    match identity(at) {
        Ok((name, version)) if name == wish.crate_name && version == wish.version => {
            Ok(Found::Folder(at.to_owned()))
        }
        Ok((name, version)) => {
            let key = if name == wish.crate_name { "version" } else { "crate" };
            let hint = format!("{} has crate `{name}` {version}", at.display());
            Err(not_found(wish).at_key(key).with_hint(hint))
        }
        Err(Unread::Broken { why, .. }) => Err(broken(wish, at, &why)),
        Err(Unread::Nothing) => {
            let what = if at.is_dir() { "has no Cargo.toml" } else { "is no folder" };
            Err(not_found(wish).at_key("path").with_hint(format!("{} {what}", at.display())))
        }
    }
}

pub(super) fn not_found(wish: &Wish) -> Failure {
    let text = format!("crate `{}` {} was not found", wish.crate_name, wish.version);
    Failure::coded(Code::CRATE_NOT_FOUND, text)
}

fn broken(wish: &Wish, folder: &Path, why: &str) -> Failure {
    let file = folder.join("Cargo.toml");
    let text = format!("crate `{}`: {} cannot be read", wish.crate_name, file.display());
    let failure = Failure::coded(Code::BUILD_FAILED, text).with_output(why);
    failure.with_hint("mend that file; `cargo metadata` in its folder says the same")
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

/// Why a folder has no name and version.
#[derive(Debug)]
enum Unread {
    /// It is no crate.
    Nothing,
    /// It has a manifest that does not say both.
    Broken { name: Option<String>, why: String },
}

/// Name and version in a folder's Cargo.toml.
fn identity(folder: &Path) -> Result<(String, String), Unread> {
    let file = folder.join("Cargo.toml");
    if !file.exists() {
        return Err(Unread::Nothing);
    }
    let broken = |why: String| Unread::Broken { name: None, why };
    let text = std::fs::read_to_string(&file).map_err(|error| broken(error.to_string()))?;
    let manifest: toml::Table =
        text.parse().map_err(|error: toml::de::Error| broken(error.to_string()))?;
    // A workspace without a package of its own is nobody's crate.
    let package = manifest.get("package").ok_or(Unread::Nothing)?;
    let read = |key: &str| package.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    let lacks = |key: &str| format!("`[package]` has no `{key}` that is a string");
    let name = read("name").ok_or_else(|| broken(lacks("name")))?;
    match read("version") {
        Some(version) => Ok((name, version)),
        None => Err(Unread::Broken { name: Some(name), why: lacks("version") }),
    }
}

/// Whether a folder whose manifest cannot be read is probably the crate that is meant.
fn may_be(wish: &Wish, name: Option<&str>, folder: &Path) -> bool {
    let folder = || folder.file_name()?.to_str();
    let plain = |name: &str| name.replace('-', "_");
    name.or_else(folder).is_some_and(|name| plain(name) == plain(&wish.crate_name))
}
