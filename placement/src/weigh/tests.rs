//! Weighing: sentences case by case, and agreement with the independent check of plans.

use std::collections::BTreeSet;

use lathe_topology::{Code, TaskSpec};
use proptest::prelude::*;

use super::{Cause, Weighed, weigh};
use crate::sample::{Case, at_port, carried_out, cluster, host, runs, sized, task, with_attribute};
use crate::tests::brute::a_case;
use crate::{Assignment, Change, Cluster, Plan, RunningInstance, Verdict};

fn weighed(case: &Case, path: &str, slot: u32) -> Vec<Weighed> {
    let task = path.parse().unwrap();
    weigh(&case.cluster, &case.topologies[0], &case.running, &case.options, (&task, slot))
}

fn at<'w>(all: &'w [Weighed], host: &str) -> &'w Weighed {
    all.iter().find(|one| one.host == host).unwrap()
}

fn objections(all: &[Weighed], host: &str) -> Vec<(Cause, String)> {
    let excluded = at(all, host).excluded.iter();
    excluded.map(|one| (one.cause, one.sentence.clone())).collect()
}

fn only(all: &[Weighed], host: &str) -> String {
    match objections(all, host).as_slice() {
        [(_, sentence)] => sentence.clone(),
        other => panic!("not one objection: {other:?}"),
    }
}

#[test]
fn room_is_short_by_so_much() {
    let big = sized(task("big", 1, &[], &[]), 3500);
    let mut case = Case::new(cluster(2), &[sized(task("a", 1, &[], &[]), 900)]);
    case.running.instances = vec![runs("o", &big, 0, "h1")];
    case.options.overhead.cpus_milli = 100;
    let all = weighed(&case, "a", 0);
    assert_eq!(
        only(&all, "h1"),
        "with its executor it needs 1.0 cpus, and 0.4 cpus are free: 0.6 cpus short"
    );
    assert_eq!(at(&all, "h1").excluded[0].code, Code::BLOCKED);
    assert!(at(&all, "h2").is_possible());
    assert_eq!(all[0].host, "h2", "where it may be comes first");
}

#[test]
fn a_host_that_is_too_small_is_told_from_one_that_is_full() {
    let hosts = Cluster { hosts: vec![host("h1", 500), host("h2", 2000)] };
    let case = Case::new(hosts, &[sized(task("a", 2, &[], &[]), 2000)]);
    let case = case.running(&[runs("t", &sized(task("a", 2, &[], &[]), 2000), 0, "h2")]);
    let all = weighed(&case, "a", 1);
    let small = "with its executor it needs 2.0 cpus, and the host has 0.5 cpus in all".to_owned();
    assert_eq!(objections(&all, "h1"), [(Cause::Size, small)]);
    assert_eq!(
        only(&all, "h2"),
        "with its executor it needs 2.0 cpus, and nothing is free of 2.0 cpus"
    );
}

#[test]
fn never_names_the_side_that_says_it() {
    let a = task("a", 1, &["x"], &["never y"]);
    let b = task("b", 2, &["y"], &[]);
    let c = task("c", 1, &[], &["never x"]);
    let case = Case::new(cluster(4), std::slice::from_ref(&a));
    let run = [
        runs("o", &b, 0, "h1"),
        runs("o", &b, 1, "h1"),
        runs("o", &c, 0, "h2"),
        runs("o", &b, 2, "h3"),
    ];
    let all = weighed(&case.running(&run), "a", 0);
    assert_eq!(only(&all, "h1"), "it says never \"y\", and b#0 and b#1 are there");
    assert_eq!(only(&all, "h2"), "c#0 says never \"x\", and it carries that");
    assert_eq!(only(&all, "h3"), "it says never \"y\", and b#2 is there");
    let other = &at(&all, "h2").excluded[0];
    assert_eq!((other.topology.as_str(), other.task.as_str()), ("o", "c"));
    assert_eq!(other.statement, "[\"x\", \"never\"]");
    assert_eq!(other.span, 10..11);
}

