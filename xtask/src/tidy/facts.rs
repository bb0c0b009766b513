//! The repository as rules see it: files, crates and dependency trees, all in memory.
//!
//! Owns the shape and the questions that several rules ask of it. It must not know where the facts
//! come from.

use std::collections::{BTreeMap, BTreeSet};

/// Folders whose crates stand beside the layers: they may use anything, and nothing may use them.
const FREE: &[&str] = &[
    "tests/agents",
    "tests/conformance",
    "tests/engines",
    "tests/fuzz",
    "tests/sim",
    "tests/system",
    "bench",
    "xtask",
];

/// Everything that a rule may look at.
#[derive(Debug, Default)]
pub(crate) struct Repo {
    /// Text of every file by its path. What is no text is read as well as it can be.
    pub(crate) files: BTreeMap<String, String>,
    /// The members of the workspace.
    pub(crate) crates: Vec<Crate>,
    /// `name version` of everything that a task author's build has.
    pub(crate) sdk_tree: BTreeSet<String>,
    /// `name version` of everything that the default members' build has.
    pub(crate) default_tree: BTreeSet<String>,
}

/// A member of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Crate {
    pub(crate) package: String,
    /// From the root, such as `topology` or `tests/sim`.
    pub(crate) folder: String,
    pub(crate) dependencies: Vec<Dependency>,
}

/// What a crate names in its manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    pub(crate) package: String,
    pub(crate) only_for_tests: bool,
}

impl Crate {
    /// Whether it stands beside the layers.
    pub(crate) fn is_free(&self) -> bool {
        FREE.contains(&self.folder.as_str())
    }

    /// The path of its manifest.
    pub(crate) fn manifest(&self) -> String {
        format!("{}/Cargo.toml", self.folder)
    }
}

impl Repo {
    /// Files of Rust, with their paths.
    pub(crate) fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .filter(|(path, _)| path.ends_with(".rs"))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The member with this package name.
    pub(crate) fn member(&self, package: &str) -> Option<&Crate> {
        self.crates.iter().find(|one| one.package == package)
    }

    /// The line, from 1, of a file that begins with this text; 1 if there is none.
    pub(crate) fn line_of(&self, file: &str, beginning: &str) -> usize {
        let text = self.files.get(file).map_or("", String::as_str);
        text.lines().position(|line| line.starts_with(beginning)).map_or(1, |index| index + 1)
    }
}

/// Whether the whole file is there for tests.
pub(crate) fn is_test_file(path: &str) -> bool {
    path.starts_with("tests/")
        || path.contains("/tests/")
        || path.contains("/benches/")
        || path.ends_with("/tests.rs")
}
