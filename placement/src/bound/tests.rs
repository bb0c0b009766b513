//! Tests of the file beside: bounds that are reached, and single parts against trying everything.

use super::herd::herds;
use super::site::Local;
use super::*;
use crate::model::Holding;
use crate::random::Random;
use crate::sample::{Case, cluster, runs, sized, spread, task, with_attribute};
use crate::tests::brute;
use crate::{Certificate, Claim, Plan, Verdict, place_proved};

fn proved(case: &Case) -> (Plan, Certificate) {
    let answer = place_proved(&case.cluster, &case.topologies, &case.running, &case.options);
    match answer {
        (Verdict::Placed(plan), Some(certificate)) => (plan, certificate),
        other => panic!("{other:?}"),
    }
}

fn zones(hosts: usize, zones: &[&str]) -> crate::Cluster {
    let values: Vec<&str> = (0..hosts).map(|at| zones[at % zones.len()]).collect();
    with_attribute(cluster(hosts), "zone", &values)
}

#[test]
fn what_avoids_itself_in_a_zone_costs_at_least_what_an_even_spread_does() {
    let web = task("web", 7, &[], &["avoid web @zone"]);
    let (plan, certificate) = proved(&Case::new(zones(6, &["a", "b", "c"]), &[web]));
    // 3, 2 and 2 in a zone, each 50 points for each other one.
    assert_eq!((plan.score, plan.bound), (-50 * (6 + 2 + 2), Some(-500)));
    assert_eq!(certificate.claim, Claim::Bound(-500));
    let scopes: Vec<Option<&str>> =
        certificate.parts.iter().map(|part| part.scope.as_deref()).collect();
    assert_eq!(scopes, [None, Some("zone")]);
}

#[test]
fn tasks_that_avoid_a_tag_of_all_of_them_are_counted_together() {
    let tasks: Vec<_> = ["a", "b", "c", "d", "e"]
        .into_iter()
        .map(|name| task(name, 4, &["busy"], &["avoid busy @zone"]))
        .collect();
    let (plan, _) = proved(&Case::new(zones(8, &["x", "y", "z", "w"]), &tasks));
    assert_eq!((plan.score, plan.bound), (-50 * 4 * 5 * 4, Some(-4_000)));
}

#[test]
fn the_cost_of_an_even_spread_is_in_the_bound_however_little_may_be_searched() {
    let tasks: Vec<_> = (0..6)
        .map(|at| {
            let own = format!("avoid t{at} @zone");
            let other = format!("avoid t{} @zone", (at + 1) % 6);
            let wish = format!("prefer t{} @zone", (at + 2) % 6);
            task(&format!("t{at}"), 7, &[], &[own.as_str(), other.as_str(), wish.as_str()])
        })
        .collect();
    let case = Case::new(zones(6, &["a", "b", "c"]), &tasks);
    let input =
        crate::input::Input::new(&case.cluster, &case.topologies, &case.running, &case.options);
    let model = Model::new(&input, Holding::All);
    let proof =
        points(&State::new(&model), &mut Budget { left: 0 }, &mut Budget { left: 0 }).unwrap();
    // Six times 3, 2 and 2 in a zone, and each wish as met.
    assert_eq!(proof.0.points(), 6 * (-500 + 7 * 50));
}

#[test]
fn a_wish_in_a_zone_is_met_only_where_a_carrier_can_be() {
    // One carrier, and room for two beside it in its zone.
    let db = sized(task("db", 1, &[], &[]), 2_000);
    let web = sized(task("web", 6, &[], &["prefer db @zone"]), 2_000);
    let (plan, certificate) = proved(&Case::new(zones(4, &["a", "b"]), &[db, web]));
    assert_eq!((plan.score, plan.bound), (150, Some(150)), "{certificate:?}");
}

#[test]
fn what_runs_of_others_in_a_zone_counts_with_its_wishes_and_its_tags() {
    let old = task("old", 1, &["noisy"], &["avoid web @zone", "prefer web @zone"]);
    let web = task("web", 2, &[], &["avoid noisy @zone"]);
    let case = Case::new(zones(2, &["a", "b"]), std::slice::from_ref(&web));
    let case = case.running(&[runs("o", &old, 0, "h1"), runs("o", &old, 1, "h2")]);
    let (plan, certificate) = proved(&case);
    assert_eq!(plan.bound, Some(plan.score), "{certificate:?}");
}

#[test]
fn what_zones_cannot_hold_is_refuted_by_weights_on_zones() {
    // Each of the first has a zone for itself; of the second two fill one. That is 2 + 3/2 of three zones.
    let one = sized(task("one", 2, &[], &["never two @zone", "never one @zone"]), 4_000);
    let two = sized(task("two", 3, &[], &[]), 4_000);
    let case = Case::new(zones(6, &["a", "b", "c"]), &[one, two]);
    let answer = place_proved(&case.cluster, &case.topologies, &case.running, &case.options);
    let (Verdict::Impossible(_), Some(certificate)) = answer else { panic!("{answer:?}") };
    assert_eq!(certificate.claim, Claim::Impossible);
    assert_eq!(certificate.parts[0].scope.as_deref(), Some("zone"));
}

