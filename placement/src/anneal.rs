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
mod board;
mod pieces;
mod pull;
mod terms;
mod trouble;

use best::Best;
use board::Board;
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
    /// The same from a placement that is good already, without great heat.
    MorePoints(i64),
}

struct Search<'m> {
    model: &'m Model,
    board: Board<'m>,
    pieces: Pieces,
    pulls: Pulls,
    random: Random,
    best: Best,
    trouble: Trouble,
    /// What a broken rule costs, in points.
    price: i64,
    /// In parts of a point.
    temperature: i64,
    /// Pieces of the bundle that is on its way, and where they were.
    moved: Vec<(usize, usize)>,
}

/// Searches for so many steps, and leaves the best that was seen. Where no valid placement was seen, the
/// state stays as it was. What it leaves is to be counted again by who takes it.
pub(crate) fn anneal(state: &mut State<'_>, aim: Aim, seed: u64, budget: &mut Budget) {
    let model = state.model;
    let pieces = Pieces::new(state);
    if pieces.is_empty() || budget.left == 0 {
        return;
    }
    let typical = typical_weight(model, aim);
    let before = pieces.hosts().to_vec();
    let board = Board::new(state, &pieces);
    let mut search = Search {
        model,
        pulls: Pulls::new(model, &pieces),
        random: Random::new(seed),
        best: Best::new(&pieces, board.points, board.wrong == 0),
        trouble: Trouble::new(model.hosts.len()),
        price: typical.saturating_mul(4).max(1),
        temperature: 0,
        moved: Vec::new(),
        board,
        pieces,
    };
    let stage = budget.left / STAGES + 1;
    let warm = match aim {
        Aim::Valid => typical * PARTS,
        Aim::Points(_) => typical * PARTS * 3 / 4,
        Aim::MorePoints(_) => typical * PARTS / 8,
    };
    let cold = (typical * PARTS / 100).max(1);
    for at in 0..STAGES {
        search.temperature = cooled(warm, cold, at);
        if search.stage(stage, aim, budget) {
            break;
        }
    }
    if search.best.valid {
        let moves = before.iter().zip(search.best.hosts()).enumerate();
        let moves: Vec<_> = moves.filter(|(_, (from, to))| from != to).collect();
        moves.iter().for_each(|(at, (from, _))| state.remove(search.pieces.kind(*at), **from));
        moves.iter().for_each(|(at, (_, to))| state.add(search.pieces.kind(*at), **to));
    }
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

impl Search<'_> {
    /// True when the aim is reached or the budget spent.
    fn stage(&mut self, steps: u64, aim: Aim, budget: &mut Budget) -> bool {
        for _ in 0..steps {
            if budget.spend(1).is_break() {
                return true;
            }
            let piece = self.pick(aim);
            let kind = self.pieces.kind(piece);
            let drawn = self.random.below(24);
            if drawn < 8 && self.pulls.bundle[kind].len() > 1 {
                self.bundle(piece, false);
            } else if drawn < 3 && self.pulls.friends[kind].len() > 1 {
                self.bundle(piece, true);
            } else {
                self.single(piece);
            }
            if self.board.wrong == 0 && self.is_enough(aim) {
                return true;
            }
        }
        false
    }

    /// Keeps what is now if it is the best, and says whether nothing better is looked for.
    fn is_enough(&mut self, aim: Aim) -> bool {
        let points = self.board.points;
        if points > self.best.points || !self.best.valid {
            self.best.keep(&self.pieces, points);
        }
        match aim {
            Aim::Valid => true,
            Aim::Points(enough) | Aim::MorePoints(enough) => self.best.points >= enough,
        }
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
        self.board.is_overfull(host) || kinds.any(|kind| self.board.is_broken(kind, host))
    }

    fn accepts(&mut self, change: Delta) -> bool {
        let cost = self.price * change.wrong / BROKEN - change.points;
        cost <= 0 || cost * PARTS * 256 <= self.temperature * self.random.exponential()
    }

    /// Moves one instance, or swaps it with one that is where it wants to be.
    fn single(&mut self, piece: usize) {
        let (kind, from) = (self.pieces.kind(piece), self.pieces.host(piece));
        let to = self.pulls.destination(self.model, &self.pieces, kind, &mut self.random);
        if to == from || !self.board.may_be(kind, to) {
            return;
        }
        let change = self.board.change(kind, from, to);
        if self.accepts(change) {
            self.board.shift(kind, from, to);
            self.note(piece, to, change);
        } else if !self.pieces.on(to).is_empty() {
            self.swap(piece, to, change);
        }
    }

    /// Tries whether somebody there would better be here.
    fn swap(&mut self, piece: usize, to: usize, change: Delta) {
        let (kind, from) = (self.pieces.kind(piece), self.pieces.host(piece));
        self.board.shift(kind, from, to);
        for _ in 0..SWAPS {
            let Some(other) = self.pieces.any_on(to, &mut self.random) else { break };
            let second = self.pieces.kind(other);
            if second == kind || !self.board.may_be(second, from) {
                continue;
            }
            let back = self.board.change(second, to, from);
            if self.accepts(change + back) {
                self.note(piece, to, change);
                self.board.shift(second, to, from);
                self.note(other, from, back);
                return;
            }
        }
        self.board.shift(kind, to, from);
    }

    /// Takes down that the board has changed.
    fn note(&mut self, piece: usize, to: usize, change: Delta) {
        if change.wrong != 0 {
            self.trouble.suspect(self.pieces.host(piece));
            self.trouble.suspect(to);
        }
        self.board.add(change);
        self.pieces.put(piece, to);
        self.best.moved(piece);
    }

    fn put(&mut self, piece: usize, to: usize) {
        let (kind, from) = (self.pieces.kind(piece), self.pieces.host(piece));
        let change = self.board.change(kind, from, to);
        self.board.shift(kind, from, to);
        self.note(piece, to, change);
    }

    /// Moves all of an instance's company, and in exchange what is in its way.
    fn bundle(&mut self, piece: usize, of_friends: bool) {
        let (kind, from) = (self.pieces.kind(piece), self.pieces.host(piece));
        let to = self.pulls.destination(self.model, &self.pieces, kind, &mut self.random);
        if to == from {
            return;
        }
        self.moved.clear();
        let (points, wrong) = (self.board.points, self.board.wrong);
        let so_far =
            |board: &Board<'_>| Delta { points: board.points - points, wrong: board.wrong - wrong };
        self.company(piece, to, of_friends);
        let there = so_far(&self.board);
        if self.accepts(there) {
            return;
        }
        if let Some(other) = self.pieces.any_on(to, &mut self.random)
            && !self.moved.iter().any(|(moved, _)| *moved == other)
        {
            self.company(other, from, of_friends);
            let both = so_far(&self.board);
            if self.accepts(both) {
                return;
            }
        }
        for at in (0..self.moved.len()).rev() {
            let (piece, back) = self.moved[at];
            self.put(piece, back);
        }
    }

    /// Moves an instance and those on its host that its kind belongs together with.
    fn company(&mut self, piece: usize, to: usize, of_friends: bool) {
        let from = self.pieces.host(piece);
        let groups = if of_friends { &self.pulls.friends } else { &self.pulls.bundle };
        let group = &groups[self.pieces.kind(piece)];
        let mut with = vec![piece];
        let beside = self.pieces.on(from).iter().copied();
        with.extend(beside.filter(|other| {
            *other != piece && group.binary_search(&self.pieces.kind(*other)).is_ok()
        }));
        with.retain(|one| !self.moved.iter().any(|(moved, _)| moved == one));
        for one in with.into_iter().take(BUNDLE) {
            if self.board.may_be(self.pieces.kind(one), to) {
                self.put(one, to);
                self.moved.push((one, from));
            }
        }
    }
}

#[cfg(test)]
mod tests;
