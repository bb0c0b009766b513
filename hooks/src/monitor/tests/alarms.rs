//! Counts in windows: once for each time that the number is reached, whoever counts.

use lathe_catalog::State;

use super::world::World;
use crate::monitor::{Alarm, Kind, Rule, Why};

const HOUR: u64 = 3_600_000;

fn five_in_an_hour() -> Rule {
    let alarm = Some(Alarm { count: 5, window_ms: HOUR });
    Rule { alarm, ..Rule::new("many", &[Kind::Died]) }
}

fn with(slots: u32) -> World {
    let mut world = World::new(vec![five_in_an_hour()]);
    for slot in 0..slots {
        world.show(&format!("page#{slot}.1"), State::Ready);
    }
    world.start("a");
    world.settle();
    world
}

fn die(world: &mut World, slots: std::ops::Range<u32>) {
    for slot in slots {
        world.end(&format!("page#{slot}.1"));
        world.settle();
    }
}

#[test]
fn an_alarm_is_raised_once_when_enough_has_happened() {
    let mut world = with(20);
    die(&mut world, 0..4);
    assert!(world.begun.is_empty());
    die(&mut world, 4..8);
    assert_eq!(world.begun.len(), 1);
    let told = &world.begun[0].told;
    assert_eq!((told.reason, told.count, told.window_ms), (Why::Alarm, 5, Some(HOUR)));
    assert_eq!(told.events.len(), 5);
    assert_eq!(told.events[4].id, "died:page#4.1");
}

#[test]
fn it_is_raised_again_when_the_number_was_below_in_between() {
    let mut world = with(20);
    die(&mut world, 0..5);
    world.pass(HOUR);
    die(&mut world, 5..9);
    assert_eq!(world.begun.len(), 1);
    die(&mut world, 9..10);
    assert_eq!(world.begun.len(), 2);
}

#[test]
fn what_is_spread_over_more_than_the_window_raises_nothing() {
    let mut world = with(20);
    for slot in 0..20 {
        die(&mut world, slot..slot + 1);
        world.pass(HOUR / 4);
    }
    assert!(world.begun.is_empty());
}

#[test]
fn the_count_survives_whoever_counts() {
    let mut world = with(20);
    for (at, name) in ["b", "c", "d", "e"].into_iter().enumerate() {
        let at = u32::try_from(at).unwrap();
        die(&mut world, at..at + 1);
        let old = world.registries.keys().next().unwrap().clone();
        let runner = world.kill(&old);
        world.unlist(&runner);
        world.start(name);
        world.settle();
    }
    assert!(world.begun.is_empty());
    die(&mut world, 4..5);
    assert_eq!(world.begun.len(), 1);
    assert_eq!(world.begun[0].told.count, 5);
}

#[test]
fn of_more_than_is_kept_the_number_is_told() {
    let mut world = with(400);
    for slot in 0..400 {
        world.end(&format!("page#{slot}.1"));
    }
    while world.hear("a", 0) {}
    world.settle();
    assert_eq!(world.begun.len(), 1);
    // The first write has counted as many as go into one.
    let told = &world.begun[0].told;
    assert!(told.events.len() <= 256 && told.count >= 5);
    assert_eq!(world.store.record("many").unwrap().left_out, 144);
}
