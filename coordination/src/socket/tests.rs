//! Sockets at long paths and in the place of old ones.

use std::os::unix::fs::PermissionsExt;

use super::{connect, listen};

#[test]
fn a_path_longer_than_an_address_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let deep = dir.path().join("d".repeat(120)).join("e".repeat(120));
    std::fs::create_dir_all(&deep).unwrap();
    let path = deep.join("store.sock");
    let listener = listen(&path).unwrap();
    let _stream = connect(&path).unwrap();
    listener.set_nonblocking(false).unwrap();
    listener.accept().unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_served_socket_is_left_alone_and_a_stale_one_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sock");
    let first = listen(&path).unwrap();
    assert_eq!(listen(&path).unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    drop(first);
    assert!(path.exists());
    let _second = listen(&path).unwrap();
    connect(&path).unwrap();
}

#[test]
fn a_file_that_is_no_socket_is_not_removed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("precious");
    std::fs::write(&path, "data").unwrap();
    assert!(listen(&path).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), b"data");
}
