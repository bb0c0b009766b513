//! The name of one life of one agent, which no other life ever has.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::hex;

/// A session: when it began, in milliseconds since the Unix epoch (48 bits), and chance (80 bits). Of two at one
/// address the later one counts.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Session(pub(crate) [u8; 16]);

impl Session {
    /// One that begins now. The chance has to be the system's: packets of two sessions that are the same would
    /// be sealed alike.
    #[must_use]
    pub fn begin(unix_ms: u64, chance: [u8; 10]) -> Self {
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&unix_ms.to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&chance);
        Self(bytes)
    }

    /// The one that takes the place of this one, when others have given it up.
    #[must_use]
    pub(crate) fn next(&self) -> Self {
        let mut bytes = [0; 8];
        bytes[2..].copy_from_slice(&self.0[..6]);
        let mut chance = [0; 10];
        chance.copy_from_slice(&self.0[6..]);
        Self::begin(u64::from_be_bytes(bytes).wrapping_add(1), chance)
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::Session;

    #[test]
    fn a_later_one_is_greater_and_so_is_the_next() {
        let first = Session::begin(1_790_000_000_000, [9; 10]);
        assert!(Session::begin(1_790_000_000_001, [0; 10]) > first);
        assert!(first.next() > first);
        assert_ne!(first.next(), Session::begin(1_790_000_000_001, [0; 10]));
    }
}