/// A site with everything drawn.
fn drawn_site(random: &mut Random) -> Site {
    let kinds = 1 + random.below(4);
    let number = |random: &mut Random, end| u64::try_from(random.below(end)).unwrap();
    let mut site = Site {
        places: vec![vec![0]],
        room: std::array::from_fn(|_| 2 + number(random, 9)),
        kinds: (0..kinds).collect(),
        ..Site::default()
    };
    for _ in 0..kinds {
        site.needs.push(std::array::from_fn(|_| number(random, 3)));
        site.most.push(u32::try_from(random.below(5)).unwrap());
        site.points.push(number(random, 60).cast_signed() - 30);
    }
    let carried: Vec<Vec<bool>> =
        (0..3).map(|_| (0..kinds).map(|_| random.below(2) == 0).collect()).collect();
    let mut said = std::collections::BTreeSet::new();
    for _ in 0..random.below(8) {
        let (tag, holder) = (random.below(3), random.below(kinds + 1));
        let weight = 1 + number(random, 40).cast_signed();
        let says = match random.below(8) {
            0 => Says::Never,
            1 => Says::Always,
            2 | 3 => Says::Prefer(weight),
            _ => Says::Avoid(weight),
        };
        let fixed = holder == kinds;
        if (fixed && says == Says::Always) || !said.insert((tag, holder)) {
            continue;
        }
        let live = i64::from(random.below(4) == 0);
        let carriers: Vec<usize> = (0..kinds).filter(|&kind| carried[tag][kind]).collect();
        site.rules.push(Local {
            says,
            tag,
            holder: (!fixed).then_some(holder),
            held: if fixed { 1 } else { 0 },
            own: !fixed && carriers.contains(&holder),
            carriers,
            live,
            all: live,
        });
    }
    site.herds = herds(&site);
    site
}

/// The worth of the best admissible pattern, by trying all of them.
fn best(pricing: &Pricing<'_>, site: &Site) -> Option<i64> {
    let mut best = None;
    let mut pattern = vec![0; site.kinds.len()];
    loop {
        best = best.max(pricing.worth(&pattern));
        let Some(at) = (0..pattern.len()).find(|&at| pattern[at] < site.most[at]) else {
            return best;
        };
        pattern[at] += 1;
        pattern[..at].fill(0);
    }
}

#[test]
fn the_search_of_a_site_finds_its_best_pattern_and_is_never_below_it() {
    let mut random = Random::new(11);
    let mut with_herds = 0;
    for turn in 0..4_000 {
        let site = drawn_site(&mut random);
        with_herds += usize::from(!site.herds.is_empty());
        let scale = if turn % 5 == 0 { 0 } else { 10 };
        let weights: Vec<i64> = site.kinds.iter().map(|_| random.below(800) as i64 - 400).collect();
        let pricing = Pricing::new(&site, scale, &weights);
        let Some(best) = best(&pricing, &site) else { continue };
        for nodes in [0, 3, 20, 100_000] {
            let mut budget = Budget { left: nodes };
            let priced = pricing.search(i64::MIN / 2, &mut budget);
            assert!(priced.most >= best, "{turn}: {nodes}: {priced:?}, {best}: {site:?}");
            if nodes == 100_000 {
                assert_eq!(priced.most, best, "{turn}: {site:?}");
            }
        }
    }
    assert!(with_herds > 100, "{with_herds}");
}

#[test]
fn what_is_filled_by_patterns_is_wanted_and_fits() {
    use proptest::strategy::{Strategy, ValueTree};
    use proptest::test_runner::{Config, RngSeed, TestRunner};
    let mut runner = TestRunner::new(Config { rng_seed: RngSeed::Fixed(5), ..Config::default() });
    let (mut filled, mut judged) = (0, 0);
    for _ in 0..400 {
        let mut case = brute::a_case().new_tree(&mut runner).unwrap().current();
        case.running.instances.retain(|one| one.topology != "t");
        let input =
            crate::input::Input::new(&case.cluster, &case.topologies, &case.running, &case.options);
        let model = Model::new(&input, Holding::All);
        let Some(hosts) = dive(&model, &mut Budget { left: 200_000 }) else { continue };
        let mut state = State::new(&model);
        let wrong = state.wrong;
        for (host, kinds) in &hosts {
            assert!(!kinds.is_empty());
            for &(kind, count) in kinds {
                (0..count).for_each(|_| state.add(kind, *host));
            }
        }
        let mut once: Vec<usize> = hosts.iter().map(|(host, _)| *host).collect();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), hosts.len(), "a host has one pattern: {hosts:?}");
        for (kind, placed) in state.placed.iter().enumerate() {
            assert!(*placed <= model.kinds[kind].most, "{hosts:?}");
        }
        let far = model.rules.iter().any(|rule| rule.domain > 0);
        // Where something runs already, more than the host has may be there.
        if !far && case.running.instances.is_empty() {
            assert!(
                state.wrong <= wrong,
                "{hosts:?} breaks a rule of a host: {:?}",
                case.topologies
            );
            judged += usize::from(!hosts.is_empty());
        }
        filled += usize::from(!hosts.is_empty());
    }
    assert!(filled > 100 && judged > 50, "{filled} {judged}");
}

#[test]
fn where_nothing_has_points_the_bound_is_there_at_once() {
    let tasks: Vec<_> = (0..20).map(|at| task(&format!("t{at}"), 10, &[], &[])).collect();
    let case = Case::new(cluster(40), &tasks);
    let input =
        crate::input::Input::new(&case.cluster, &case.topologies, &case.running, &case.options);
    let model = Model::new(&input, Holding::All);
    let mut budget = Budget { left: 1_000_000 };
    let proof = points(&State::new(&model), &mut budget, &mut Budget { left: 0 }).unwrap();
    assert_eq!(proof.0.points(), 0);
    assert!(budget.left > 990_000, "{}", budget.left);
    assert_eq!(spread(&case, &case.placed(), "t0").iter().sum::<usize>(), 10);
}
