//! Processes whose parent is killed, and orphans that a subreaper ends.
#![expect(clippy::unwrap_used, reason = "a test, its helpers included, fails by it")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lathe_child::Pid;

const DEADLINE: Duration = Duration::from_secs(30);

fn start(kind: &str) -> (Child, Pid, BufReader<std::process::ChildStdout>) {
    let mut parent = Command::new(env!("CARGO_BIN_EXE_lathe-child-test-parent"))
        .arg(kind)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(parent.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    let pid = Pid::from_raw(line.trim().parse().unwrap()).unwrap();
    (parent, pid, output)
}

/// Whether the process runs: it is there and not a zombie.
fn runs(pid: Pid) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or("").trim_start().starts_with('Z'))
}

fn ends(pid: Pid) -> bool {
    let end = Instant::now() + DEADLINE;
    while Instant::now() < end {
        if !runs(pid) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

#[test]
fn a_tied_child_dies_with_its_killed_parent() {
    let (mut parent, child, _output) = start("tied");
    assert!(runs(child));
    parent.kill().unwrap();
    parent.wait().unwrap();
    assert!(ends(child), "the child outlived its parent");
}

#[test]
fn a_loose_child_outlives_its_killed_parent() {
    let (mut parent, child, _output) = start("loose");
    parent.kill().unwrap();
    parent.wait().unwrap();
    assert!(runs(child));
    let killed = Command::new("kill").args(["-9", &child.to_string()]).status().unwrap();
    assert!(killed.success());
    assert!(ends(child));
}

#[test]
fn a_subreaper_ends_orphans_and_keeps_the_ends_of_its_own_children() {
    let (mut parent, _child, mut output) = start("subreaper");
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    let status = parent.wait().unwrap();
    assert!(status.success(), "{status}, said {line:?}");
}

#[test]
fn signals_that_a_parent_ignores_are_not_ignored_by_its_child() {
    let script = format!(
        "trap '' INT TERM USR1; exec {} ignored",
        env!("CARGO_BIN_EXE_lathe-child-test-parent")
    );
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let masks: Vec<u64> = said
        .lines()
        .map(|line| u64::from_str_radix(line.split_whitespace().nth(1).unwrap(), 16).unwrap())
        .collect();
    let tried = (1 << 1) | (1 << 9) | (1 << 14);
    assert_eq!((masks[0] & tried, masks[1] & tried), (tried, 0), "{said}");
}
