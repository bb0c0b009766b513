//! Tests of the line through samples.

use super::*;

/// A sample each 10 s for half an hour.
fn run(value: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
    (0..180).map(|number| f64::from(number) * 10.0).map(|at| (at, value(at))).collect()
}

/// Up and down by a hundredth of a thousand, the same in every run.
fn noise(at: f64) -> f64 {
    10.0 * (at * 0.37).sin()
}

#[test]
fn what_grows_by_a_tenth_grows_and_what_is_noisy_does_not() {
    let leaks = run(|at| 1_000.0 + at / 1_790.0 * 100.0 + noise(at));
    let Trend::Grows(part) = trend(&leaks, 0.0) else { panic!("{:?}", trend(&leaks, 0.0)) };
    assert!((0.08..0.12).contains(&part), "{part}");
    let steady = run(|at| 1_000.0 + noise(at));
    let Trend::Flat(part) = trend(&steady, 0.0) else { panic!("{:?}", trend(&steady, 0.0)) };
    assert!(part.abs() < 0.01, "{part}");
}

#[test]
fn what_fills_up_in_the_first_half_is_flat_and_what_begins_late_is_not() {
    let fills = run(|at| 1_000.0 + at.min(800.0));
    assert_eq!(trend(&fills, 0.0), Trend::Flat(0.0));
    let late = run(|at| 1_000.0 + (at - 1_000.0).max(0.0) / 4.0);
    assert!(matches!(trend(&late, 0.0), Trend::Grows(_)), "{:?}", trend(&late, 0.0));
}

#[test]
fn what_shrinks_does_not_grow() {
    let shrinks = run(|at| 3_000.0 - at);
    let Trend::Flat(part) = trend(&shrinks, 0.0) else { panic!("{:?}", trend(&shrinks, 0.0)) };
    assert!(part < -0.5, "{part}");
}

#[test]
fn one_more_of_a_few_is_within_the_slack_and_ten_more_are_not() {
    let one_more = run(|at| if at < 1_300.0 { 12.0 } else { 13.0 });
    assert!(matches!(trend(&one_more, 0.0), Trend::Grows(_)), "{:?}", trend(&one_more, 0.0));
    assert!(matches!(trend(&one_more, 5.0), Trend::Flat(_)), "{:?}", trend(&one_more, 5.0));
    let ten_more = run(|at| 12.0 + at / 179.0);
    assert!(matches!(trend(&ten_more, 5.0), Trend::Grows(_)), "{:?}", trend(&ten_more, 5.0));
}

#[test]
fn too_few_samples_show_nothing() {
    let leaks = run(|at| 1_000.0 + at);
    for few in [&leaks[..0], &leaks[..1], &leaks[..100]] {
        assert_eq!(trend(few, 0.0), Trend::NotShown);
    }
    assert!(matches!(trend(&leaks[..120], 0.0), Trend::Grows(_)));
    // All at one moment: there is no slope.
    assert_eq!(trend(&[(3.0, 7.0); 150], 0.0), Trend::Flat(0.0));
}
