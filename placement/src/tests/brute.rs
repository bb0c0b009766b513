//! The solver against every possible placement of tiny cases, judged by the independent check.

use std::collections::BTreeSet;

use lathe_topology::{Resources, Target, TaskSpec, Word};
use proptest::prelude::*;

use crate::input::Input;
use crate::sample::{Case, carried_out, host, runs, sized, task, topology};
use crate::wording::bias_text;
use crate::{
    Certificate, Claim, Cluster, Host, Plan, Reason, Repair, Running, Verdict, place_proved, slots,
};

/// Names of tags, tasks and an attribute domain that rules may be about.
const TAGS: [&str; 5] = ["x", "y", "a", "b", "c"];

fn a_bias() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec!["never", "never", "always", "always", "avoid", "prefer"]);
    let target = prop::sample::select(vec!["x", "y", "a", "b", "c", "@rack", "@rack=r1"]);
    (word, target, prop::bool::weighted(0.25)).prop_map(|(word, target, rack)| {
        let domain = if rack && !target.starts_with('@') { " @rack" } else { "" };
        format!("{word} {target}{domain}")
    })
}

fn a_task(name: &'static str) -> impl Strategy<Value = TaskSpec> {
    let tags = prop::collection::vec(prop::sample::select(TAGS[..2].to_vec()), 0..2);
    let size = prop::sample::select(vec![0_u64, 100, 1000, 1500, 2000]);
    (0_u32..4, tags, prop::collection::vec(a_bias(), 0..3), size, prop::bool::weighted(0.15))
        .prop_map(move |(count, tags, biases, size, port)| {
            let texts: BTreeSet<&str> = biases.iter().map(String::as_str).collect();
            let texts: Vec<&str> = texts.into_iter().collect();
            let made = sized(task(name, count, &tags, &texts), size);
            if port { crate::sample::at_port(made, 31_080) } else { made }
        })
}

/// Which task of which topology runs where: task, slot, host, topology, kept.
type Run = (usize, u32, usize, bool, bool);

fn some_runs() -> impl Strategy<Value = Vec<Run>> {
    let run =
        (0_usize..3, 0_u32..3, 0_usize..4, prop::bool::weighted(0.7), prop::bool::weighted(0.85));
    prop_oneof![Just(Vec::new()), prop::collection::vec(run, 0..4)]
}

pub(crate) fn a_case() -> impl Strategy<Value = Case> {
    let racks = prop::collection::vec(prop::sample::select(vec!["", "r1", "r2"]), 3);
    let sizes = prop::collection::vec(prop::sample::select(vec![1000_u64, 2000, 2000, 4000]), 1..4);
    let tasks = (a_task("a"), a_task("b"), a_task("c"));
    (racks, sizes, tasks, some_runs(), 0_u32..3).prop_map(|(racks, sizes, tasks, run, moves)| {
        let hosts = sizes.iter().zip(racks).enumerate().map(|(at, (cpus, rack))| {
            let mut made = host(&format!("h{at}"), *cpus);
            if !rack.is_empty() {
                made.attributes.insert("rack".to_owned(), rack.to_owned());
            }
            made
        });
        let mut tasks = [tasks.0, tasks.1, tasks.2];
        let mut left = 5;
        for made in &mut tasks {
            made.count = made.count.min(left);
            left -= made.count;
        }
        let instances = run.into_iter().map(|(at, slot, host, given, keep)| {
            let name = if given { "t" } else { "other" };
            // Host 3 is never among the known ones.
            let mut one = runs(name, &tasks[at], slot, &format!("h{host}"));
            one.keep = keep;
            one
        });
        let running = Running { instances: instances.collect() };
        let mut case = Case::new(Cluster { hosts: hosts.collect() }, &tasks).moves(moves);
        case.running = running;
        case
    })
}

/// Every way to write `count` as a sum over so many hosts.
fn sums(count: u32, hosts: usize) -> Vec<Vec<u32>> {
    if hosts == 0 {
        return if count == 0 { vec![Vec::new()] } else { Vec::new() };
    }
    let mut all = Vec::new();
    for first in 0..=count {
        for mut rest in sums(count - first, hosts - 1) {
            rest.insert(0, first);
            all.push(rest);
        }
    }
    all
}

/// A valid plan, if there is any: every distribution of counts is tried.
fn any_plan(case: &Case) -> Option<Plan> {
    let mut found = None;
    each_plan(case, |plan| {
        found = Some(plan);
        false
    });
    found
}

