//! What no plan can exceed: prices of instances under which no host pattern is worth more than its host.
//!
//! Owns column generation over patterns of hosts. Prices come out of a linear program in floating point;
//! what is claimed with them is computed in integers and holds whatever the prices are. With points left
//! out, the same shows that there is no placement at all. Must not know statements or words.

use crate::model::{Budget, Model, Says};
use crate::random::Random;
use crate::state::State;

mod dive;
mod guess;
mod master;
mod pricing;
mod site;

pub(crate) use dive::dive;
use guess::guess;
use master::Master;
use pricing::Pricing;
use site::{Pattern, Site, sites};

/// A point in weights.
const SCALE: i64 = 1000;
/// A weight of one without points.
pub(crate) const WEIGHT: i64 = 1_000_000;
/// A node of the complete search, and a pivot, take about as long as so many steps.
const NODE: u64 = 16;
/// What a missing instance costs, in points; more than any instance brings.
const MISSING: f64 = 100_000.0;
/// Larger problems have no program.
const ROWS_MOST: usize = 400;
const ROUNDS: usize = 400;

/// Weights of kinds, and the most that a host of each site is worth under them.
#[derive(Debug, Clone)]
pub(crate) struct Proof {
    /// By kind; 0 where none is wanted.
    pub(crate) weights: Vec<i64>,
    pub(crate) sites: Vec<Claimed>,
    /// The weights of all wanted instances, and the most of all hosts.
    total: i128,
    scale: i64,
}

/// A class of hosts, and what no pattern on such a host exceeds.
#[derive(Debug, Clone)]
pub(crate) struct Claimed {
    pub(crate) hosts: Vec<usize>,
    pub(crate) capacity: [u64; 4],
    pub(crate) kinds: Vec<usize>,
    pub(crate) most: i64,
}

impl Proof {
    /// No plan has more points, those that no plan changes left out.
    pub(crate) fn points(&self) -> i64 {
        let points = self.total.div_euclid(i128::from(self.scale.max(1)));
        i64::try_from(points).unwrap_or(i64::MAX)
    }

    /// What a point is worth in the weights; 1 where points are left out.
    pub(crate) fn scale(&self) -> i64 {
        self.scale.max(1)
    }

    /// What is wanted is worth more than all hosts can be: there is no placement.
    pub(crate) fn refutes(&self) -> bool {
        self.scale == 0 && self.total < 0
    }
}

/// Points that no plan changes: attributes of what is fixed, and its wishes in domains, taken as met.
pub(crate) fn constant(model: &Model) -> i64 {
    let far = model.rules.iter().filter(|rule| rule.fixed && rule.domain > 0);
    let wishes = far.map(|rule| match rule.says {
        Says::Prefer(weight) => {
            let group = &model.fixed[rule.holder - model.kinds.len()];
            weight * group.at.iter().map(|(_, count)| i64::from(*count)).sum::<i64>()
        }
        _ => 0,
    });
    model.base_score + wishes.sum::<i64>()
}

struct Program<'m> {
    model: &'m Model,
    sites: Vec<Site>,
    /// Kinds that have a row.
    wanted: Vec<usize>,
    /// The row of each kind.
    row: Vec<usize>,
    master: Master,
    scale: i64,
    random: Random,
    /// Site, counts and points of each pattern that was added, in order.
    patterns: Vec<(usize, Pattern, i64)>,
    best: Option<Proof>,
}

/// The best bound of the points that the budget allows, begun with a plan's patterns.
pub(crate) fn points(state: &State<'_>, aim: i64, budget: &mut Budget) -> Option<Proof> {
    let mut program = Program::new(state.model, SCALE)?;
    program.begin_with(state);
    program.run(i128::from(aim), budget);
    program.best
}

/// Weights under which there is no placement, if the budget allows to find some.
pub(crate) fn refutation(model: &Model, budget: &mut Budget) -> Option<Proof> {
    let mut program = Program::new(model, 0)?;
    program.run(-1, budget);
    program.best.filter(Proof::refutes)
}

