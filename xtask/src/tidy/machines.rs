//! Every machine denies, at the head of its file, what would make it impure.
//!
//! Owns the list of machines. It must not know which methods are banned: clippy.toml does.

use super::breach::Breach;
use super::facts::Repo;
use super::rust;

const MACHINES: &[&str] = &[
    "agent/src/copy.rs",
    "agent/src/follower.rs",
    "coordination/src/election/race.rs",
    "coordination/src/zookeeper/mirror.rs",
    "executor/src/supervisor.rs",
    "hooks/src/engine.rs",
    "registry/src/directory.rs",
    "scheduler/src/framework.rs",
    "standalone/src/cluster.rs",
];
const ATTRIBUTE: &str = "#![deny(clippy::disallowed_methods, clippy::disallowed_types)]";

/// Machines without the attribute.
pub(crate) fn check(repo: &Repo) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for path in MACHINES {
        match repo.files.get(*path) {
            None => breaches.push(Breach::new(
                path,
                1,
                "a machine was here",
                "put it back, or mend the list of machines in xtask",
            )),
            Some(source) if !has_attribute(source) => breaches.push(Breach::new(
                path,
                1,
                "a machine that may do I/O, read clocks or follow hash order",
                format!("write `{ATTRIBUTE}` below its head"),
            )),
            Some(_) => {}
        }
    }
    breaches
}

/// Before the first item: the attribute would not be one of the whole file elsewhere.
fn has_attribute(source: &str) -> bool {
    rust::lines(source)
        .iter()
        .map(|line| line.code.trim())
        .take_while(|code| code.is_empty() || code.starts_with("#!["))
        .any(|code| code == ATTRIBUTE)
}

#[cfg(test)]
mod tests;
