//! Foreign things that only some crates may name.
//!
//! Owns the table: a library or a name, and its homes. It must not know what the crates do with
//! them. What only tests use is left alone, and so are the crates beside the layers.

use super::breach::Breach;
use super::facts::{Crate, Repo, is_test_file};
use super::rust;

/// A library, and the folders of the crates that may name it.
const LIBRARIES: &[(&str, &[&str])] = &[
    ("annotate-snippets", &["cli"]),
    ("axum", &["api", "registry", "scheduler", "agent"]),
    ("chacha20poly1305", &["gossip"]),
    ("ed25519-dalek", &["gossip"]),
    ("foca", &["gossip"]),
    ("hickory-proto", &["dns"]),
    ("hmac", &["api"]),
    ("indicatif", &["cli"]),
    ("libc", &["child"]),
    ("minijinja", &["hooks"]),
    ("similar", &["hooks"]),
    ("object_store", &["scheduler"]),
    ("postcard", &["gossip"]),
    // Mesos's messages are made in `mesos`; `standalone` is the other end of that wire.
    ("prost", &["api", "mesos", "standalone"]),
    ("prost-build", &["mesos"]),
    ("prost-types", &["mesos"]),
    ("protox", &["api", "mesos"]),
    ("rdkafka", &["state"]),
    ("redb", &["coordination"]),
    ("rocksdb", &["state"]),
    ("toml_parser", &["topology"]),
    ("hyper-rustls", &["tls"]),
    ("rustls", &["tls"]),
    ("rustls-graviola", &["tls"]),
    ("tokio-rustls", &["tls"]),
    ("tonic", &["agent", "api", "cli", "registry", "scheduler"]),
    ("tonic-prost", &["api"]),
    ("tonic-prost-build", &["api"]),
    ("yoke", &["lathe-sdk"]),
    ("zookeeper-client", &["coordination"]),
];

/// A name in code, the folder where it must not stand, the only files there that may have it, and
/// why.
const NAMES: &[(&str, &str, &[&str], &str)] = &[
    (
        "lathe_mesos::v1",
        "scheduler/",
        &["scheduler/src/mesos_calls.rs", "scheduler/src/mesos_calls/"],
        "Mesos's types become ours in mesos_calls.rs and nowhere else",
    ),
    (
        "lathe_mesos::v1",
        "executor/",
        // The connection hands messages on and reads none.
        &["executor/src/mesos_calls.rs", "executor/src/mesos_calls/", "executor/src/agent.rs"],
        "Mesos's types become ours in mesos_calls.rs and nowhere else",
    ),
    ("process::Command", "executor/", &[], "processes are started by the crate `child`"),
    ("process::Command", "agent/", &[], "processes are started by the crate `child`"),
    ("process::Command", "hooks/", &[], "processes are started by the crate `child`"),
    ("process::Command", "registry/", &[], "processes are started by the crate `child`"),
    ("process::Command", "scheduler/", &[], "the scheduler starts no process"),
    ("process::Command", "standalone/", &[], "processes are started by the crate `child`"),
];

/// Libraries and names away from home.
pub(crate) fn check(repo: &Repo) -> Vec<Breach> {
    let layered = repo.crates.iter().filter(|one| !one.is_free());
    let mut breaches: Vec<Breach> = layered.flat_map(|one| libraries(repo, one)).collect();
    for (path, source) in repo.rust().filter(|(path, _)| !is_test_file(path)) {
        breaches.extend(names(path, source));
    }
    breaches
}

fn libraries(repo: &Repo, one: &Crate) -> Vec<Breach> {
    let manifest = one.manifest();
    let named = one.dependencies.iter().filter(|dependency| !dependency.only_for_tests);
    named
        .filter_map(|dependency| {
            let (library, homes) =
                LIBRARIES.iter().find(|(library, _)| *library == dependency.package)?;
            let away = !homes.contains(&one.folder.as_str());
            away.then(|| {
                let line = repo.line_of(&manifest, library);
                let what = format!("`{}` must not name `{library}`", one.folder);
                Breach::new(&manifest, line, what, format!("only {} may", homes.join(", ")))
            })
        })
        .collect()
}

fn names(path: &str, source: &str) -> Vec<Breach> {
    let rules: Vec<_> = NAMES
        .iter()
        .filter(|(name, folder, homes, _)| {
            path.starts_with(folder)
                && source.contains(name)
                && !homes.iter().any(|home| path.starts_with(home))
        })
        .collect();
    if rules.is_empty() {
        return Vec::new();
    }
    let lines = rust::lines(source);
    let lines = lines[..rust::before_tests(&lines)].iter().enumerate();
    lines
        .flat_map(|(index, line)| {
            rules.iter().filter(|(name, ..)| line.code.contains(name)).map(
                move |(name, _, _, why)| {
                    Breach::new(path, index + 1, format!("`{name}` has no place here"), *why)
                },
            )
        })
        .collect()
}

#[cfg(test)]
mod tests;
