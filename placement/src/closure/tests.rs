//! Tests of the file beside: what contradicts itself is named, and what does not is left to the search.

use std::collections::BTreeSet;

use super::{Facts, contradiction};
use crate::Cluster;
use crate::input::Input;
use crate::model::Holding;
use crate::sample::{Case, at_port, cluster, runs, sized, task, with_attribute};

/// The tasks that contradict each other, by name.
fn found(case: &Case) -> Vec<String> {
    let input = Input::new(&case.cluster, &case.topologies, &case.running, &case.options);
    let facts = Facts::new(&input);
    let kinds: BTreeSet<usize> = contradiction(&facts, Holding::All).unwrap_or_default();
    kinds.into_iter().map(|at| input.wanted[at].spec.path.to_string()).collect()
}

#[test]
fn a_circle_of_always_that_ends_in_never_is_a_contradiction() {
    let tasks = [
        task("a", 1, &[], &["always b"]),
        task("b", 1, &[], &["always c"]),
        task("c", 1, &[], &["never a"]),
        task("d", 9, &[], &["never d"]),
    ];
    assert_eq!(found(&Case::new(cluster(9), &tasks)), ["a", "b", "c"]);
    let harmless = [&tasks[..2], &[task("c", 1, &[], &["always a"])]].concat();
    assert!(found(&Case::new(cluster(9), &harmless)).is_empty());
}

#[test]
fn another_carrier_is_a_way_out_unless_it_is_kept_away_too() {
    let web = task("web", 1, &[], &["always store"]);
    let db = task("db", 1, &["store"], &["never web"]);
    let free = task("cache", 1, &["store"], &[]);
    let shut = task("cache", 1, &["store"], &["always db"]);
    let of = |other: &lathe_topology::TaskSpec| {
        found(&Case::new(cluster(3), &[web.clone(), db.clone(), other.clone()]))
    };
    assert!(of(&free).is_empty());
    assert_eq!(of(&shut), ["cache", "db", "web"], "the second way ends at the first");
}

#[test]
fn what_has_to_be_together_has_to_fit_somewhere_together() {
    let chain = |cpus| {
        let a = sized(task("a", 1, &[], &["always b"]), cpus);
        let b = sized(task("b", 1, &[], &["always c"]), cpus);
        Case::new(cluster(3), &[a, b, sized(task("c", 1, &[], &[]), cpus)])
    };
    assert!(found(&chain(1_333)).is_empty());
    assert_eq!(found(&chain(1_334)), ["a", "b", "c"]);
    let mut gone = chain(1_334);
    // Instances on a host that is not known may stay there, whatever that means.
    gone.running.instances =
        ["a", "b", "c"].map(|name| runs("t", &task(name, 1, &[], &[]), 0, "gone")).into();
    assert!(found(&gone).is_empty());
}

#[test]
fn hosts_have_to_offer_what_all_of_them_ask_for() {
    let of = |hosts: Cluster, one: &[&str], other: &[&str]| {
        let mut biases = one.to_vec();
        biases.push("always b");
        found(&Case::new(hosts, &[task("a", 1, &[], &biases), task("b", 1, &[], other)]))
    };
    let disks = || with_attribute(cluster(3), "disk", &["ssd", "hdd", ""]);
    assert_eq!(of(disks(), &["always @disk=ssd"], &["always @disk=hdd"]), ["a", "b"]);
    assert!(of(disks(), &["always @disk"], &["always @disk=hdd"]).is_empty());
    assert_eq!(of(disks(), &["always @disk=tape"], &[]), ["a"]);
    assert_eq!(of(disks(), &["always b @rack"], &[]), ["a"], "no host has a rack");
}

#[test]
fn two_users_of_one_port_are_not_together() {
    let a = at_port(task("a", 1, &[], &["always b"]), 31_080);
    let b = at_port(task("b", 1, &[], &[]), 31_080);
    assert_eq!(found(&Case::new(cluster(3), &[a.clone(), b])), ["a", "b"]);
    let other = at_port(task("b", 1, &[], &[]), 31_081);
    assert!(found(&Case::new(cluster(3), &[a, other])).is_empty());
}

#[test]
fn a_rule_about_racks_says_nothing_about_hosts() {
    let racks = || with_attribute(cluster(4), "rack", &["r1", "r1", "r2", "r2"]);
    let of = |never: &str| {
        let a = task("a", 1, &[], &["always b @rack"]);
        found(&Case::new(racks(), &[a, task("b", 1, &[], &[never])]))
    };
    assert!(of("never a").is_empty(), "another host of the rack will do");
    assert_eq!(of("never a @rack"), ["a", "b"]);
    // The one that is needed in the rack and the one that is needed on the host are one and the same.
    let a = task("a", 1, &[], &["always b @rack", "always b"]);
    assert!(found(&Case::new(racks(), &[a, task("b", 1, &[], &["never b @rack"])])).is_empty());
}

#[test]
fn an_own_tag_asks_for_a_second_instance() {
    let alone =
        |count, biases: &[&str]| found(&Case::new(cluster(3), &[task("a", count, &["x"], biases)]));
    assert_eq!(alone(1, &["always x"]), ["a"]);
    assert!(alone(2, &["always x"]).is_empty());
    assert_eq!(alone(2, &["always x", "never a"]), ["a"]);
}

#[test]
fn long_chains_and_many_choices_end() {
    let name = |at: usize| format!("t{at:03}");
    let mut tasks: Vec<_> = (0..299)
        .map(|at| task(&name(at), 1, &[], &[&format!("always {}", name(at + 1))]))
        .collect();
    for one in &mut tasks {
        one.resources.cpus_milli = 1;
        one.resources.ports.clear();
        one.resources.mem_bytes = 0;
        one.resources.disk_bytes = 0;
    }
    tasks.push(sized(task(&name(299), 1, &[], &["never t000"]), 1));
    assert_eq!(found(&Case::new(cluster(1_000), &tasks)).len(), 300);
    // Everybody needs one of everybody's tag, and nobody bears another: more ways than can be gone.
    let crowd: Vec<_> =
        (0..40).map(|at| task(&name(at), 1, &["x"], &["always x", "never y"])).collect();
    assert!(found(&Case::new(cluster(3), &crowd)).is_empty());
}
