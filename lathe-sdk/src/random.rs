//! Random numbers for choices that need no secrecy: weights, balancing, jitter.
//!
//! Owns a small generator per thread, seeded by the system through the standard library's hasher.
//! Not for keys or tokens.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

thread_local! {
    static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(0x1a7e_u64) | 1);
}

/// A number from 0 up to and without `bound`, each equally likely; 0 when `bound` is 0.
///
/// ```
/// assert!(lathe::random::below(6) < 6);
/// assert_eq!(lathe::random::below(0), 0);
/// ```
#[must_use]
pub fn below(bound: u64) -> u64 {
    if bound == 0 {
        return 0;
    }
    // Multiply and take the upper half; what would favour some numbers is drawn again.
    let refuse = bound.wrapping_neg() % bound;
    loop {
        let wide = u128::from(next()) * u128::from(bound);
        if (wide & u128::from(u64::MAX)) >= u128::from(refuse) {
            return u64::try_from(wide >> 64).unwrap_or_default();
        }
    }
}

fn next() -> u64 {
    STATE.with(|state| {
        let mut x = state.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        state.set(x);
        x.wrapping_mul(0x2545_f491_4f6c_dd1d)
    })
}

#[cfg(test)]
mod tests {
    //! The generator keeps its bounds and favours nobody.

    use super::below;

    #[test]
    fn every_number_below_the_bound_is_drawn_about_as_often() {
        let mut seen = [0_u32; 10];
        for _ in 0..100_000 {
            seen[usize::try_from(below(10)).unwrap()] += 1;
        }
        // Ten standard deviations around the mean.
        assert!(seen.iter().all(|count| (9_050..10_950).contains(count)), "{seen:?}");
    }

    #[test]
    fn bounds_at_the_edges_hold() {
        assert_eq!(below(0), 0);
        assert_eq!(below(1), 0);
        assert!(below(u64::MAX) < u64::MAX);
    }
}