#[test]
fn many_parties_are_counted() {
    let b = task("b", 9, &[], &[]);
    let run: Vec<_> = (0..9).map(|slot| runs("o", &b, slot, "h1")).collect();
    let case = Case::new(cluster(1), &[task("a", 1, &[], &["never b"])]).running(&run);
    let all = weighed(&case, "a", 0);
    assert_eq!(only(&all, "h1"), "it says never \"b\", and b#0, b#1, b#2 and 6 more are there");
}

#[test]
fn an_instance_does_not_count_for_itself() {
    let a = task("a", 1, &[], &["never a", "avoid a"]);
    let case = Case::new(cluster(2), std::slice::from_ref(&a)).running(&[runs("t", &a, 0, "h1")]);
    let all = weighed(&case, "a", 0);
    assert!(all.iter().all(|one| one.is_possible() && one.points == 0), "{all:?}");
    assert!(at(&all, "h1").here && !at(&all, "h2").here);
    let second = weighed(&case, "a", 1);
    assert!(!at(&second, "h1").is_possible(), "but for the others of its task");
}

#[test]
fn an_unmet_always_is_said_of_the_holder_and_of_those_that_need_the_carrier() {
    let db = task("db", 1, &[], &[]);
    let web = task("web", 1, &[], &["always db"]);
    let case = Case::new(cluster(3), &[db.clone(), web.clone()]);
    let case = case.running(&[runs("t", &db, 0, "h2"), runs("t", &web, 0, "h2")]);
    let all = weighed(&case, "web", 0);
    assert_eq!(only(&all, "h1"), "it says always \"db\", and nothing else there carries it");
    assert!(at(&all, "h2").is_possible());
    let all = weighed(&case, "db", 0);
    assert_eq!(
        only(&all, "h3"),
        "web#0 on h2 says always \"db\", and without it nothing there carries that"
    );
    assert!(at(&all, "h2").is_possible());
}

#[test]
fn an_accident_elsewhere_keeps_nobody_away() {
    let web = task("web", 1, &[], &["always db"]);
    let case =
        Case::new(cluster(2), &[task("db", 1, &[], &[])]).running(&[runs("o", &web, 0, "h1")]);
    assert!(weighed(&case, "db", 0).iter().all(Weighed::is_possible), "it stood alone before");
}

#[test]
fn attributes_and_domains_are_said_with_what_the_host_has() {
    let racks = with_attribute(cluster(4), "rack", &["r1", "r1", "r2", ""]);
    let a = task("a", 1, &["x"], &["always @rack=r1"]);
    let all = weighed(&Case::new(racks.clone(), &[a]), "a", 0);
    assert!(at(&all, "h1").is_possible());
    assert_eq!(only(&all, "h3"), "it says always \"@rack=r1\", and rack is r2 there");
    assert_eq!(only(&all, "h4"), "it says always \"@rack=r1\", and the host has no rack");
    let b = task("b", 1, &["y"], &[]);
    let near = task("a", 1, &["x"], &["always y @rack"]);
    let case = Case::new(racks.clone(), &[near]).running(&[runs("o", &b, 0, "h1")]);
    let all = weighed(&case, "a", 0);
    assert!(at(&all, "h2").is_possible());
    assert_eq!(
        only(&all, "h3"),
        "it says always \"y\", and nothing else in the same rack carries it"
    );
    assert_eq!(only(&all, "h4"), "it says always \"y\", and the host has no rack");
    let far = task("a", 1, &["x"], &["never y @rack"]);
    let case = Case::new(racks, &[far]).running(&[runs("o", &b, 0, "h1")]);
    let all = weighed(&case, "a", 0);
    assert_eq!(only(&all, "h2"), "it says never \"y\", and b#0 on h1 is in the same rack");
}

