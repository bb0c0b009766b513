//! Which variables count, and what is said about wrong ones.

use super::*;

fn variables(more: &[(&str, &str)]) -> Vec<(String, String)> {
    let agent = [
        ("MESOS_FRAMEWORK_ID", "f-1"),
        ("MESOS_EXECUTOR_ID", "http.lb#2.7"),
        ("MESOS_SLAVE_ID", "agent-1"),
        ("MESOS_SLAVE_PID", "slave(1)@127.0.0.1:5051"),
        ("MESOS_DIRECTORY", "/sandbox"),
        ("MESOS_CHECKPOINT", "1"),
        ("MESOS_RECOVERY_TIMEOUT", "10mins"),
        ("MESOS_SUBSCRIPTION_BACKOFF_MAX", "2secs"),
    ];
    agent.iter().chain(more).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

#[test]
fn defaults_stand_where_nothing_is_said() {
    let settings = Settings::from_vars(variables(&[]), 1000).unwrap();
    assert_eq!(settings.cache_folder, PathBuf::from("/tmp/lathe-cache-1000"));
    assert_eq!(settings.ready_timeout_ms, 60_000);
    assert_eq!(settings.cache_bytes_max, 2 << 30);
    assert!(settings.supervisor.checkpoint);
    assert_eq!(settings.supervisor.recovery_timeout_ms, 600_000);
    assert_eq!(settings.supervisor.subscription_pause_max_ms, 500);
    assert_eq!(settings.supervisor.shutdown_grace_ms, 5_000);
}

#[test]
fn own_variables_go_over_defaults() {
    let more = [
        ("LATHE_CACHE_DIR", "/cache"),
        ("LATHE_CACHE_BYTES", "1000"),
        ("LATHE_READY_TIMEOUT_MS", "250"),
        ("MESOS_SUBSCRIPTION_BACKOFF_MAX", "100ms"),
    ];
    let settings = Settings::from_vars(variables(&more), 0).unwrap();
    assert_eq!(settings.cache_folder, PathBuf::from("/cache"));
    assert_eq!((settings.cache_bytes_max, settings.ready_timeout_ms), (1000, 250));
    assert_eq!(settings.supervisor.subscription_pause_max_ms, 100);
    let more = [("TMPDIR", "/var/tmp")];
    let settings = Settings::from_vars(variables(&more), 7).unwrap();
    assert_eq!(settings.cache_folder, PathBuf::from("/var/tmp/lathe-cache-7"));
}

#[test]
fn all_problems_are_told_at_once() {
    let wrong = [("LATHE_CACHE_BYTES", "much"), ("LATHE_READY_TIMEOUT_MS", "0")];
    let wrong = wrong.map(|(k, v)| (k.to_owned(), v.to_owned()));
    let problems = Settings::from_vars(wrong, 0).unwrap_err();
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems.iter().any(|problem| problem.contains("MESOS_")), "{problems:?}");
}
