//! Tests of the file of tokens.

use super::*;

#[test]
fn each_line_is_a_token_with_a_name_and_hosts_show_the_first() {
    let secrets = Secrets::of_text("# who\n\nalice:one\n bob:two\nthree\n").unwrap();
    assert_eq!(secrets.first(), "one");
    for (shown, name) in [
        ("one", Some("alice")),
        ("two", Some("bob")),
        ("bob:two", Some("bob")),
        ("three", Some("token")),
        ("alice", None),
        ("alice:two", None),
        ("", None),
    ] {
        assert_eq!(secrets.who(shown.as_bytes()), name, "{shown}");
    }
    assert_eq!(format!("{secrets:?}"), r#"["alice", "bob", "token"]"#);
}

#[test]
fn a_file_without_a_token_or_too_long_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    for text in [String::new(), " \n# nobody\n".to_owned(), "a".repeat(5000)] {
        fs::write(&path, text).unwrap();
        assert!(matches!(read(&path), Err(SecretError::Unusable { .. })));
    }
    fs::remove_file(&path).unwrap();
    make(&path).unwrap();
    assert_eq!(read(&path).unwrap().first().len(), 64);
}
