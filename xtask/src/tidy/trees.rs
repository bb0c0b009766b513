//! What a build brings along: how many crates for a task author, and no C for anybody.
//!
//! Owns the bound and the list of what needs a foreign compiler. It must not know how the trees were
//! found.

use super::breach::Breach;
use super::facts::Repo;

/// Crates in a task author's build, the task's own one included.
const SDK_TREE_MAX: usize = 70;
/// Crates that compile C or C++, look for a system library, or call cmake.
const FOREIGN_BUILDS: &[&str] =
    &["autotools", "bindgen", "cc", "cmake", "pkg-config", "rdkafka", "ring", "rocksdb", "vcpkg"];
/// Bindings without a foreign build behind them.
const PURE_BINDINGS: &[&str] = &["linux-raw-sys"];

/// Trees that are too large or not pure.
pub(crate) fn check(repo: &Repo) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let sdk = repo.sdk_tree.len() + 1;
    if sdk > SDK_TREE_MAX {
        let what = format!("a task's build has {sdk} crates; {SDK_TREE_MAX} are allowed");
        let mend = "`cargo tree -p lathe-sdk -e normal` shows them";
        breaches.push(Breach::new("lathe-sdk/Cargo.toml", 1, what, mend));
    }
    for package in &repo.default_tree {
        let name = package.split(' ').next().unwrap_or(package);
        let binds = name.ends_with("-sys") && !PURE_BINDINGS.contains(&name);
        if binds || FOREIGN_BUILDS.contains(&name) {
            let what = format!("`{name}` compiles C, calls cmake or needs a system library");
            let mend = format!("`cargo tree -i {name} -e normal,build` shows who brings it");
            breaches.push(Breach::new("Cargo.toml", 1, what, mend));
        }
    }
    breaches
}

#[cfg(test)]
mod tests;
