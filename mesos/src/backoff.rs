//! Pauses between attempts: exponential, with full jitter, capped. Pure: its randomness is a seed,
//! and it neither sleeps nor reads a clock.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt as _, SeedableRng as _};

/// The pauses before successive attempts. Each is drawn evenly from nothing up to a ceiling that
/// starts at the base and doubles with each draw up to the cap; so a crowd that lost its master at
/// one moment does not come back at one moment.
#[derive(Debug, Clone)]
pub struct Backoff {
    base_ms: u64,
    cap_ms: u64,
    ceiling_ms: u64,
    random: Xoshiro256PlusPlus,
}

impl Backoff {
    /// `base_ms` is the ceiling of the first pause, `cap_ms` that of all; a base above the cap is
    /// taken as the cap. Two users need two seeds.
    pub fn new(base_ms: u64, cap_ms: u64, seed: u64) -> Self {
        let base_ms = base_ms.min(cap_ms);
        let random = Xoshiro256PlusPlus::seed_from_u64(seed);
        Self { base_ms, cap_ms, ceiling_ms: base_ms, random }
    }

    /// The next pause in milliseconds, from 0 up to and including the present ceiling.
    pub fn next_ms(&mut self) -> u64 {
        let pause = self.random.random_range(0..=self.ceiling_ms);
        self.ceiling_ms = self.ceiling_ms.saturating_mul(2).clamp(self.base_ms, self.cap_ms);
        pause
    }

    /// Starts from the base again. For Mesos: only once SUBSCRIBED has come.
    pub fn reset(&mut self) {
        self.ceiling_ms = self.base_ms;
    }
}

#[cfg(test)]
mod tests;
