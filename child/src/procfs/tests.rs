//! Reading `stat` lines, odd names included.

use super::{parse, read};
use crate::Pid;

fn line(name: &str, state: &str, threads: u32) -> String {
    format!("42 ({name}) {state} 7 42 42 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 {threads} 0 12345 1 1")
}

#[test]
fn a_name_with_parentheses_and_spaces_is_skipped() {
    let pid = Pid::from_raw(42).unwrap();
    let process = parse(pid, line("a) Z 1 (b", "S", 1).as_bytes()).unwrap();
    assert_eq!(process.parent, Pid::from_raw(7));
    assert_eq!((process.group, process.start, process.ended), (42, 12345, false));
}

#[test]
fn only_a_zombie_without_other_threads_has_ended() {
    let pid = Pid::from_raw(42).unwrap();
    assert!(parse(pid, line("x", "Z", 1).as_bytes()).unwrap().ended);
    assert!(!parse(pid, line("x", "Z", 3).as_bytes()).unwrap().ended);
}

#[test]
fn cut_lines_are_nothing() {
    let pid = Pid::from_raw(42).unwrap();
    let whole = line("x", "S", 1);
    for end in 0..whole.len() - 20 {
        let _ = parse(pid, &whole.as_bytes()[..end]);
    }
    assert!(parse(pid, b"").is_none());
    assert!(parse(pid, b"42 (x").is_none());
}

#[test]
fn this_process_is_found_with_its_parent() {
    let own = read(Pid::own()).unwrap();
    assert_eq!(own.parent, Pid::parent());
    assert!(!own.ended);
}
