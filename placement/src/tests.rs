//! What the words mean, case by case.

use crate::sample::{
    Case, at_port, carried_out, cluster, host, reasons, runs, shown, sized, spread, task,
    with_attribute,
};
use crate::{Cluster, Verdict};

pub(crate) mod brute;
mod refusals;
mod size;

fn readme() -> Case {
    let lb = task("http.lb", 3, &["lb", "net"], &["avoid lb", "prefer frontpage"]);
    let one = task("http.frontpage.v4-2-1", 5, &["frontpage"], &[]);
    let two = task("http.frontpage.v4-2-2", 5, &["frontpage"], &[]);
    Case::new(cluster(3), &[lb, one, two])
}

#[test]
fn the_readme_example_is_spread() {
    let case = readme();
    let plan = case.placed();
    assert_eq!(spread(&case, &plan, "http.lb"), [1, 1, 1]);
    let mut pages = spread(&case, &plan, "http.frontpage");
    pages.sort_unstable();
    assert_eq!(pages, [3, 3, 4]);
    assert_eq!((plan.score, plan.bound), (150, Some(150)));
}

#[test]
fn a_carried_out_plan_asks_for_nothing_more() {
    let mut case = readme();
    let plan = case.placed();
    case.running = carried_out(&case.topologies, &case.running, &plan);
    let again = case.placed();
    assert!(again.is_empty(), "{again:?}");
    assert_eq!(again.score, plan.score);
}

#[test]
fn an_edited_count_changes_just_that() {
    let mut case = readme();
    case.running = carried_out(&case.topologies, &case.running, &case.placed());
    case.topologies[0].tasks[0].count = 6;
    let more = case.placed();
    let changes = shown(&more).into_iter().filter(|line| !line.starts_with('=')).count();
    assert_eq!(changes, 1, "{:?}", shown(&more));
    case.topologies[0].tasks[0].count = 4;
    let less = case.placed();
    assert_eq!(less.stops.len(), 1);
    assert_eq!(less.stops[0].slot, 4, "the highest slot stops where hosts are equal");
}

#[test]
fn never_towards_the_own_tag_leaves_one_on_a_host() {
    let case = Case::new(cluster(3), &[task("db", 3, &["disk"], &["never disk"])]);
    assert_eq!(spread(&case, &case.placed(), "db"), [1, 1, 1]);
}

#[test]
fn never_holds_whoever_says_it() {
    let a = task("a", 1, &[], &[]);
    let b = task("b", 1, &[], &["never a"]);
    let other = Case::new(cluster(2), std::slice::from_ref(&a)).running(&[runs("o", &b, 0, "h1")]);
    assert_eq!(shown(&other.placed()), ["+a#0@h2"], "the running one says it");
    let own = Case::new(cluster(2), &[b]).running(&[runs("o", &a, 0, "h1")]);
    assert_eq!(shown(&own.placed()), ["+b#0@h2"], "the new one says it");
}

#[test]
fn always_is_directed_and_not_one_to_one() {
    let db = task("db", 5, &["db"], &["never db"]);
    let web = task("web", 7, &[], &["always db"]);
    let case = Case::new(cluster(6), &[db, web]);
    let plan = case.placed();
    for (dbs, webs) in spread(&case, &plan, "db").iter().zip(spread(&case, &plan, "web")) {
        assert!(webs == 0 || *dbs > 0, "{:?}", shown(&plan));
    }
}

#[test]
fn always_in_a_circle_is_planned_together() {
    let a = task("a", 2, &[], &["always b", "never a"]);
    let b = task("b", 2, &[], &["always c"]);
    let c = task("c", 2, &[], &["always a"]);
    let case = Case::new(cluster(3), &[a, b, c]);
    let plan = case.placed();
    assert_eq!(
        spread(&case, &plan, "a"),
        spread(&case, &plan, "b").iter().map(|n| (*n).min(1)).collect::<Vec<_>>()
    );
}

