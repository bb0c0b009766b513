//! Tests of the file beside.

use super::*;

const FILE: &str = "[defaults]\nversion = \"1.0.0\"\n[task.a.b]\ncrate = \"x\"\ntags = [\n\"t\"]\n[task.a]\n[task.c.d]\ncrate = \"y\"\n";

fn text(path: &str, key: &str) -> Option<&'static str> {
    place_of(FILE, path, key).map(|span| &FILE[span])
}

#[test]
fn a_key_is_found_in_the_task_or_in_the_defaults() {
    assert_eq!(text("a.b", "crate"), Some("crate = \"x\""));
    assert_eq!(text("a.b", "version"), Some("version = \"1.0.0\""));
    assert_eq!(text("c.d", "crate"), Some("crate = \"y\""));
    assert_eq!(text("a.b", "tags"), Some("tags"), "a value of several lines is left out");
}

#[test]
fn what_has_no_key_has_its_table_and_who_has_no_table_has_nothing() {
    assert_eq!(text("a.b", "path"), Some("[task.a.b]"));
    assert_eq!(text("a.c", "crate"), None);
    assert_eq!(text("", "crate"), None);
    assert_eq!(place_of("no toml", "a", "crate"), None);
}