/// Every valid plan with its score, until somebody has seen enough.
fn each_plan(case: &Case, mut look: impl FnMut(Plan) -> bool) {
    let input = Input::new(&case.cluster, &case.topologies, &case.running, &case.options);
    let ways: Vec<Vec<Vec<u32>>> =
        input.wanted.iter().map(|row| sums(row.spec.count, input.hosts.len())).collect();
    let mut at = vec![0; ways.len()];
    if ways.iter().any(Vec::is_empty) {
        return;
    }
    loop {
        let on_hosts = |way: &Vec<u32>| {
            let hosts = way.iter().copied().enumerate();
            hosts.filter(|(_, count)| *count > 0).collect::<Vec<(usize, u32)>>()
        };
        let counts: Vec<_> = at.iter().zip(&ways).map(|(at, ways)| on_hosts(&ways[*at])).collect();
        let mut plan = slots::plan(&input, &counts, 0, i64::MAX);
        let start = "the score is ";
        let said = case.check(&plan);
        if said.iter().all(|text| text.starts_with(start)) {
            if let Some(text) = said.first() {
                let number = text[start.len()..].split(',').next().unwrap();
                plan.score = number.parse().unwrap();
            }
            if !look(plan) {
                return;
            }
        }
        let turned = (0..at.len()).find(|&digit| {
            at[digit] = (at[digit] + 1) % ways[digit].len();
            at[digit] != 0
        });
        if turned.is_none() {
            return;
        }
    }
}

/// Whether the sums of a certificate show what it claims.
fn adds_up(certificate: &Certificate) -> Result<(), String> {
    let weighed = |part: &crate::Part| {
        let weights = certificate.tasks.iter().zip(&part.weights);
        weights.map(|(task, weight)| i64::from(task.count) * weight).sum::<i64>()
    };
    let wanted: i64 = certificate.parts.iter().map(weighed).sum();
    let places = |class: &crate::PlaceClass| i64::try_from(class.places.len()).unwrap();
    let classes = certificate.parts.iter().flat_map(|part| &part.classes);
    let most: i64 = classes.map(|class| places(class) * class.most).sum();
    let holds = match certificate.claim {
        Claim::Impossible => wanted > most,
        Claim::Bound(bound) => {
            certificate.constant + (wanted + most).div_euclid(certificate.scale) <= bound
        }
    };
    if holds { Ok(()) } else { Err(format!("{wanted} and {most} in {certificate:?}")) }
}

/// The case with everything else thought away, and with its own free to move.
fn emptied(case: &Case) -> Case {
    let mut case = case.clone();
    let others: Vec<_> =
        case.running.instances.iter().filter(|one| one.topology != "t").cloned().collect();
    case.running.instances.retain(|one| one.topology == "t" && one.keep);
    for spec in &mut case.topologies[0].tasks {
        spec.biases.retain(|bias| match &bias.target {
            Target::Tag(tag) if bias.word == Word::Always => {
                !others.iter().any(|one| one.keep && one.tags.contains(tag))
            }
            _ => true,
        });
    }
    case.moves(u32::MAX)
}

/// The case with a change that is said to help.
fn mended(case: &Case, repair: &Repair) -> Case {
    let mut case = case.clone();
    let Some(path) = &repair.task else {
        let number =
            |text: &str| text.split([' ', ':']).find_map(|word| word.parse().ok()).unwrap();
        if let Some(rest) = repair.text.strip_prefix("--max-moves ") {
            return case.moves(number(rest));
        }
        let like = repair.text.rsplit(' ').next().unwrap();
        let like = case.cluster.hosts.iter().find(|host| host.name == like).unwrap().clone();
        for at in 0..number(&repair.text) {
            case.cluster.hosts.push(Host { name: format!("z{at}"), ..like.clone() });
        }
        return case;
    };
    let spec = case.topologies[0].tasks.iter_mut().find(|spec| spec.path == *path).unwrap();
    let (before, after) = (repair.statement.as_ref().unwrap(), repair.instead.as_ref().unwrap());
    match after.split_once(" = ") {
        Some(("tasks", count)) => spec.count = count.parse().unwrap(),
        Some(("cpus", cpus)) => {
            spec.resources.cpus_milli = (cpus.parse::<f64>().unwrap() * 1000.0).round() as u64;
        }
        Some(other) => panic!("{other:?}"),
        None => {
            let at = spec.biases.iter().position(|bias| bias_text(bias) == *before).unwrap();
            let word = spec.biases[at].word;
            spec.biases[at].word = if word == Word::Never { Word::Avoid } else { Word::Prefer };
            assert_eq!(bias_text(&spec.biases[at]), *after);
        }
    }
    case
}