#[test]
fn always_towards_the_own_tag_pairs_up() {
    let case = Case::new(cluster(4), &[task("pair", 4, &[], &["always pair"])]);
    let plan = case.placed();
    assert!(spread(&case, &plan, "pair").iter().all(|count| *count != 1), "{:?}", shown(&plan));
    let odd = Case::new(cluster(4), &[task("pair", 3, &[], &["always pair"])]);
    assert!(spread(&odd, &odd.placed(), "pair").contains(&3));
}

#[test]
fn domains_are_places_with_the_same_attribute_value() {
    let racks = || with_attribute(cluster(4), "rack", &["r1", "r1", "r2", "r2"]);
    let case = Case::new(racks(), &[task("db", 2, &[], &["never db @rack"])]);
    let found = spread(&case, &case.placed(), "db");
    assert_eq!((found[0] + found[1], found[2] + found[3]), (1, 1));
    let db = task("db", 1, &[], &["never web"]);
    let case = Case::new(racks(), &[db, task("web", 1, &[], &["always db @rack"])]);
    let plan = case.placed();
    let (db, web) = (spread(&case, &plan, "db"), spread(&case, &plan, "web"));
    assert_eq!(db[0] + db[1], web[0] + web[1], "same rack, other host: {:?}", shown(&plan));
}

#[test]
fn a_host_without_the_attribute_is_a_place_of_its_own() {
    let racks = with_attribute(cluster(3), "rack", &["r1", "r1", ""]);
    let case = Case::new(racks.clone(), &[task("db", 2, &[], &["never db @rack"])]);
    assert_eq!(spread(&case, &case.placed(), "db")[2], 1);
    let pair = Case::new(racks, &[task("p", 2, &[], &["always p @rack"])]);
    assert_eq!(spread(&pair, &pair.placed(), "p")[2], 0, "it satisfies no always there");
}

#[test]
fn attributes_are_targets_with_the_same_words() {
    let disks = with_attribute(cluster(3), "disk", &["ssd", "hdd", ""]);
    let on = |biases: &[&str]| {
        let case = Case::new(disks.clone(), &[task("a", 1, &[], biases)]);
        case.placed().assignments[0].host.clone()
    };
    assert_eq!(on(&["always @disk=hdd"]), "h2");
    assert_eq!(on(&["never @disk"]), "h3");
    assert_eq!(on(&["prefer @disk=hdd"]), "h2");
    assert_eq!(on(&["avoid @disk"]), "h3");
}

#[test]
fn a_fixed_port_has_one_user_on_a_host() {
    let a = at_port(task("a", 1, &[], &[]), 31_080);
    let b = at_port(task("b", 1, &[], &[]), 31_080);
    let case = Case::new(cluster(2), &[a.clone(), b.clone()]);
    let plan = case.placed();
    assert_ne!(plan.assignments[0].host, plan.assignments[1].host);
    let beside = Case::new(cluster(2), &[a]).running(&[runs("o", &b, 0, "h1")]);
    assert_eq!(shown(&beside.placed()), ["+a#0@h2"]);
}

#[test]
fn ports_are_counted() {
    let mut few = host("h1", 4000);
    few.capacity.ports = vec![(31_000, 31_001), (31_001, 31_001)];
    let hosts = Cluster { hosts: vec![few, host("h2", 4000)] };
    let case = Case::new(hosts, &[task("a", 6, &[], &[])]);
    assert_eq!(spread(&case, &case.placed(), "a"), [2, 4], "overlapping ranges count once");
}

#[test]
fn the_overhead_is_added_to_every_instance() {
    let mut case = Case::new(cluster(2), &[sized(task("a", 2, &[], &[]), 3900)]);
    case.options.overhead.cpus_milli = 100;
    assert_eq!(spread(&case, &case.placed(), "a"), [1, 1]);
    case.options.overhead.cpus_milli = 101;
    assert!(matches!(case.ask(), Verdict::Impossible(_)));
}

