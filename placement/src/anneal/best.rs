//! The best placement so far, kept up to date by what has moved since.
//!
//! Must not know rules.

use super::pieces::Pieces;

#[derive(Debug)]
pub(super) struct Best {
    hosts: Vec<usize>,
    pub(super) points: i64,
    /// It breaks no rule.
    pub(super) valid: bool,
    /// Pieces that have moved since, some of them several times.
    since: Vec<usize>,
    /// More have moved than it is worth to list.
    many: bool,
}

impl Best {
    pub(super) fn new(pieces: &Pieces, points: i64, valid: bool) -> Self {
        let hosts = pieces.hosts().to_vec();
        Self { hosts, points, valid, since: Vec::new(), many: false }
    }

    pub(super) fn moved(&mut self, piece: usize) {
        if self.since.len() < self.hosts.len() {
            self.since.push(piece);
        } else {
            self.many = true;
        }
    }

    /// What is now, valid and with so many points, is the best.
    pub(super) fn keep(&mut self, pieces: &Pieces, points: i64) {
        (self.points, self.valid) = (points, true);
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

    /// The host of each piece in it.
    pub(super) fn hosts(&self) -> &[usize] {
        &self.hosts
    }
}
