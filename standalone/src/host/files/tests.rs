//! Tests of the confinement and of reading.

use super::*;

fn host() -> (tempfile::TempDir, Files) {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("frameworks/f/executors/e/runs/one");
    fs::create_dir_all(&run).unwrap();
    fs::write(run.join("stdout"), "0123456789").unwrap();
    fs::write(dir.path().join("secret"), "no").unwrap();
    std::os::unix::fs::symlink("one", run.parent().unwrap().join("latest")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", run.join("way-out")).unwrap();
    let files = Files::new(dir.path());
    (dir, files)
}

const LATEST: &str = "/frameworks/f/executors/e/runs/latest";

#[test]
fn a_file_is_read_from_an_offset_and_says_its_size() {
    let (dir, files) = host();
    let path = format!("{LATEST}/stdout");
    let read = files.read(&path, 2, Some(3)).unwrap();
    assert_eq!((read.size, &read.data[..]), (10, &b"234"[..]));
    let beyond = files.read(&path, 99, None).unwrap();
    assert_eq!((beyond.size, beyond.data.len()), (10, 0));
    let real = dir.path().join("frameworks/f/executors/e/runs/one/stdout");
    assert_eq!(files.read(&real.display().to_string(), 0, None).unwrap().data.len(), 10);
}

#[test]
fn nothing_outside_of_the_sandboxes_is_read() {
    let (dir, files) = host();
    let outside = [
        "/etc/passwd".to_owned(),
        "/frameworks/../secret".to_owned(),
        format!("{LATEST}/way-out"),
        dir.path().join("secret").display().to_string(),
        String::new(),
        "frameworks/f".to_owned(),
    ];
    for path in outside {
        assert_eq!(files.read(&path, 0, None), Err(FileError::NotFound), "{path}");
        assert!(files.list(&path).is_err(), "{path}");
    }
}

#[test]
fn a_folder_is_listed_with_paths_that_can_be_read() {
    let (_dir, files) = host();
    let list = files.list(LATEST).unwrap();
    let paths: Vec<_> = list.file_infos.iter().map(|info| info.path.as_str()).collect();
    assert_eq!(paths, [format!("{LATEST}/stdout"), format!("{LATEST}/way-out")]);
    assert_eq!(files.read(paths[0], 0, None).unwrap().size, 10);
    assert!(matches!(files.read(LATEST, 0, None), Err(FileError::Refused(_))));
}
