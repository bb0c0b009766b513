//! Small repositories in memory, for the tests of the rules.
//!
//! Owns nothing but their making. It must not know any rule.

use super::facts::{Crate, Dependency, Repo};

/// Files by path and text.
pub(crate) fn files(files: &[(&str, &str)]) -> Repo {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    Repo { files: files.collect(), ..Repo::default() }
}

/// A member with the packages that it names.
pub(crate) fn member(package: &str, folder: &str, dependencies: &[&str]) -> Crate {
    let dependencies = dependencies
        .iter()
        .map(|name| Dependency { package: (*name).to_owned(), only_for_tests: false });
    Crate {
        package: package.to_owned(),
        folder: folder.to_owned(),
        dependencies: dependencies.collect(),
    }
}

/// The places of breaches: `file:line`.
pub(crate) fn places(breaches: &[super::Breach]) -> Vec<String> {
    breaches.iter().map(|breach| format!("{}:{}", breach.file, breach.line)).collect()
}
