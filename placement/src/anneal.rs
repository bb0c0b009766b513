//! Guided local search: instances that do not run yet are moved, swapped and moved in bundles, worse
//! steps too while it is warm, towards carriers of what they want.
//!
//! Owns the temperature and what is kept as the best. While it is on its way rules may be broken and
//! hosts overfull, at a price; what it hands back is never worse than what it got. Must not touch what
//! runs, nor know time: the effort is a number of steps.

use crate::model::{Budget, Model, Says};
use crate::random::Random;
use crate::state::{BROKEN, Delta, State};

mod best;
mod pieces;
mod pull;
mod trouble;

use best::Best;
use pieces::Pieces;
use pull::Pulls;
use trouble::Trouble;

/// Temperatures are in so many parts of a point.
const PARTS: i64 = 16;
/// So often the temperature changes.
const STAGES: u64 = 128;
/// At most so many instances move in one bundle.
const BUNDLE: usize = 16;

/// So many partners for a swap are tried.
const SWAPS: usize = 2;

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aim {
    /// Any valid placement.
    Valid,
    /// As many points as can be had; that many are enough.
    Points(i64),
}

struct Search<'s, 'm> {
    state: &'s mut State<'m>,
    pieces: Pieces,
    pulls: Pulls,
    random: Random,
    best: Best,
    trouble: Trouble,
    /// What a broken rule costs, in points.
    price: i64,
    /// In parts of a point.
    temperature: i64,
    moved: Vec<(usize, usize)>,
}

/// Searches for so many steps. True when the state is valid in the end.
pub(crate) fn anneal(state: &mut State<'_>, aim: Aim, seed: u64, budget: &mut Budget) -> bool {
    let model = state.model;
    let pieces = Pieces::new(state);
    if pieces.is_empty() || budget.left == 0 {
        return state.wrong == 0;
    }
    let typical = typical_weight(model, aim);
    let mut search = Search {
        pulls: Pulls::new(model),
        random: Random::new(seed),
        best: Best::new(state, &pieces),
        trouble: Trouble::new(model.hosts.len()),
        price: typical.saturating_mul(4).max(1),
        temperature: 0,
        moved: Vec::new(),
        state,
        pieces,
    };
    let stage = budget.left / STAGES + 1;
    let warm = match aim {
        Aim::Valid => typical * PARTS,
        Aim::Points(_) => typical * PARTS * 3 / 4,
    };
    let cold = (typical * PARTS / 100).max(1);
    for at in 0..STAGES {
        search.temperature = cooled(warm, cold, at);
        if search.stage(stage, aim, budget) {
            break;
        }
    }
    search.finish();
    state.wrong == 0
}

/// A usual weight of a soft rule, or what stands for one.
fn typical_weight(model: &Model, aim: Aim) -> i64 {
    if aim == Aim::Valid {
        return 100;
    }
    let weights = model.rules.iter().filter_map(|rule| match rule.says {
        Says::Avoid(weight) | Says::Prefer(weight) => Some(weight),
        _ => None,
    });
    let (sum, count) = weights.fold((0, 0), |(sum, count), weight| (sum + weight, count + 1));
    if count == 0 { 50 } else { (sum / count).max(1) }
}

/// From warm to cold by the same factor at each stage, in integers.
fn cooled(warm: i64, cold: i64, at: u64) -> i64 {
    let mut now = warm * 1024;
    let mut steps = 0;
    // One stage keeps 31/32; 128 stages make it 1/58 of the beginning.
    while steps < at {
        now -= now / 32;
        steps += 1;
    }
    (now / 1024).max(cold)
}

impl Search<'_, '_> {
    /// True when the aim is reached or the budget spent.
    fn stage(&mut self, steps: u64, aim: Aim, budget: &mut Budget) -> bool {
        for _ in 0..steps {
            if budget.spend(1).is_break() {
                return true;
            }
            let piece = self.pick(aim);
            let bundled = self.pulls.bundle[self.pieces.kind(piece)].len() > 1;
            if bundled && self.random.below(3) == 0 {
                self.bundle(piece);
            } else {
                self.single(piece);
            }
            if self.state.wrong == 0 {
                match aim {
                    Aim::Valid => return true,
                    Aim::Points(enough) => {
                        if self.state.score > self.best.score || !self.best.valid {
                            self.best.keep(self.state, &self.pieces);
                            if self.state.score >= enough {
                                return true;
                            }
                        }
                    }
                }
            }
        }
        false
    }

    /// Any instance, or one where something is wrong.
    fn pick(&mut self, aim: Aim) -> usize {
        if aim == Aim::Valid && self.random.below(2) == 0 {
            while let Some(host) = self.trouble.any(&mut self.random) {
                if self.is_troubled(host)
                    && let Some(piece) = self.pieces.any_on(host, &mut self.random)
                {
                    return piece;
                }
                self.trouble.settle(host);
            }
        }
        self.random.below(self.pieces.len())
    }

