//! Kills without end on a real Mesos: each comes back, once.

use std::time::Duration;

use lathe_system::{Attrition, Trend};

/// Longer runs, which show whether memory grows: `cargo xtask soak mesos`.
#[test]
fn whoever_is_killed_again_and_again_comes_back_once_and_a_short_run_shows_no_slope() {
    let time = Duration::from_secs(40);
    let attrition = Attrition { time, seed: 2, pause: Duration::from_millis(1_500) };
    let wear = attrition.run(|_| {});
    assert_eq!(wear.problems, Vec::<String>::new(), "{wear}");
    for fault in ["instance killed", "executor killed", "scheduler killed"] {
        assert!(wear.faults.contains_key(fault), "{wear}");
    }
    let killed = wear.faults["instance killed"] + wear.faults["executor killed"];
    assert!(wear.lives >= 22 + killed, "{wear}");
    assert!(wear.samples.0 > 1, "{wear}");
    assert!(wear.measured.iter().all(|one| one.trend == Trend::NotShown), "{wear}");
    // What is measured is there.
    assert!(wear.measured.iter().all(|one| one.values[0] > 0.0), "{wear}");
}
