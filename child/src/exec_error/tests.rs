//! Exec failures of real files, told apart.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::{OWN_MACHINE, SpawnError};
use crate::{Spawn, UserError};

fn file(dir: &tempfile::TempDir, content: &[u8], mode: u32) -> PathBuf {
    let path = dir.path().join("program");
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

fn fails(spawn: Spawn) -> SpawnError {
    spawn.start().map(|_| "it started").unwrap_err()
}

fn elf(machine: u16) -> Vec<u8> {
    let mut head = vec![0; 64];
    head[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    head[16] = 2;
    head[18..20].copy_from_slice(&machine.to_le_bytes());
    head
}

#[tokio::test]
async fn a_missing_program_is_not_found() {
    assert!(matches!(fails(Spawn::new("/no/such/program")), SpawnError::NotFound { .. }));
    assert!(matches!(fails(Spawn::new("no-such-program")), SpawnError::NotFound { .. }));
    assert!(matches!(fails(Spawn::new("")), SpawnError::NotFound { .. }));
}

#[tokio::test]
async fn a_file_that_nobody_may_run_is_a_matter_of_permission() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(&dir, b"#!/bin/sh\n", 0o644);
    assert!(matches!(fails(Spawn::new(path)), SpawnError::Permission { .. }));
    assert!(matches!(fails(Spawn::new(dir.path())), SpawnError::Permission { .. }));
}

#[tokio::test]
async fn a_file_of_no_known_format_is_not_handed_to_a_shell() {
    let dir = tempfile::tempdir().unwrap();
    for content in [&b"touch ran\n"[..], b"", b"#!\n"] {
        let path = file(&dir, content, 0o755);
        let error = fails(Spawn::new(path).dir(dir.path()));
        assert!(matches!(error, SpawnError::Format { .. }), "{content:?}: {error}");
    }
    assert!(!dir.path().join("ran").exists());
}

#[tokio::test]
async fn a_program_for_another_machine_is_named_as_such() {
    let dir = tempfile::tempdir().unwrap();
    let other = if OWN_MACHINE.0 == 22 { 183 } else { 22 };
    match fails(Spawn::new(file(&dir, &elf(other), 0o755))) {
        SpawnError::WrongArchitecture { found, wanted, .. } => {
            assert_ne!(found, wanted);
        }
        error => panic!("{error}"),
    }
    let damaged = fails(Spawn::new(file(&dir, &elf(OWN_MACHINE.0)[..40], 0o755)));
    assert!(matches!(damaged, SpawnError::Format { .. }), "{damaged}");
}

#[tokio::test]
async fn a_missing_interpreter_is_named() {
    let dir = tempfile::tempdir().unwrap();
    match fails(Spawn::new(file(&dir, b"#! /no/such/shell -x\n", 0o755))) {
        SpawnError::NoInterpreter { interpreter, .. } => assert_eq!(interpreter, "/no/such/shell"),
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_missing_directory_is_not_taken_for_a_missing_program() {
    let error = fails(Spawn::new("/bin/sh").dir("/no/such/dir"));
    assert!(matches!(error, SpawnError::Directory { .. }), "{error}");
}

#[tokio::test]
async fn an_unknown_user_is_named() {
    let error = fails(Spawn::new("true").user("no-such-user-here"));
    assert!(matches!(error, SpawnError::User(UserError::Unknown { .. })), "{error}");
}

#[tokio::test]
async fn what_no_process_can_be_given_is_refused() {
    assert!(matches!(fails(Spawn::new("true").arg("a\0b")), SpawnError::Invalid { .. }));
    assert!(matches!(fails(Spawn::new("true").env("A=B", "c")), SpawnError::Invalid { .. }));
    let large = "x".repeat(8 * 1024 * 1024);
    assert!(matches!(fails(Spawn::new("true").arg(large)), SpawnError::TooLarge { .. }));
}
