//! The best placement so far, kept up to date by what has moved since.
//!
//! Must not know rules.

use super::pieces::Pieces;
use crate::state::State;

#[derive(Debug)]
pub(super) struct Best {
    hosts: Vec<usize>,
    pub(super) score: i64,
    /// It breaks no rule.
    pub(super) valid: bool,
    /// Pieces that have moved since, some of them several times.
    since: Vec<usize>,
    /// More have moved than it is worth to list.
    many: bool,
}

impl Best {
    pub(super) fn new(state: &State<'_>, pieces: &Pieces) -> Self {
        Self {
            hosts: pieces.hosts().to_vec(),
            score: state.score,
            valid: state.wrong == 0,
            since: Vec::new(),
            many: false,
        }
    }

    pub(super) fn moved(&mut self, piece: usize) {
        if self.since.len() < self.hosts.len() {
            self.since.push(piece);
        } else {
            self.many = true;
        }
    }

    /// What is now is the best.
    pub(super) fn keep(&mut self, state: &State<'_>, pieces: &Pieces) {
        (self.score, self.valid) = (state.score, true);
        if self.many {
            self.hosts.copy_from_slice(pieces.hosts());
        } else {
            for &piece in &self.since {
                self.hosts[piece] = pieces.host(piece);
            }
        }
        self.since.clear();
        self.many = false;
    }

    pub(super) fn host(&self, piece: usize) -> usize {
        self.hosts[piece]
    }

    pub(super) fn differing(&self, pieces: &Pieces) -> Vec<usize> {
        (0..self.hosts.len()).filter(|&at| self.hosts[at] != pieces.host(at)).collect()
    }
}
