//! Tests of the file beside.

use super::super::fixture::{files, places};
use super::*;

fn found(path: &str, source: &str) -> Vec<String> {
    places(&check(&files(&[(path, source)])))
}

#[test]
fn files_open_with_what_they_own() {
    assert!(found("a/src/b.rs", "//! Owns b.\n").is_empty());
    assert_eq!(found("a/src/b.rs", "// Owns b.\n").len(), 1);
    assert_eq!(found("a/src/b.rs", "\n//! Owns b.\n").len(), 1);
    assert_eq!(found("a/src/b.rs", "").len(), 1);
    assert!(found("a/src/b.toml", "").is_empty());
}

#[test]
fn names_say_something() {
    for path in ["a/src/utils.rs", "common/src/a.rs", "a/src/types/b.rs", "a/src/b/mod.rs"] {
        assert_eq!(found(path, "//! Owns b.\n").len(), 1, "{path}");
    }
    assert!(found("a/src/commoner.rs", "//! Owns b.\n").is_empty());
}

#[test]
fn what_was_left_is_found_at_its_line() {
    let head = "//! Owns b.\n";
    for line in
        ["    todo!()", "dbg!(a);", "#[ignore]", "#[ignore = \"slow\"]", "a // FIXME: b", "// XXX"]
    {
        assert_eq!(found("a/src/b.rs", &format!("{head}{line}\n")), ["a/src/b.rs:2"], "{line}");
    }
}

#[test]
fn the_same_words_elsewhere_are_no_breach() {
    let head = "//! Owns b, never a todo!() of its own.\n";
    for line in
        ["let a = \"FIXME dbg! #[ignore]\";", "not_todo!()", "// XXXX", "// mktemp a.XXXXXX"]
    {
        assert!(found("a/src/b.rs", &format!("{head}{line}\n")).is_empty(), "{line}");
    }
}