/// Whether a placement exists where only the named statements hold: counts that are not named may
/// be smaller, rules that are not named are gone, sizes that are not named are nothing.
fn possible_with(case: &Case, named: &[&Reason]) -> bool {
    let names = |spec: &TaskSpec, start: &str| {
        named.iter().any(|reason| {
            reason.task.as_ref() == Some(&spec.path) && reason.statement.starts_with(start)
        })
    };
    let mut less = case.clone();
    for spec in &mut less.topologies[0].tasks {
        if !names(spec, "resources") {
            let ports = Vec::new();
            spec.resources = Resources { cpus_milli: 0, mem_bytes: 0, disk_bytes: 0, ports };
        }
        let path = spec.path.clone();
        spec.biases.retain(|bias| {
            !bias.word.is_hard()
                || named.iter().any(|reason| {
                    reason.task.as_ref() == Some(&path) && reason.span == Some(bias.span.clone())
                })
        });
    }
    let mut cases = vec![less];
    for at in 0..case.topologies[0].tasks.len() {
        let spec = &case.topologies[0].tasks[at];
        if !names(spec, "tasks") {
            let fewer = cases.iter().flat_map(|one| {
                (0..=spec.count).map(move |count| {
                    let mut fewer = one.clone();
                    fewer.topologies[0].tasks[at].count = count;
                    fewer
                })
            });
            cases = fewer.collect();
        }
    }
    cases.iter().any(|one| any_plan(one).is_some())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, rng_seed: proptest::test_runner::RngSeed::Fixed(3), ..ProptestConfig::default() })]

    #[test]
    fn the_verdict_is_that_of_trying_everything(case in a_case()) {
        let verdict = case.ask();
        let truth = any_plan(&case);
        match verdict {
            Verdict::Placed(plan) => {
                prop_assert_eq!(case.check(&plan), Vec::<String>::new());
                prop_assert!(truth.is_some(), "the enumeration has every plan");
            }
            Verdict::Blocked(refusal) => {
                prop_assert_eq!(truth, None);
                for repair in &refusal.repairs {
                    prop_assert!(any_plan(&mended(&case, repair)).is_some(), "{:?}", repair);
                }
                prop_assert!(any_plan(&emptied(&case)).is_some(), "not even on empty hosts");
            }
            Verdict::Impossible(refusal) => {
                prop_assert_eq!(truth, None);
                let empty = emptied(&case);
                prop_assert_eq!(any_plan(&empty), None);
                prop_assert!(!refusal.reasons.is_empty());
                prop_assert!(refusal.repairs.len() <= 3);
                for repair in &refusal.repairs {
                    prop_assert!(any_plan(&mended(&case, repair)).is_some(), "{:?}", repair);
                }
                let all: Vec<&Reason> = refusal.reasons.iter().collect();
                prop_assert!(!possible_with(&empty, &all), "they do not exclude each other: {:?}", refusal);
                for reason in &refusal.reasons {
                    let rest: Vec<&Reason> = all.iter().copied().filter(|one| *one != reason).collect();
                    prop_assert!(possible_with(&empty, &rest), "{:?} is not needed in {:?}", reason, refusal);
                }
            }
            Verdict::Unknown { .. } => prop_assert!(false, "the budget is ample"),
        }
    }

    #[test]
    fn no_plan_exceeds_the_bound_and_its_certificate(case in a_case()) {
        let (verdict, certificate) =
            place_proved(&case.cluster, &case.topologies, &case.running, &case.options);
        if let Verdict::Placed(plan) = &verdict {
            let mut best = plan.score;
            each_plan(&case, |other| {
                best = best.max(other.score);
                true
            });
            prop_assert!(plan.bound.unwrap() >= best, "{:?} and {}", plan.bound, best);
            if let Some(certificate) = &certificate {
                let Claim::Bound(claimed) = certificate.claim else { panic!("{certificate:?}") };
                prop_assert!(claimed >= best, "{:?} and {}", certificate, best);
            }
        }
        if let Some(certificate) = certificate {
            prop_assert_eq!(adds_up(&certificate), Ok(()));
            let text = serde_json::to_string(&certificate).unwrap();
            prop_assert_eq!(serde_json::from_str::<Certificate>(&text).unwrap(), certificate);
        }
    }

    #[test]
    fn no_plan_makes_fewer_moves(case in a_case()) {
        let moved = |plan: &Plan| {
            plan.assignments.iter().filter(|one| matches!(one.change, crate::Change::Move { .. })).count()
        };
        if let Verdict::Placed(plan) = case.ask() {
            let moves = moved(&plan);
            if let Some(fewer) = moves.checked_sub(1) {
                let less = case.moves(u32::try_from(fewer).unwrap());
                prop_assert_eq!(any_plan(&less), None);
            }
        }
    }

    #[test]
    fn the_order_of_the_input_does_not_matter(case in a_case(), turn in 0_usize..4) {
        let mut other = case.clone();
        other.cluster.hosts.reverse();
        let instances = other.running.instances.len();
        if instances > 0 {
            other.running.instances.rotate_left(turn % instances);
        }
        for spec in &mut other.topologies[0].tasks {
            spec.tags.reverse();
        }
        other.topologies[0].tasks.rotate_left(turn % 3);
        prop_assert_eq!(case.ask(), other.ask());
        let mut split = case;
        split.topologies.insert(0, topology("u", &[task("u", 0, &[], &[])]));
        let mut turned = split.clone();
        turned.topologies.reverse();
        prop_assert_eq!(split.ask(), turned.ask());
    }

    #[test]
    fn what_was_carried_out_asks_for_nothing(case in a_case()) {
        if let Verdict::Placed(plan) = case.ask() {
            let mut after = case.clone();
            after.running = carried_out(&case.topologies, &case.running, &plan);
            match after.ask() {
                Verdict::Placed(again) => {
                    prop_assert!(again.is_empty(), "{:?}", again);
                    prop_assert_eq!(again.score, plan.score);
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