#[test]
fn what_runs_stays_where_it_is() {
    let lb = task("lb", 3, &["lb"], &["avoid lb"]);
    let case = Case::new(cluster(3), std::slice::from_ref(&lb));
    let case = case.running(&[runs("t", &lb, 0, "h1"), runs("t", &lb, 1, "h1")]);
    assert_eq!(shown(&case.placed()), ["=lb#0@h1", "=lb#1@h1", "+lb#2@h2"]);
}

#[test]
fn moves_are_made_only_where_allowed_and_needed() {
    let old = task("a", 2, &[], &[]);
    let new = task("a", 2, &[], &["never a"]);
    let run = [runs("t", &old, 0, "h1"), runs("t", &old, 1, "h1")];
    let case = Case::new(cluster(2), &[new]).running(&run);
    let refusal = case.blocked();
    assert!(reasons(&refusal).contains(&"a: running instances stay where they are".to_owned()));
    let plan = case.moves(2).placed();
    assert_eq!(shown(&plan), ["=a#0@h1", ">a#1@h2"]);
}

#[test]
fn scaling_down_does_not_take_the_last_carrier_away() {
    let db = task("db", 1, &[], &[]);
    let web = task("web", 1, &[], &["always db"]);
    let run = [runs("t", &db, 0, "h2"), runs("t", &db, 1, "h1"), runs("o", &web, 0, "h1")];
    let case = Case::new(cluster(2), std::slice::from_ref(&db)).running(&run);
    assert_eq!(shown(&case.placed()), ["=db#1@h1", "-db#0@h2"]);
    let gone = Case::new(cluster(2), &[task("db", 0, &[], &[])]).running(&run);
    let refusal = gone.blocked();
    assert!(reasons(&refusal).iter().any(|line| line.starts_with("what runs of o")), "{refusal:?}");
}

#[test]
fn holder_and_carrier_scale_down_together() {
    let a = task("a", 1, &[], &["always b"]);
    let b = task("b", 1, &[], &["always a"]);
    let run = [
        runs("t", &a, 0, "h2"),
        runs("t", &a, 1, "h1"),
        runs("t", &b, 0, "h1"),
        runs("t", &b, 1, "h2"),
    ];
    let case = Case::new(cluster(2), &[a, b]).running(&run);
    let plan = case.placed();
    assert_eq!(plan.assignments[0].host, plan.assignments[1].host, "{:?}", shown(&plan));
    assert_eq!(plan.stops.len(), 2);
}

#[test]
fn removing_a_topology_stops_it_whoever_stands_on_it() {
    let db = task("db", 1, &[], &[]);
    let web = task("web", 1, &[], &["always db"]);
    let mut case = Case::new(cluster(1), &[]);
    case.running.instances = vec![runs("shop", &db, 0, "h1"), runs("o", &web, 0, "h1")];
    case.options.removing.insert("shop".to_owned());
    assert_eq!(shown(&case.placed()), ["-db#0@h1"]);
}

#[test]
fn an_ending_instance_counts_for_never_but_carries_nothing() {
    let db = task("db", 1, &["db"], &["never db"]);
    let mut ending = runs("t", &db, 0, "h1");
    ending.keep = false;
    let case = Case::new(cluster(2), &[db]).running(std::slice::from_ref(&ending));
    assert_eq!(shown(&case.placed()), ["+db#0@h2"], "its slot is free, its host is not");
    let web = task("web", 1, &[], &["always db"]);
    let case = Case::new(cluster(2), &[web]).running(&[ending]);
    assert!(matches!(case.ask(), Verdict::Impossible(_)));
}

#[test]
fn a_stranded_holder_gets_its_carrier_back_first() {
    let db = task("db", 1, &["db"], &["never db"]);
    let web = task("web", 1, &[], &["always db"]);
    let case = Case::new(cluster(3), &[db, web.clone()]).running(&[runs("t", &web, 0, "h2")]);
    assert_eq!(shown(&case.placed()), ["+db#0@h2", "=web#0@h2"]);
}

