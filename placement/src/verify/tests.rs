//! Plans that are wrong in one way each.

use crate::sample::{Case, at_port, cluster, host, runs, sized, task, with_attribute};
use crate::{Assignment, Change, Cluster, Plan, Stop};

fn start(task: &str, slot: u32, host: &str) -> Assignment {
    Assignment {
        topology: "t".to_owned(),
        task: task.parse().unwrap(),
        slot,
        host: host.to_owned(),
        change: Change::Start,
    }
}

fn keep(task: &str, slot: u32, host: &str) -> Assignment {
    Assignment { change: Change::Keep, ..start(task, slot, host) }
}

fn moved(task: &str, slot: u32, from: &str, to: &str) -> Assignment {
    Assignment { change: Change::Move { from: from.to_owned() }, ..start(task, slot, to) }
}

fn of(mut assignments: Vec<Assignment>) -> Plan {
    assignments.sort();
    Plan { assignments, ..Plan::default() }
}

fn found(case: &Case, plan: &Plan, part: &str) {
    let breaches = case.check(plan);
    assert!(breaches.iter().any(|text| text.contains(part)), "{part:?} not in {breaches:?}");
}

#[test]
fn counts_and_slots_are_checked() {
    let case = Case::new(cluster(2), &[task("a", 2, &[], &[])]);
    assert!(case.check(&of(vec![start("a", 0, "h1"), start("a", 1, "h2")])).is_empty());
    found(&case, &of(vec![start("a", 0, "h1")]), "wants 2 instances and gets 1");
    found(&case, &of(vec![start("a", 0, "h1"), start("a", 0, "h2")]), "assigned twice");
    found(&case, &of(vec![start("a", 0, "h1"), start("b", 0, "h2")]), "b is not wanted");
    found(&case, &of(vec![start("a", 0, "h1"), start("a", 1, "h9")]), "h9, which is not known");
    found(&case, &of(vec![keep("a", 0, "h1"), start("a", 1, "h2")]), "does not run on h1");
    let mut unsorted = of(vec![start("a", 0, "h1"), start("a", 1, "h2")]);
    unsorted.assignments.reverse();
    found(&case, &unsorted, "not sorted");
}

#[test]
fn running_instances_are_accounted_for() {
    let a = task("a", 1, &[], &[]);
    let case = Case::new(cluster(2), std::slice::from_ref(&a));
    let case = case.running(&[runs("t", &a, 0, "h1"), runs("t", &a, 1, "h2")]);
    let stop = |slot, host: &str| Stop {
        topology: "t".to_owned(),
        task: a.path.clone(),
        slot,
        host: host.to_owned(),
    };
    let good = Plan { stops: vec![stop(1, "h2")], ..of(vec![keep("a", 0, "h1")]) };
    assert!(case.check(&good).is_empty());
    found(&case, &of(vec![keep("a", 0, "h1")]), "nothing is said about a#1");
    let both = Plan { stops: vec![stop(0, "h1"), stop(1, "h2")], ..of(vec![start("a", 2, "h1")]) };
    found(&case, &both, "2 stops of a, 1 are needed");
    let wrong = Plan { stops: vec![stop(1, "h1")], ..of(vec![keep("a", 0, "h1")]) };
    found(&case, &wrong, "is stopped on h1, but is not there");
    let needless = Plan { stops: vec![stop(1, "h2")], ..of(vec![moved("a", 0, "h1", "h2")]) };
    found(&case, &needless, "1 moves, 0 are allowed");
}

#[test]
fn never_and_always_are_checked_from_both_sides() {
    let a = task("a", 1, &[], &["never b"]);
    let b = task("b", 1, &[], &[]);
    let case = Case::new(cluster(2), &[a.clone(), b.clone()]);
    found(&case, &of(vec![start("a", 0, "h1"), start("b", 0, "h1")]), "a#0 says never b");
    let beside = Case::new(cluster(2), std::slice::from_ref(&b)).running(&[runs("o", &a, 0, "h1")]);
    found(&beside, &of(vec![start("b", 0, "h1")]), "a#0 says never b");
    let c = task("c", 1, &[], &["always b"]);
    let case = Case::new(cluster(2), &[c, b]);
    found(&case, &of(vec![start("b", 0, "h1"), start("c", 0, "h2")]), "c#0 says always b");
}

#[test]
fn an_instance_does_not_count_for_itself() {
    let lone = Case::new(cluster(1), &[task("a", 1, &["x"], &["always x"])]);
    found(&lone, &of(vec![start("a", 0, "h1")]), "a#0 says always x");
    let never = Case::new(cluster(1), &[task("a", 1, &["x"], &["never x"])]);
    assert!(never.check(&of(vec![start("a", 0, "h1")])).is_empty());
}

#[test]
fn domains_and_attributes_are_checked() {
    let racks = with_attribute(cluster(3), "rack", &["r1", "r1", ""]);
    let case = Case::new(racks.clone(), &[task("a", 2, &[], &["never a @rack"])]);
    found(&case, &of(vec![start("a", 0, "h1"), start("a", 1, "h2")]), "says never a");
    assert!(case.check(&of(vec![start("a", 0, "h1"), start("a", 1, "h3")])).is_empty());
    let case = Case::new(racks.clone(), &[task("a", 2, &[], &["always a @rack"])]);
    found(&case, &of(vec![start("a", 0, "h3"), start("a", 1, "h3")]), "says always a");
    let case = Case::new(racks, &[task("a", 1, &[], &["always @rack=r1"])]);
    found(&case, &of(vec![start("a", 0, "h3")]), "says always @rack=r1");
}

#[test]
fn room_and_ports_are_checked() {
    let mut small = host("h1", 1000);
    small.capacity.ports = vec![(31_000, 31_000)];
    let hosts = Cluster { hosts: vec![small] };
    let two = of(vec![start("a", 0, "h1"), start("a", 1, "h1")]);
    let case = Case::new(hosts.clone(), &[sized(task("a", 2, &[], &[]), 501)]);
    found(&case, &two, "h1 has 1000 of cpus, 1002 would be used");
    found(&case, &two, "h1 has 1 of ports, 2 would be used");
    let fixed = Case::new(cluster(1), &[at_port(task("a", 2, &[], &[]), 31_005)]);
    found(&fixed, &two, "port 31005 of h1 is used by a#0 and a#1");
    let outside = Case::new(hosts, &[at_port(task("a", 1, &[], &[]), 31_005)]);
    found(&outside, &of(vec![start("a", 0, "h1")]), "does not offer port 31005");
}

#[test]
fn the_score_and_its_bound_are_checked() {
    let case = Case::new(cluster(1), &[task("a", 3, &[], &["avoid a 10"])]);
    let all = of((0..3).map(|slot| start("a", slot, "h1")).collect());
    found(&case, &all, "the score is -60, the plan says 0");
    let right = Plan { score: -60, bound: Some(-60), ..all.clone() };
    assert!(case.check(&right).is_empty());
    found(&case, &Plan { score: -60, bound: Some(-61), ..all }, "beyond the bound");
}
