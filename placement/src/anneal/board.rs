//! The placement as the search sees it: counters in rows, what is free on hosts, and the sums of both.
//!
//! Owns what is where. It is made from a state once, and what came of it is written back once. Must not
//! know in which order a search goes.

use super::pieces::Pieces;
use super::terms::{Counted, Terms};
use crate::model::{Model, Says};
use crate::state::{BROKEN, Delta, OVERLOADED, State};

/// Counters at the places of one sort of domain, those of a place in a row.
#[derive(Debug)]
struct Sheet {
    stride: usize,
    counts: Vec<i32>,
}

impl Sheet {
    fn row(&self, place: usize) -> &[i32] {
        &self.counts[place * self.stride..][..self.stride]
    }
}

/// What is free, or needed, by resource. Beyond the numbers that are real it may be wrong: who takes a
/// result of the search counts it again.
type Amounts = [i64; 4];

#[derive(Debug)]
pub(super) struct Board<'m> {
    model: &'m Model,
    terms: Terms,
    sheets: Vec<Sheet>,
    free: Vec<Amounts>,
    needs: Vec<Amounts>,
    unit: Amounts,
    /// Nothing may come to the host.
    closed: Vec<bool>,
    pub(super) points: i64,
    pub(super) wrong: i64,
}

fn amounts(of: [u64; 4]) -> Amounts {
    of.map(|one| i64::try_from(one).unwrap_or(i64::MAX))
}

impl<'m> Board<'m> {
    /// The board of a state in which the pieces may move.
    pub(super) fn new(state: &State<'m>, pieces: &Pieces) -> Self {
        let model = state.model;
        let terms = Terms::new(model);
        let sheets = model.domains.iter().zip(&terms.counters).map(|(domain, counters)| Sheet {
            stride: counters.len(),
            counts: vec![0; counters.len() * domain.len()],
        });
        let mut board = Self {
            model,
            sheets: sheets.collect(),
            terms,
            free: vec![[0; 4]; model.hosts.len()],
            needs: model.kinds.iter().map(|kind| amounts(kind.need)).collect(),
            unit: amounts(state.unit).map(|unit| (unit / 64).max(1)),
            closed: vec![false; model.hosts.len()],
            points: 0,
            wrong: 0,
        };
        board.begin(state, pieces);
        board
    }

    /// What stays, then the pieces.
    fn begin(&mut self, state: &State<'_>, pieces: &Pieces) {
        let model = self.model;
        let mut moving = vec![0_i32; model.kinds.len()];
        for host in 0..model.hosts.len() {
            moving.fill(0);
            pieces.on(host).iter().for_each(|&piece| moving[pieces.kind(piece)] += 1);
            let node = &model.hosts[host];
            let (all, base) = (amounts(node.capacity), amounts(node.base));
            self.free[host] = std::array::from_fn(|at| all[at].wrapping_sub(base[at]));
            for (kind, &count) in state.on(host).iter().enumerate().filter(|(_, n)| **n > 0) {
                let stays = i32::try_from(count).unwrap_or(i32::MAX) - moving[kind];
                self.count(kind, host, stays);
                let need = self.needs[kind];
                self.take(host, need, i64::from(stays));
            }
            self.closed[host] = !node.known || self.free[host].iter().any(|free| *free < 0);
        }
        for (at, group) in model.fixed.iter().enumerate() {
            for &(host, count) in &group.at {
                let count = i32::try_from(count).unwrap_or(i32::MAX);
                self.count(model.kinds.len() + at, host, count);
            }
        }
        self.users_of_ports();
        self.wrong = self.unmet();
        for piece in 0..pieces.len() {
            let (kind, host) = (pieces.kind(piece), pieces.host(piece));
            self.wrong += self.load(host, self.needs[kind]);
            self.wrong += self.come(kind, host).wrong + self.asked(kind);
            self.count(kind, host, 1);
            self.take(host, self.needs[kind], 1);
        }
        self.points = state.score;
    }

    /// Ports that fixed instances use already.
    fn users_of_ports(&mut self) {
        let model = self.model;
        for (at, counted) in self.terms.counters[0].iter().enumerate() {
            let Counted::Port(port) = counted else { continue };
            let sheet = &mut self.sheets[0];
            for (host, node) in model.hosts.iter().enumerate() {
                sheet.counts[host * sheet.stride + at] += i32::from(node.base_ports.contains(port));
            }
        }
    }

