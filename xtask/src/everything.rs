//! Every test there is: the quick gate, real engines, real clusters, the example tasks, and the
//! README's command.
//!
//! Owns the list of steps beyond the gate. It must not know what a test is about.

use std::path::PathBuf;
use std::process::Command;

use cargo_metadata::MetadataCommand;

use crate::root::{Failure, Root};
use crate::steps::Steps;
use crate::{needs, runs, say, verify};

/// The first command that the README shows.
const FIRST: &str = "cargo run --release --bin lathe -- up topologies/my_topology.toml";
/// The second one, which is this.
const SECOND: &str = "cargo xtask test";

/// Runs everything; the last line is `N passed, N failed`.
pub(crate) fn run(root: &Root, install: bool) -> Result<bool, Failure> {
    if !needs::provide(root, install)? {
        say::line("something that the tests need is missing; nothing was run");
        say::line("0 passed, 1 failed");
        return Ok(false);
    }
    let mut steps = Steps::default();
    verify::gate(root, &mut steps)?;
    let mut install = runs::engines_command(root);
    install.arg("install");
    steps.commands("engines", vec![install]);
    let engines =
        ["test", "--locked", "-p", "lathe-engines", "-p", "lathe-conformance", "--no-fail-fast"];
    steps.tests("tests on real engines", root.cargo(&engines));
    let agents = ["test", "--locked", "-p", "lathe-agents", "--no-fail-fast"];
    steps.tests("tests of agents on real registries", root.cargo(&agents));
    let system = ["test", "--locked", "-p", "lathe-system", "--no-fail-fast"];
    steps.tests("tests on real clusters", root.cargo(&system));
    let target = tasks_target(root)?;
    for manifest in verify::tasks(root)? {
        steps.tests(&manifest, task_tests(root, &manifest, &target));
    }
    steps.check("the README's commands", || {
        match std::fs::read_to_string(root.path("README.md")) {
            Ok(readme) => readme_findings(&readme),
            Err(error) => vec![format!("README.md: {error}")],
        }
    });
    Ok(steps.finish())
}

/// A folder of their own, so that they do not undo what the workspace has built.
fn tasks_target(root: &Root) -> Result<PathBuf, Failure> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.path("Cargo.toml"))
        .no_deps()
        .other_options(vec!["--locked".to_owned()])
        .exec()?;
    Ok(metadata.target_directory.join("tasks").into_std_path_buf())
}

fn task_tests(root: &Root, manifest: &str, target: &PathBuf) -> Command {
    let mut command = root.cargo(&["test", "--manifest-path", manifest, "--no-fail-fast"]);
    if root.path(manifest).with_file_name("Cargo.lock").is_file() {
        command.arg("--locked");
    }
    command.env("CARGO_TARGET_DIR", target);
    command
}

/// The two commands must be the first two of cargo that the README shows in its blocks.
fn readme_findings(readme: &str) -> Vec<String> {
    let mut within = false;
    let mut commands = Vec::new();
    for line in readme.lines() {
        if line.trim_start().starts_with("```") {
            within = !within;
        } else if within {
            let line = line.trim();
            commands.push(line.strip_prefix("$ ").unwrap_or(line));
        }
    }
    let mut cargo = commands.into_iter().filter(|line| line.starts_with("cargo "));
    let mut findings = Vec::new();
    match cargo.next() {
        Some(FIRST) => {}
        Some(other) => findings.push(format!("README.md begins with `{other}`, not `{FIRST}`")),
        None => findings.push(format!("README.md does not show `{FIRST}`")),
    }
    if !cargo.any(|line| line == SECOND) {
        findings.push(format!("README.md does not show `{SECOND}` after it"));
    }
    findings
}

#[cfg(test)]
mod tests;
