//! No file knows the machine that it was written on, or where packages come from.
//!
//! Owns both lists and the table of what is exempt. It must not know what a file is for.

use super::breach::Breach;
use super::facts::Repo;

/// Folders of somebody's machine.
const MACHINE_PATHS: &[&str] = &["/work/", "/root/", "/home/"];
/// Registries of packages.
const REGISTRIES: &[&str] = &[
    "crates.io",
    "index.crates.io",
    "static.crates.io",
    "pypi.org",
    "repo1.maven.org",
    "deb.debian.org",
    "proxy.golang.org",
    "registry.npmjs.org",
];

/// What is exempt: the end of a file's path, the beginning of its lines, and why.
const EXEMPT: &[(&str, &str, &str)] = &[
    ("Cargo.lock", "source = \"registry+", "cargo writes where each package came from"),
    ("xtask/src/tidy/places.rs", "", "the lists themselves"),
    ("xtask/src/tidy/places/tests.rs", "", "the tests of the lists"),
];

/// Lines that name a machine's folder or a registry.
pub(crate) fn check(repo: &Repo) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (path, text) in &repo.files {
        let suspect = |list: &[&str]| list.iter().any(|word| text.contains(word));
        if !suspect(MACHINE_PATHS) && !suspect(REGISTRIES) {
            continue;
        }
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !is_exempt(path, line)) {
            let folder = MACHINE_PATHS.iter().find(|folder| begins_a_path(line, folder));
            if let Some(folder) = folder {
                let what = format!("the folder `{folder}` of some machine");
                let mend = "take a relative path, `~`, or a folder that the test makes";
                breaches.push(Breach::new(path, index + 1, what, mend));
            }
            if let Some(host) = REGISTRIES.iter().rfind(|host| stands_alone(line, host)) {
                let what = format!("the registry `{host}`");
                let mend = "say `the public registry`; cargo knows where it is";
                breaches.push(Breach::new(path, index + 1, what, mend));
            }
        }
    }
    breaches
}

fn is_exempt(path: &str, line: &str) -> bool {
    EXEMPT.iter().any(|(end, beginning, _)| path.ends_with(end) && line.starts_with(beginning))
}

/// Whether the folder stands at a path's beginning, and not within another path or a URL.
fn begins_a_path(line: &str, folder: &str) -> bool {
    let within = |char: char| char.is_alphanumeric() || "._-~}$>*".contains(char);
    line.match_indices(folder).any(|(at, _)| !line[..at].ends_with(within))
}

/// Whether the host is not a part of a longer name.
fn stands_alone(line: &str, host: &str) -> bool {
    let within = |char: char| char.is_alphanumeric() || char == '-';
    line.match_indices(host).any(|(at, _)| {
        !line[..at].ends_with(within) && !line[at + host.len()..].starts_with(within)
    })
}

#[cfg(test)]
mod tests;
