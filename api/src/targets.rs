//! Instances as Prometheus takes them from a service discovery by HTTP.
//!
//! Owns the form and the labels; which of them are scraped, and by which names, is Prometheus's
//! configuration.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use lathe_catalog::{Entry, State as Life};
use serde::Serialize;

/// One instance that is scraped.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Target {
    /// Its address and port.
    pub targets: [String; 1],
    /// What is known of it.
    pub labels: BTreeMap<&'static str, String>,
}

/// An instance by the port of this name, or else by its main one. Nothing for one that has no such port, or has ended. One that is suspect or drains has figures,
/// too: they say most then.
#[must_use]
pub fn target(entry: &Entry, port: Option<&str>) -> Option<Target> {
    if entry.state == Life::Gone {
        return None;
    }
    let name = port.or_else(|| entry.main_port_name())?;
    let number = entry.ports.get(name)?;
    let address = match entry.address.parse::<Ipv6Addr>() {
        Ok(address) => format!("[{address}]:{number}"),
        Err(_) => format!("{}:{number}", entry.address),
    };
    let labels = BTreeMap::from([
        ("__meta_lathe_crate", entry.crate_name.clone()),
        ("__meta_lathe_host", entry.host.clone()),
        ("__meta_lathe_incarnation", entry.incarnation.clone()),
        ("__meta_lathe_port", name.to_owned()),
        ("__meta_lathe_slot", entry.slot.to_string()),
        ("__meta_lathe_state", entry.state.to_string()),
        // As Prometheus has lists: a tag is found between two commas.
        ("__meta_lathe_tags", format!(",{},", entry.tags.join(","))),
        ("__meta_lathe_task", entry.task.clone()),
        ("__meta_lathe_topology", entry.topology.clone()),
        ("__meta_lathe_version", entry.version.clone()),
    ]);
    Some(Target { targets: [address], labels })
}

#[cfg(test)]
mod tests {
    //! Which instances are targets, and where.

    use serde_json::json;

    use super::*;

    fn entry(address: &str, ports: &serde_json::Value, state: &str) -> Entry {
        serde_json::from_value(json!({
            "topology": "t", "task": "a", "slot": 3, "incarnation": "a#3.1", "host": "h",
            "address": address, "ports": ports, "tags": ["a", "web"], "crate_name": "c",
            "version": "1.0.0", "state": state, "since_ms": 1,
        }))
        .unwrap()
    }

    #[test]
    fn a_target_is_an_address_with_the_port_that_is_asked_for() {
        let ports = json!({ "admin": 1, "http": 2 });
        let at = |address: &str, port| {
            target(&entry(address, &ports, "ready"), port).map(|found| found.targets[0].clone())
        };
        assert_eq!(at("10.0.0.1", None).unwrap(), "10.0.0.1:2");
        assert_eq!(at("10.0.0.1", Some("admin")).unwrap(), "10.0.0.1:1");
        assert_eq!(at("fd00::1", None).unwrap(), "[fd00::1]:2");
        assert_eq!(at("10.0.0.1", Some("grpc")), None);
    }

    #[test]
    fn those_without_ports_and_those_that_ended_are_none() {
        assert_eq!(target(&entry("10.0.0.1", &json!({}), "ready"), None), None);
        let ports = json!({ "http": 2 });
        assert_eq!(target(&entry("10.0.0.1", &ports, "gone"), None), None);
        let suspect = target(&entry("10.0.0.1", &ports, "suspect"), None).unwrap();
        assert_eq!(suspect.labels["__meta_lathe_state"], "suspect");
        assert_eq!(suspect.labels["__meta_lathe_tags"], ",a,web,");
    }
}
