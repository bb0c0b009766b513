//! The process is killed between any two effects, once and twice, and begins again.
//!
//! The world itself asserts that nothing is done before it is announced and nothing announced without cause.

use std::sync::Arc;

use super::world::{World, entry, script, snapshot, with_file};
use crate::engine::Why;
use crate::recipe::{FileRecipe, Recipe, Retries};
use crate::snapshot::Snapshot;

/// Kinds of hooks, each of which has other steps.
fn kinds() -> Vec<Recipe> {
    let mut several = with_file("several", "cache");
    for more in ["a", "b"] {
        let path = format!("/etc/several.{more}").into();
        several.files.push(FileRecipe { path, ..several.files[0].clone() });
    }
    let mut back = with_file("back", "cache");
    back.retries = Retries { rollback: true, ..Retries::default() };
    let mut silent = with_file("silent", "cache");
    silent.command.clear();
    vec![script("script", "cache"), several, back, silent]
}

fn states() -> Vec<Arc<Snapshot>> {
    vec![
        snapshot(10, &[entry(0, 1), entry(1, 1)]),
        snapshot(11, &[entry(0, 1), entry(1, 2)]),
        snapshot(12, &[entry(0, 1), entry(1, 1)]),
        snapshot(13, &[entry(0, 3), entry(1, 3)]),
    ]
}

/// Goes through all states; the process is killed after so many effects, and again after so many more.
/// Gives the effects that a whole way has.
fn go(kind: &Recipe, failing: u32, kills: &[u64]) -> (u64, World) {
    let mut world = World::of(vec![kind.clone()]);
    let mut kills = kills.iter().copied();
    world.kill_after = kills.next();
    world.failing_runs = failing;
    for state in states() {
        world.see(&state);
        world.pass(6000);
        while world.is_killed() {
            world.restart();
            world.kill_after = kills.next();
            // A copy on disk may be older than what hooks have seen.
            world.see(&states()[0]);
            world.see(&state);
            world.pass(6000);
        }
    }
    world.pass(600_000);
    while world.is_killed() {
        world.restart();
        world.see(states().last().unwrap());
        world.pass(600_000);
    }
    (world.effects, world)
}

fn judge(world: &World, kind: &Recipe, kills: &[u64]) {
    let last = states().pop().unwrap();
    world.assert_followed(&last);
    if kind.command.is_empty() {
        return;
    }
    let ended: Vec<_> = world.ran.iter().filter(|ran| ran.why != Why::Rollback).collect();
    let newest = ended.iter().rfind(|ran| ran.ended == Some(true)).unwrap();
    assert_eq!(newest.version, 13, "{kills:?}: the newest state is run to its end");
    let versions: Vec<u64> = ended.iter().map(|ran| ran.version).collect();
    assert!(versions.is_sorted(), "{kills:?}: {versions:?}");
}

#[test]
fn h3_killed_between_any_two_effects_nothing_is_lost_and_nothing_runs_without_cause() {
    for kind in kinds() {
        for failing in [0, 2] {
            let (effects, world) = go(&kind, failing, &[]);
            judge(&world, &kind, &[]);
            for kill in 1..effects {
                let (_, world) = go(&kind, failing, &[kill]);
                judge(&world, &kind, &[kill]);
            }
        }
    }
}

#[test]
fn h3_killed_again_while_it_resumes_nothing_is_lost_either() {
    for kind in kinds() {
        let (effects, _) = go(&kind, 1, &[]);
        for kill in (1..effects).step_by(2) {
            for again in 1..12 {
                let (_, world) = go(&kind, 1, &[kill, again, again]);
                judge(&world, &kind, &[kill, again, again]);
            }
        }
    }
}

#[test]
fn h3_one_kill_repeats_at_most_the_run_that_it_hit() {
    let kind = script("script", "cache");
    let (effects, whole) = go(&kind, 0, &[]);
    assert_eq!(whole.ran.len(), 4);
    for kill in 1..effects {
        let (_, world) = go(&kind, 0, &[kill]);
        let again = world.ran.len() - whole.ran.len();
        assert!(again <= 1, "killed after {kill} effects: {:?}", world.runs());
        let resumed = world.ran.iter().filter(|ran| ran.why == Why::Resume).count();
        assert!(again <= resumed, "killed after {kill} effects: {:?}", world.runs());
    }
}
