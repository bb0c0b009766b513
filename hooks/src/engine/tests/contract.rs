//! The contract of hooks, point by point, as far as it is the machine's. Files, programs and templates have
//! their points in their own tests.

use super::world::{World, entry, script, snapshot, snapshot_in, with_file};
use crate::engine::{Event, Report, Standing, TurnAnswer, Why};
use crate::recipe::{Brake, Fleet, OnStale, OnStart, Pace, Recipe, Retries};

fn slow(recipe: Recipe) -> Recipe {
    let pace = Pace { settle_ms: 100, max_wait_ms: 1000, urgent_settle_ms: 10, splay_ms: 0 };
    Recipe { pace, brake: Brake { percent: 100, hold_ms: 0 }, ..recipe }
}

/// A world that has followed two instances at version 10.
fn followed(recipe: Recipe) -> World {
    let mut world = World::of(vec![recipe]);
    world.see(&snapshot(10, &[entry(0, 1), entry(1, 1)]));
    world.pass(0);
    assert_eq!(world.runs().len(), 1);
    world.ran.clear();
    world
}

#[test]
fn h1_a_burst_is_followed_once_when_it_has_settled() {
    let mut world = followed(slow(script("h", "cache")));
    let mut entries = vec![entry(0, 1), entry(1, 1)];
    for more in 0..5 {
        entries.push(entry(2 + more, 1));
        world.see(&snapshot(11 + u64::from(more), &entries));
        world.pass(50);
    }
    assert!(world.ran.is_empty(), "it changes all the time");
    world.pass(49);
    assert!(world.ran.is_empty());
    world.pass(1);
    assert_eq!(world.runs(), [(Why::Changed, 15)]);
}

#[test]
fn h1_what_never_settles_is_followed_at_the_longest_wait() {
    let mut world = followed(slow(script("h", "cache")));
    let mut entries = vec![entry(0, 1), entry(1, 1)];
    for more in 0..30 {
        entries.push(entry(2 + more, 1));
        world.see(&snapshot(11 + u64::from(more), &entries));
        world.pass(50);
    }
    assert_eq!(world.ran.len(), 1);
    assert_eq!(world.ran[0].at_ms, 1000);
}

#[test]
fn h1_who_leaves_is_followed_at_once_and_who_comes_is_not() {
    let mut world = followed(slow(script("h", "cache")));
    world.see(&snapshot(11, &[entry(0, 1), entry(1, 1), entry(2, 1)]));
    world.pass(30);
    assert!(world.ran.is_empty());
    world.see(&snapshot(12, &[entry(0, 1), entry(2, 1)]));
    world.pass(9);
    assert!(world.ran.is_empty());
    world.pass(1);
    assert_eq!(world.runs(), [(Why::Changed, 12)]);
}

#[test]
fn h1_what_flips_back_before_it_has_settled_is_nothing() {
    let mut world = followed(slow(script("h", "cache")));
    world.see(&snapshot(11, &[entry(0, 1)]));
    world.pass(5);
    let mut again = entry(1, 1);
    again.since_ms = 999;
    world.see(&snapshot(12, &[entry(0, 1), again]));
    world.pass(10_000);
    assert!(world.ran.is_empty());
    assert_eq!(world.status("h").standing, Standing::Idle);
}

#[test]
fn h2_one_runs_at_a_time_and_what_came_meanwhile_is_one_more_run() {
    let mut world = followed(slow(script("h", "cache")));
    world.hold = true;
    world.see(&snapshot(11, &[entry(0, 1)]));
    world.pass(100);
    assert_eq!(world.runs(), [(Why::Changed, 11)]);
    for version in 12..20 {
        world.see(&snapshot(version, &[entry(u32::try_from(version).unwrap(), 1)]));
        world.pass(200);
    }
    assert_eq!(world.ran.len(), 1, "it still runs");
    assert_eq!(world.status("h").standing, Standing::Running);
    world.let_go();
    world.pass(200);
    assert_eq!(world.runs(), [(Why::Changed, 11), (Why::Changed, 19)]);
    assert_eq!(world.ran[1].from_version, 11);
    world.let_go();
    world.pass(10_000);
    assert_eq!(world.ran.len(), 2);
}

