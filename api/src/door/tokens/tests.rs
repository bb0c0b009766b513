//! Tests of the file of tokens and of what is told of it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::*;

const ONE: &str = "0123456789abcdef";
const TWO: &str = "fedcba9876543210";

fn file(dir: &tempfile::TempDir, text: &str) -> PathBuf {
    let path = dir.path().join("tokens");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn who(tokens: &Tokens, presented: &str) -> Option<String> {
    tokens.who(presented).map(|name| name.to_string())
}

#[test]
fn a_bare_token_is_read_without_its_newline_and_compared_whole() {
    let dir = tempfile::tempdir().unwrap();
    let tokens = Tokens::read(&file(&dir, &format!("{ONE}\n"))).unwrap();
    assert_eq!(who(&tokens, ONE).as_deref(), Some("token"));
    for other in ["", "0123456789abcdeF", "0123456789abcde", "0123456789abcdef0", "token"] {
        assert_eq!(who(&tokens, other), None, "{other}");
    }
    assert_eq!(format!("{tokens:?}"), "Tokens([Token(token, …)])");
}

#[test]
fn each_token_of_a_file_opens_by_its_own_name_and_clients_show_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!("# who may\n\nalice:{ONE}\n  deploy-2:{TWO}\n");
    let path = file(&dir, &text);
    let tokens = Tokens::read(&path).unwrap();
    assert_eq!(who(&tokens, ONE).as_deref(), Some("alice"));
    assert_eq!(who(&tokens, TWO).as_deref(), Some("deploy-2"));
    for other in ["alice", &format!("alice:{ONE}"), &format!("{ONE}{TWO}")] {
        assert_eq!(who(&tokens, other), None, "{other}");
    }
    assert_eq!(Token::read(&path).unwrap().expose(), ONE);
    assert_eq!(Token::first_of(&text).unwrap().expose(), ONE);
    assert!(Token::first_of("# nothing\n").is_none());
}

#[test]
fn a_colon_in_a_bare_token_makes_no_name_when_what_stands_before_it_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let odd = "0123/456789:abcdef";
    let tokens = Tokens::read(&file(&dir, odd)).unwrap();
    assert_eq!(who(&tokens, odd).as_deref(), Some("token"));
}

#[test]
fn what_is_wrong_in_a_file_is_told_by_its_line_and_without_the_token() {
    let dir = tempfile::tempdir().unwrap();
    for (text, line) in [
        (format!("alice:{ONE}\nbob:short\n"), 2),
        (format!("alice:{ONE}\n\nalice:{TWO}\n"), 3),
        (format!("{ONE}\n{TWO}\n"), 2),
        ("two words are no secret".to_owned(), 1),
    ] {
        let error = Tokens::read(&file(&dir, &text)).unwrap_err();
        assert!(matches!(error, SecretError::Line { line: at, .. } if at == line), "{error}");
        let told = error.to_string();
        assert!(!told.contains(ONE) && !told.contains(TWO) && !told.contains("short"), "{told}");
    }
    for text in [String::new(), "# nobody\n".to_owned(), "a".repeat(5000)] {
        let error = Tokens::read(&file(&dir, &text)).unwrap_err();
        assert!(matches!(error, SecretError::Unusable { .. }), "{error}");
    }
}

#[test]
fn a_missing_file_is_made_with_one_token() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("token");
    let made = Tokens::read_or_create(&path).unwrap();
    assert_eq!(made.first().expose().len(), 64);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(Token::read(&path).unwrap().expose(), made.first().expose());
}
