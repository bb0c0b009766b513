//! Tests of tokens, keys and the files that hold them.

use std::os::unix::fs::PermissionsExt as _;

use http::HeaderValue;

use super::*;

fn file(dir: &tempfile::TempDir, text: &[u8], mode: u32) -> PathBuf {
    let path = dir.path().join("secret");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

#[test]
fn a_file_that_others_may_open_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for mode in [0o640, 0o604, 0o620] {
        let error = Key::read(&file(&dir, b"0123456789abcdef", mode)).unwrap_err();
        assert!(matches!(error, SecretError::Open { mode: found, .. } if found == mode), "{error}");
    }
}

#[test]
fn a_file_without_a_usable_secret_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let long = vec![b'a'; 5000];
    for text in [&b""[..], b"short", b"two words are no secret", b"\xff\xfe0123456789abcdef", &long]
    {
        let error = Key::read(&file(&dir, text, 0o600)).unwrap_err();
        assert!(matches!(error, SecretError::Unusable { .. }), "{error}");
    }
    let error = Key::read(&dir.path().join("nothing")).unwrap_err();
    assert!(matches!(error, SecretError::Read { .. }), "{error}");
}

#[test]
fn a_missing_secret_is_made_once_and_for_its_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    let made = Key::read_or_create(&path).unwrap().secret("a#0.1");
    assert_eq!(fs::read_to_string(&path).unwrap().trim().len(), 64);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(Key::read_or_create(&path).unwrap().secret("a#0.1"), made);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    let other = Key::read_or_create(&dir.path().join("other")).unwrap();
    assert_ne!(other.secret("a#0.1"), made);
}

#[test]
fn many_who_make_a_secret_at_once_end_with_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    let secrets: Vec<String> = std::thread::scope(|scope| {
        let make = || Key::read_or_create(&path).unwrap().secret("a#0.1");
        let all: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(secrets.iter().all(|secret| *secret == secrets[0]));
}

#[test]
fn an_incarnations_secret_is_the_hmac_of_its_name() {
    // Test case 2 of RFC 4231, whose data stands for the name.
    let key = Key::from_bytes(b"Jefe");
    let secret = key.secret("what do ya want for nothing?");
    assert_eq!(secret, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert!(key.verify("what do ya want for nothing?", &secret));
    assert!(!key.verify("a#0.1", &secret));
    assert!(!key.verify("what do ya want for nothing?", &secret.to_uppercase()));
    assert!(!key.verify("what do ya want for nothing?", ""));
}

#[test]
fn a_bearer_is_taken_from_exactly_one_header() {
    let with = |values: &[&'static str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_static(value));
        }
        bearer(&headers).map(str::to_owned)
    };
    assert_eq!(with(&["Bearer abc"]).as_deref(), Some("abc"));
    assert_eq!(with(&["bearer  abc "]).as_deref(), Some("abc"));
    for none in [&[][..], &["abc"], &["Basic abc"], &["Bearer "], &["Bearer a", "Bearer a"]] {
        assert_eq!(with(none), None, "{none:?}");
    }
}
