//! Health checks on the wire.

use super::*;

#[test]
fn a_check_asks_the_number_that_its_port_has() {
    let source = "[task.web]\ncrate = \"web\"\nversion = \"1.0.0\"\ntask = \"Web\"\ntasks = 1\n\
                  resources = { ports = [\"http\", \"admin\"] }\n\
                  health = { path = \"/healthz\", port = \"admin\", interval = \"5s\" }\n";
    let checked = lathe_topology::parse("shop", source).unwrap();
    let health = checked.topology.tasks[0].health.as_ref().unwrap();
    let ports = BTreeMap::from([("http".to_owned(), 31_000), ("admin".to_owned(), 31_001)]);
    let expected = HealthSpec::Probe {
        probe: ProbeSpec::Http { port: 31_001, path: "/healthz".to_owned() },
        interval_ms: 5_000,
        timeout_ms: 3_000,
        failures: 3,
        grace_ms: 60_000,
    };
    let wire = health_to_wire(health, &ports);
    assert_eq!(wire, expected);
    let text = serde_json::to_string(&wire).unwrap();
    assert_eq!(serde_json::from_str::<HealthSpec>(&text).unwrap(), expected);
}
