//! Targets: hosts and what runs on them, out of files, and a plan for whatever was read.

use lathe_api::inventory;
use lathe_placement::{Options, Running, Verdict, place, verify};
use lathe_topology::Topology;

/// Hosts beyond this are read and not planned for: a look at one input has to stay short.
const HOSTS: usize = 50;

const FILE: &str = "[task.web]\ncrate = \"web\"\nversion = \"1.0.0\"\ntask = \"my::Web\"\ntasks = 3\n\
    tags = [\"front\"]\nbiases = [[\"web\", \"avoid\"], [\"@rack\", \"prefer\"], [\"db.main\", \"never\"]]";

fn topology() -> Topology {
    lathe_topology::parse("shop", FILE).expect("a good file").topology
}

fn plan(cluster: &lathe_placement::Cluster, running: &Running) {
    let options = Options { budget_steps: 20_000, max_moves: 1, ..Options::default() };
    let given = [topology()];
    if let Verdict::Placed(plan) = place(cluster, &given, running, &options) {
        verify(cluster, &given, running, &options, &plan).expect("a plan that holds");
    }
}

/// A list of hosts; where it is good, a plan is made for them.
pub(super) fn hosts(bytes: &[u8]) {
    match inventory::hosts(bytes) {
        Ok(read) if read.value.hosts.len() <= HOSTS => plan(&read.value, &Running::default()),
        Ok(_) => {}
        Err(findings) => assert!(!findings.is_empty(), "a refusal says why"),
    }
}

/// A list of what runs; where it is good, it is planned around.
pub(super) fn running(bytes: &[u8]) {
    let hosts = br#"[{"name": "h1", "attributes": {"rack": "r1"}}, {"name": "h2"}]"#;
    let cluster = inventory::hosts(hosts).expect("good hosts").value;
    match inventory::running(bytes, &[topology()]) {
        Ok(read) if read.value.instances.len() <= HOSTS => plan(&cluster, &read.value),
        Ok(_) => {}
        Err(findings) => assert!(!findings.is_empty(), "a refusal says why"),
    }
}
