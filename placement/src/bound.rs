//! What no plan can exceed: prices of instances under which no pattern of a place is worth more than its place.
//!
//! Owns column generation over patterns of places: of hosts, and for rules with a domain of all hosts with one
//! value of the attribute. Prices come out of a linear program in floating point; what is claimed with them is
//! computed in integers and holds whatever the prices are. With points left out, the same shows that there is
//! no placement at all. Must not know statements or words.

use std::collections::BTreeMap;

use crate::model::{Budget, Model, Says};
use crate::random::Random;
use crate::state::State;

mod dive;
mod guess;
mod hand;
mod herd;
mod master;
mod pricing;
mod proof;
mod region;
mod site;
#[cfg(test)]
mod tests;

use dive::is_open;
pub(crate) use dive::{Filled, dive};
use guess::guess;
use master::Master;
use pricing::Pricing;
pub(crate) use proof::{Claimed, Part, Proof, constant};
use region::{matters, regions, sorts};
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

struct Program<'m> {
    model: &'m Model,
    /// The sort of domain whose places are looked at; 0: hosts.
    domain: usize,
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
    best: Option<Part>,
}

/// The best bound of the points that the budget allows, begun with a plan's patterns; and where the plan is less
/// than that, another one out of the patterns, as far as it comes out within what is for that.
pub(crate) fn points(
    state: &State<'_>,
    budget: &mut Budget,
    for_plan: &mut Budget,
) -> Option<(Proof, Option<Vec<Filled>>)> {
    let model = state.model;
    let hosts = sites(model, &[]);
    let mut parts = Vec::new();
    let soft = sorts(model, |says| matches!(says, Says::Avoid(_) | Says::Prefer(_)));
    for &domain in &soft {
        let sites = regions(model, &hosts, domain);
        let Some(mut program) = Program::new(model, SCALE, domain, sites) else { continue };
        let share = u64::try_from(soft.len() + 1).unwrap_or(u64::MAX);
        let mut share = budget.take(budget.left / share);
        let part = program.bounded(state, &mut share);
        budget.give(&share);
        // Where that is not better than every wish as met, it says nothing.
        parts.extend(part.filter(|part| part.total < wishes(model, domain)));
    }
    let apart: Vec<usize> = parts.iter().map(|part| part.domain).collect();
    let hosts = if apart.is_empty() { hosts } else { sites(model, &apart) };
    let mut program = Program::new(model, SCALE, 0, hosts)?;
    let part = program.bounded(state, budget)?;
    parts.insert(0, part);
    let proof = Proof { parts, scale: SCALE };
    let most = proof.points().saturating_add(constant(model, &proof.domains()));
    let dives = is_open(model) && most > state.score && for_plan.left > 0;
    let filled = dives.then(|| dive::from(program, for_plan));
    Some((proof, filled))
}

/// What is counted for a sort of domains without a part of its own: each `prefer` as met.
fn wishes(model: &Model, domain: usize) -> i128 {
    let rules = model.rules.iter().filter(|rule| rule.domain == domain);
    let met = rules.map(|rule| match rule.says {
        Says::Prefer(weight) => {
            let given = model.kinds.get(rule.holder).map(|kind| i128::from(kind.most));
            let held = given.unwrap_or_else(|| {
                let group = &model.fixed[rule.holder - model.kinds.len()];
                group.at.iter().map(|(_, count)| i128::from(*count)).sum()
            });
            i128::from(weight) * held
        }
        _ => 0,
    });
    met.sum::<i128>() * i128::from(SCALE)
}

/// Weights under which there is no placement, if the budget allows to find some: on hosts, or on the places
/// of a sort of domain.
pub(crate) fn refutation(model: &Model, budget: &mut Budget) -> Option<Proof> {
    let hosts = sites(model, &[]);
    let hard = sorts(model, |says| matches!(says, Says::Never | Says::Always));
    let regions = hard.iter().map(|&domain| (domain, regions(model, &hosts, domain)));
    let regions: Vec<(usize, Vec<Site>)> = regions.collect();
    let mut left = regions.len();
    for (domain, sites) in std::iter::once((0, hosts)).chain(regions) {
        let share = u64::try_from(left + 1).unwrap_or(u64::MAX);
        left = left.saturating_sub(1);
        let Some(mut program) = Program::new(model, 0, domain, sites) else { continue };
        let mut share = budget.take(budget.left / share);
        program.run(-1, &mut share);
        budget.give(&share);
        let proof = program.best.map(|part| Proof { parts: vec![part], scale: 0 });
        if let Some(proof) = proof.filter(Proof::refutes) {
            return Some(proof);
        }
    }
    None
}

/// The proof that whole weights of what an instance brings give, without points, on the places of a sort of
/// domain.
pub(crate) fn proof_of(
    model: &Model,
    domain: usize,
    weights: &[i64],
    budget: &mut Budget,
) -> Option<Proof> {
    let hosts = sites(model, &[]);
    let sites = if domain == 0 { hosts } else { regions(model, &hosts, domain) };
    let mut program = Program::new(model, 0, domain, sites)?;
    let mut prices = vec![0.0; program.wanted.len() + program.sites.len()];
    for (at, &kind) in program.wanted.iter().enumerate() {
        prices[at] = -as_float(weights[kind]);
    }
    program.complete(&prices, budget);
    program.best.map(|part| Proof { parts: vec![part], scale: 0 })
}

