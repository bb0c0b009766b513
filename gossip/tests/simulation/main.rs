//! Gossip of many agents under loss, cuts and deaths: all know in time what one has heard, and nobody anything
//! that no registry has said.

mod world;

use std::collections::BTreeMap;

use lathe_gossip::Gossip;
use world::{Plan, ROUND_MS, Sabotage, World};

/// The bar: rounds until all know what one has heard.
const ROUNDS_MAX: usize = 6;

fn begin(plan: Plan) -> World {
    let mut world = World::new(plan);
    world.run(3 * ROUND_MS);
    world
}

#[test]
fn a_thousand_agents_know_within_six_rounds_what_one_has_heard() {
    for (seed, loss) in [(1, 0), (2, 30)] {
        let mut world = begin(Plan { seed, agents: 1000, loss, ..Plan::default() });
        world.hear(7, true);
        let first = world.rounds_to_agree(ROUNDS_MAX + 1);
        let before = world.counts();
        world.run(5 * ROUND_MS);
        let quiet = world.counts();
        let rate = |bytes: u64, rounds: usize| bytes / 1000 / rounds.max(1) as u64;
        for (at, kind) in [(1, "small"), (0, "large")] {
            let (subject, quiet) = (world.subjects()[at].clone(), world.counts());
            world.change(&subject);
            let rounds = world.rounds_to_agree(ROUNDS_MAX + 1);
            let after = world.counts();
            println!(
                "  a {kind} change after {rounds}, {} bytes an agent and round meanwhile",
                rate(after.sent_bytes - quiet.sent_bytes, rounds)
            );
            assert!(rounds <= ROUNDS_MAX, "{rounds} rounds");
        }
        println!(
            "1,000 agents, {loss} % loss: all known after {first} rounds; {} bytes an agent and round at rest",
            rate(quiet.sent_bytes - before.sent_bytes, 5),
        );
        assert!(first <= ROUNDS_MAX, "{first} rounds");
        assert_eq!(world.wrong, Vec::<String>::new());
    }
}

#[test]
fn agents_join_by_seeds_and_learn_everything() {
    let mut world =
        World::new(Plan { seed: 3, agents: 100, loss: 30, met: false, ..Plan::default() });
    world.hear(50, true);
    world.run(30 * ROUND_MS);
    let least = world.machines().map(|machine| machine.members().count()).min();
    // Not all need to know all; those that are missing are told of in time.
    assert!(least >= Some(75), "somebody knows {least:?} members");
    assert!(world.rounds_to_agree(ROUNDS_MAX) < ROUNDS_MAX, "{}", world.who_is_behind());
    assert_eq!(world.wrong, Vec::<String>::new());
}

/// Faults by the seed; when they end, all agree, with or without a registry.
fn faults(seed: u64, sabotage: Sabotage) -> World {
    let agents = 40;
    let plan = Plan { seed, agents, loss: 30, groups: 5, sabotage, ..Plan::default() };
    let mut world = begin(plan);
    let mut draw = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut draw = |bound: usize| {
        draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (draw >> 33) as usize % bound
    };
    let hearing = [draw(agents), draw(agents)];
    hearing.iter().for_each(|at| world.hear(*at, true));
    for _ in 0..12 {
        match draw(7) {
            0 => (0..20).for_each(|_| world.cut(draw(agents), draw(agents))),
            1 => world.part((0..agents).map(|at| (at, (draw(2)) as u8)).collect()),
            2 => world.heal(),
            3 => {
                let at = draw(agents);
                world.kill(at);
                world.run(300);
                world.start(at);
            }
            4 => world.hear(hearing[0], draw(2) == 0),
            5 => world.part(BTreeMap::from([(hearing[1], 9)])),
            _ if draw(6) == 0 => world.begin_history(),
            _ => {}
        }
        let subject = world.subjects()[draw(5)].clone();
        world.change(&subject);
        world.run(200 + draw(3000) as u64);
    }
    world.heal();
    hearing.iter().for_each(|at| world.hear(*at, true));
    world.run(ROUND_MS);
    // From here on no registry says anything.
    hearing.iter().for_each(|at| world.hear(*at, false));
    world
}

#[test]
fn when_faults_end_all_agree_without_registries_and_nothing_ever_goes_back() {
    for seed in 0..30 {
        let mut world = faults(seed, Sabotage::None);
        let rounds = world.rounds_to_agree(40);
        assert!(rounds < 40, "seed {seed}: {}", world.who_is_behind());
        assert_eq!(world.wrong, Vec::<String>::new(), "seed {seed}");
    }
}

#[test]
fn one_that_starts_when_all_registries_are_gone_learns_from_the_others() {
    let mut world = begin(Plan { seed: 5, agents: 12, ..Plan::default() });
    world.hear(0, true);
    world.rounds_to_agree(10);
    world.hear(0, false);
    for at in [3, 0] {
        world.kill(at);
        world.run(ROUND_MS);
        world.start(at);
        assert!(world.rounds_to_agree(ROUNDS_MAX) < ROUNDS_MAX);
    }
    assert_eq!(world.wrong, Vec::<String>::new());
}

#[test]
fn one_agent_cannot_invent() {
    let mut world = begin(Plan { seed: 6, agents: 20, ..Plan::default() });
    world.hear(0, true);
    world.rounds_to_agree(10);
    world.invent(9);
    world.run(5 * ROUND_MS);
    assert_eq!(world.wrong, Vec::<String>::new());
    assert!(world.forged > 0 && world.counts().forged > 0);
    let known = world.machines().filter(|it| it.own().name != "host-9");
    let lies = |machine: &Gossip| machine.statements().any(|it| &*it.content == "lie");
    assert!(!known.into_iter().any(lies));
}

#[test]
fn mistakes_made_on_purpose_are_found() {
    let mut world = faults(1, Sabotage::NoAnswers);
    assert_eq!(world.rounds_to_agree(40), 40, "nobody answers, and all agree");
    let mut world =
        begin(Plan { seed: 6, agents: 20, sabotage: Sabotage::NoSignatures, ..Plan::default() });
    world.hear(0, true);
    world.rounds_to_agree(10);
    world.invent(9);
    world.run(5 * ROUND_MS);
    assert!(!world.wrong.is_empty(), "lies are believed, and nobody sees it");
}

#[test]
fn the_same_seed_does_the_same() {
    let trace = |seed| {
        let world = faults(seed, Sabotage::None);
        (world.now_ms, world.counts())
    };
    assert_eq!(trace(11), trace(11));
    assert_ne!(trace(11), trace(12));
}
