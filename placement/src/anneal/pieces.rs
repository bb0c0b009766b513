//! The instances that may be moved, one by one, and where each is.
//!
//! Must not know rules.

use crate::random::Random;
use crate::state::State;

/// Movable instances. Those of a kind have numbers in a row.
#[derive(Debug)]
pub(super) struct Pieces {
    kinds: Vec<usize>,
    hosts: Vec<usize>,
    /// The first number of each kind, and the end.
    starts: Vec<usize>,
    on: Vec<Vec<usize>>,
    /// Where a piece stands in its host's list.
    at: Vec<usize>,
}

impl Pieces {
    /// Everything in a state that does not run where it is.
    pub(super) fn new(state: &State<'_>) -> Self {
        let hosts = state.model.hosts.len();
        let mut pieces = Self {
            kinds: Vec::new(),
            hosts: Vec::new(),
            starts: Vec::new(),
            on: vec![Vec::new(); hosts],
            at: Vec::new(),
        };
        for (kind, facts) in state.model.kinds.iter().enumerate() {
            pieces.starts.push(pieces.kinds.len());
            if state.placed[kind] == 0 {
                continue;
            }
            for host in 0..hosts {
                let new = state.count(kind, host).saturating_sub(facts.runs.at(host));
                for _ in 0..new {
                    pieces.at.push(pieces.on[host].len());
                    pieces.on[host].push(pieces.kinds.len());
                    pieces.kinds.push(kind);
                    pieces.hosts.push(host);
                }
            }
        }
        pieces.starts.push(pieces.kinds.len());
        pieces
    }

    pub(super) fn len(&self) -> usize {
        self.kinds.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    pub(super) fn kind(&self, piece: usize) -> usize {
        self.kinds[piece]
    }

    pub(super) fn host(&self, piece: usize) -> usize {
        self.hosts[piece]
    }

    /// Every piece's host.
    pub(super) fn hosts(&self) -> &[usize] {
        &self.hosts
    }

    /// Those on a host, in no order that means anything.
    pub(super) fn on(&self, host: usize) -> &[usize] {
        &self.on[host]
    }

    pub(super) fn any_on(&self, host: usize, random: &mut Random) -> Option<usize> {
        let there = &self.on[host];
        (!there.is_empty()).then(|| there[random.below(there.len())])
    }

    /// How many of a kind there are.
    pub(super) fn count(&self, kind: usize) -> usize {
        self.starts[kind + 1] - self.starts[kind]
    }

    /// The host of the n-th of a kind.
    pub(super) fn host_of(&self, kind: usize, nth: usize) -> usize {
        self.hosts[self.starts[kind] + nth]
    }

    pub(super) fn put(&mut self, piece: usize, to: usize) {
        let from = self.hosts[piece];
        let at = self.at[piece];
        self.on[from].swap_remove(at);
        if let Some(&other) = self.on[from].get(at) {
            self.at[other] = at;
        }
        self.at[piece] = self.on[to].len();
        self.on[to].push(piece);
        self.hosts[piece] = to;
    }
}
