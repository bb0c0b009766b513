//! What is read of an environment.

use std::time::Duration;

use super::{Environment, EnvironmentError};

fn read(variables: &[(&str, &str)]) -> Result<Environment, EnvironmentError> {
    Environment::read(variables.iter().map(|(name, value)| ((*name).into(), (*value).into())))
}

#[test]
fn all_that_an_executor_tells_is_read() {
    let environment = read(&[
        ("LATHE_TASK", "my::FrontPage"),
        ("LATHE_TASK_PATH", "http.frontpage.v4-2-1"),
        ("LATHE_TOPOLOGY", "my_topology"),
        ("LATHE_INSTANCE", "http.frontpage.v4-2-1#2"),
        ("LATHE_INCARNATION", "http.frontpage.v4-2-1#2.7"),
        ("LATHE_VERSION", "4.2.1"),
        ("LATHE_CRATE", "http_frontpage"),
        ("LATHE_HOST", "host-1"),
        ("LATHE_ADDRESS", "127.0.0.2"),
        ("LATHE_PORT_HTTP", "31007"),
        ("LATHE_PORT_ADMIN_UI", "31008"),
        ("LATHE_REGISTRIES", "http://a:1, http://b:2,"),
        ("LATHE_SERVED_BY", "1"),
        ("LATHE_GRACE_MS", "1500"),
        ("LATHE_BEAT_MS", "250"),
        ("LATHE_CONFIG", "config.json"),
        ("LATHE_HANDSHAKE", "handshake.sock"),
        ("PATH", "/bin"),
    ])
    .unwrap();
    assert_eq!(environment.task, "my::FrontPage");
    assert_eq!(environment.instance.incarnation, "http.frontpage.v4-2-1#2.7");
    assert_eq!(environment.instance.address.to_string(), "127.0.0.2");
    let ports: Vec<_> = environment.instance.ports.clone().into_iter().collect();
    assert_eq!(ports, [("admin_ui".to_owned(), 31008), ("http".to_owned(), 31007)]);
    assert_eq!(environment.registries, ["http://a:1", "http://b:2"]);
    assert!(environment.schedulers.is_empty());
    assert!(environment.served_by);
    assert_eq!(environment.grace, Some(Duration::from_millis(1500)));
    assert_eq!(environment.beat, Some(Duration::from_millis(250)));
}

#[test]
fn by_hand_a_task_and_a_port_are_enough() {
    let environment = read(&[("LATHE_TASK", "a"), ("LATHE_PORT_HTTP", "8080")]).unwrap();
    assert_eq!(environment.instance.address.to_string(), "127.0.0.1");
    assert!(!environment.served_by);
    assert_eq!((environment.config, environment.handshake), (None, None));
    assert_eq!(environment.beat, None);
}

#[test]
fn what_is_wrong_is_named() {
    assert_eq!(read(&[("PATH", "/bin")]), Err(EnvironmentError::NoTask));
    let error = read(&[("LATHE_TASK", "a"), ("LATHE_PORT_HTTP", "80000")]).unwrap_err();
    assert_eq!(error.to_string(), "LATHE_PORT_HTTP=\"80000\" is not a port");
    let error = read(&[("LATHE_TASK", "a"), ("LATHE_ADDRESS", "here")]).unwrap_err();
    assert_eq!(error.to_string(), "LATHE_ADDRESS=\"here\" is not an ip address");
}