#[test]
fn h2_older_state_of_the_same_history_is_left_and_another_history_is_not() {
    let mut world = followed(slow(script("h", "cache")));
    world.see(&snapshot(9, &[entry(7, 1)]));
    world.pass(10_000);
    assert!(world.ran.is_empty());
    let older = Report::Older { hook: "h".to_owned(), known: 10, offered: 9 };
    assert!(world.reports.contains(&older));
    world.see(&snapshot_in("two", 3, &[entry(7, 1)]));
    world.pass(200);
    assert_eq!(world.runs(), [(Why::Changed, 3)]);
}

#[test]
fn h3_a_restart_runs_nothing_that_was_acknowledged() {
    let mut world = followed(slow(with_file("h", "cache")));
    for _ in 0..3 {
        world.restart();
        world.see(&snapshot(10, &[entry(0, 1), entry(1, 1)]));
        world.see(&snapshot(14, &[entry(0, 1), entry(1, 1)]));
        world.pass(10_000);
    }
    assert!(world.ran.is_empty());
}

#[test]
fn h3_a_changed_recipe_is_a_cause() {
    let mut world = followed(slow(script("h", "cache")));
    let mut other = slow(script("h", "cache"));
    other.command.push("--again".to_owned());
    world.restart_with(vec![other]);
    world.see(&snapshot(10, &[entry(0, 1), entry(1, 1)]));
    world.pass(0);
    assert_eq!(world.runs(), [(Why::Changed, 10)]);
}

#[test]
fn h3_a_run_that_was_killed_is_resumed_even_where_nobody_is_heard_any_more() {
    let mut world = followed(slow(with_file("h", "cache")));
    world.hold = true;
    world.see(&snapshot(11, &[entry(0, 2)]));
    world.pass(100);
    assert_eq!(world.ran.len(), 1);
    world.hold = false;
    world.restart();
    // What is on disk of the catalog may be older than what the run had seen.
    world.tell(Event::Lost { age_ms: 1000 });
    world.see(&snapshot(10, &[entry(0, 1), entry(1, 1)]));
    world.pass(0);
    assert_eq!(world.runs(), [(Why::Changed, 11), (Why::Resume, 11)]);
    world.assert_followed(&snapshot(11, &[entry(0, 2)]));
}

#[test]
fn h4_the_start_means_what_the_hook_says() {
    let run = |on_start: OnStart, version: u64, slot: u32| {
        let recipe = Recipe { on_start, ..slow(script("h", "cache")) };
        let mut world = World::of(vec![recipe]);
        world.see(&snapshot(10, &[entry(0, 1)]));
        world.pass(10_000);
        let first = world.ran.len();
        world.restart();
        world.see(&snapshot(version, &[entry(slot, 1)]));
        world.tell(Event::Fresh);
        world.pass(10_000);
        (first, world.ran.len() - first)
    };
    for (on_start, unchanged, changed) in [
        (OnStart::Always, (1, 1), (1, 1)),
        (OnStart::IfChanged, (1, 0), (1, 1)),
        (OnStart::Never, (0, 0), (0, 0)),
    ] {
        assert_eq!(run(on_start, 10, 0), unchanged, "{on_start:?}");
        assert_eq!(run(on_start, 11, 5), changed, "{on_start:?}");
    }
}

#[test]
fn h4_what_changes_after_the_start_runs_also_where_the_start_means_nothing() {
    let recipe = Recipe { on_start: OnStart::Never, ..slow(script("h", "cache")) };
    let mut world = World::of(vec![recipe]);
    world.see(&snapshot(10, &[entry(0, 1)]));
    world.see(&snapshot(11, &[entry(1, 1)]));
    world.pass(10_000);
    assert_eq!(world.runs(), [(Why::Changed, 11)]);
}

