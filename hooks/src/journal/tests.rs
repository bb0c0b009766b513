//! Lines, their digests, and what is left of a file that was cut or spoilt.

use std::fs;

use super::*;
use crate::record::Mark;

fn record(version: u64) -> Record {
    let done = Mark { history: "one".to_owned(), version, hash: "h".to_owned(), ..Mark::default() };
    Record { done: Some(done), ..Record::default() }
}

fn pending(version: u64) -> Record {
    let to = record(version).done.unwrap();
    Record { pending: Some(Pending { from_version: 0, to, phase: Phase::Replaced }), ..record(1) }
}

#[test]
fn h3_the_last_record_of_each_hook_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let mut journal = Journal::open(&path).unwrap().journal;
    journal.append("a", record(1)).unwrap();
    journal.append("b", pending(2)).unwrap();
    journal.append("a", record(3)).unwrap();
    let opened = Journal::open(&path).unwrap();
    assert!(!opened.damaged);
    let expected = [("a".to_owned(), record(3)), ("b".to_owned(), pending(2))];
    assert_eq!(*opened.journal.records(), BTreeMap::from(expected));
}

#[test]
fn h3_a_file_that_is_cut_anywhere_says_what_was_durable() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let mut journal = Journal::open(&path).unwrap().journal;
    journal.append("a", record(1)).unwrap();
    journal.append("a", pending(2)).unwrap();
    let whole = fs::read(&path).unwrap();
    let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for cut in 0..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let opened = Journal::open(&path).unwrap();
        assert!(!opened.damaged, "cut at {cut}");
        let expected = (cut >= first).then(|| record(1));
        assert_eq!(opened.journal.records().get("a").cloned(), expected, "cut at {cut}");
    }
}

#[test]
fn h3_a_spoilt_line_before_others_makes_every_hook_pending() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let mut journal = Journal::open(&path).unwrap().journal;
    journal.append("a", record(1)).unwrap();
    journal.append("b", record(2)).unwrap();
    journal.append("a", record(3)).unwrap();
    let whole = fs::read(&path).unwrap();
    let first = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for at in 0..first {
        let mut spoilt = whole.clone();
        spoilt[at] ^= 0x01;
        fs::write(&path, &spoilt).unwrap();
        let opened = Journal::open(&path).unwrap();
        assert!(opened.damaged, "spoilt at {at}");
        assert!(opened.journal.records().values().all(|record| record.pending.is_some()));
        // It is whole again, and still says so.
        let again = Journal::open(&path).unwrap();
        assert!(!again.damaged && again.journal.records() == opened.journal.records());
    }
}

#[test]
fn the_file_does_not_grow_without_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let mut journal = Journal::open(&path).unwrap().journal;
    let mut long = record(1);
    long.refused = Some("x".repeat(100_000));
    for _ in 0..50 {
        journal.append("a", long.clone()).unwrap();
        assert!(fs::metadata(&path).unwrap().len() <= BYTES_MAX);
    }
    assert_eq!(Journal::open(&path).unwrap().journal.records()["a"], long);
}

#[test]
fn h16_the_file_is_nobody_elses() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    Journal::open(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}
