//! Seeds that once broke an invariant, a number of others, mistakes put in by hand that must be
//! found, and the proof that a seed is a run.

use std::collections::BTreeSet;

use lathe_sim::campaign::Campaign;
use lathe_sim::shrink::shrink;
use lathe_sim::{LINES, STEPS, Sabotage, Settings, run};

/// Each found a fault once, in what it says or in the simulation of that time; they are run for
/// ever. What can be had step by step is in the framework's own tests too.
const KEPT: [(u64, &str); 35] = [
    (15, "a launch that was lost stood in the catalog"),
    (20, "lives that nobody knows any more were never forgotten"),
    (24, "hosts that came after the subscription were never seen"),
    (67, "a status that came twice was acknowledged before it was durable"),
    (122, "an offer was held too long"),
    (1, "two registries suspected in turn who beat at one of them"),
    (13, "a leader of the past took the subscription back and killed what it did not know"),
    (32, "launches that waited for the store were asked about, given up, and sent all the same"),
    (49, "what was told to end before it had started stood in the catalog"),
    (72, "an end was lost with its agent"),
    (77, "a host that stood still was told the second thing first"),
    (96, "a leader of the past went on with what was durable"),
    (113, "a slot had a new life while the one before was ending"),
    (1672, "a revision went back when what two callers waited for was reverted"),
    (10_282, "an executor lived on whose task was lost before it had it"),
    (31_311, "a plan knew nothing of a life that came back before it was carried out"),
    (31_409, "an executor lived on because its host was out of reach when it came back"),
    (32_001, "what was meant for a host before it came up reached it"),
    (32_167, "an executor that was killed before it had its task counted as alive"),
    (33_895, "a kill left without its record when its life came back meanwhile"),
    (20_308, "what was sent at the end of the faults overtook what was on its way"),
    (129, "a kill left without its record when its life had come back"),
    (47_222, "an executor that was given up before it had its task counted until it was gone"),
    (48_896, "work that was done was done again when an older life's end was known"),
    (88_587, "work that was done was done again, beside an entry of the older life"),
    (92_847, "work that was done was done again, and nothing came to rest"),
    (94_990, "a leader of the past told what was durable until its topology was made anew"),
    (80_215, "work that a life did which was out of reach for a time counted as not done"),
    (200, "a plan that was asked for kept a paused topology from being resumed"),
    (156, "a registry that saw neither a suspicion nor its end suspected again"),
    (12_959, "the same, after a listing"),
    (6179, "what runs beside the count took the last place of one that backed off"),
    (6271, "what became ready unseen and then suspect came back as it had started"),
    (1950, "an update that was paused was waited for until what runs beside it had a place"),
    (13_968, "a rollback started what was missing before it had ended what ran beside the count"),
];

/// The same, with operators and with tasks that say how long they wait.
const KEPT_WITH_OPERATORS: [(u64, &str); 4] = [
    (11, "what ran under a master that died with its hosts was waited for without end"),
    (1740, "a host out of reach when the faults ended was not taken into use"),
    (2837, "what was still being started when its host came back counted as given up"),
    (476, "a host that died on its way to the master had its successor's place"),
];

/// The same, with planned maintenance.
const KEPT_WITH_MAINTENANCE: [(u64, &str); 3] = [
    (93, "a move for maintenance wrote the revision before over one that was accepted"),
    (2243, "a host was planned with in the moment in which its maintenance came near"),
    (
        3486,
        "what runs beside for a move was ended and begun again each ten seconds, before it had proved itself",
    ),
];

fn holds(settings: &Settings) {
    let (outcome, seed) = (run(settings), settings.seed);
    if let Some(failure) = &outcome.failure {
        let breach = &failure.breach;
        let trace = failure.trace.join("\n");
        panic!("{trace}\nseed {seed}: {}: {}", breach.invariant, breach.what);
    }
    assert!(outcome.steps >= STEPS, "seed {seed} ended after {} steps", outcome.steps);
}

#[test]
fn every_invariant_holds_under_the_seeds_that_are_kept() {
    // What they found was found before there were operators.
    for (seed, _) in KEPT {
        holds(&Settings::of_seed(seed).without_operators());
    }
    for (seed, _) in KEPT_WITH_OPERATORS {
        holds(&Settings::of_seed(seed).without_maintenance());
    }
    for (seed, _) in KEPT_WITH_MAINTENANCE {
        holds(&Settings::of_seed(seed));
    }
}

#[test]
fn every_invariant_holds_under_other_seeds() {
    for seed in 1_000..1_012 {
        holds(&Settings::of_seed(seed));
    }
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let settings = |seed| Settings { steps: 1_000, ..Settings::of_seed(seed) };
    let first = run(&settings(7));
    let second = run(&settings(7));
    assert_eq!((first.hash, first.lines), (second.hash, second.lines));
    assert_eq!(first.decisions, second.decisions);
    assert_ne!(first.hash, run(&settings(8)).hash);
}

#[test]
fn runs_accept_and_refuse_submissions_and_start_instances() {
    let outcomes: Vec<_> = (0..4).map(|seed| run(&Settings::of_seed(seed))).collect();
    assert!(outcomes.iter().map(|outcome| outcome.accepted).sum::<u64>() > 0);
    assert!(outcomes.iter().map(|outcome| outcome.refused).sum::<u64>() > 0);
    assert!(outcomes.iter().all(|outcome| outcome.started > 0));
}