#[test]
fn h6_failures_are_tried_again_with_jitter_and_ever_later_and_end_with_success() {
    let mut world = followed(slow(script("h", "cache")));
    world.failing_runs = 12;
    world.see(&snapshot(11, &[entry(0, 1)]));
    world.pass(3_600_000);
    assert_eq!(world.ran.len(), 13);
    assert!(world.ran[1..].iter().all(|ran| ran.why == Why::Retry && ran.version == 11));
    let pauses: Vec<u64> = world.ran.windows(2).map(|two| two[1].at_ms - two[0].at_ms).collect();
    assert!(pauses.iter().all(|pause| (1..=60_000).contains(pause)), "{pauses:?}");
    assert!(pauses[0] <= 250 && pauses[1] <= 500, "{pauses:?}");
    assert!(pauses.iter().any(|pause| *pause > 1000), "{pauses:?}");
    assert_eq!(world.status("h").failures, 0);
}

#[test]
fn h6_a_new_state_is_tried_without_the_long_wait_of_the_old_one() {
    let mut world = followed(slow(script("h", "cache")));
    world.failing_runs = 11;
    world.see(&snapshot(11, &[entry(0, 1)]));
    while world.failing_runs > 0 {
        world.pass(1000);
    }
    let before = world.ran.len();
    world.see(&snapshot(12, &[entry(0, 1), entry(5, 1)]));
    world.pass(100);
    assert_eq!(world.ran.len(), before + 1);
    assert_eq!(world.ran[before].version, 12);
}

#[test]
fn h6_a_state_is_given_up_after_so_many_tries_and_the_next_one_is_not() {
    let mut recipe = slow(script("h", "cache"));
    recipe.retries = Retries { give_up_after: Some(3), ..Retries::default() };
    recipe.on_failure = vec!["mail".to_owned()];
    let mut world = followed(recipe);
    world.failing_runs = 3;
    world.see(&snapshot(11, &[entry(0, 1)]));
    world.pass(3_600_000);
    assert_eq!(world.ran.len(), 3);
    assert_eq!(world.told, [("h".to_owned(), false), ("h".to_owned(), true)]);
    assert_eq!(world.status("h").standing, Standing::Refused);
    world.restart();
    world.see(&snapshot(11, &[entry(0, 1)]));
    world.pass(3_600_000);
    assert_eq!(world.ran.len(), 3, "a restart does not try it again");
    // Even the state of before is a change now: what failed may have left anything behind.
    world.see(&snapshot(12, &[entry(0, 1), entry(1, 1)]));
    world.pass(1000);
    assert_eq!(world.ran.len(), 4);
}

#[test]
fn h7_files_of_before_come_back_after_a_failed_run_and_the_program_runs_on_them() {
    let mut recipe = slow(with_file("h", "cache"));
    recipe.retries = Retries { rollback: true, give_up_after: Some(1), ..Retries::default() };
    let mut world = followed(recipe);
    let before = world.disk.places.clone();
    world.failing_runs = 1;
    world.see(&snapshot(11, &[entry(0, 2)]));
    world.pass(200);
    assert_eq!(world.runs(), [(Why::Changed, 11), (Why::Rollback, 10)]);
    assert_eq!(world.disk.places, before);
    assert_eq!(world.disk.records["h"].pending, None);
    // Back at the state of before there is nothing to do.
    world.see(&snapshot(12, &[entry(0, 1), entry(1, 1)]));
    world.pass(10_000);
    assert_eq!(world.ran.len(), 2);
}

#[test]
fn h7_a_rollback_that_fails_leaves_the_run_pending() {
    let mut recipe = slow(with_file("h", "cache"));
    recipe.retries = Retries { rollback: true, give_up_after: Some(1), ..Retries::default() };
    let mut world = followed(recipe);
    world.failing_runs = 2;
    world.see(&snapshot(11, &[entry(0, 2)]));
    world.pass(200);
    assert!(world.disk.records["h"].pending.is_some());
    world.see(&snapshot(12, &[entry(0, 1), entry(1, 1)]));
    world.pass(10_000);
    assert_eq!(world.runs().last(), Some(&(Why::Changed, 12)));
    world.assert_followed(&snapshot(12, &[entry(0, 1), entry(1, 1)]));
}

