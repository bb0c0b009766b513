//! The crash log. What goes through pipes is tested with real processes.

use super::*;

#[test]
fn the_crash_log_tells_the_end_and_the_last_words() {
    let folder = tempfile::tempdir().unwrap();
    let (out, err) = (new_tail(), new_tail());
    for number in 0..100 {
        err.lock().unwrap().push(format!("line {number}\n").as_bytes());
    }
    let exit = Exit { code: None, signal: Some(11), out_of_memory: false };
    write_crash_log(folder.path(), exit, &out, &err).unwrap();
    let text = std::fs::read_to_string(folder.path().join(CRASH_FILE)).unwrap();
    assert!(text.starts_with("signal: 11\nout of memory: no\n"), "{text}");
    assert!(text.contains("last 50 lines of task.err:\nline 50\n"), "{text}");
    assert!(text.contains("line 99\n\nlast 0 lines of task.out:\n"), "{text}");
    assert!(!text.contains("line 49\n"), "{text}");
}
