//! Tests of the file beside.

use super::super::fixture::{files, places};
use super::*;

const CODES: &str =
    "codes! {\n    /// One.\n    ONE = 101, \"the first\";\n    TWO = 202, \"the second\";\n}\n";
const ONE: (&str, &str) = ("docs/errors/LT0101.md", "# LT0101: the first\n");
const TWO: (&str, &str) = ("docs/errors/LT0202.md", "# LT0202: the second\n");
const TESTED: [(&str, &str); 2] =
    [("cli/tests/ui/LT0101-what.txt", ""), ("a/src/a/tests.rs", "let code = Code::TWO;\n")];

fn found(more: &[(&str, &str)]) -> Vec<String> {
    places(&check(&files(&[&[(TABLE, CODES)], &TESTED[..], more].concat())))
}

#[test]
fn codes_and_pages_are_compared_both_ways() {
    assert!(found(&[ONE, TWO, ("docs/errors/README.md", "")]).is_empty());
    assert_eq!(found(&[ONE]), ["topology/src/code.rs:4"]);
    let more = ("docs/errors/LT0999.md", "# LT0999: none\n");
    assert_eq!(found(&[ONE, TWO, more]), ["docs/errors/LT0999.md:1"]);
}

#[test]
fn pages_begin_with_the_title() {
    assert_eq!(found(&[ONE, (TWO.0, "# LT0202: another\n")]), ["docs/errors/LT0202.md:1"]);
}

#[test]
fn each_code_has_a_test() {
    let none = places(&check(&files(&[(TABLE, CODES), ONE, TWO])));
    assert_eq!(none, ["topology/src/code.rs:3", "topology/src/code.rs:4"]);
    let longer = ("a/src/a/tests.rs", "let code = Code::TWO_MORE;\n");
    let some = places(&check(&files(&[(TABLE, CODES), ONE, TWO, TESTED[0], longer])));
    assert_eq!(some, ["topology/src/code.rs:4"]);
}

#[test]
fn texts_name_codes_that_exist() {
    let good = "//! A.\nconst A: &str = \"LT0101\"; // LT0777\n";
    let bad = "//! A.\nconst A: &str = \"LT0777\";\nlet file = \"LTxxxx\";\n";
    let tests = ("api/src/a/tests.rs", bad);
    assert_eq!(found(&[ONE, TWO, ("api/src/a.rs", good), tests]), Vec::<String>::new());
    assert_eq!(found(&[ONE, TWO, ("api/src/a.rs", bad)]), ["api/src/a.rs:2"]);
}

#[test]
fn a_table_that_cannot_be_read_is_found() {
    assert_eq!(check(&Repo::default()).len(), 1);
}
