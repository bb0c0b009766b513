//! Backups that are whole, cut, damaged, of another time; and what of a store comes back.

use serde_json::{Value, json};

use super::*;

fn head(records: u64) -> Line {
    Line::Head(Head {
        format: FORMAT,
        version: "0.1.0".to_owned(),
        history: "h".to_owned(),
        commit: 41,
        at_ms: 1,
        records,
        artifacts: vec![Artifact { sha256: "a".repeat(64), size: 3 }],
    })
}

fn written() -> Vec<Vec<u8>> {
    let mut writer = Writer::default();
    let mut lines = vec![
        writer.line(&head(2)),
        writer.line(&Line::Record(Record::new("/a", b"text", false))),
        writer.line(&Line::Record(Record::new("/b", &[0xff, 0], true))),
        writer.line(&Line::Piece(Piece::new(&"a".repeat(64), b"bin"))),
    ];
    lines.push(writer.end());
    lines
}

fn read(lines: &[Vec<u8>]) -> Result<Vec<Line>, BackupError> {
    let mut reader = Reader::default();
    let read: Vec<Line> = lines.iter().map(|line| reader.line(line)).collect::<Result<_, _>>()?;
    reader.finish()?;
    Ok(read)
}

#[test]
fn what_is_written_is_read() {
    let lines = read(&written()).expect("it is whole");
    let Line::Record(binary) = &lines[2] else { panic!("a record") };
    assert_eq!((binary.bytes(), binary.ephemeral), (Some(vec![0xff, 0]), true));
    let Line::Piece(piece) = &lines[3] else { panic!("a piece") };
    assert_eq!(piece.bytes().as_deref(), Some(b"bin".as_slice()));
}

#[test]
fn a_backup_that_is_cut_anywhere_is_refused() {
    let whole: Vec<u8> = written().concat();
    for cut in 0..whole.len() {
        let lines: Vec<Vec<u8>> =
            whole[..cut].split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        assert!(read(&lines).is_err(), "cut at {cut}");
    }
    assert_eq!(read(&written()[..3]), Err(BackupError::CutOff { line: 3 }));
    assert_eq!(read(&[]), Err(BackupError::NoBackup));
}

#[test]
fn one_other_byte_anywhere_is_found() {
    let whole: Vec<u8> = written().concat();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        let lines: Vec<Vec<u8>> =
            damaged.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        assert!(read(&lines).is_err(), "byte {at}");
    }
}

#[test]
fn another_format_and_another_file_are_told_apart() {
    let newer = b"{\"kind\":\"head\",\"format\":2,\"what\":\"ever\"}\n".to_vec();
    assert_eq!(read(&[newer]), Err(BackupError::Newer { found: 2 }));
    assert_eq!(read(&[b"[task.a]\n".to_vec()]), Err(BackupError::NoBackup));
    let mut twice = written();
    twice.extend(written());
    assert!(matches!(read(&twice), Err(BackupError::Damaged { .. })));
}

#[test]
fn lives_are_forgotten_and_their_numbers_passed_over() {
    let instance = json!({
        "id": "a#0", "counter": 7, "lives": [{ "incarnation": "a#0.7" }],
        "early_ends": 3, "not_before_ms": 9, "last_host": "host-1", "new": "kept",
    });
    let record = |path: &str, value: &Value| Record::new(path, value.to_string().as_bytes(), false);
    let fresh = Restoring::default();
    let restored = |by: &Restoring, record: &Record| -> Value {
        let data = by.restored(record).expect("it is right").expect("it comes back");
        serde_json::from_slice(&data).expect("it is JSON")
    };
    let one = record("/lathe/instances/a#0", &instance);
    let wanted = json!({
        "id": "a#0", "counter": 1_000_007, "lives": [], "early_ends": 0, "not_before_ms": 0,
        "last_host": "host-1", "new": "kept",
    });
    assert_eq!(restored(&fresh, &one), wanted);
    let mut over = Restoring::default();
    over.replaces("/lathe/instances/a#0", b"{\"counter\": 1000042}");
    over.replaces("/lathe/term", b"9");
    assert_eq!(restored(&over, &one)["counter"], 2_000_042, "the store that gives way counts");
    let term = Record::new("/lathe/term", b"5", false);
    assert_eq!(restored(&fresh, &term), 1_005);
    assert_eq!(restored(&over, &term), 1_009);
    assert!(fresh.restored(&record("/lathe/instances/a#0", &json!([]))).is_err());
    let topology = record("/lathe/topologies/t", &json!({ "name": "t" }));
    assert_eq!(restored(&fresh, &topology), json!({ "name": "t" }));
}

#[test]
fn what_ran_is_not_restored_as_running() {
    let fresh = Restoring::default();
    for path in ["/lathe/framework", "/lathe/registries/r1", "/lathe/catalog/entries/a#0.7"] {
        assert_eq!(fresh.restored(&Record::new(path, b"{}", false)), Ok(None), "{path}");
    }
    assert_eq!(fresh.restored(&Record::new("/lathe/other", b"{}", true)), Ok(None));
    let task = Record::new("/lathe/catalog/tasks/a", b"{}", false);
    assert!(fresh.restored(&task).is_ok_and(|data| data.is_some()));
}