#[test]
fn a_fixed_port_names_its_user() {
    let a = at_port(task("a", 1, &[], &[]), 31_080);
    let b = at_port(task("b", 1, &[], &[]), 31_080);
    let case = Case::new(cluster(2), std::slice::from_ref(&a)).running(&[runs("o", &b, 0, "h1")]);
    let all = weighed(&case, "a", 0);
    assert_eq!(only(&all, "h1"), "it needs port 31080, which b#0 has");
    assert!(at(&all, "h2").is_possible());
    let low = Case::new(cluster(1), &[at_port(task("a", 1, &[], &[]), 80)]);
    assert_eq!(
        only(&weighed(&low, "a", 0), "h1"),
        "it needs port 80, which is not this host's to give"
    );
}

#[test]
fn points_are_told_rule_by_rule_for_both_sides() {
    let lb = task("lb", 3, &["lb"], &["avoid lb 20", "prefer page"]);
    let page = task("page", 2, &[], &["prefer lb 10"]);
    let case = Case::new(cluster(3), &[lb.clone(), page.clone()]).running(&[
        runs("t", &lb, 0, "h1"),
        runs("t", &page, 0, "h1"),
        runs("t", &page, 1, "h2"),
    ]);
    let all = weighed(&case, "lb", 1);
    let told = |host: &str| -> Vec<(i64, String)> {
        let rules = at(&all, host).rules.iter();
        rules.map(|one| (one.points, one.sentence.clone())).collect()
    };
    assert_eq!(
        told("h1"),
        [
            (-20, "it says avoid \"lb\", and lb#0 carries it there".to_owned()),
            (50, "it says prefer \"page\", and page#0 carries it there".to_owned()),
            (-20, "lb#0 says avoid \"lb\", and it carries that".to_owned()),
        ]
    );
    assert_eq!(
        told("h2"),
        [
            (0, "it says avoid \"lb\", and nothing else there carries it".to_owned()),
            (50, "it says prefer \"page\", and page#1 carries it there".to_owned()),
            (10, "page#1 says prefer \"lb\", and it carries that".to_owned()),
        ]
    );
    let points: Vec<(&str, i64)> = all.iter().map(|one| (one.host.as_str(), one.points)).collect();
    assert_eq!(points, [("h2", 60), ("h1", 10), ("h3", 0)], "the best one first");
    assert_eq!(at(&all, "h1").rules[0].statement, "[\"lb\", \"avoid\", 20]");
}

#[test]
fn a_task_that_the_topology_does_not_have_has_no_places() {
    assert_eq!(weighed(&Case::new(cluster(2), &[task("a", 1, &[], &[])]), "b", 0), []);
}

#[test]
fn the_answer_survives_json() {
    let a = sized(task("a", 1, &["x"], &["avoid x", "always y"]), 9000);
    let all = weighed(&Case::new(cluster(2), &[a]), "a", 0);
    let text = serde_json::to_string(&all).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Weighed>>(&text).unwrap(), all);
    assert!(text.contains("\"cause\":\"size\""), "{text}");
}

#[test]
fn a_hundred_thousand_instances_are_weighed() {
    let a = task("a", 1, &["x"], &["avoid y", "never z", "prefer b @rack"]);
    let b = task("b", 100_000, &["y"], &["avoid x"]);
    let hosts = 1000;
    let racks: Vec<String> = (0..hosts).map(|at| format!("r{}", at / 20)).collect();
    let names: Vec<&str> = racks.iter().map(String::as_str).collect();
    let case = Case::new(with_attribute(cluster(hosts), "rack", &names), &[a]);
    let run: Vec<_> = (0..100_000_u32)
        .map(|slot| runs("o", &b, slot, &format!("h{}", slot as usize % hosts + 1)))
        .collect();
    let all = weighed(&case.running(&run), "a", 0);
    assert_eq!(all.len(), hosts);
    assert!(all.iter().all(|one| one.points == -50 * 100 - 50 * 100 + 50), "{:?}", all[0]);
}

