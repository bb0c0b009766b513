//! Tests of the file beside.

use super::super::fixture::{files, places};
use super::*;

fn found(path: &str, line: &str) -> usize {
    let breaches = check(&files(&[(path, &format!("first\n{line}\n"))]));
    assert!(places(&breaches).iter().all(|place| *place == format!("{path}:2")), "{breaches:?}");
    breaches.len()
}

#[test]
fn folders_of_a_machine_are_found() {
    for line in ["cd /work/main", "\"/root/.cargo\"", "file:///home/me/a", "/home/"] {
        assert_eq!(found("README.md", line), 1, "{line}");
    }
}

#[test]
fn folders_within_other_paths_are_left_alone() {
    for line in ["frameworks/work/a", "~/work/a", "{dir}/root/a", "/workload/", "$X/home/a"] {
        assert_eq!(found("README.md", line), 0, "{line}");
    }
}

#[test]
fn registries_are_found_once_a_line() {
    assert_eq!(found("deny.toml", "url = \"https://index.crates.io/a\""), 1);
    assert_eq!(found("README.md", "see crates.io or pypi.org"), 1);
    assert_eq!(found("README.md", "mycrates.io and crates.iota"), 0);
}

#[test]
fn lock_files_may_say_where_packages_come_from() {
    let source = "source = \"registry+https://github.com/rust-lang/crates.io-index\"";
    let sparse = "source = \"registry+https://index.crates.io/\"";
    assert_eq!(found("Cargo.lock", source), 0);
    assert_eq!(found("topologies/tasks/a/Cargo.lock", sparse), 0);
    assert_eq!(found("Cargo.lock", "name = \"crates.io\""), 1);
    assert_eq!(found("Cargo.toml", sparse), 1);
}
