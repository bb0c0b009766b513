//! What a task finds.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::test_server::specification;

#[test]
fn the_environment_is_exactly_what_is_promised() {
    let all = environment(Path::new("/box"), &specification(), None);
    let expected = [
        ("HOME", "/box"),
        ("LANG", "C.UTF-8"),
        ("LATHE_ADDRESS", "127.0.0.1"),
        ("LATHE_BEAT_MS", "1000"),
        ("LATHE_CONFIG", "config.json"),
        ("LATHE_CRATE", "my_lb"),
        ("LATHE_GRACE_MS", "5000"),
        ("LATHE_HANDSHAKE", "handshake.sock"),
        ("LATHE_HOST", "host-1"),
        ("LATHE_INCARNATION", "http.lb#2.7"),
        ("LATHE_INSTANCE", "http.lb#2"),
        ("LATHE_PORT_HTTP", "31007"),
        ("LATHE_PORT_MY_PORT", "31008"),
        ("LATHE_REGISTRIES", "http://127.0.0.1:2,http://127.0.0.1:3"),
        ("LATHE_SCHEDULERS", "http://127.0.0.1:4"),
        ("LATHE_SECRET_FILE", "secret"),
        ("LATHE_SERVED_BY", "1"),
        ("LATHE_TASK", "my::LoadBalancer"),
        ("LATHE_TASK_PATH", "http.lb"),
        ("LATHE_TOPOLOGY", "my_topology"),
        ("LATHE_VERSION", "1.0.0"),
        ("PATH", "/own"),
        ("RUST_LOG", "debug"),
        ("TMPDIR", "/box/tmp"),
    ];
    let all: Vec<_> = all.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(all, expected);
}

#[test]
fn without_the_sdk_there_is_no_handshake() {
    let mut spec = specification();
    spec.sdk = false;
    spec.env.clear();
    let all = environment(Path::new("/box"), &spec, Some("/bin"));
    assert!(!all.contains_key("LATHE_HANDSHAKE") && !all.contains_key("LATHE_BEAT_MS"));
    assert_eq!(all["PATH"], "/bin");
}

#[test]
fn only_who_is_to_beat_is_told_how_often() {
    let mut spec = specification();
    spec.health = Some(HealthSpec::Beat { interval_ms: 250, timeout_ms: 5_000 });
    assert_eq!(environment(Path::new("/box"), &spec, None)["LATHE_BEAT_MS"], "250");
    spec.health = Some(HealthSpec::None);
    assert!(!environment(Path::new("/box"), &spec, None).contains_key("LATHE_BEAT_MS"));
}

#[test]
fn the_files_are_there_and_the_secret_is_private() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path(), &specification()).unwrap();
    prepare(folder.path(), &specification()).unwrap();
    let secret = folder.path().join("secret");
    assert_eq!(fs::read_to_string(&secret).unwrap(), "hush");
    assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
    let config = fs::read(folder.path().join("config.json")).unwrap();
    let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
    assert_eq!(config["keys"]["colour"], "red");
    assert_eq!(config["version"], 3);
    assert!(folder.path().join("tmp").is_dir());
}

#[test]
fn a_folder_that_is_not_there_is_told_with_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let failure = Failure::from(prepare(&file, &specification()).unwrap_err());
    assert!(failure.message.contains("cannot write"), "{}", failure.message);
    assert!(!failure.permanent);
}
