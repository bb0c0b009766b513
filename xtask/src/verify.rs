//! The quick gate: what every commit passes. Writes nothing into the repository.
//!
//! Owns the list of its steps. It must not know how a step is run or a rule is checked.

use std::process::Command;

use crate::root::{Failure, Root};
use crate::steps::Steps;
use crate::tidy;

/// Runs the gate.
pub(crate) fn run(root: &Root) -> Result<bool, Failure> {
    let mut steps = Steps::default();
    gate(root, &mut steps)?;
    Ok(steps.finish())
}

/// The steps, for longer gates too.
pub(crate) fn gate(root: &Root, steps: &mut Steps) -> Result<(), Failure> {
    let mut formats = vec![root.cargo(&["fmt", "--all", "--", "--check"])];
    formats.extend(
        tasks(root)?
            .iter()
            .map(|manifest| root.cargo(&["fmt", "--manifest-path", manifest, "--", "--check"])),
    );
    steps.commands("format", formats);
    steps.check("tidy", || tidy::findings(root));
    let clippy = ["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"];
    steps.commands("clippy", vec![root.cargo(&clippy)]);
    let tests: Command = root.cargo(&[
        "test",
        "--locked",
        "--workspace",
        "--exclude",
        "lathe-system",
        "--exclude",
        "lathe-engines",
        "--exclude",
        "lathe-conformance",
        "--exclude",
        "lathe-agents",
        "--no-fail-fast",
    ]);
    steps.tests("tests", tests);
    Ok(())
}

/// The manifests of the example tasks, each a workspace of its own.
pub(crate) fn tasks(root: &Root) -> Result<Vec<String>, Failure> {
    let mut files = root.files()?;
    files.retain(|file| {
        let inside = file.strip_prefix("topologies/tasks/");
        inside.is_some_and(|inside| inside.ends_with("/Cargo.toml"))
    });
    Ok(files.into_iter().collect())
}
