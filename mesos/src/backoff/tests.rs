//! Tests of the pauses between attempts.

use proptest::prelude::*;

use super::*;

#[test]
fn pauses_grow_up_to_the_cap_and_spread_over_all_of_it() {
    let mut largest = [0; 8];
    let mut smallest = [u64::MAX; 8];
    for seed in 0..500 {
        let mut backoff = Backoff::new(500, 15_000, seed);
        for step in 0..8 {
            let pause = backoff.next_ms();
            largest[step] = largest[step].max(pause);
            smallest[step] = smallest[step].min(pause);
        }
    }
    let ceilings = [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000];
    for (step, ceiling) in ceilings.into_iter().enumerate() {
        assert!(largest[step] <= ceiling, "step {step}: {} above {ceiling}", largest[step]);
        assert!(largest[step] > ceiling * 9 / 10, "step {step}: only up to {}", largest[step]);
        assert!(smallest[step] < ceiling / 10, "step {step}: never below {}", smallest[step]);
    }
}

#[test]
fn two_seeds_do_not_pause_alike() {
    let pauses = |seed| {
        let mut backoff = Backoff::new(500, 15_000, seed);
        (0..10).map(|_| backoff.next_ms()).collect::<Vec<_>>()
    };
    assert_eq!(pauses(1), pauses(1));
    assert_ne!(pauses(1), pauses(2));
}

#[test]
fn a_reset_starts_from_the_base_again() {
    for seed in 0..100 {
        let mut backoff = Backoff::new(10, 1_000_000, seed);
        (0..15).for_each(|_| {
            backoff.next_ms();
        });
        backoff.reset();
        assert!(backoff.next_ms() <= 10);
        assert!(backoff.next_ms() <= 20);
    }
}

proptest! {
    #[test]
    fn no_pause_is_above_the_cap(base in any::<u64>(), cap in any::<u64>(), seed in any::<u64>()) {
        let mut backoff = Backoff::new(base, cap, seed);
        for _ in 0..70 {
            prop_assert!(backoff.next_ms() <= cap);
        }
    }
}