#[test]
fn an_accident_elsewhere_does_not_stop_a_plan() {
    let alone = task("alone", 1, &[], &["always nobody", "never twin"]);
    let twin = task("twin", 1, &["twin"], &[]);
    let run = [runs("o", &alone, 0, "h1"), runs("o", &twin, 0, "h1")];
    let case = Case::new(cluster(2), &[task("a", 2, &[], &[])]).running(&run);
    assert_eq!(case.placed().assignments.len(), 2);
}

#[test]
fn what_runs_on_an_unknown_host_stays_and_nothing_follows() {
    let a = task("a", 2, &[], &["avoid @rack"]);
    let case = Case::new(cluster(1), std::slice::from_ref(&a)).running(&[runs("t", &a, 0, "gone")]);
    assert_eq!(shown(&case.placed()), ["=a#0@gone", "+a#1@h1"]);
}

#[test]
fn an_overfull_host_keeps_what_it_has_and_gets_nothing() {
    let big = sized(task("a", 2, &[], &[]), 3000);
    let run = [runs("t", &big, 0, "h1"), runs("t", &big, 1, "h1")];
    let case = Case::new(cluster(2), &[big, task("b", 1, &[], &[])]).running(&run);
    assert_eq!(shown(&case.placed()), ["=a#0@h1", "=a#1@h1", "+b#0@h2"]);
}

#[test]
fn a_slot_goes_back_to_its_former_host_among_equals() {
    let mut case = Case::new(cluster(3), &[task("a", 2, &[], &[])]);
    case.options.previous.insert(("a".parse().unwrap(), 0), "h3".to_owned());
    case.options.previous.insert(("a".parse().unwrap(), 1), "h2".to_owned());
    assert_eq!(shown(&case.placed()), ["+a#0@h3", "+a#1@h2"]);
}

#[test]
fn a_task_that_left_the_file_is_stopped() {
    let old = task("old", 2, &[], &[]);
    let run = [runs("t", &old, 0, "h1"), runs("t", &old, 1, "h2")];
    let case = Case::new(cluster(2), &[task("a", 1, &[], &[])]).running(&run);
    assert_eq!(shown(&case.placed()), ["+a#0@h1", "-old#0@h1", "-old#1@h2"]);
}

#[test]
fn options_survive_json() {
    let mut options = crate::Options::default();
    options.previous.insert(("http.lb".parse().unwrap(), 2), "h1".to_owned());
    let text = serde_json::to_string(&options).unwrap();
    assert_eq!(serde_json::from_str::<crate::Options>(&text).unwrap(), options);
}

#[test]
fn what_can_never_be_gained_is_not_in_the_bound() {
    let bound = |case: &Case| case.placed().bound;
    let dangling = Case::new(cluster(2), &[task("a", 3, &[], &["prefer nobody"])]);
    assert_eq!(bound(&dangling), Some(0));
    let alone = Case::new(cluster(2), &[task("a", 1, &[], &["prefer a"])]);
    assert_eq!(bound(&alone), Some(0), "it is no carrier for itself");
    let two = Case::new(cluster(2), &[task("a", 2, &[], &["prefer a"])]);
    assert_eq!(bound(&two), Some(100));
    let disks = with_attribute(cluster(2), "disk", &["ssd", "hdd"]);
    let away = task("a", 1, &[], &["prefer @disk=ssd", "always @disk=hdd"]);
    assert_eq!(bound(&Case::new(disks, &[away])), Some(0), "no such host is open to it");
    let mut ending = runs("o", &task("b", 1, &[], &[]), 0, "h1");
    ending.keep = false;
    let gone = Case::new(cluster(2), &[task("a", 1, &[], &["prefer b"])]).running(&[ending]);
    assert_eq!(bound(&gone), Some(0));
}