/// The case with its plan carried out.
fn placed(case: &Case) -> Option<Case> {
    let Verdict::Placed(plan) = case.ask() else { return None };
    let mut after = case.clone();
    after.running = carried_out(&case.topologies, &case.running, &plan);
    Some(after)
}

/// A plan that leaves everything of the topology alone and puts one instance on a host.
fn alone(case: &Case, one: &RunningInstance, runs: bool, host: &str) -> Plan {
    let keep = case.running.instances.iter().filter(|other| other.keep && other.topology == "t");
    let mut assignments: Vec<Assignment> = keep
        .map(|other| Assignment {
            topology: other.topology.clone(),
            task: other.task.clone(),
            slot: other.slot,
            host: other.host.clone(),
            change: Change::Keep,
        })
        .collect();
    let mine = |other: &Assignment| other.task == one.task && other.slot == one.slot;
    assignments.retain(|other| !mine(other));
    let change = match runs {
        false => Change::Start,
        true if one.host == host => Change::Keep,
        true => Change::Move { from: one.host.clone() },
    };
    assignments.push(Assignment {
        topology: one.topology.clone(),
        task: one.task.clone(),
        slot: one.slot,
        host: host.to_owned(),
        change,
    });
    assignments.sort();
    Plan { assignments, ..Plan::default() }
}

/// What the independent check says of it: its breaches, and the score that it counts.
fn judged(case: &Case, plan: &Plan) -> (BTreeSet<String>, i64) {
    let (scores, breaches): (Vec<String>, Vec<String>) =
        case.check(plan).into_iter().partition(|text| text.starts_with("the score is "));
    let score = scores.first().map_or(0, |text| {
        let rest = text.strip_prefix("the score is ").unwrap();
        rest.split(',').next().unwrap().parse().unwrap()
    });
    (breaches.into_iter().collect(), score)
}

/// The score with the instance nowhere, so that a difference can be taken.
fn score_without(case: &Case, one: &RunningInstance) -> i64 {
    let mut less = case.clone();
    let specs = &mut less.topologies[0].tasks;
    let spec: &mut TaskSpec = specs.iter_mut().find(|spec| spec.path == one.task).unwrap();
    spec.count -= 1;
    less.running.instances.retain(|other| other != one);
    let mut plan = alone(&less, one, false, "");
    plan.assignments.retain(|other| !(other.task == one.task && other.slot == one.slot));
    judged(&less, &plan).1
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, rng_seed: proptest::test_runner::RngSeed::Fixed(4), ..ProptestConfig::default() })]

    #[test]
    fn a_host_is_excluded_exactly_where_verify_rejects_and_points_are_the_score(
        case in a_case(),
        pick in 0_usize..5,
        waits in any::<bool>(),
        grows in prop::bool::weighted(0.3),
    ) {
        let Some(mut case) = placed(&case) else { return Ok(()) };
        case.options.max_moves = 1;
        let mine: Vec<RunningInstance> =
            case.running.instances.iter().filter(|one| one.keep && one.topology == "t").cloned().collect();
        let Some(one) = mine.get(pick % mine.len().max(1)).cloned() else { return Ok(()) };
        let mut one = one;
        let listed = case.running.instances.iter_mut().find(|other| **other == one);
        if let (true, Some(listed)) = (grows, listed) {
            listed.resources.cpus_milli = 0;
            one = listed.clone();
        }
        if waits {
            case.running.instances.retain(|other| *other != one);
        }
        let without = if waits {
            let mut with = case.clone();
            with.running.instances.push(one.clone());
            score_without(&with, &one)
        } else {
            score_without(&case, &one)
        };
        let all = weighed(&case, one.task.as_str(), one.slot);
        prop_assert_eq!(all.len(), case.cluster.hosts.len());
        for host in &all {
            let (breaches, score) = judged(&case, &alone(&case, &one, !waits, &host.host));
            prop_assert_eq!(host.is_possible(), breaches.is_empty(), "{:?} and {:?}", host, breaches);
            prop_assert_eq!(host.points, score - without, "{:?}", host);
        }
    }
}
