//! Tasks that are one or two calls of cargo: `fix`, `sim`, `fuzz`, `soak`, `versions`, `engines` and `bench`.
//!
//! Owns their command lines. It must not know what the called programs do.

use std::process::Command;

use crate::args::Sim;
use crate::root::{Failure, Root};

/// Formats, then lets clippy mend.
pub(crate) fn fix(root: &Root) -> Result<bool, Failure> {
    let clippy =
        ["clippy", "--fix", "--allow-dirty", "--allow-staged", "--workspace", "--all-targets"];
    // Mended code is formatted too, so the order is this one.
    Ok(ok(root, &clippy)? & ok(root, &["fmt", "--all"])?)
}

/// Runs the simulation.
pub(crate) fn sim(root: &Root, sim: &Sim) -> Result<bool, Failure> {
    let numbers = [
        ("--seed", sim.seed),
        ("--from", sim.from),
        ("--seeds", sim.seeds),
        ("--steps", sim.steps),
        ("--threads", sim.threads),
        ("--lines", sim.lines),
    ];
    let words = [
        ("--without", &sim.without),
        ("--sabotage", &sim.sabotage),
        ("--operators", &sim.operators),
        ("--maintenance", &sim.maintenance),
    ];
    let mut command =
        root.cargo(&["run", "--release", "--quiet", "-p", "lathe-sim", "--bin", "sim", "--"]);
    for (flag, value) in numbers {
        if let Some(value) = value {
            command.arg(flag).arg(value.to_string());
        }
    }
    for (flag, value) in words {
        if let Some(value) = value {
            command.arg(flag).arg(value);
        }
    }
    Ok(command.status()?.success())
}

/// Spoils inputs. With overflow checks and assertions, as the tests have them.
pub(crate) fn fuzz(root: &Root, words: &[String]) -> Result<bool, Failure> {
    let mut command = root.cargo(&["run", "--quiet", "-p", "lathe-fuzz", "--bin", "fuzz", "--"]);
    Ok(command.args(words).status()?.success())
}

/// Runs a real cluster under faults, or an agent under kills.
pub(crate) fn soak(root: &Root, words: &[String]) -> Result<bool, Failure> {
    if let Some((what, rest)) = words.split_first()
        && ["hooks", "gossip"].contains(&what.as_str())
    {
        let program = format!("soak-{what}");
        let agents = ["run", "--quiet", "-p", "lathe-agents", "--bin", program.as_str(), "--"];
        return Ok(root.cargo(&agents).args(rest).status()?.success());
    }
    let mut command = root.cargo(&["run", "--quiet", "-p", "lathe-system", "--bin", "soak", "--"]);
    Ok(command.args(words).status()?.success())
}

/// Runs two builds together.
pub(crate) fn versions(root: &Root, commit: Option<&str>) -> Result<bool, Failure> {
    let words = ["run", "--quiet", "-p", "lathe-system", "--bin", "versions", "--"];
    Ok(root.cargo(&words).args(commit).status()?.success())
}

/// Installs, starts, shows or ends real engines.
pub(crate) fn engines(root: &Root, words: &[String]) -> Result<bool, Failure> {
    Ok(engines_command(root).args(words).status()?.success())
}

/// The program that does so.
pub(crate) fn engines_command(root: &Root) -> Command {
    let words = ["run", "--locked", "--quiet", "-p", "lathe-engines", "--bin", "engines", "--"];
    root.cargo(&words)
}

/// Measures one area.
pub(crate) fn bench(
    root: &Root,
    name: &str,
    json: bool,
    words: &[String],
) -> Result<bool, Failure> {
    let mut command = root.cargo(&["run", "--release", "--quiet", "-p", "lathe-bench", "--", name]);
    if json {
        command.arg("--json");
    }
    Ok(command.args(words).status()?.success())
}

fn ok(root: &Root, arguments: &[&str]) -> Result<bool, Failure> {
    Ok(root.cargo(arguments).status()?.success())
}