/// Found within this many seeds, each from the first.
const SEEDS_MAX: u64 = 200;

/// The first seed under which the mistake is found, and by what.
fn found(sabotage: Sabotage) -> (u64, &'static str) {
    for seed in 0..SEEDS_MAX {
        if let Some(failure) = run(&Settings::of_seed(seed).with(sabotage)).failure {
            let clean = run(&Settings::of_seed(seed)).failure;
            assert!(clean.is_none(), "seed {seed} fails without {}: {clean:?}", sabotage.name());
            return (seed, failure.breach.invariant);
        }
    }
    panic!("{} is not found within {SEEDS_MAX} seeds", sabotage.name());
}

#[test]
fn an_acknowledgement_before_its_record_is_found() {
    assert_eq!(found(Sabotage::AcknowledgeEarly).1, "an acknowledgement waits for its record");
}

#[test]
fn ids_that_are_used_again_after_a_failover_are_found() {
    let by = found(Sabotage::ReuseIds).1;
    assert!(["an id is used once", "a counter does not go back"].contains(&by), "{by}");
}

#[test]
fn a_launch_while_blind_is_found() {
    assert_eq!(found(Sabotage::LaunchBlind).1, "a launch waits for its record");
}

#[test]
fn a_store_without_a_fence_hoarded_offers_and_hasty_suspicion_are_found() {
    assert_eq!(found(Sabotage::NoFence).1, "an old leader writes nothing");
    assert_eq!(found(Sabotage::HoardOffers).1, "no offer is held beyond its bound");
    assert_eq!(found(Sabotage::Distrust).1, "nobody is suspect who beats");
}

#[test]
fn registries_that_make_nothing_of_what_is_passed_on_and_two_owners_are_found() {
    let by = found(Sabotage::IgnorePassed).1;
    assert_eq!(by, "who is heard by a registry that its owner reaches is not suspect");
    let by = found(Sabotage::TwoOwners).1;
    let ways =
        ["each has one owner", "who is heard by a registry that its owner reaches is not suspect"];
    assert!(ways.contains(&by), "{by}");
}

#[test]
fn hosts_out_of_use_that_are_planned_with_and_drains_that_count_as_failures_are_found() {
    assert_eq!(found(Sabotage::ListAllActive).1, "nothing is planned on a host out of use");
    assert_eq!(found(Sabotage::BlameDrains).1, "a drain is no failure");
    let by = found(Sabotage::ForgetDrains).1;
    assert!(["a drain comes to its end", "all rests"].contains(&by), "{by}");
}

#[test]
fn maintenance_that_nobody_hears_of_and_hosts_that_are_given_in_use_are_found() {
    let by = found(Sabotage::IgnoreWindows).1;
    let ways = [
        "a host is left before its maintenance",
        "nothing is planned on a host that is to be left",
    ];
    assert!(ways.contains(&by), "{by}");
    assert_eq!(found(Sabotage::GiveAtOnce).1, "a host is given when nothing is left there");
}

#[test]
fn impatience_with_one_host_and_with_many_is_found() {
    assert_eq!(found(Sabotage::Impatience).1, "what is out of reach is waited for");
    assert_eq!(found(Sabotage::NoHold).1, "many that are lost at once are waited for");
}

#[test]
fn a_failing_run_is_made_small_and_fails_again_by_its_list() {
    let sabotage = Sabotage::NoFence;
    let (seed, invariant) = found(sabotage);
    let shrunk = shrink(&Settings::of_seed(seed).with(sabotage)).expect("it fails");
    let (before, after) = shrunk.decisions;
    assert!(after < before, "{after} of {before} decisions are left");
    assert!(shrunk.settings.steps < STEPS);
    let again = run(&shrunk.settings).failure.expect("it fails again");
    assert_eq!(again.breach.invariant, invariant);
}

#[test]
fn a_decision_that_is_left_out_leaves_the_others_as_they_are() {
    let all = run(&Settings { steps: 600, ..Settings::of_seed(3) });
    let left_out = *all.decisions.keys().nth(1).expect("some were made");
    let without = BTreeSet::from([left_out]);
    let some = run(&Settings { steps: 600, without, ..Settings::of_seed(3) });
    assert!(!some.decisions.contains_key(&left_out));
    let first = all.decisions.iter().next().expect("some were made");
    assert_eq!(some.decisions.iter().next(), Some(first));
}

#[test]
fn two_threads_run_every_seed_once_and_name_the_one_that_fails() {
    let campaign = Campaign {
        from: 0,
        seeds: 6,
        steps: 300,
        threads: 2,
        without: Vec::new(),
        sabotage: None,
        operators: true,
        maintenance: true,
        lines: LINES,
    };
    let report = campaign.run(|_, _| {});
    assert_eq!((report.seeds, report.failed), (6, None));
    let campaign =
        Campaign { seeds: 40, steps: STEPS, sabotage: Some(Sabotage::NoFence), ..campaign };
    let seed = campaign.run(|_, _| {}).failed.expect("one fails");
    let text = campaign.explain(seed);
    assert!(text.contains(&format!("again: cargo xtask sim --seed {seed} --steps")), "{text}");
    assert!(text.contains("--sabotage no-fence"), "{text}");
}
