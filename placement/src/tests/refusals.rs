//! What is refused, with which statements and which sentence.

use lathe_topology::Code;

use crate::sample::{Case, at_port, cluster, reasons, runs, sized, task, with_attribute};
use crate::{Refusal, Verdict};

fn codes(refusal: &Refusal) -> Vec<Code> {
    let mut codes: Vec<Code> = refusal.reasons.iter().map(|reason| reason.code).collect();
    codes.dedup();
    codes
}

#[test]
fn always_on_a_tag_that_nobody_carries() {
    let refusal = Case::new(cluster(3), &[task("a", 2, &[], &["always db"])]).impossible();
    assert_eq!(reasons(&refusal), ["a: tasks = 2", "a: [\"db\", \"always\"]"]);
    assert_eq!(codes(&refusal), [Code::ALWAYS_WITHOUT_CARRIER]);
    assert_eq!(refusal.sentence, "a says always \"db\", and nothing carries \"db\"");
    assert_eq!(refusal.reasons[1].span, Some(10..11), "the bias's own place in the file");
}

#[test]
fn always_towards_the_own_tag_with_a_lone_instance() {
    let refusal = Case::new(cluster(3), &[task("a", 1, &["x"], &["always x"])]).impossible();
    assert_eq!(reasons(&refusal), ["a: tasks = 1", "a: [\"x\", \"always\"]"]);
    assert!(refusal.sentence.contains("does not count for itself"), "{}", refusal.sentence);
}

#[test]
fn never_and_always_contradict_each_other() {
    let a = task("a", 2, &[], &["always b"]);
    let b = task("b", 2, &[], &["prefer x", "never a"]);
    let other = task("c", 5, &[], &["never c"]);
    let refusal = Case::new(cluster(9), &[a, b, other]).impossible();
    let expected = ["a: tasks = 2", "a: [\"b\", \"always\"]", "b: [\"a\", \"never\"]"];
    assert_eq!(reasons(&refusal), expected);
    assert_eq!(codes(&refusal), [Code::CONTRADICTION]);
}

#[test]
fn more_pigeons_than_holes() {
    let db = task("db", 51, &["heavy_disk"], &["never heavy_disk"]);
    let refusal = Case::new(cluster(50), &[db, task("web", 9, &[], &[])]).impossible();
    assert_eq!(reasons(&refusal), ["db: tasks = 51", "db: [\"heavy_disk\", \"never\"]"]);
    assert_eq!(
        refusal.sentence,
        "51 instances of db exclude each other on a host: at most 1 of 51 fits on each, and there are 50"
    );
}

#[test]
fn pigeons_of_two_tasks_share_the_holes() {
    let one = task("one", 2, &["x"], &["never x"]);
    let two = task("two", 2, &["x"], &["never x"]);
    let refusal = Case::new(cluster(3), &[one, two]).impossible();
    assert_eq!(refusal.reasons.len(), 4, "{:?}", reasons(&refusal));
    assert!(refusal.sentence.contains("at most 1 of 4"), "{}", refusal.sentence);
}

#[test]
fn pigeons_in_racks() {
    let racks = with_attribute(cluster(4), "rack", &["r1", "r1", "r2", "r2"]);
    let refusal = Case::new(racks, &[task("a", 3, &[], &["never a @rack"])]).impossible();
    assert!(refusal.sentence.contains("on a rack value: at most 1 of 3"), "{}", refusal.sentence);
}

#[test]
fn an_instance_larger_than_every_host() {
    let big = sized(task("a", 1, &[], &[]), 8000);
    let refusal = Case::new(cluster(3), &[big, task("b", 3, &[], &["never b"])]).impossible();
    assert_eq!(codes(&refusal), [Code::TOO_LARGE_FOR_ANY_HOST]);
    assert_eq!(
        refusal.sentence,
        "an instance of a needs 8.0 cpus with its executor, and the largest host has 4.0 cpus"
    );
    assert_eq!(refusal.reasons.len(), 2);
}

#[test]
fn more_than_all_hosts_have() {
    let a = sized(task("a", 5, &[], &[]), 1000);
    let b = sized(task("b", 4, &[], &[]), 1000);
    let refusal = Case::new(cluster(2), &[a, b]).impossible();
    assert!(refusal.sentence.contains("make 9.0 cpus"), "{}", refusal.sentence);
    assert_eq!(refusal.reasons.len(), 4);
}