impl<'m> Program<'m> {
    /// None where nothing is wanted, or too many kinds and places differ.
    fn new(model: &'m Model, scale: i64, domain: usize, sites: Vec<Site>) -> Option<Self> {
        let has_row = |kind: &usize| {
            model.kinds[*kind].most > 0 && (domain == 0 || matters(model, *kind, domain))
        };
        let wanted: Vec<usize> = (0..model.kinds.len()).filter(has_row).collect();
        if wanted.is_empty() || wanted.len() + sites.len() > ROWS_MOST {
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
            (f64::from(site.count()), if scale == 0 { 0.0 } else { as_float(points) })
        };
        let places: Vec<(f64, f64)> = sites.iter().map(empty).collect();
        let master = Master::new(&rows, &places);
        let random = Random::new(0);
        let (patterns, best) = (Vec::new(), None);
        Some(Self { model, domain, sites, wanted, row, master, scale, random, patterns, best })
    }

    /// The best bound of the points that the budget allows, begun with a plan's patterns. What the plan itself
    /// has here is the least that a bound can be.
    fn bounded(&mut self, state: &State<'_>, budget: &mut Budget) -> Option<Part> {
        let has = self.begin_with(state);
        if self.domain > 0 {
            let prices = self.even();
            self.complete(&prices, budget);
        }
        if self.sites.iter().any(Site::has_points) {
            let aim = has.unwrap_or(i128::MIN);
            if !self.reached(aim) {
                self.run(aim, budget);
            }
        } else {
            let free = vec![0.0; self.wanted.len() + self.sites.len()];
            self.complete(&free, budget);
        }
        self.best.clone()
    }

    /// The patterns that a plan has, and what they are worth together; none where the plan has one that is not
    /// admissible by itself.
    fn begin_with(&mut self, state: &State<'_>) -> Option<i128> {
        let mut sum = Some(0);
        for site in 0..self.sites.len() {
            let mut patterns: BTreeMap<Vec<u32>, u32> = BTreeMap::new();
            for place in &self.sites[site].places {
                let on = |kind: &usize| place.iter().map(|&host| state.count(*kind, host)).sum();
                let pattern = self.sites[site].kinds.iter().map(on).collect();
                *patterns.entry(pattern).or_default() += 1;
            }
            for (pattern, often) in patterns {
                let points = self.sites[site].worth(&pattern);
                sum = sum.zip(points).map(|(sum, more)| sum + i128::from(more) * i128::from(often));
                if let Some(points) = points {
                    self.add(site, &pattern, points);
                }
            }
        }
        sum
    }

    /// Prices under which an even spread over the places is best, each wish met: what follows from them by the
    /// ranges of counts alone is the cost of spreading, whatever else the rules say.
    fn even(&self) -> Vec<f64> {
        let places: i64 = self.sites.iter().map(|site| i64::from(site.count())).sum();
        let mut prices = vec![0.0; self.wanted.len()];
        for site in &self.sites {
            for (at, &kind) in site.kinds.iter().enumerate() {
                let Some(price) = prices.get_mut(self.row[kind]) else { continue };
                let mut points = 0;
                for rule in site.rules.iter().filter(|rule| rule.holder == Some(at)) {
                    match rule.says {
                        Says::Prefer(weight) => points += weight,
                        Says::Avoid(weight) if rule.own => {
                            let herd =
                                site.herds.iter().find(|herd| herd.part_of(rule.tag, at) > 0);
                            let heads =
                                |at: usize| i64::from(self.model.kinds[site.kinds[at]].most);
                            let all = herd.map_or_else(
                                || heads(at),
                                |herd| herd.kinds.iter().map(|&one| heads(one)).sum(),
                            );
                            points -= 2 * herd.map_or(weight, |herd| herd.weight) * (all / places);
                        }
                        _ => {}
                    }
                }
                *price = as_float(points);
            }
        }
        // So dear a place asks for no pattern: the first bound of it is enough.
        prices.resize(self.wanted.len() + self.sites.len(), 1e8);
        prices
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
            0 => best.total < 0,
            scale => best.total.div_euclid(scale.into()) <= aim,
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
            let start = if self.domain == 0 { None } else { self.drawn(site) };
            let weights = self.weights(site, prices);
            let paid = self.rounded(prices[self.wanted.len() + site]);
            let pricing = Pricing::new(&self.sites[site], self.scale, &weights);
            let work = self.sites[site].kinds.len() * self.sites[site].rules.len();
            if budget.spend(work.min(20_000)).is_break() {
                return false;
            }
            let found = guess(&pricing, &self.sites[site], start, &mut self.random);
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

    /// A pattern of a site that is known, drawn.
    fn drawn(&mut self, site: usize) -> Option<Pattern> {
        let known: Vec<&Pattern> = self
            .patterns
            .iter()
            .filter(|one| one.0 == site)
            .map(|(_, pattern, _)| pattern)
            .collect();
        let at = (!known.is_empty()).then(|| self.random.below(known.len()))?;
        Some(known[at].clone())
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
            let facts = &self.sites[site];
            total += i128::from(priced.most) * i128::from(facts.count());
            claimed.push(Claimed {
                places: facts.places.clone(),
                capacity: facts.capacity,
                base: facts.base,
                kinds: facts.listed.clone(),
                most: priced.most,
            });
        }
        let better = self.best.as_ref().is_none_or(|best| total < best.total);
        if better {
            self.best = Some(Part { domain: self.domain, weights, sites: claimed, total });
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
    value.round().clamp(-1e11, 1e11) as i64
}
