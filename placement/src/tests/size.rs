//! Large inputs: the work stays within bounds that are counted, not timed.

use crate::input::Input;
use crate::model::{Budget, Holding, Model};
use crate::sample::{Case, cluster, reasons, runs, sized, spread, task, with_attribute};
use crate::{Cluster, Verdict, solve};

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

#[test]
fn groups_that_fill_their_hosts_almost_wholly_are_placed() {
    // Of each three kinds that need each other; hosts hold two to four groups of the right sorts.
    let sizes = [[900, 700, 400], [800, 600, 300], [1_000, 300, 200]];
    let groups = [[1, 1, 0], [0, 1, 1], [1, 0, 1]];
    let hosts = 210;
    let mut counts = [0; 3];
    for at in 0..hosts {
        counts.iter_mut().zip(groups[at % 3]).for_each(|(count, there)| *count += there);
    }
    let mut tasks = Vec::new();
    for (group, sizes) in sizes.iter().enumerate() {
        for (at, cpus) in sizes.iter().enumerate() {
            let name = |at: usize| format!("g{group}k{}", at % 3);
            let rules = [format!("always {}", name(at + 1)), format!("never {}", name(at))];
            let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
            tasks.push(sized(task(&name(at), counts[group], &[], &rules), *cpus));
        }
    }
    let mut case = Case::new(cluster(hosts), &tasks);
    // 3.7, 3.2 and 3.5 cpus, each host as large as what was put there.
    for (at, host) in case.cluster.hosts.iter_mut().enumerate() {
        host.capacity.cpus_milli = [3_700, 3_200, 3_500][at % 3];
    }
    let wanted: usize = counts.iter().map(|count| *count as usize * 3).sum();
    assert_eq!(case.placed().assignments.len(), wanted);
}

#[test]
fn hosts_on_which_something_runs_are_filled_by_patterns_too() {
    // Beside what runs there are 3.0 cpus on each host, and only 1.6 with 1.4, or 1.2 with 1.8, come to that.
    let small = sized(task("run", 20, &[], &[]), 1_000);
    let sizes = [("p", 1_600), ("q", 1_400), ("r", 1_200), ("s", 1_800)];
    let mut tasks = vec![small.clone()];
    tasks.extend(sizes.map(|(name, cpus)| sized(task(name, 10, &[], &[]), cpus)));
    let there: Vec<_> = (0..20).map(|at| runs("t", &small, at, &format!("h{}", at + 1))).collect();
    let case = Case::new(cluster(20), &tasks).running(&there);
    let input = Input::new(&case.cluster, &case.topologies, &case.running, &case.options);
    let model = Model::new(&input, Holding::All);
    let mut budget = Budget { left: 1_000_000 };
    let state = solve::dived(&input, &model, &mut budget).expect("the program has it");
    assert!(state.is_complete());
    assert_eq!(state.moves(), 0);
    assert_eq!(case.placed().assignments.len(), 60);
}