    fn is_troubled(&self, host: usize) -> bool {
        let mut kinds = self.pieces.on(host).iter().map(|piece| self.pieces.kind(*piece));
        self.state.is_overfull(host) || kinds.any(|kind| self.state.breaks_around(kind, host))
    }

    fn accepts(&mut self, change: Delta) -> bool {
        let cost = self.price * change.wrong / BROKEN - change.points;
        cost <= 0 || cost * PARTS * 256 <= self.temperature * self.random.exponential()
    }

    fn may_be(&self, kind: usize, host: usize) -> bool {
        let model = self.state.model;
        model.hosts[host].known && model.kinds[kind].allowed.at(host)
    }

    /// Moves one instance, or swaps it with one that is where it wants to be.
    fn single(&mut self, piece: usize) {
        let (kind, from) = (self.pieces.kind(piece), self.pieces.host(piece));
        let to = self.pulls.destination(self.state.model, &self.pieces, kind, &mut self.random);
        if to == from || !self.may_be(kind, to) {
            return;
        }
        let change = self.state.move_delta(kind, from, to);
        if self.accepts(change) {
            self.put(piece, to, change);
            return;
        }
        if self.pieces.on(to).is_empty() {
            return;
        }
        self.put(piece, to, change);
        for _ in 0..SWAPS {
            let Some(other) = self.pieces.any_on(to, &mut self.random) else { break };
            let second = self.pieces.kind(other);
            if second == kind || !self.may_be(second, from) {
                continue;
            }
            let back = self.state.move_delta(second, to, from);
            if self.accepts(change + back) {
                self.put(other, from, back);
                return;
            }
        }
        let undo = Delta { points: -change.points, wrong: -change.wrong };
        self.put(piece, from, undo);
    }

    fn put(&mut self, piece: usize, to: usize, change: Delta) {
        let (kind, from) = (self.pieces.kind(piece), self.pieces.host(piece));
        self.state.leave(kind, from, change);
        self.state.enter(kind, to, Delta::default());
        self.pieces.put(piece, to);
        if change.wrong != 0 {
            self.trouble.suspect(from);
            self.trouble.suspect(to);
        }
        self.best.moved(piece);
    }

    /// Moves all of an instance's company, and in exchange what is in its way.
    fn bundle(&mut self, piece: usize) {
        let (kind, from) = (self.pieces.kind(piece), self.pieces.host(piece));
        let to = self.pulls.destination(self.state.model, &self.pieces, kind, &mut self.random);
        if to == from {
            return;
        }
        self.moved.clear();
        let (score, wrong) = (self.state.score, self.state.wrong);
        self.company(piece, from, to);
        let there = Delta { points: self.state.score - score, wrong: self.state.wrong - wrong };
        if self.accepts(there) {
            return;
        }
        if let Some(other) = self.pieces.any_on(to, &mut self.random)
            && !self.moved.iter().any(|(moved, _)| *moved == other)
        {
            self.company(other, to, from);
            let both = Delta { points: self.state.score - score, wrong: self.state.wrong - wrong };
            if self.accepts(both) {
                return;
            }
        }
        for at in (0..self.moved.len()).rev() {
            let (piece, back) = self.moved[at];
            let now = self.pieces.host(piece);
            let change = self.state.move_delta(self.pieces.kind(piece), now, back);
            self.put(piece, back, change);
        }
    }

    /// Moves an instance and those on its host that its kind belongs together with.
    fn company(&mut self, piece: usize, from: usize, to: usize) {
        let mut with = vec![piece];
        let bundle = &self.pulls.bundle[self.pieces.kind(piece)];
        let beside = self.pieces.on(from).iter().copied();
        with.extend(beside.filter(|other| {
            *other != piece && bundle.binary_search(&self.pieces.kind(*other)).is_ok()
        }));
        with.retain(|one| !self.moved.iter().any(|(moved, _)| moved == one));
        for one in with.into_iter().take(BUNDLE) {
            let kind = self.pieces.kind(one);
            if self.may_be(kind, to) {
                let change = self.state.move_delta(kind, from, to);
                self.put(one, to, change);
                self.moved.push((one, from));
            }
        }
    }

    /// Goes back to the best that was seen.
    fn finish(&mut self) {
        if self.best.valid && (self.state.wrong != 0 || self.state.score < self.best.score) {
            for piece in self.best.differing(&self.pieces) {
                let (kind, now) = (self.pieces.kind(piece), self.pieces.host(piece));
                let to = self.best.host(piece);
                let change = self.state.move_delta(kind, now, to);
                self.put(piece, to, change);
            }
        }
    }
}