#[test]
fn h8_what_cannot_be_rendered_or_checked_is_not_put_in_place() {
    let mut world = followed(slow(with_file("h", "cache")));
    let before = world.disk.places.clone();
    world.failing_stages = 3;
    world.see(&snapshot(11, &[entry(0, 1)]));
    world.pass(10);
    assert_eq!(world.disk.places, before);
    assert!(world.ran.is_empty());
    world.pass(10_000);
    assert_eq!(world.runs(), [(Why::Retry, 11)]);
}

#[test]
fn h8_files_that_would_be_the_same_are_no_reason_to_run() {
    let mut world = followed(slow(with_file("h", "cache")));
    let mut other = entry(0, 1);
    other.version = "2.0.0".to_owned();
    world.see(&snapshot(11, &[other.clone(), entry(1, 1)]));
    world.pass(10_000);
    assert!(world.ran.is_empty());
    world.assert_followed(&snapshot(11, &[other, entry(1, 1)]));
}

#[test]
fn h11_a_removal_of_most_is_not_believed_at_once() {
    let all: Vec<_> = (0..10).map(|slot| entry(slot, 1)).collect();
    let brake = Brake { percent: 50, hold_ms: 60_000 };
    let mut world = World::of(vec![Recipe { brake, ..slow(script("h", "cache")) }]);
    world.see(&snapshot(10, &all));
    world.see(&snapshot(11, &all[..5]));
    world.pass(1000);
    assert_eq!(world.runs().last(), Some(&(Why::Changed, 11)), "half is not more than half");
    world.see(&snapshot(12, &all[..3]));
    world.pass(59_000);
    assert_eq!(world.ran.len(), 2, "three of the ten of a moment ago");
    assert_eq!(world.status("h").standing, Standing::Held);
    assert!(world.reports.iter().any(|it| matches!(it, Report::Braked { from: 10, to: 3, .. })));
    world.see(&snapshot(13, &all[..9]));
    world.pass(1000);
    assert_eq!(world.runs().last(), Some(&(Why::Changed, 13)));
}

#[test]
fn h11_a_removal_that_stays_is_followed_and_a_wish_lifts_the_brake() {
    let brake = Brake { percent: 50, hold_ms: 60_000 };
    let mut world = World::of(vec![Recipe { brake, ..slow(script("h", "cache")) }]);
    world.see(&snapshot(10, &[entry(0, 1)]));
    world.see(&snapshot(11, &[]));
    world.pass(59_000);
    assert_eq!(world.ran.len(), 1);
    world.pass(2000);
    assert_eq!(world.runs().last(), Some(&(Why::Changed, 11)));
    world.see(&snapshot(12, &[entry(0, 2)]));
    world.pass(1000);
    world.see(&snapshot(13, &[]));
    world.pass(1000);
    assert_eq!(world.ran.len(), 3);
    world.force("h");
    assert_eq!(world.runs().last(), Some(&(Why::Forced, 13)));
}

#[test]
fn h11_who_moves_is_not_held_up() {
    let brake = Brake { percent: 50, hold_ms: 60_000 };
    let mut world = World::of(vec![Recipe { brake, ..slow(script("h", "cache")) }]);
    world.see(&snapshot(10, &[entry(0, 1)]));
    world.see(&snapshot(11, &[entry(0, 2)]));
    world.pass(20);
    assert_eq!(world.runs().last(), Some(&(Why::Changed, 11)));
}

