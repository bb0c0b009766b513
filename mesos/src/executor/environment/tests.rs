//! Tests of what an executor reads from its environment.

use super::*;

fn variables() -> Vec<(String, String)> {
    let pairs = [
        ("MESOS_FRAMEWORK_ID", "f1"),
        ("MESOS_EXECUTOR_ID", "e1"),
        ("MESOS_SLAVE_ID", "s1"),
        ("MESOS_SLAVE_PID", "slave(1)@127.0.0.1:5051"),
        ("MESOS_AGENT_ENDPOINT", "127.0.0.1:5051"),
        ("MESOS_DIRECTORY", "/srv/sandbox"),
        ("MESOS_SANDBOX", "/mnt/mesos/sandbox"),
        ("MESOS_CHECKPOINT", "1"),
        ("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "5secs"),
        ("MESOS_RECOVERY_TIMEOUT", "15mins"),
        ("MESOS_SUBSCRIPTION_BACKOFF_MAX", "500ms"),
        ("MESOS_HTTP_COMMAND_EXECUTOR", "0"),
        ("PATH", "/bin"),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

fn with(name: &str, value: Option<&str>) -> Result<Environment, EnvironmentError> {
    let mut all = variables();
    all.retain(|(have, _)| have != name);
    all.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    Environment::from_vars(all)
}

#[test]
fn the_variables_of_an_agent_are_read() {
    let environment = Environment::from_vars(variables()).unwrap();
    assert_eq!(environment.framework_id, "f1");
    assert_eq!(environment.executor_id, "e1");
    assert_eq!(environment.agent_id, "s1");
    assert_eq!(environment.directory, PathBuf::from("/srv/sandbox"));
    assert_eq!(environment.sandbox, PathBuf::from("/mnt/mesos/sandbox"));
    let url = environment.url.to_string();
    assert_eq!(url, "http://127.0.0.1:5051/slave(1)/api/v1/executor");
    assert!(environment.checkpoint);
    assert_eq!(environment.shutdown_grace, Duration::from_secs(5));
    assert_eq!(environment.recovery_timeout, Duration::from_secs(900));
    assert_eq!(environment.subscription_backoff, Duration::from_millis(500));
    assert_eq!(environment.domain_socket, None);
}

#[test]
fn what_an_agent_may_leave_out_has_the_defaults_of_mesos() {
    let environment = with("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", None).unwrap();
    assert_eq!(environment.shutdown_grace, SHUTDOWN_GRACE);
    assert!(!with("MESOS_CHECKPOINT", None).unwrap().checkpoint);
    let environment = with("MESOS_SANDBOX", None).unwrap();
    assert_eq!(environment.sandbox, environment.directory);
    let environment = with("MESOS_AGENT_ENDPOINT", None).unwrap();
    assert_eq!(environment.url.to_string(), "http://127.0.0.1:5051/slave(1)/api/v1/executor");
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    for name in ["MESOS_FRAMEWORK_ID", "MESOS_EXECUTOR_ID", "MESOS_SLAVE_ID", "MESOS_SLAVE_PID"] {
        let error = with(name, None).unwrap_err();
        assert!(matches!(error, EnvironmentError::Missing { name: n } if n == name), "{error}");
    }
    let named = |name: &str, value: &str| with(name, Some(value)).unwrap_err().to_string();
    assert!(named("MESOS_CHECKPOINT", "yes").contains("MESOS_CHECKPOINT is \"yes\""));
    assert!(named("MESOS_RECOVERY_TIMEOUT", "15").contains("time such as"));
    assert!(named("MESOS_SLAVE_PID", "127.0.0.1:5051").contains("slave(1)@"));
    assert!(named("MESOS_AGENT_ENDPOINT", "u@h:1").contains("MESOS_AGENT_ENDPOINT"));
}

#[test]
fn a_token_is_sent_as_a_bearer_and_never_printed() {
    let environment = with("MESOS_EXECUTOR_AUTHENTICATION_TOKEN", Some("abc.def")).unwrap();
    let sent = environment.target().authorization.unwrap();
    assert_eq!(sent.as_bytes(), b"Bearer abc.def");
    assert!(sent.is_sensitive());
    assert!(!format!("{environment:?}").contains("abc.def"));
    let error = with("MESOS_EXECUTOR_AUTHENTICATION_TOKEN", Some("a\nb")).unwrap_err();
    assert_eq!(error, EnvironmentError::Token);
}

#[test]
fn times_have_a_number_and_a_unit() {
    let read = |text| parse_duration(text);
    assert_eq!(read("2.5ms"), Some(Duration::from_micros(2500)));
    assert_eq!(read("1weeks"), Some(Duration::from_secs(604_800)));
    assert_eq!(read("100ns"), Some(Duration::from_nanos(100)));
    for wrong in ["", "5", "secs", "-1secs", "5 parsecs", "1e400secs", "infsecs"] {
        assert_eq!(read(wrong), None, "{wrong:?}");
    }
}
