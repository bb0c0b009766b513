//! Tests of the file beside.

use super::super::fixture::{files, member, places};
use super::*;

#[test]
fn a_library_is_named_at_home_only() {
    let manifest = "[dependencies]\nredb.workspace = true\n";
    let mut repo = files(&[("registry/Cargo.toml", manifest)]);
    repo.crates = vec![
        member("lathe-coordination", "coordination", &["redb"]),
        member("lathe-registry", "registry", &["redb"]),
        member("lathe-bench", "bench", &["redb"]),
    ];
    assert_eq!(places(&check(&repo)), ["registry/Cargo.toml:2"]);
    repo.crates[1].dependencies[0].only_for_tests = true;
    assert_eq!(check(&repo), []);
}

#[test]
fn the_types_of_mesos_stay_where_they_are_turned_into_ours() {
    let source = "//! lathe_mesos::v1\nuse lathe_mesos::v1::Offer;\n";
    let repo = files(&[
        ("scheduler/src/mesos_calls.rs", source),
        ("scheduler/src/mesos_calls/events.rs", source),
        ("scheduler/src/driver.rs", source),
        ("scheduler/src/driver/tests.rs", source),
        ("standalone/src/cluster.rs", source),
    ]);
    assert_eq!(places(&check(&repo)), ["scheduler/src/driver.rs:2"]);
}

#[test]
fn processes_are_started_by_one_crate() {
    let repo = files(&[
        ("executor/src/a.rs", "fn f() {\n    std::process::Command::new(\"x\");\n}\n"),
        ("child/src/a.rs", "use std::process::Command;\n"),
    ]);
    assert_eq!(places(&check(&repo)), ["executor/src/a.rs:2"]);
}