#[test]
fn too_many_for_the_room_on_each() {
    let refusal = Case::new(cluster(3), &[sized(task("a", 4, &[], &[]), 3000)]).impossible();
    assert!(refusal.sentence.ends_with("have room for 3"), "{}", refusal.sentence);
}

#[test]
fn an_attribute_that_no_host_has() {
    let refusal = Case::new(cluster(2), &[task("a", 1, &[], &["always @disk=ssd"])]).impossible();
    assert_eq!(codes(&refusal), [Code::NO_SUCH_ATTRIBUTE]);
    assert_eq!(reasons(&refusal), ["a: tasks = 1", "a: [\"@disk=ssd\", \"always\"]"]);
    let rack = Case::new(cluster(2), &[task("a", 2, &[], &["always a @rack"])]).impossible();
    assert!(rack.sentence.contains("has the attribute rack"), "{}", rack.sentence);
}

#[test]
fn a_fixed_port_is_a_pigeonhole() {
    let refusal = Case::new(cluster(1), &[at_port(task("a", 2, &[], &[]), 31_080)]).impossible();
    assert_eq!(
        refusal.sentence,
        "2 instances of a at port 31080: at most 1 fits on each host that offers it, and there is 1"
    );
    let outside = Case::new(cluster(1), &[at_port(task("a", 1, &[], &[]), 80)]).impossible();
    assert!(outside.sentence.contains("port 80"), "{}", outside.sentence);
}

#[test]
fn what_runs_elsewhere_blocks_and_is_named() {
    let big = sized(task("big", 1, &[], &[]), 3000);
    let case =
        Case::new(cluster(1), std::slice::from_ref(&big)).running(&[runs("other", &big, 0, "h1")]);
    let refusal = case.blocked();
    assert_eq!(codes(&refusal), [Code::BLOCKED]);
    assert!(refusal.sentence.contains("what runs of other"), "{}", refusal.sentence);
    assert!(refusal.sentence.contains("is 1.0 cpus"), "{}", refusal.sentence);
    assert_eq!(refusal.reasons.len(), 3, "{:?}", reasons(&refusal));
}

#[test]
fn without_hosts_nothing_fits_and_nothing_wanted_fits() {
    let none = Case::new(cluster(0), &[task("a", 1, &[], &[])]);
    assert!(matches!(none.ask(), Verdict::Impossible(_)));
    assert!(Case::new(cluster(0), &[task("a", 0, &[], &[])]).placed().is_empty());
}

#[test]
fn a_spent_budget_is_said_honestly() {
    // Sizes of which two fit on a host and three never do: that is not seen by adding them up.
    let sizes = [1_400_u64, 1_500, 1_600, 1_700, 1_800];
    let tasks: Vec<_> = sizes
        .iter()
        .enumerate()
        .map(|(at, size)| sized(task(&format!("t{at}"), 1, &[], &[]), *size))
        .collect();
    let mut case = Case::new(cluster(2), &tasks);
    case.options.budget_steps = 0;
    match case.ask() {
        Verdict::Unknown { steps, refusal, best } => {
            assert_eq!((best.assignments.len(), case.check(&best).len()), (4, 1), "{best:?}");
            assert!(refusal.sentence.contains(&format!("{steps} steps")), "{}", refusal.sentence);
        }
        other => panic!("not unknown: {other:?}"),
    }
}

#[test]
fn what_is_short_is_counted_where_each_alone_would_fit() {
    let big = sized(task("big", 1, &[], &[]), 2000);
    let web = sized(task("web", 2, &[], &[]), 3000);
    let refusal = Case::new(cluster(2), &[web]).running(&[runs("other", &big, 0, "h1")]).blocked();
    assert!(
        refusal.sentence.ends_with(
            "what runs of other takes the room; 2 new instances of web are wanted, and there is room for 1"
        ),
        "{}",
        refusal.sentence
    );
}

#[test]
fn the_rules_of_what_is_in_the_way_are_named() {
    let db = task("db", 0, &[], &[]);
    let web = task("web", 1, &[], &["always db", "never nobody"]);
    let run = [runs("t", &db, 0, "h1"), runs("shop", &web, 0, "h1")];
    let refusal = Case::new(cluster(2), &[db]).running(&run).blocked();
    assert!(
        refusal
            .sentence
            .ends_with("what runs of shop is in the way; web says [\"db\", \"always\"]"),
        "{}",
        refusal.sentence
    );
    let a = task("a", 2, &[], &["never web"]);
    let run: Vec<_> = ["h1", "h2"].map(|at| runs("shop", &task("web", 2, &[], &[]), 0, at)).into();
    let refusal = Case::new(cluster(2), &[a]).running(&run).blocked();
    assert!(
        refusal.sentence.ends_with(
            "what runs of shop is in the way; web#0 on h1 and web#0 on h2 carry \"web\""
        ),
        "{}",
        refusal.sentence
    );
}

