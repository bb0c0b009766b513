//! Numbers that look random and are the same every time.
//!
//! Integers only, so that a plan does not depend on a machine's arithmetic.

/// A well mixed number from another (SplitMix64's finishing steps).
pub(crate) fn mixed(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A stream of them.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(mixed(seed))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// Below a number, which is not 0; as good as even for numbers that are not huge.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let wide = u128::from(self.next()) * end as u128;
        usize::try_from(wide >> 64).unwrap_or(0)
    }

    /// 256 times a number drawn from the exponential distribution of mean 1, nearly.
    pub(crate) fn exponential(&mut self) -> i64 {
        let drawn = self.next() | 1;
        let zeros = drawn.leading_zeros();
        let rest = (drawn << zeros) << 1 >> 56;
        (i64::from(zeros) * 256 + 255 - i64::try_from(rest).unwrap_or(0)) * 177 / 256
    }
}
