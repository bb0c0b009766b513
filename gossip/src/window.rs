//! Which packets of which session were taken: none is taken twice.
//!
//! Owns the bounds on what is remembered. A session that is forgotten is remembered by the highest number that
//! was taken of it; what is not above that counts as taken.

use std::collections::BTreeMap;

use crate::Session;

/// Sessions of which single packets are remembered.
pub const SESSIONS_MAX: usize = 4096;
/// Sessions beyond those, of which the highest number is.
pub const SESSIONS_OVER_MAX: usize = 65_536;
/// A packet that is overtaken by as many is taken for one that came before.
const WIDTH: u64 = 1024;
const WORDS: usize = (WIDTH / 64) as usize;

#[derive(Clone, Debug)]
struct Window {
    highest: u64,
    /// Bit n of the whole: the packet n before the highest was taken.
    bits: [u64; WORDS],
    heard_ms: u64,
}

/// What was taken of whom.
#[derive(Debug, Default)]
pub(crate) struct Windows {
    live: BTreeMap<Session, Window>,
    over: BTreeMap<Session, u64>,
}

impl Windows {
    /// Whether this packet was taken before, or could have been.
    pub(crate) fn has(&self, session: &Session, number: u64) -> bool {
        match self.live.get(session) {
            Some(window) => window.has(number),
            None => self.over.get(session).is_some_and(|highest| number <= *highest),
        }
    }

    /// This packet is taken; false where it was before.
    pub(crate) fn take(&mut self, now_ms: u64, session: Session, number: u64) -> bool {
        if self.has(&session, number) {
            return false;
        }
        if !self.live.contains_key(&session) {
            // Whatever was taken before it was forgotten is taken still.
            let (highest, bits) = match self.over.remove(&session) {
                Some(highest) => (highest, [u64::MAX; WORDS]),
                None => (number, [0; WORDS]),
            };
            self.make_room();
            self.live.insert(session, Window { highest, bits, heard_ms: now_ms });
        }
        let window = self.live.get_mut(&session).expect("it is there now");
        window.heard_ms = now_ms;
        window.mark(number);
        true
    }

    /// The one that was not heard for the longest time makes room.
    fn make_room(&mut self) {
        if self.live.len() < SESSIONS_MAX {
            return;
        }
        let oldest = self.live.iter().min_by_key(|(_, window)| window.heard_ms);
        let Some((session, highest)) = oldest.map(|(session, it)| (*session, it.highest)) else {
            return;
        };
        self.live.remove(&session);
        self.over.insert(session, highest);
        if self.over.len() > SESSIONS_OVER_MAX {
            // Sessions begin with their time: the first one is the oldest.
            self.over.pop_first();
        }
    }

    pub(crate) fn len(&self) -> (usize, usize) {
        (self.live.len(), self.over.len())
    }
}

impl Window {
    fn has(&self, number: u64) -> bool {
        let Some(behind) = self.highest.checked_sub(number) else { return false };
        behind >= WIDTH || self.bits[(behind / 64) as usize] & 1 << (behind % 64) != 0
    }

    fn mark(&mut self, number: u64) {
        if number > self.highest {
            self.shift(number - self.highest);
            self.highest = number;
        }
        let behind = self.highest - number;
        self.bits[(behind / 64) as usize] |= 1 << (behind % 64);
    }

    fn shift(&mut self, by: u64) {
        if by >= WIDTH {
            self.bits = [0; WORDS];
            return;
        }
        let (words, bits) = ((by / 64) as usize, by % 64);
        for at in (0..WORDS).rev() {
            let mut word = if at >= words { self.bits[at - words] << bits } else { 0 };
            if bits > 0 && at > words {
                word |= self.bits[at - words - 1] >> (64 - bits);
            }
            self.bits[at] = word;
        }
    }
}

#[cfg(test)]
mod tests;