/// The changes that are shown.
fn texts(refusal: &Refusal) -> Vec<&str> {
    refusal.repairs.iter().map(|repair| repair.text.as_str()).collect()
}

#[test]
fn a_pigeonhole_is_mended_by_its_count_a_host_or_its_rule() {
    let refusal =
        Case::new(cluster(50), &[task("db", 53, &["disk"], &["never disk"])]).impossible();
    assert_eq!(
        texts(&refusal),
        [
            "db: tasks = 50 instead of tasks = 53",
            "3 more hosts like h1",
            "db: [\"disk\", \"avoid\"] instead of [\"disk\", \"never\"]"
        ]
    );
}

#[test]
fn a_repair_is_as_small_as_it_can_be() {
    let big = sized(task("a", 1, &[], &[]), 8000);
    let refusal = Case::new(cluster(3), &[big]).impossible();
    assert_eq!(texts(&refusal), ["a: cpus = 4.0 instead of cpus = 8.0"]);
    let lone = Case::new(cluster(3), &[task("a", 1, &["x"], &["always x"])]).impossible();
    assert_eq!(texts(&lone)[0], "a: tasks = 2 instead of tasks = 1");
    let few = [task("db", 3, &[], &["never db"]), sized(task("web", 9, &[], &["always db"]), 1900)];
    let refusal = Case::new(cluster(4), &few).impossible();
    assert!(texts(&refusal).contains(&"web: tasks = 6 instead of tasks = 9"), "{refusal:?}");
}

#[test]
fn moves_are_proposed_where_they_are_what_is_missing() {
    let old = task("a", 2, &[], &[]);
    let run = [runs("t", &old, 0, "h1"), runs("t", &old, 1, "h1")];
    let refusal = Case::new(cluster(2), &[task("a", 2, &[], &["never a"])]).running(&run).blocked();
    assert!(texts(&refusal)[1].starts_with("--max-moves 1"), "{:?}", texts(&refusal));
}

#[test]
fn no_repairs_are_looked_for_where_nobody_reads_them() {
    let mut case = Case::new(cluster(1), &[task("a", 2, &[], &["never a"])]);
    case.options.repairs = false;
    assert!(case.impossible().repairs.is_empty());
}

#[test]
fn weights_are_told_in_small_numbers() {
    // Of two with a quarter of a host and one with half of one, two halves fill it.
    let one = task("one", 2, &["x"], &["never x", "never two"]);
    let two = sized(task("two", 5, &[], &[]), 1_900);
    let refusal = Case::new(cluster(4), &[one, two]).impossible();
    assert_eq!(
        refusal.sentence,
        "2 instances of one and 5 instances of two are, counting 2 for each one and 1 for each two, 9 \
         together, and at most 2 on each of 4 hosts can be there: 8 in all"
    );
}

#[test]
fn what_is_seen_without_a_search_is_impossible_and_what_is_placed_is_not_seen() {
    let seen = |case: &Case| {
        crate::conflict(&case.cluster, &case.topologies, &case.running, &case.options)
    };
    let circle = [
        task("a", 1, &[], &["always b"]),
        task("b", 1, &[], &["always c"]),
        task("c", 1, &[], &["never a"]),
    ];
    let case = Case::new(cluster(3), &circle);
    assert_eq!(seen(&case).unwrap().len(), 3);
    case.impossible();
    let crowd = Case::new(cluster(3), &[task("db", 4, &["disk"], &["never disk"])]);
    assert_eq!(seen(&crowd).unwrap(), ["db"]);
    crowd.impossible();
    let good = Case::new(cluster(3), &[task("db", 3, &["disk"], &["never disk"])]);
    assert_eq!(seen(&good), None);
    good.placed();
}

#[test]
fn without_any_host_that_is_what_is_said() {
    let refusal = Case::new(cluster(0), &[task("a", 2, &[], &[])]).impossible();
    assert_eq!(refusal.sentence, "2 instances of a to be placed, and no host is known");
}
