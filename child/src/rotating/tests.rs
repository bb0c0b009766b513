//! The bounds of rotated files.

use std::fs;

use super::RotatingFile;

#[test]
fn no_file_and_no_number_of_files_is_exceeded() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("task.out");
    let mut log = RotatingFile::open(&path, 100, 3).unwrap();
    for number in 0..500 {
        log.append(format!("line {number}\n").as_bytes()).unwrap();
    }
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        assert!(entry.metadata().unwrap().len() <= 100);
        names.push(entry.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(names, ["task.out", "task.out.1", "task.out.2"]);
    assert!(fs::read_to_string(&path).unwrap().ends_with("line 499\n"));
}

#[test]
fn the_pieces_read_in_order_are_whole_lines_without_gaps() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut log = RotatingFile::open(&path, 64, 4).unwrap();
    let text: String = (0..20).map(|number| format!("entry {number}\n")).collect();
    log.append(text.as_bytes()).unwrap();
    let mut read = String::new();
    for name in ["log.2", "log.1", "log"] {
        let piece = fs::read_to_string(dir.path().join(name)).unwrap();
        assert!(piece.ends_with('\n'));
        read.push_str(&piece);
    }
    assert_eq!(read, text);
}

#[test]
fn a_line_longer_than_a_file_is_split() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    let mut log = RotatingFile::open(&path, 10, 2).unwrap();
    log.append(&[b'x'; 25]).unwrap();
    assert_eq!(fs::read(dir.path().join("log.1")).unwrap().len(), 10);
    assert_eq!(fs::read(&path).unwrap().len(), 5);
}

#[test]
fn an_old_file_is_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    fs::write(&path, "12345678").unwrap();
    let mut log = RotatingFile::open(&path, 10, 1).unwrap();
    log.append(b"abcd").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "abcd");
}