#[test]
fn h12_hosts_are_spread_and_a_removal_does_not_wait_for_it() {
    let mut times = std::collections::BTreeSet::new();
    for host in ["a", "b", "c", "d", "e"] {
        let mut recipe = slow(script("h", "cache"));
        recipe.pace.splay_ms = 30_000;
        let mut world = World::on(host, vec![recipe]);
        world.see(&snapshot(10, &[entry(0, 1)]));
        world.see(&snapshot(11, &[entry(0, 1), entry(1, 1)]));
        world.pass(40_000);
        times.insert(world.ran[1].at_ms);
        let before = world.now;
        world.see(&snapshot(12, &[entry(1, 1)]));
        world.pass(10);
        assert_eq!(world.ran[2].at_ms, before + 10);
    }
    assert_eq!(times.len(), 5, "{times:?}");
    assert!(times.iter().all(|at| (100..30_100).contains(at)), "{times:?}");
}

fn of_fleet() -> Recipe {
    let fleet = Fleet { name: "edge".to_owned(), most: 1, patience_ms: 60_000 };
    Recipe { fleet: Some(fleet), ..slow(with_file("h", "cache")) }
}

#[test]
fn h12_a_turn_is_waited_for_and_the_newest_state_is_followed_in_it() {
    let mut world = World::of(vec![of_fleet()]);
    let taken = || TurnAnswer::Taken { by: "host-2".to_owned() };
    world.answers.extend([taken(), taken()]);
    world.see(&snapshot(10, &[entry(0, 1)]));
    let status = world.status("h");
    assert_eq!(status.standing, Standing::Waiting);
    assert!(status.because.contains("host-2"), "{}", status.because);
    world.see(&snapshot(11, &[entry(0, 1), entry(1, 1)]));
    assert!(world.ran.is_empty() && !world.engine.is_idle());
    world.pass(5000);
    assert_eq!(world.runs(), [(Why::Changed, 11)]);
    assert!(world.ran[0].at_ms >= 1000, "{}", world.ran[0].at_ms);
    assert_eq!(world.given_back, 1);
    assert_eq!(world.status("h").standing, Standing::Idle);
}

#[test]
fn h12_each_try_has_a_turn_of_its_own() {
    let mut world = World::of(vec![of_fleet()]);
    world.failing_runs = 1;
    world.see(&snapshot(10, &[entry(0, 1)]));
    assert_eq!((world.ran.len(), world.given_back), (1, 1));
    world.answers.push_back(TurnAnswer::Taken { by: "host-2".to_owned() });
    world.pass(5000);
    assert_eq!((world.ran.len(), world.given_back), (2, 2));
}

#[test]
fn h12_no_turn_is_asked_for_before_the_last_one_is_back() {
    let mut world = World::of(vec![of_fleet()]);
    world.slow_to_take_back = true;
    world.see(&snapshot(10, &[entry(0, 1)]));
    world.see(&snapshot(11, &[entry(0, 1), entry(1, 1)]));
    world.pass(5000);
    assert_eq!((world.runs(), world.given_back), (vec![(Why::Changed, 10)], 1));
    assert_eq!(world.status("h").standing, Standing::Waiting);
    world.tell(Event::GivenBack { hook: "h".to_owned() });
    assert_eq!(world.runs(), [(Why::Changed, 10), (Why::Changed, 11)]);
}

#[test]
fn h12_who_hears_nobody_goes_without_a_turn_in_the_end() {
    let mut world = World::of(vec![of_fleet()]);
    let unheard = TurnAnswer::Unheard { problem: "no registry answers".to_owned() };
    world.answer(200, &unheard);
    world.see(&snapshot(10, &[entry(0, 1)]));
    world.pass(59_000);
    assert!(world.ran.is_empty());
    assert_eq!(world.status("h").standing, Standing::Waiting);
    world.pass(3000);
    assert_eq!((world.runs(), world.given_back), (vec![(Why::Changed, 10)], 0));
    assert!(world.reports.iter().any(|it| matches!(it, Report::WithoutTurn { .. })));
}

