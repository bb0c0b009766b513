//! Ports and scalars are taken once, exactly.

use lathe_topology::{Port, Resources};

use crate::framework::event::Free;

fn free() -> Free {
    Free { cpus_milli: 300, mem_bytes: 1000, disk_bytes: 1000, ports: vec![(10, 12), (20, 20)] }
}

fn wish(ports: &[(&str, Option<u16>)]) -> Resources {
    Resources {
        cpus_milli: 100,
        mem_bytes: 100,
        disk_bytes: 100,
        ports: ports
            .iter()
            .map(|(name, fixed)| Port { name: (*name).to_owned(), fixed: *fixed })
            .collect(),
    }
}

#[test]
fn a_port_in_the_middle_splits_its_range() {
    let mut free = free();
    assert!(free.take_port(11));
    assert_eq!(free.ports, vec![(10, 10), (12, 12), (20, 20)]);
    assert!(!free.take_port(11));
    assert_eq!(free.port_count(), 3);
}

#[test]
fn fixed_ports_are_taken_before_any_other() {
    let mut free = free();
    let ports = free.take_ports(&wish(&[("http", None), ("admin", Some(10))])).unwrap();
    assert_eq!(ports["admin"], 10);
    assert_eq!(ports["http"], 11);
}

#[test]
fn an_instance_takes_its_own_share_and_the_executors() {
    let mut free = free();
    let overhead = Free { cpus_milli: 50, mem_bytes: 10, disk_bytes: 0, ports: Vec::new() };
    assert!(free.take_instance(&wish(&[("http", None)]), &overhead).is_some());
    assert!(free.take_instance(&wish(&[("http", None)]), &overhead).is_some());
    assert!(free.take_instance(&wish(&[("http", None)]), &overhead).is_none(), "no cpus are left");
}

#[test]
fn a_taken_fixed_port_is_refused() {
    let mut free = free();
    assert!(free.take_ports(&wish(&[("http", Some(20))])).is_some());
    assert!(free.take_ports(&wish(&[("http", Some(20))])).is_none());
}