/// The proof that whole weights of what an instance brings give, without points.
pub(crate) fn proof_of(model: &Model, weights: &[i64], budget: &mut Budget) -> Option<Proof> {
    let mut program = Program::new(model, 0)?;
    let mut prices = vec![0.0; program.wanted.len() + program.sites.len()];
    for (at, &kind) in program.wanted.iter().enumerate() {
        prices[at] = -as_float(weights[kind]);
    }
    program.complete(&prices, budget);
    program.best
}

impl<'m> Program<'m> {
    fn new(model: &'m Model, scale: i64) -> Option<Self> {
        let kinds = 0..model.kinds.len();
        let wanted: Vec<usize> = kinds.filter(|&kind| model.kinds[kind].most > 0).collect();
        if wanted.is_empty() || wanted.len() > ROWS_MOST {
            return None;
        }
        let sites = sites(model);
        if wanted.len() + sites.len() > ROWS_MOST {
            return None;
        }
        let mut row = vec![usize::MAX; model.kinds.len()];
        for (at, &kind) in wanted.iter().enumerate() {
            row[kind] = at;
        }
        let missing = |kind: usize| {
            let facts = &model.kinds[kind];
            let free = facts.least < facts.most;
            let cost = if scale == 0 { 1.0 } else { MISSING };
            (f64::from(facts.most), if free { 0.0 } else { -cost })
        };
        let rows: Vec<(f64, f64)> = wanted.iter().map(|&kind| missing(kind)).collect();
        let empty = |site: &Site| {
            let points = site.worth(&vec![0; site.kinds.len()]).unwrap_or(0);
            let hosts = u32::try_from(site.hosts.len()).unwrap_or(u32::MAX);
            (f64::from(hosts), if scale == 0 { 0.0 } else { as_float(points) })
        };
        let hosts: Vec<(f64, f64)> = sites.iter().map(empty).collect();
        let master = Master::new(&rows, &hosts);
        let random = Random::new(0);
        Some(Self {
            model,
            sites,
            wanted,
            row,
            master,
            scale,
            random,
            patterns: Vec::new(),
            best: None,
        })
    }

    /// The patterns that a plan has.
    fn begin_with(&mut self, state: &State<'_>) {
        for site in 0..self.sites.len() {
            let kinds = self.sites[site].kinds.clone();
            let hosts = &self.sites[site].hosts;
            let mut patterns: Vec<Vec<u32>> = hosts
                .iter()
                .map(|&host| kinds.iter().map(|&kind| state.count(kind, host)).collect())
                .collect();
            patterns.sort_unstable();
            patterns.dedup();
            for pattern in patterns {
                if let Some(points) = self.sites[site].worth(&pattern) {
                    self.add(site, &pattern, points);
                }
            }
        }
    }

    fn add(&mut self, site: usize, pattern: &Vec<u32>, points: i64) {
        let rows: Vec<usize> = self.sites[site].kinds.iter().map(|&kind| self.row[kind]).collect();
        let cost = if self.scale == 0 { 0.0 } else { as_float(points) };
        self.master.add(self.wanted.len() + site, &rows, pattern, cost);
        self.patterns.push((site, pattern.clone(), points));
    }

    /// Rounds of prices and patterns, until the bound is at most the aim or nothing gets better.
    fn run(&mut self, aim: i128, budget: &mut Budget) {
        let rows = self.wanted.len() + self.sites.len();
        let pivot = u64::try_from(rows * rows / 400 + rows).unwrap_or(u64::MAX);
        for _ in 0..ROUNDS {
            let pivots = u64::try_from(self.master.solve(2 * rows)).unwrap_or(u64::MAX);
            if budget.spend_all(pivots.saturating_mul(pivot)).is_break() {
                break;
            }
            let prices = self.master.prices();
            if self.scale == 0 && self.master.worth() > -1e-6 {
                return;
            }
            if self.guesses(&prices, budget) {
                continue;
            }
            if !self.complete(&prices, budget) || self.reached(aim) {
                return;
            }
        }
        let prices = self.master.prices();
        self.complete(&prices, budget);
    }

