//! Whatever happens in whatever order: when it is over, the newest state is followed.

use proptest::prelude::*;

use super::world::{World, entry, script, snapshot, with_file};
use crate::engine::{Event, TurnAnswer, Why};
use crate::recipe::{Fleet, Recipe, Retries};

#[derive(Clone, Debug)]
enum Act {
    See(Vec<u32>),
    Older,
    Pass(u64),
    FailRuns(u32),
    FailStages(u32),
    FailJournals(u32),
    KillAfter(u64),
    Restart,
    Lost,
    Fresh,
    Force,
    Taken(usize),
    Unheard(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        5 => prop::collection::vec(0..6_u32, 0..5).prop_map(Act::See),
        1 => Just(Act::Older),
        5 => (0..3000_u64).prop_map(Act::Pass),
        1 => (1..4_u32).prop_map(Act::FailRuns),
        1 => (1..3_u32).prop_map(Act::FailStages),
        1 => (1..3_u32).prop_map(Act::FailJournals),
        3 => (1..12_u64).prop_map(Act::KillAfter),
        1 => Just(Act::Restart),
        1 => Just(Act::Lost),
        1 => Just(Act::Fresh),
        1 => Just(Act::Force),
        1 => (1..4_usize).prop_map(Act::Taken),
        1 => (1..9_usize).prop_map(Act::Unheard),
    ]
}

fn recipes(rollback: bool) -> Vec<Recipe> {
    let mut file = with_file("file", "cache");
    file.retries = Retries { rollback, ..Retries::default() };
    let fleet = Fleet { name: "edge".to_owned(), most: 1, patience_ms: 3000 };
    let in_turn = Recipe { fleet: Some(fleet), ..with_file("in-turn", "cache") };
    vec![file, script("script", "cache"), in_turn]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn the_newest_state_is_followed_at_last(
        acts in prop::collection::vec(act(), 1..60),
        rollback in any::<bool>(),
    ) {
        let mut world = World::of(recipes(rollback));
        let mut version = 10;
        let mut newest = snapshot(version, &[]);
        for act in acts {
            match act {
                Act::See(slots) => {
                    version += 1;
                    let entries: Vec<_> = slots.iter().map(|slot| entry(*slot, 1)).collect();
                    newest = snapshot(version, &entries);
                    world.see(&newest);
                }
                Act::Older => world.see(&snapshot(5, &[entry(9, 9)])),
                Act::Pass(ms) => world.pass(ms),
                Act::FailRuns(count) => world.failing_runs = count,
                Act::FailStages(count) => world.failing_stages = count,
                Act::FailJournals(count) => world.failing_journals = count,
                Act::KillAfter(effects) => world.kill_after = Some(effects),
                Act::Restart => world.restart(),
                Act::Lost => world.tell(Event::Lost { age_ms: 0 }),
                Act::Fresh => world.tell(Event::Fresh),
                Act::Force => world.force("file"),
                Act::Taken(times) => world.answer(times, &TurnAnswer::Taken { by: "x".to_owned() }),
                Act::Unheard(times) => {
                    world.answer(times, &TurnAnswer::Unheard { problem: "none".to_owned() });
                }
            }
            if world.is_killed() {
                world.restart();
                world.see(&newest);
            }
        }
        world.kill_after = None;
        world.restart();
        world.see(&newest);
        world.tell(Event::Fresh);
        world.pass(3_600_000);
        world.assert_followed(&newest);
        prop_assert!(world.engine.is_idle());
        for hook in ["file", "script", "in-turn"] {
            let own = world.ran.iter().filter(|ran| ran.hook == hook && ran.why != Why::Rollback);
            prop_assert!(own.map(|ran| ran.version).is_sorted());
        }
        let before = world.ran.len();
        world.restart();
        world.see(&newest);
        world.pass(3_600_000);
        prop_assert_eq!(world.ran.len(), before);
    }
}
