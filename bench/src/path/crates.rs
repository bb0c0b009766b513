//! Crates in a task's build.
//!
//! Owns the counting. It must not know which crates there are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::json;

use crate::failure::Failure;
use crate::programs::run_cargo;
use crate::report::Outcome;
use crate::row::Measured;
use crate::say;

/// Counts what each example task's build compiles, its own crate, procedural macros and build
/// scripts' dependencies included; the largest counts.
pub(super) async fn measure(root: &Path) -> Outcome {
    say::talk("counting the crates of the example tasks");
    let folder = root.join("topologies/tasks");
    let entries = std::fs::read_dir(&folder);
    let entries = entries.map_err(|error| Failure::io("listing the example tasks", error))?;
    let mut trees = BTreeMap::new();
    for entry in entries.filter_map(Result::ok) {
        if !entry.path().join("Cargo.toml").exists() {
            continue;
        }
        let arguments = ["tree", "--locked", "--prefix", "none", "--no-dedupe", "--format", "{p}"];
        let edges = ["-e", "normal,build"];
        let text = run_cargo(&entry.path(), &[&arguments[..], &edges].concat()).await?;
        trees.insert(entry.file_name().to_string_lossy().into_owned(), packages(&text));
    }
    let largest = trees.values().map(BTreeSet::len).max();
    let largest = largest.ok_or_else(|| Failure::Unexpected("no example tasks".to_owned()))?;
    let each: Vec<String> =
        trees.iter().map(|(name, tree)| format!("{name} {}", tree.len())).collect();
    let how = format!("everything compiled, macros and build scripts too: {}", each.join(", "));
    let measured = Measured { value: largest as f64, peer: None, samples: trees.len(), how };
    Ok((measured, json!(trees)))
}

/// Name and version of each package once; where it comes from is left out.
fn packages(tree: &str) -> BTreeSet<String> {
    let lines = tree.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "));
    lines.filter(|package| !package.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_counts_once_in_each_of_its_versions() {
        let tree = "own 1.0.0 (folder)\na 1.0.0\na 1.0.0 (*)\na 2.0.0\nb 1.0.0 (proc-macro)\n\n";
        let found: Vec<String> = packages(tree).into_iter().collect();
        assert_eq!(found, ["a 1.0.0", "a 2.0.0", "b 1.0.0", "own 1.0.0"]);
    }
}
