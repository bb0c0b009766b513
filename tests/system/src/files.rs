//! Files that tests submit: the examples of the checkout, fixtures, and what tests write.

use std::fs;
use std::path::{Path, PathBuf};

use crate::binaries::root;

/// The folder with the example topologies.
#[must_use]
pub fn examples() -> PathBuf {
    root().join("topologies")
}

/// The README's topology.
#[must_use]
pub fn example() -> PathBuf {
    examples().join("my_topology.toml")
}

/// A crate below `fixtures/`.
#[must_use]
pub fn fixture(name: &str) -> PathBuf {
    root().join("tests/system/fixtures").join(name)
}

/// Writes a file and the folders that it needs.
///
/// # Panics
/// When it cannot be written.
pub fn write(path: &Path, text: &str) -> PathBuf {
    fs::create_dir_all(path.parent().expect("a file is in a folder")).expect("folders are made");
    fs::write(path, text).expect("the file is written");
    path.to_owned()
}
