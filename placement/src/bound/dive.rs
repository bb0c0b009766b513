//! A placement out of the linear program: patterns that it uses often are taken, and what is left is solved
//! again, until every host has its pattern.
//!
//! Owns the rounding. It proves nothing, and what it leaves out others have to place. Must not know rules
//! beyond a host.

use super::site::{Pattern, sites};
use super::{MISSING, Program, SCALE, as_float};
use crate::bound::master::Master;
use crate::model::{Budget, Model};

/// Prices are set at most so often before patterns are taken.
const PRICINGS: usize = 60;
/// What counts as a whole number.
const NEARLY: f64 = 1e-6;

/// A host, and how many of which kinds it should have.
pub(crate) type Filled = (usize, Vec<(usize, u32)>);

/// Hosts and how many of which kinds they should have, as far as that came out. None where there is no
/// program, or something runs already.
pub(crate) fn dive(model: &Model, budget: &mut Budget) -> Option<Vec<Filled>> {
    if !is_open(model) {
        return None;
    }
    Some(from(Program::new(model, SCALE, 0, sites(model, &[]))?, budget))
}

/// Whether each host is open for any pattern, and how many are wanted is certain.
pub(super) fn is_open(model: &Model) -> bool {
    model.kinds.iter().all(|kind| kind.run_total == 0 && kind.least == kind.most)
}

/// The same, begun with the patterns of a program of hosts.
pub(super) fn from(program: Program<'_>, budget: &mut Budget) -> Vec<Filled> {
    let kinds = &program.model.kinds;
    let left = program.wanted.iter().map(|&kind| kinds[kind].least).collect();
    let mut hosts: Vec<Vec<usize>> =
        program.sites.iter().map(|site| site.places.concat()).collect();
    hosts.iter_mut().for_each(|hosts| hosts.reverse());
    let mut dive = Dive { program, left, hosts, filled: Vec::new() };
    while dive.round(budget) {}
    dive.filled
}

struct Dive<'m> {
    program: Program<'m>,
    /// By row: instances without a host.
    left: Vec<u32>,
    /// By site: hosts without a pattern, the next one last.
    hosts: Vec<Vec<usize>>,
    filled: Vec<Filled>,
}

impl Dive<'_> {
    /// Takes some patterns. False when there is nothing more to take.
    fn round(&mut self, budget: &mut Budget) -> bool {
        if self.left.iter().all(|left| *left == 0) || budget.left == 0 {
            return false;
        }
        self.begin();
        self.price(budget);
        let rows = self.program.wanted.len() + self.program.sites.len();
        let used = self.program.master.solution().into_iter();
        let mut used: Vec<(usize, f64)> = used
            .filter(|(column, value)| *column >= rows && *value > NEARLY)
            .map(|(column, value)| (column - rows, value))
            .collect();
        used.sort_by(|(one, often), (other, less)| less.total_cmp(often).then(one.cmp(other)));
        let mut any = false;
        for &(at, value) in &used {
            for _ in 0..whole(value + NEARLY) {
                any |= self.take(at);
            }
        }
        any || used.iter().any(|&(at, _)| self.take(at))
    }

    /// The program of what is left, with the patterns that are known.
    fn begin(&mut self) {
        let program = &mut self.program;
        let wanted: Vec<(f64, f64)> =
            self.left.iter().map(|left| (f64::from(*left), -MISSING)).collect();
        let hosts: Vec<(f64, f64)> = program
            .sites
            .iter()
            .zip(&self.hosts)
            .map(|(site, hosts)| {
                let points = site.worth(&vec![0; site.kinds.len()]).unwrap_or(0);
                let hosts = u32::try_from(hosts.len()).unwrap_or(u32::MAX);
                (f64::from(hosts), as_float(points))
            })
            .collect();
        program.master = Master::new(&wanted, &hosts);
        for site in &mut program.sites {
            for (most, kind) in site.most.iter_mut().zip(&site.kinds) {
                *most = (*most).min(self.left[program.row[*kind]]);
            }
        }
        for (site, pattern, points) in std::mem::take(&mut program.patterns) {
            let most = &program.sites[site].most;
            if !self.hosts[site].is_empty() && pattern.iter().zip(most).all(|(n, most)| n <= most) {
                program.add(site, &pattern, points);
            }
        }
    }

    fn price(&mut self, budget: &mut Budget) {
        let rows = self.program.wanted.len() + self.program.sites.len();
        let pivot = u64::try_from(rows * rows / 400 + rows).unwrap_or(u64::MAX);
        for _ in 0..PRICINGS {
            let pivots = u64::try_from(self.program.master.solve(2 * rows)).unwrap_or(u64::MAX);
            if budget.spend_all(pivots.saturating_mul(pivot)).is_break() {
                return;
            }
            let prices = self.program.master.prices();
            if self.program.guesses(&prices, budget) {
                continue;
            }
            let solution = self.program.master.solution();
            let wanted = self.program.wanted.len();
            let missing =
                solution.iter().any(|(column, value)| *column < wanted && *value > NEARLY);
            let mut share = budget.take(budget.left / 8);
            let better = missing && self.program.complete(&prices, &mut share);
            budget.give(&share);
            if !better {
                return;
            }
        }
    }

    /// Gives a pattern to a host, if there is one and everything in it is still wanted.
    fn take(&mut self, at: usize) -> bool {
        let (site, pattern, _) = &self.program.patterns[at];
        let (site, pattern): (usize, Pattern) = (*site, pattern.clone());
        let kinds: Vec<(usize, u32)> = (self.program.sites[site].kinds.iter().copied())
            .zip(pattern)
            .filter(|(_, count)| *count > 0)
            .collect();
        let row = |kind: usize| self.program.row[kind];
        if kinds.is_empty() || kinds.iter().any(|&(kind, count)| self.left[row(kind)] < count) {
            return false;
        }
        let Some(host) = self.hosts[site].pop() else { return false };
        for &(kind, count) in &kinds {
            self.left[self.program.row[kind]] -= count;
        }
        self.filled.push((host, kinds));
        true
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "at most so many hosts"
)]
fn whole(value: f64) -> usize {
    value.floor().clamp(0.0, 1e9) as usize
}
