//! How other contents take the place of what runs.
//!
//! Owns what a file may say of it, the values that hold when it says nothing, and what they come to
//! for a number of instances. It must not know what runs.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Milliseconds that an instance is ready before it counts, unless the task says otherwise.
pub(crate) const BAKE_MS: u64 = 10_000;

/// A number of instances, or a part of all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Share {
    /// So many.
    Number(u32),
    /// So many of a hundred.
    Percent(u32),
}

impl Share {
    /// So many of `count`, a broken one being a whole.
    #[must_use]
    pub fn up(self, count: u32) -> u32 {
        self.of(count, 99)
    }

    /// So many of `count`, a broken one being none.
    #[must_use]
    pub fn down(self, count: u32) -> u32 {
        self.of(count, 0)
    }

    fn of(self, count: u32, more: u64) -> u32 {
        match self {
            Self::Number(number) => number,
            Self::Percent(percent) => {
                let hundredths = u64::from(percent) * u64::from(count);
                u32::try_from((hundredths + more) / 100).unwrap_or(u32::MAX)
            }
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

/// `[task.X.update]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// How many are replaced at a time.
    pub parallel: Share,
    /// How many more than wanted may run meanwhile.
    pub max_surge: Share,
    /// How many are always ready; `None` is what `parallel` and `max_surge` come to.
    pub min_healthy: Option<Share>,
    /// How many are replaced first, and must have baked before the others follow.
    pub canary: Share,
    /// Milliseconds that an instance is ready before it counts.
    pub bake_ms: u64,
    /// Whether contents that do not keep running give way to those before them.
    pub auto_rollback: bool,
}

impl Default for Update {
    fn default() -> Self {
        Self {
            parallel: Share::Number(1),
            max_surge: Share::Number(0),
            min_healthy: None,
            canary: Share::Number(0),
            bake_ms: BAKE_MS,
            auto_rollback: true,
        }
    }
}

/// What an update's numbers come to for a count of instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// At least one.
    pub parallel: u32,
    /// More than wanted.
    pub surge: u32,
    /// Always ready. With the surge beside them, one more than these can run.
    pub min_healthy: u32,
    /// Replaced first; at most all.
    pub canary: u32,
}

impl Update {
    /// The pace for so many instances. A count that was set by hand may leave no way at all; at least
    /// one instance can be replaced then too.
    #[must_use]
    pub fn pace(&self, count: u32) -> Pace {
        let parallel = self.parallel.down(count).max(1);
        let surge = self.max_surge.up(count);
        let usual = count.saturating_sub(parallel.saturating_sub(surge));
        let least = self.min_healthy.map_or(usual, |share| share.up(count));
        Pace {
            parallel,
            surge,
            min_healthy: least.min(count.saturating_add(surge).saturating_sub(1)).min(count),
            canary: self.canary.up(count).min(count),
        }
    }

    /// Whether nothing could ever be replaced: all must be ready, and no more than all may run.
    #[must_use]
    pub fn is_stuck(&self, count: u32) -> bool {
        let least = self.min_healthy.map_or(0, |share| share.up(count));
        count > 0 && least >= count && self.max_surge.up(count) == 0
    }
}

#[cfg(test)]
mod tests;
