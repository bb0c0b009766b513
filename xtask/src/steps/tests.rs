//! Tests of the file beside, with a shell as the child.

use super::*;

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

const RESULT: &str =
    "echo 'Running a (target/a-1)' >&2; echo 'test result: ok. 2 passed; 0 failed; 0 ignored'";

#[test]
fn both_streams_come_in_order_and_with_the_status() {
    let mut seen = Vec::new();
    let script = "echo one; echo two >&2; echo three; printf four; exit 7";
    let status = stream(shell(script), OUTPUT_GRACE, |line| seen.push(line.to_owned())).unwrap();
    assert_eq!(seen, ["one", "two", "three", "four"]);
    assert_eq!(status.code(), Some(7));
}

#[test]
fn tests_that_pass_make_a_good_end() {
    let mut steps = Steps::default();
    steps.tests("tests", shell(RESULT));
    assert_eq!(steps.tally.passed, 2);
    assert!(steps.finish());
}

#[test]
fn a_step_that_is_no_test_counts_as_a_failure() {
    let mut steps = Steps::default();
    steps.tests("tests", shell(RESULT));
    steps.check("tidy", || vec!["a:1: b".to_owned(), "a:2: c".to_owned()]);
    steps.commands("format", vec![shell("exit 1"), shell("exit 0")]);
    assert_eq!(steps.failed_steps, 2);
    assert_eq!(steps.failures.len(), 3);
    assert!(!steps.finish());
}

#[test]
fn a_run_that_does_not_compile_is_a_failure() {
    let mut steps = Steps::default();
    steps.tests("tests", shell("echo 'error: could not compile'; exit 101"));
    assert_eq!((steps.failed_steps, steps.tally.failed), (1, 0));
    assert!(!steps.finish());
}

#[test]
fn no_test_at_all_is_a_failure() {
    assert!(!Steps::default().finish());
}

#[test]
fn ignored_tests_are_a_failure() {
    let mut steps = Steps::default();
    steps.tests("tests", shell("echo 'test result: ok. 2 passed; 0 failed; 1 ignored'"));
    assert!(!steps.finish());
}

#[test]
fn a_process_that_outlives_its_test_run_is_a_failure() {
    let mut pid = String::new();
    let script = shell("sleep 600 & echo $!");
    let outcome = stream(script, Duration::from_millis(500), |line| line.clone_into(&mut pid));
    let killed = Command::new("kill").arg(&pid).status().unwrap();
    assert!(killed.success(), "{pid} was still there");
    assert!(outcome.unwrap_err().to_string().contains("outlives"));
}
