//! Tests of the file beside: circles come together, hosts are used up, and one large circle is nobody's.

use super::*;
use crate::input::Input;
use crate::model::Holding;
use crate::sample::{Case, host, runs, sized, task};
use crate::{Cluster, Verdict};

/// Two circles of two: three `a` and two `b` fill a host of 2.4 cpus, four `c` and one `d` one of 1.6.
fn circles() -> Case {
    let tasks = [
        sized(task("a", 30, &[], &["prefer b", "avoid c 80"]), 400),
        sized(task("b", 20, &[], &["prefer a", "avoid d 80"]), 600),
        sized(task("c", 40, &[], &["prefer d", "avoid b 80"]), 300),
        sized(task("d", 10, &[], &["prefer c"]), 400),
    ];
    let cpus = |at: usize| if at.is_multiple_of(2) { 2_400 } else { 1_600 };
    let hosts = (0..20).map(|at| host(&format!("h{at:02}"), cpus(at))).collect();
    Case::new(Cluster { hosts }, &tasks)
}

#[test]
fn circles_that_fill_hosts_to_the_brim_get_the_hosts_that_they_fill() {
    let case = circles();
    let input = Input::new(&case.cluster, &case.topologies, &case.running, &case.options);
    let model = Model::new(&input, Holding::All);
    let state = gathered(&State::kept(&model)).expect("there is room for all");
    assert_eq!(state.score, 100 * 50, "each wish is met, and nobody stands beside whom it avoids");
    let plan = case.placed();
    assert_eq!((plan.score, plan.bound), (5_000, Some(5_000)));
}

#[test]
fn one_large_circle_or_anything_that_runs_is_left_to_others() {
    let mut case = circles();
    let spec = case.topologies[0].tasks[0].clone();
    case.running.instances = vec![runs("t", &spec, 0, "h00")];
    let all = |case: &Case| {
        let input = Input::new(&case.cluster, &case.topologies, &case.running, &case.options);
        let model = Model::new(&input, Holding::All);
        gathered(&State::kept(&model)).is_some()
    };
    assert!(!all(&case));
    case.running.instances.clear();
    assert!(all(&case));
    let tasks = &mut case.topologies[0].tasks;
    let joins = task("x", 1, &[], &["prefer c"]).biases;
    tasks[0].biases.extend(joins);
    assert!(!all(&case));
    assert!(matches!(case.ask(), Verdict::Placed(_) | Verdict::Unknown { .. }));
}