    /// What is unmet among what stays.
    fn unmet(&self) -> i64 {
        let model = self.model;
        let mut sum = 0;
        for need in &self.terms.needs {
            let rule = &model.rules[need.rule];
            let domain = &model.domains[rule.domain];
            for place in 0..domain.len() {
                let row = self.sheets[rule.domain].row(place);
                let excused = rule.excused.get(place).copied().unwrap_or(false);
                let met = !domain.lacks[place] && row[need.live] > i32::from(rule.own);
                if row[need.held] > 0 && !met && !excused && !domain.unknown[place] {
                    sum += BROKEN * i64::from(row[need.held]);
                }
            }
        }
        sum
    }

    /// What is wrong about one of a kind before anybody is beside it.
    fn asked(&self, kind: usize) -> i64 {
        let touch = self.model.touch[kind].iter();
        let always = touch.filter(|touch| touch.holds > 0 && touch.says == Says::Always);
        always.map(|_| BROKEN).sum()
    }

    fn count(&mut self, profile: usize, host: usize, more: i32) {
        for &(sort, at) in &self.terms.counted[profile] {
            let place = self.model.domains[sort].of[host];
            let sheet = &mut self.sheets[sort];
            sheet.counts[place * sheet.stride + at] += more;
        }
    }

    fn take(&mut self, host: usize, need: Amounts, times: i64) {
        for (free, need) in self.free[host].iter_mut().zip(need) {
            *free = free.wrapping_sub(need.wrapping_mul(times));
        }
    }

    pub(super) fn may_be(&self, kind: usize, host: usize) -> bool {
        !self.closed[host] && self.model.kinds[kind].allowed.at(host)
    }

    fn come(&self, kind: usize, host: usize) -> Delta {
        let sections = self.terms.sections[kind].iter();
        sections.fold(Delta::default(), |sum, section| {
            let place = self.model.domains[section.sort].of[host];
            sum + self.terms.come(section, self.sheets[section.sort].row(place), place)
        })
    }

    /// How much more is wrong on a host when so much is taken from it.
    fn load(&self, host: usize, need: Amounts) -> i64 {
        let free = &self.free[host];
        let then: Amounts = std::array::from_fn(|at| free[at].wrapping_sub(need[at]));
        if then.iter().chain(free).all(|free| *free >= 0) {
            return 0;
        }
        self.overload(&then) - self.overload(free)
    }

    fn overload(&self, free: &Amounts) -> i64 {
        let over = free.iter().zip(self.unit).filter(|(free, _)| **free < 0);
        let amounts = over.map(|(free, unit)| {
            OVERLOADED + (free.wrapping_neg() / unit).clamp(0, 64 << 20) * BROKEN / 64
        });
        amounts.sum()
    }

    /// What a move changes. Within one place of a rule's domain, that rule sees nothing of it.
    pub(super) fn change(&self, kind: usize, from: usize, to: usize) -> Delta {
        let need = self.needs[kind];
        let mut sum = Delta {
            points: 0,
            wrong: self.load(from, need.map(i64::wrapping_neg)) + self.load(to, need),
        };
        let points = &self.model.kinds[kind].points;
        if !points.is_usual() {
            sum.points = points.at(to) - points.at(from);
        }
        for section in &self.terms.sections[kind] {
            let sheet = &self.sheets[section.sort];
            let (here, there) = if section.sort == 0 {
                (from, to)
            } else {
                let of = &self.model.domains[section.sort].of;
                (of[from], of[to])
            };
            if here != there {
                let go = self.terms.go(section, sheet.row(here), here);
                sum = sum + go + self.terms.come(section, sheet.row(there), there);
            }
        }
        sum
    }

    /// Moves one without a look at the sums.
    pub(super) fn shift(&mut self, kind: usize, from: usize, to: usize) {
        self.count(kind, from, -1);
        self.count(kind, to, 1);
        self.take(from, self.needs[kind], -1);
        self.take(to, self.needs[kind], 1);
    }

    pub(super) fn add(&mut self, change: Delta) {
        self.points += change.points;
        self.wrong += change.wrong;
    }

    pub(super) fn is_overfull(&self, host: usize) -> bool {
        self.free[host].iter().any(|free| *free < 0)
    }

    /// Whether one of a kind that is on a host breaks a rule there.
    pub(super) fn is_broken(&self, kind: usize, host: usize) -> bool {
        self.terms.sections[kind].iter().any(|section| {
            let place = self.model.domains[section.sort].of[host];
            self.terms.is_broken(section, self.sheets[section.sort].row(place), place)
        })
    }
}
