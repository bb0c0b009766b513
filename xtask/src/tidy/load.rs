//! The facts, from the disk and from cargo.
//!
//! Owns the way from files and cargo's answers to a [`Repo`]. It must not know any rule.

use std::collections::BTreeSet;
use std::fs;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package};

use super::facts::{Crate, Dependency, Repo};
use crate::root::{Failure, Root};

/// Everything, read once.
pub(crate) fn repo(root: &Root) -> Result<Repo, Failure> {
    let mut repo = Repo::default();
    for path in root.files()? {
        let text = String::from_utf8_lossy(&fs::read(root.path(&path))?).into_owned();
        repo.files.insert(path, text);
    }
    let metadata = MetadataCommand::new()
        .manifest_path(root.path("Cargo.toml"))
        .no_deps()
        .other_options(vec!["--locked".to_owned()])
        .exec()?;
    repo.crates = metadata.packages.iter().map(|one| member(&metadata, one)).collect();
    repo.sdk_tree = tree(root, &["-p", "lathe-sdk", "-e", "normal"])?;
    repo.default_tree = tree(root, &["-e", "normal,build"])?;
    Ok(repo)
}

fn member(metadata: &Metadata, package: &Package) -> Crate {
    let folder = package.manifest_path.parent().unwrap_or(&package.manifest_path);
    let folder = folder.strip_prefix(&metadata.workspace_root).unwrap_or(folder);
    let dependencies = package.dependencies.iter().map(|one| Dependency {
        package: one.name.clone(),
        only_for_tests: one.kind == DependencyKind::Development,
    });
    Crate {
        package: package.name.to_string(),
        folder: folder.to_string(),
        dependencies: dependencies.collect(),
    }
}

/// `cargo tree` for this machine: `name version` of each package once. What cargo's metadata has is
/// more, since there every crate gets the features that any other asked for.
fn tree(root: &Root, selection: &[&str]) -> Result<BTreeSet<String>, Failure> {
    let arguments = ["tree", "--locked", "--prefix", "none", "--no-dedupe", "--format", "{p}"];
    let output = root.cargo(&arguments).args(selection).output()?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("cargo tree {}: {}", selection.join(" "), text.trim()).into());
    }
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().map(|line| line.split(" (").next().unwrap_or(line).to_owned()).collect())
}