#[test]
fn h12_somebody_s_wish_and_a_change_that_is_taken_back_need_no_turn() {
    let mut world = World::of(vec![of_fleet()]);
    world.see(&snapshot(10, &[entry(0, 1)]));
    world.answers.push_back(TurnAnswer::Taken { by: "host-2".to_owned() });
    world.see(&snapshot(11, &[entry(0, 1), entry(1, 1)]));
    world.pass(100);
    assert_eq!(world.status("h").standing, Standing::Waiting);
    world.see(&snapshot(12, &[entry(0, 1)]));
    world.pass(5000);
    assert_eq!((world.ran.len(), world.status("h").standing), (1, Standing::Idle));
    world.force("h");
    assert_eq!((world.ran.len(), world.given_back), (2, 1));
}

#[test]
fn h13_a_hook_says_why_it_does_not_run() {
    let mut world = World::of(vec![slow(script("h", "cache")), slow(script("other", "nobody"))]);
    assert_eq!(world.status("h").standing, Standing::Unseen);
    world.see(&snapshot(10, &[entry(0, 1)]));
    let status = world.status("h");
    assert_eq!((status.standing, status.acknowledged), (Standing::Idle, Some(10)));
    assert_eq!(world.status("other").standing, Standing::Unseen);
    world.failing_runs = 1;
    world.see(&snapshot(11, &[entry(0, 1), entry(1, 1)]));
    assert_eq!(world.status("h").standing, Standing::Settling);
    world.pass(100);
    let status = world.status("h");
    assert_eq!((status.standing, status.failures, status.pending), (Standing::Failing, 1, true));
    assert!(status.because.contains("tried again in"), "{}", status.because);
    assert_eq!(status.past.len(), 2);
    assert_eq!(status.past[1].run.end.how, "exit status 1");
    assert!(!world.engine.is_idle());
}

#[test]
fn h14_state_that_is_too_old_is_kept_from_or_told_to_the_program() {
    let old = |on_stale| {
        let mut recipe = slow(script("h", "cache"));
        (recipe.on_stale, recipe.max_age_ms) = (on_stale, 60_000);
        let mut world = World::of(vec![recipe]);
        world.tell(Event::Lost { age_ms: 59_000 });
        world.pass(2000);
        world.see(&snapshot(10, &[entry(0, 1)]));
        world
    };
    let mut keeping = old(OnStale::Keep);
    assert!(keeping.ran.is_empty());
    assert_eq!(keeping.status("h").standing, Standing::Held);
    keeping.tell(Event::Fresh);
    assert_eq!(keeping.runs(), [(Why::Changed, 10)]);
    assert!(!keeping.ran[0].stale);
    let running = old(OnStale::Run);
    assert_eq!(running.runs(), [(Why::Changed, 10)]);
    assert!(running.ran[0].stale);
}

#[test]
fn a_journal_that_cannot_be_written_stops_what_it_would_announce() {
    let mut world = followed(slow(with_file("h", "cache")));
    let before = world.disk.places.clone();
    world.failing_journals = 2;
    world.see(&snapshot(11, &[entry(0, 1)]));
    world.pass(10);
    assert_eq!((&world.disk.places, world.ran.len()), (&before, 0));
    world.pass(10_000);
    assert_eq!(world.ran.len(), 1);
    world.assert_followed(&snapshot(11, &[entry(0, 1)]));
}

#[test]
fn an_acknowledgement_that_cannot_be_written_is_written_later_and_nothing_runs_again() {
    let mut world = followed(slow(script("h", "cache")));
    world.hold = true;
    world.see(&snapshot(11, &[entry(0, 1)]));
    world.pass(100);
    world.failing_journals = 3;
    world.let_go();
    world.pass(60_000);
    assert_eq!(world.ran.len(), 1);
    world.assert_followed(&snapshot(11, &[entry(0, 1)]));
}

#[test]
fn nothing_new_begins_at_the_end() {
    let mut world = followed(slow(script("h", "cache")));
    world.tell(Event::Ending);
    world.see(&snapshot(11, &[entry(0, 1)]));
    world.pass(10_000);
    assert!(world.ran.is_empty());
}
