//! Large inputs: the work stays within bounds that are counted, not timed.

use crate::sample::{Case, cluster, reasons, spread, task, with_attribute};
use crate::{Cluster, Verdict};

/// Fifty tasks of twenty instances, each avoiding itself and preferring a neighbour.
fn thousand() -> Case {
    let tasks: Vec<_> = (0..50)
        .map(|at| {
            let (own, next) = (format!("g{at}"), format!("prefer g{} 30", (at + 1) % 50));
            task(&format!("t{at:02}"), 20, &[&own], &[&format!("avoid {own}"), &next])
        })
        .collect();
    Case::new(cluster(100), &tasks)
}

#[test]
fn a_thousand_instances_on_a_hundred_hosts_are_placed() {
    let case = thousand();
    let plan = case.placed();
    assert_eq!(plan.assignments.len(), 1000);
    assert!(spread(&case, &plan, "t00").iter().all(|count| *count <= 1));
}

#[test]
fn racks_and_hard_rules_at_that_size_end_with_an_answer() {
    let racks: Vec<String> = (0..100).map(|at| format!("r{}", at / 10)).collect();
    let names: Vec<&str> = racks.iter().map(String::as_str).collect();
    let mut tasks = vec![task("db", 10, &["db"], &["never db @rack"])];
    for at in 0..20 {
        tasks.push(task(&format!("web{at:02}"), 40, &["web"], &["always db @rack", "never zz"]));
    }
    let case = Case::new(with_attribute(cluster(100), "rack", &names), &tasks);
    assert_eq!(case.placed().assignments.len(), 810);
}

#[test]
fn a_search_without_a_way_out_ends_by_its_budget() {
    // Bin packing that counting alone does not refute: no two of these fit each other well.
    let tasks: Vec<_> = (0..40)
        .map(|at| {
            let mut made = task(&format!("t{at:02}"), 1, &[], &[]);
            made.resources.cpus_milli = 1334 + at;
            made
        })
        .collect();
    let mut hosts = cluster(18).hosts;
    for (at, host) in hosts.iter_mut().enumerate() {
        host.capacity.cpus_milli = 4000 + at as u64;
    }
    let mut case = Case::new(Cluster { hosts }, &tasks);
    case.options.budget_steps = 100_000;
    assert!(matches!(case.ask(), Verdict::Unknown { .. } | Verdict::Impossible(_)));
}

#[test]
fn a_reason_is_found_among_hundreds_of_tasks() {
    let mut tasks: Vec<_> = (0..300).map(|at| task(&format!("t{at:03}"), 3, &[], &[])).collect();
    tasks.push(task("zz", 51, &["d"], &["never d"]));
    let refusal = Case::new(cluster(50), &tasks).impossible();
    assert_eq!(reasons(&refusal), ["zz: tasks = 51", "zz: [\"d\", \"never\"]"]);
}

#[test]
fn too_few_places_beside_what_is_needed_is_seen_by_counting() {
    let tasks = [task("db", 3, &[], &["never db"]), task("web", 200, &[], &["always db"])];
    let refusal = Case::new(cluster(100), &tasks).impossible();
    assert!(reasons(&refusal).contains(&"web: [\"db\", \"always\"]".to_owned()));
    assert!(refusal.reasons.iter().all(|reason| reason.task.is_some()));
}
