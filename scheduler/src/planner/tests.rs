//! A repair takes what it can get, and no more is spoilt than must be.

use std::collections::BTreeMap;

use lathe_placement::{Capacity, Cluster, Host, Options, Running, Verdict};
use lathe_topology::Topology;

use super::plan;
use crate::framework::command::PlanInput;

fn topology(name: &str, rest: &str) -> Topology {
    let source =
        format!("[task.{name}]\ncrate = \"app\"\nversion = \"1.0.0\"\ntask = \"my::Task\"\n{rest}");
    lathe_topology::parse(name, &source).unwrap().topology
}

fn input(topologies: Vec<Topology>) -> PlanInput {
    let host = |at: u16| Host {
        name: format!("host-{at}"),
        capacity: Capacity {
            cpus_milli: 4_000,
            mem_bytes: 8 << 30,
            disk_bytes: 8 << 30,
            ports: vec![(at * 1_000, at * 1_000 + 99)],
        },
        attributes: BTreeMap::new(),
    };
    PlanInput {
        cluster: Cluster { hosts: (1..=3).map(host).collect() },
        topologies,
        running: Running::default(),
        options: Options::default(),
        piecemeal: true,
    }
}

#[test]
fn a_topology_that_cannot_be_placed_does_not_spoil_the_others() {
    let homeless = topology("homeless", "tasks = 1\nbiases = [[\"@disk=ssd\", \"always\"]]\n");
    let spread = topology("spread", "tasks = 6\n");
    let Verdict::Placed(found) = plan(&input(vec![homeless, spread])) else { panic!("refused") };
    let mut hosts = BTreeMap::new();
    for assignment in &found.assignments {
        assert_eq!(assignment.topology, "spread");
        *hosts.entry(assignment.host.as_str()).or_insert(0) += 1;
    }
    assert_eq!(hosts.into_values().collect::<Vec<_>>(), [2, 2, 2]);
}

#[test]
fn of_a_topology_that_cannot_be_had_whole_the_rest_is_placed() {
    let alone = topology("alone", "tasks = 4\ntags = [\"a\"]\nbiases = [[\"a\", \"never\"]]\n");
    let Verdict::Placed(found) = plan(&input(vec![alone])) else { panic!("refused") };
    assert_eq!(found.assignments.len(), 3, "one on each host");
}

#[test]
fn a_piece_goes_back_to_where_it_was() {
    let alone = topology("alone", "tasks = 4\ntags = [\"a\"]\nbiases = [[\"a\", \"never\"]]\n");
    let mut input = input(vec![alone]);
    let path: lathe_topology::TaskPath = "alone".parse().unwrap();
    input.options.previous.insert((path, 0), "host-3".to_owned());
    let Verdict::Placed(found) = plan(&input) else { panic!("refused") };
    assert_eq!(found.assignments[0].host, "host-3");
}

#[test]
fn a_submission_takes_all_or_nothing() {
    let alone = topology("alone", "tasks = 4\ntags = [\"a\"]\nbiases = [[\"a\", \"never\"]]\n");
    let whole = PlanInput { piecemeal: false, ..input(vec![alone]) };
    assert!(matches!(plan(&whole), Verdict::Impossible(_)));
}
