//! Tests of the file beside.

use super::*;

fn pace(update: &Update, count: u32) -> (u32, u32, u32, u32) {
    let Pace { parallel, surge, min_healthy, canary } = update.pace(count);
    (parallel, surge, min_healthy, canary)
}

#[test]
fn one_at_a_time_is_what_holds_when_nothing_is_said() {
    assert_eq!(pace(&Update::default(), 5), (1, 0, 4, 0));
    assert_eq!(pace(&Update::default(), 1), (1, 0, 0, 0));
    assert_eq!(pace(&Update::default(), 0), (1, 0, 0, 0));
}

#[test]
fn parts_of_an_instance_count_for_the_safe_side() {
    let update = Update {
        parallel: Share::Percent(25),
        max_surge: Share::Percent(25),
        min_healthy: Some(Share::Percent(75)),
        canary: Share::Percent(10),
        ..Update::default()
    };
    assert_eq!(pace(&update, 10), (2, 3, 8, 1));
    assert_eq!(pace(&update, 3), (1, 1, 3, 1));
}

#[test]
fn what_runs_beside_makes_room_for_what_is_replaced() {
    let update =
        Update { parallel: Share::Number(3), max_surge: Share::Number(1), ..Update::default() };
    assert_eq!(pace(&update, 10), (3, 1, 8, 0));
    let even = Update { max_surge: Share::Number(3), ..update };
    assert_eq!(pace(&even, 10), (3, 3, 10, 0));
}

#[test]
fn a_count_set_by_hand_leaves_a_way() {
    let update = Update { min_healthy: Some(Share::Number(4)), ..Update::default() };
    assert!(!update.is_stuck(5));
    assert!(update.is_stuck(4));
    assert_eq!(update.pace(4).min_healthy, 3);
    assert_eq!(update.pace(0).min_healthy, 0);
    let surge = Update { max_surge: Share::Number(1), ..update };
    assert!(!surge.is_stuck(4));
    assert_eq!(surge.pace(4).min_healthy, 4);
    assert_eq!(surge.pace(2).min_healthy, 2);
}

#[test]
fn more_than_all_are_no_canaries() {
    let update = Update { canary: Share::Number(7), ..Update::default() };
    assert_eq!(update.pace(3).canary, 3);
}
