//! Tests of sandboxes.

use super::*;

fn key(executor: &str) -> ExecutorKey {
    ExecutorKey { framework_id: "f".into(), executor_id: executor.into() }
}

#[test]
fn latest_names_the_newest_run() {
    let dir = tempfile::tempdir().unwrap();
    prepare(dir.path()).unwrap();
    for run in ["one", "two"] {
        make(dir.path(), &key("e"), run).unwrap();
        let latest = path(dir.path(), &key("e"), "latest");
        assert_eq!(fs::canonicalize(latest).unwrap().file_name().unwrap(), run);
    }
}

#[test]
fn the_last_few_of_a_kind_stay_and_living_ones_always() {
    let dir = tempfile::tempdir().unwrap();
    prepare(dir.path()).unwrap();
    for number in 0..10 {
        let key = key(&format!("http.lb#0.{number}"));
        make(dir.path(), &key, "run").unwrap();
        // The order must not hang on the clock's fineness.
        let at = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000 + number);
        let folder = dir.path().join("frameworks/f/executors").join(&key.executor_id);
        fs::File::open(folder).unwrap().set_modified(at).unwrap();
    }
    make(dir.path(), &key("other.1"), "run").unwrap();
    prune(dir.path(), &BTreeSet::from([key("http.lb#0.0")]));
    let mut left: Vec<String> = folders(&dir.path().join("frameworks/f/executors"))
        .iter()
        .map(|folder| name_of(&folder.path))
        .collect();
    left.sort();
    let expected = ["0", "5", "6", "7", "8", "9"].map(|number| format!("http.lb#0.{number}"));
    assert_eq!(left[..6], expected);
    assert_eq!(left[6], "other.1");
}

#[test]
fn a_task_with_a_number_in_its_slot_is_not_of_the_next_slots_kind() {
    assert_eq!(kind_of("http.lb#2.17"), "http.lb#2.");
    assert_ne!(kind_of("http.lb#2.1"), kind_of("http.lb#21.1"));
}
