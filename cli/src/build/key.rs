//! The identity of a source: everything that a binary is made from. The same key, the same binary.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cargo_metadata::MetadataCommand;
use lathe_topology::Code;
use sha2::{Digest as _, Sha256};

use super::Wish;
use super::find::Found;
use crate::failure::Failure;

/// Files that one package may have.
const FILES_MAX: usize = 20_000;

/// A source's identity, and what it is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) text: String,
    /// Digests of the packages that stand in folders here, by `name@version`.
    pub(super) locals: BTreeMap<String, String>,
}

/// Package files, lock file, features, compiler and target; of path dependencies too.
pub(super) fn of(wish: &Wish, found: &Found, rustc: &str) -> Result<Key, Failure> {
    let mut locals = BTreeMap::new();
    let mut hasher = Sha256::new();
    add(&mut hasher, b"lathe artifact 1");
    add(&mut hasher, wish.crate_name.as_bytes());
    add(&mut hasher, wish.version.as_bytes());
    add(&mut hasher, wish.features.join(",").as_bytes());
    add(&mut hasher, rustc.as_bytes());
    match found {
        Found::Git { url, rev } => {
            add(&mut hasher, url.as_bytes());
            add(&mut hasher, rev.as_bytes());
        }
        Found::Registry => {
            add(&mut hasher, wish.registry.as_deref().unwrap_or_default().as_bytes());
        }
        Found::Folder(folder) => {
            for package in local_packages(folder)? {
                let digest = digest_of(&package.folder)?;
                add(&mut hasher, package.spec.as_bytes());
                add(&mut hasher, digest.as_bytes());
                locals.insert(package.spec, digest);
            }
        }
    }
    Ok(Key { text: hex(&hasher.finalize()), locals })
}

/// With its length, so that two texts cannot run into each other.
fn add(hasher: &mut Sha256, bytes: &[u8]) {
    hasher.update((bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Local {
    /// `name@version`
    spec: String,
    folder: PathBuf,
}

/// The packages that the crate is built from and that stand in folders here, itself among them.
fn local_packages(folder: &Path) -> Result<Vec<Local>, Failure> {
    let metadata = MetadataCommand::new().manifest_path(folder.join("Cargo.toml")).exec().map_err(
        |error| {
            let text = format!("cargo cannot read {}", folder.join("Cargo.toml").display());
            let talk = match error {
                cargo_metadata::Error::CargoMetadata { stderr } => stderr,
                other => other.to_string(),
            };
            Failure::coded(Code::BUILD_FAILED, text)
                .with_output(talk.trim_end())
                .with_hint("mend what cargo names")
        },
    )?;
    let mut locals: Vec<Local> = metadata
        .packages
        .iter()
        .filter(|package| package.source.is_none())
        .filter_map(|package| {
            let folder = package.manifest_path.parent()?;
            let spec = format!("{}@{}", package.name, package.version);
            Some(Local { spec, folder: folder.into() })
        })
        .collect();
    locals.sort_by(|a, b| a.spec.cmp(&b.spec));
    Ok(locals)
}

fn digest_of(folder: &Path) -> Result<String, Failure> {
    let mut hasher = Sha256::new();
    let mut files = Vec::new();
    collect(folder, folder, &mut files)
        .map_err(|error| Failure::io(format!("reading {}", folder.display()), &error))?;
    files.sort();
    for file in files {
        let bytes = std::fs::read(folder.join(&file))
            .map_err(|error| Failure::io(format!("reading {}", file.display()), &error))?;
        add(&mut hasher, file.to_string_lossy().as_bytes());
        add(&mut hasher, &bytes);
    }
    Ok(hex(&hasher.finalize()))
}

/// Sources and manifests; not what builds leave, nor hidden folders, nor nested packages' targets.
fn collect(root: &Path, folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_string_lossy().starts_with('.') || name == "target" {
            continue;
        }
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            collect(root, &path, files)?;
        } else if let Ok(relative) = path.strip_prefix(root) {
            files.push(relative.to_owned());
        }
        if files.len() > FILES_MAX {
            return Err(std::io::Error::other("more files than a crate should have"));
        }
    }
    Ok(())
}
