//! Paths that name records, and those that do not.

use super::{check_path, check_prefix, is_within};
use crate::limits::MAX_PATH_BYTES;

#[test]
fn ordinary_paths_are_taken() {
    for path in ["/a", "/a/b", "/lathe/catalog/entries/http.lb#2.7", "/ü/日本", "/a/...", "/a b"]
    {
        check_path(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
}

#[test]
fn malformed_paths_are_refused() {
    for path in ["", "/", "a", "/a/", "//a", "/a//b", "/.", "/a/..", "/a\0", "/a\nb", "/\u{e000}"] {
        assert!(check_path(path).is_err(), "{path:?} was taken");
    }
    assert!(check_path(&format!("/{}", "x".repeat(MAX_PATH_BYTES))).is_err());
}

#[test]
fn only_a_prefix_may_be_the_root() {
    assert!(check_prefix("/").is_ok());
    assert!(check_prefix("/a/").is_err());
}

#[test]
fn a_prefix_ends_at_a_segment() {
    assert!(is_within("/a", "/a"));
    assert!(is_within("/a/b", "/a"));
    assert!(is_within("/a/b", "/"));
    assert!(!is_within("/ab", "/a"));
    assert!(!is_within("/a", "/a/b"));
}
