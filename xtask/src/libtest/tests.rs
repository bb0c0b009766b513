//! Tests of the file beside.

use super::*;

fn read(text: &str) -> Tally {
    let mut reader = Reader::default();
    text.lines().for_each(|line| reader.line(line));
    reader.finish()
}

const PASSED: &str = "
   Compiling lathe-api v0.1.0
     Running unittests src/lib.rs (target/debug/deps/lathe_api-0123456789abcdef)

running 2 tests
test door::hosts::tests::a ... ok
test door::hosts::tests::b ... ok

test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

   Doc-tests lathe_api

running 1 test
test api/src/door.rs - door (line 9) - compile ... ok

test result: ok. 1 passed; 0 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.30s
";

const FAILED: &str = "
     Running tests/pages.rs (/target/debug/deps/pages-0123456789abcdef)

running 3 tests
test one ... ok
test two ... FAILED
test three ... FAILED

failures:

---- two stdout ----
failures:
    not::a::name

thread 'two' panicked at tests/pages.rs:1:1:
no

failures:
    three
    two

test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

error: test failed, to rerun pass `-p lathe-topology --test pages`
";

#[test]
fn results_of_all_programs_are_summed() {
    let tally = read(PASSED);
    assert_eq!((tally.passed, tally.failed, tally.ignored), (3, 0, 3));
    assert!(tally.names.is_empty());
}

#[test]
fn failed_tests_are_named_with_their_program() {
    let tally = read(FAILED);
    assert_eq!((tally.passed, tally.failed), (1, 2));
    assert_eq!(tally.names, ["pages (tests/pages.rs): three", "pages (tests/pages.rs): two"]);
}

#[test]
fn a_program_that_ends_without_a_result_has_failed() {
    let crashed = "     Running unittests src/lib.rs (target/debug/deps/lathe_child-0123)\n\
                   running 1 test\nerror: test failed, to rerun pass `-p lathe-child --lib`\n";
    let tally = read(&format!("{crashed}{PASSED}"));
    assert_eq!((tally.passed, tally.failed), (3, 1));
    assert_eq!(tally.names, ["lathe_child (src/lib.rs): ended without a result"]);
    assert_eq!(read(crashed).failed, 1, "also when it is the last one");
}

#[test]
fn a_result_counts_when_a_child_left_half_a_line_before_it() {
    let text = "Running x (target/x-1)\nhalf a linetest result: ok. 41 passed; 0 failed; 0 ignored";
    assert_eq!(read(text), Tally { passed: 41, ..Tally::default() });
}
