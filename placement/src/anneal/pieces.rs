//! The instances that may be moved, one by one, and where each is.
//!
//! Must not know rules.

use std::ops::Range;

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
        let model = state.model;
        let mut hosts_of: Vec<Vec<usize>> = vec![Vec::new(); model.kinds.len()];
        for host in 0..model.hosts.len() {
            for (kind, &count) in state.on(host).iter().enumerate().filter(|(_, n)| **n > 0) {
                let new = count.saturating_sub(model.kinds[kind].runs.at(host));
                hosts_of[kind].extend((0..new).map(|_| host));
            }
        }
        let mut pieces = Self {
            kinds: Vec::new(),
            hosts: Vec::new(),
            starts: Vec::new(),
            on: vec![Vec::new(); model.hosts.len()],
            at: Vec::new(),
        };
        for (kind, hosts) in hosts_of.into_iter().enumerate() {
            pieces.starts.push(pieces.kinds.len());
            for host in hosts {
                pieces.at.push(pieces.on[host].len());
                pieces.on[host].push(pieces.kinds.len());
                pieces.kinds.push(kind);
                pieces.hosts.push(host);
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

    /// The numbers of those of a kind.
    pub(super) fn of(&self, kind: usize) -> Range<usize> {
        self.starts[kind]..self.starts[kind + 1]
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
