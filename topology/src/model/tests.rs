//! Tests of the file beside.

use crate::parse;

#[test]
fn an_instance_carries_its_tags_its_path_and_the_prefixes() {
    let source = "[task.http.lb]\ncrate = \"a\"\nversion = \"1.0.0\"\ntask = \"A\"\ntasks = 1\ntags = [\"net\"]\n";
    let topology = parse("shop", source).unwrap().topology;
    let carried = topology.tasks[0].carried_tags();
    let carried: Vec<&str> = carried.iter().map(|tag| tag.as_str()).collect();
    assert_eq!(carried, ["http", "http.lb", "net"]);
    let path = "http.lb".parse().unwrap();
    assert_eq!(topology.task(&path), topology.tasks.first());
    assert_eq!(topology.task(&"http".parse().unwrap()), None);
}

#[test]
fn a_topology_survives_json() {
    let source = include_str!("../../../topologies/my_topology.toml");
    let topology = parse("my_topology", source).unwrap().topology;
    let json = serde_json::to_string(&topology).unwrap();
    assert_eq!(serde_json::from_str::<crate::Topology>(&json).unwrap(), topology);
}
