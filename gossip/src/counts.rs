//! What an agent's gossip has done, in numbers.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use crate::Refused;

/// Rounds that are remembered.
const ROUNDS_MAX: usize = 16;

/// Numbers since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Datagrams and frames that were sent.
    pub sent: u64,
    /// Their bytes.
    pub sent_bytes: u64,
    /// Datagrams and frames that came, taken or not.
    pub received: u64,
    /// Their bytes.
    pub received_bytes: u64,
    /// Those that were not taken.
    pub refused: BTreeMap<Refused, u64>,
    /// Statements that no registry that is believed has signed.
    pub forged: u64,
    /// Statements that were newer than what was known.
    pub taken: u64,
    /// Statements that were heard later than what was known.
    pub refreshed: u64,
    /// Statements that others asked for by a connection.
    pub fetched: u64,
    /// Rounds that were begun.
    pub rounds: u64,
}

/// One round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Round {
    /// When it began, in milliseconds since the Unix epoch.
    pub began_unix_ms: u64,
    /// Members that were told what is known.
    pub peers: u64,
    /// Bytes sent until the next one began.
    pub sent_bytes: u64,
    /// Bytes that came.
    pub received_bytes: u64,
    /// Newer statements that came.
    pub taken: u64,
}

/// The last rounds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rounds {
    past: VecDeque<Round>,
    /// The counts when the one that goes on began.
    began: Counts,
    now: Round,
}

impl Rounds {
    /// One ends and another begins.
    pub(crate) fn turn(&mut self, unix_ms: u64, peers: usize, counts: &Counts) {
        let done = self.look(counts);
        if self.began.rounds > 0 {
            self.past.push_back(done);
        }
        while self.past.len() > ROUNDS_MAX {
            self.past.pop_front();
        }
        self.began = counts.clone();
        self.now = Round { began_unix_ms: unix_ms, peers: peers as u64, ..Round::default() };
    }

    fn look(&self, counts: &Counts) -> Round {
        Round {
            sent_bytes: counts.sent_bytes - self.began.sent_bytes,
            received_bytes: counts.received_bytes - self.began.received_bytes,
            taken: counts.taken - self.began.taken,
            ..self.now
        }
    }

    /// Those that are over, the last one last.
    pub(crate) fn past(&self) -> Vec<Round> {
        self.past.iter().copied().collect()
    }
}
