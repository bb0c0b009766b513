//! What stays of a folder, and what is shown of it.

use super::*;

#[test]
fn a_folder_of_its_own_goes_with_its_value_and_stays_when_a_test_fails() {
    let folder = Folder::new(None, "passes").unwrap();
    let passes = folder.path().to_owned();
    drop(folder);
    assert!(!passes.exists());

    let (sender, receiver) = std::sync::mpsc::channel();
    let fails = thread::spawn(move || {
        let folder = Folder::new(None, "fails").unwrap();
        fs::write(folder.path().join("server.log"), "why\n").unwrap();
        sender.send(folder.path().to_owned()).unwrap();
        panic!("a test that fails, so that its folder is kept");
    });
    assert!(fails.join().is_err());
    let kept = receiver.recv().unwrap();
    assert_eq!(tail(&logs(&kept)[0]), "why");
    fs::remove_dir_all(kept).unwrap();
}

#[test]
fn the_end_of_a_long_log_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("long.log");
    let lines: Vec<String> = (0..20_000).map(|number| format!("line {number}")).collect();
    fs::write(&log, lines.join("\n")).unwrap();
    let tail = tail(&log);
    let shown: Vec<&str> = tail.lines().collect();
    assert_eq!(shown.len(), TAIL_LINES);
    assert_eq!(shown[TAIL_LINES - 1], "line 19999");
}

#[test]
fn what_a_program_left_is_removed_but_not_what_is_in_use_or_kept() {
    let parent = tempfile::tempdir().unwrap();
    let used = Folder::temporary(parent.path(), "used").unwrap();
    let kept = Folder::temporary(parent.path(), "kept").unwrap();
    File::create(kept.path().join(KEPT)).unwrap();
    let left = Folder::temporary(parent.path(), "left").unwrap();
    let paths = [&used, &kept, &left].map(|folder| folder.path().to_owned());
    // As when a program ends without dropping them: the locks go, the folders stay.
    for mut folder in [kept, left] {
        let (temporary, lock) = folder.temporary.take().unwrap();
        let _ = temporary.keep();
        drop(lock);
    }
    remove_left(parent.path());
    assert_eq!(paths.map(|path| path.exists()), [true, true, false]);
}