    fn reached(&self, aim: i128) -> bool {
        let Some(best) = &self.best else { return false };
        match self.scale {
            0 => best.refutes(),
            _ => i128::from(best.points()) <= aim,
        }
    }

    /// Integer weights of the kinds of a site.
    fn weights(&self, site: usize, prices: &[f64]) -> Vec<i64> {
        let kinds = self.sites[site].kinds.iter();
        kinds.map(|&kind| self.rounded(prices[self.row[kind]])).collect()
    }

    fn rounded(&self, price: f64) -> i64 {
        let scale = if self.scale == 0 { WEIGHT } else { self.scale };
        as_integer(price * as_float(scale))
    }

    /// Adds patterns that quick attempts find to be better than the prices say. True if any was.
    fn guesses(&mut self, prices: &[f64], budget: &mut Budget) -> bool {
        let mut any = false;
        for site in 0..self.sites.len() {
            let weights = self.weights(site, prices);
            let paid = self.rounded(prices[self.wanted.len() + site]);
            let pricing = Pricing::new(&self.sites[site], self.scale, &weights);
            let work = self.sites[site].kinds.len() * self.sites[site].rules.len();
            if budget.spend(work.min(20_000)).is_break() {
                return false;
            }
            let found = guess(&pricing, &self.sites[site], 3, &mut self.random);
            if let Some((worth, pattern)) = found
                && worth > paid + self.tolerance()
            {
                let points = self.sites[site].worth(&pattern).unwrap_or(0);
                self.add(site, &pattern, points);
                any = true;
            }
        }
        any
    }

    fn tolerance(&self) -> i64 {
        if self.scale == 0 { 100 } else { self.scale / 20 }
    }

    /// Searches all sites through, keeps the bound that follows, and adds what is better than the prices
    /// say. True if anything was.
    fn complete(&mut self, prices: &[f64], budget: &mut Budget) -> bool {
        let mut any = false;
        let mut claimed = Vec::new();
        let mut total: i128 = 0;
        let mut weights = vec![0; self.model.kinds.len()];
        for &kind in &self.wanted {
            weights[kind] = self.rounded(prices[self.row[kind]]);
            let facts = &self.model.kinds[kind];
            let (least, most) = (i128::from(facts.least), i128::from(facts.most));
            let weight = i128::from(weights[kind]);
            total += weight * if weight > 0 { most } else { least };
        }
        let each = budget.left / 4 / u64::try_from(self.sites.len()).unwrap_or(1).max(1) / NODE;
        for site in 0..self.sites.len() {
            let mine: Vec<i64> = self.sites[site].kinds.iter().map(|&kind| weights[kind]).collect();
            let paid = self.rounded(prices[self.wanted.len() + site]);
            let pricing = Pricing::new(&self.sites[site], self.scale, &mine);
            let mut share = Budget { left: each };
            let priced = pricing.search(paid + self.tolerance() / 4, &mut share);
            let _ = budget.spend_all((each - share.left).saturating_mul(NODE));
            if let Some((worth, pattern)) = &priced.best
                && *worth > paid + self.tolerance()
            {
                let points = self.sites[site].worth(pattern).unwrap_or(0);
                self.add(site, pattern, points);
                any = true;
            }
            let hosts = &self.sites[site];
            total += i128::from(priced.most) * i128::try_from(hosts.hosts.len()).unwrap_or(0);
            claimed.push(Claimed {
                hosts: hosts.hosts.clone(),
                capacity: hosts.capacity,
                kinds: hosts.kinds.clone(),
                most: priced.most,
            });
        }
        let better = self.best.as_ref().is_none_or(|best| total < best.total);
        if better {
            self.best = Some(Proof { weights, sites: claimed, total, scale: self.scale });
        }
        any && budget.left > 0
    }
}

#[expect(clippy::cast_precision_loss, reason = "prices are proposals")]
fn as_float(value: i64) -> f64 {
    value as f64
}

#[expect(clippy::cast_possible_truncation, reason = "a float beyond the range ends at its end")]
fn as_integer(value: f64) -> i64 {
    value.round().clamp(-1e15, 1e15) as i64
}
