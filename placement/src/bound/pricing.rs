//! The best pattern of a site under given weights of kinds, or a number that none exceeds.
//!
//! Owns a best-first search over ranges of counts. What it says is most is most, however early it
//! stops: the bound of a range takes every gain that is still possible and every cost that is certain.

use std::collections::BinaryHeap;

use super::hand::Hand;
use super::herd::Herd;
use super::site::{Local, Pattern, Site};
use crate::model::{Budget, Says};

/// What is known after a search.
#[derive(Debug)]
pub(super) struct Priced {
    /// No admissible pattern is worth more.
    pub(super) most: i64,
    /// The best pattern that was seen, with its worth.
    pub(super) best: Option<(i64, Pattern)>,
}

/// Ranges of counts: what is certain, and what is possible.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Node {
    most: i64,
    low: Vec<u32>,
    high: Vec<u32>,
}

pub(super) struct Pricing<'s> {
    site: &'s Site,
    /// Points are worth so much.
    scale: i64,
    /// What one instance is worth by itself.
    value: Vec<i64>,
    /// Kinds in the order in which they are decided: those that others depend on first.
    order: Vec<usize>,
    /// Shares of the room, by kind and by way to measure them, in millionths.
    shares: Vec<[u64; 3]>,
    in_herd: Vec<bool>,
}

impl<'s> Pricing<'s> {
    /// For weights by kind of the site. A scale of 0 leaves points out.
    pub(super) fn new(site: &'s Site, scale: i64, weights: &[i64]) -> Self {
        let value: Vec<i64> = site
            .points
            .iter()
            .zip(weights)
            .map(|(points, weight)| scale * points - weight)
            .collect();
        let mut order: Vec<usize> = (0..site.kinds.len()).collect();
        let pull = |at: usize| -> i64 {
            let rules = site.rules.iter().filter(|rule| rule.carriers.contains(&at));
            rules
                .map(|rule| {
                    strength(rule) * i64::from(rule.holder.map_or(1, |h| site.most[h]).min(4))
                })
                .sum()
        };
        order.sort_by_cached_key(|&at| (-pull(at), at));
        let shares = site
            .needs
            .iter()
            .map(|needs| {
                let part = |at: usize| {
                    let parts =
                        u128::from(needs[at]) * 1_000_000 / u128::from(site.room[at].max(1));
                    u64::try_from(parts).unwrap_or(1_000_000)
                };
                [part(0), part(1), (part(0) + part(1) + part(2) + part(3)) / 4]
            })
            .collect();
        let mut in_herd = vec![false; site.kinds.len()];
        site.herds.iter().flat_map(|herd| &herd.kinds).for_each(|&kind| in_herd[kind] = true);
        Self { site, scale, value, order, shares, in_herd }
    }

    /// No pattern yet, to be made instance by instance.
    pub(super) fn hand(&self) -> Hand<'_> {
        Hand::new(self.site, self.scale, &self.value)
    }

    /// What a pattern is worth.
    pub(super) fn worth(&self, pattern: &[u32]) -> Option<i64> {
        let points = self.site.worth(pattern)?;
        let own: i64 = self.site.points.iter().zip(pattern).map(|(p, n)| p * i64::from(*n)).sum();
        let value: i64 = self.value.iter().zip(pattern).map(|(v, n)| v * i64::from(*n)).sum();
        Some(self.scale * (points - own) + value)
    }

    /// Searches until nothing is better than what was found, or so many steps were spent, or it is clear
    /// that nothing exceeds `enough`.
    pub(super) fn search(&self, enough: i64, budget: &mut Budget) -> Priced {
        let mut best: Option<(i64, Pattern)> = None;
        let mut open = BinaryHeap::new();
        let root = Node { most: 0, low: vec![0; self.value.len()], high: self.site.most.clone() };
        self.enqueue(root, i64::MAX, &mut open);
        while let Some(node) = open.pop() {
            let found = best.as_ref().map_or(i64::MIN, |(worth, _)| *worth);
            if node.most <= found.max(enough) || budget.spend(1).is_break() {
                return Priced { most: node.most.max(found), best };
            }
            if let Some(worth) = self.worth(&node.low)
                && worth > found
            {
                best = Some((worth, node.low.clone()));
            }
            let Some(at) = self.branch(&node) else {
                continue;
            };
            let middle = if node.low[at] == 0 { 0 } else { (node.low[at] + node.high[at]) / 2 };
            let (mut less, mut more) = (node.clone(), node);
            less.high[at] = middle;
            more.low[at] = middle + 1;
            let limit = less.most;
            self.enqueue(less, limit, &mut open);
            self.enqueue(more, limit, &mut open);
        }
        Priced { most: best.as_ref().map_or(i64::MIN / 4, |(worth, _)| *worth), best }
    }

    fn branch(&self, node: &Node) -> Option<usize> {
        let open = |at: &usize| node.low[*at] < node.high[*at];
        let absent = self.order.iter().copied().filter(open).find(|&at| node.low[at] == 0);
        absent.or_else(|| self.order.iter().copied().find(open))
    }

    fn enqueue(&self, mut node: Node, limit: i64, open: &mut BinaryHeap<Node>) {
        if self.propagate(&mut node)
            && let Some(most) = self.bound(&node)
        {
            node.most = most.min(limit);
            open.push(node);
        }
    }

    /// Narrows the ranges by the hard rules and the room. False when nothing is left.
    fn propagate(&self, node: &mut Node) -> bool {
        let site = self.site;
        let mut left = site.room;
        for (low, needs) in node.low.iter().zip(&site.needs) {
            for (left, need) in left.iter_mut().zip(needs) {
                let Some(rest) = left.checked_sub(need.saturating_mul(u64::from(*low))) else {
                    return false;
                };
                *left = rest;
            }
        }
        for (at, needs) in site.needs.iter().enumerate() {
            for (left, need) in left.iter().zip(needs).filter(|(_, need)| **need > 0) {
                let more = u32::try_from(left / need).unwrap_or(u32::MAX);
                node.high[at] = node.high[at].min(node.low[at].saturating_add(more));
            }
        }
        for (one, other) in &site.clashes {
            for (this, that) in [(*one, *other), (*other, *one)] {
                if node.low[this] > 0 {
                    node.high[that] = 0;
                }
            }
        }
        for rule in &site.rules {
            let Some(holder) = rule.holder else { continue };
            match rule.says {
                Says::Never => {
                    for &carrier in rule.carriers.iter().filter(|carrier| **carrier != holder) {
                        if node.low[holder] > 0 {
                            node.high[carrier] = 0;
                        } else if node.low[carrier] > 0 {
                            node.high[holder] = 0;
                        }
                    }
                }
                Says::Always => {
                    let own = i64::from(rule.own);
                    if rule.live + sum(&rule.carriers, &node.high) - own < 1 {
                        node.high[holder] = 0;
                    }
                }
                _ => {}
            }
        }
        node.low.iter().zip(&node.high).all(|(low, high)| low <= high)
    }

    /// No pattern in the ranges is worth more. None where there is none.
    fn bound(&self, node: &Node) -> Option<i64> {
        let site = self.site;
        let mut terms =
            Terms { each: self.value.clone(), bent: vec![0; self.value.len()], sure: 0 };
        for rule in &site.rules {
            let own = i64::from(rule.own);
            let high = sum(&rule.carriers, &node.high);
            match (rule.says, rule.holder) {
                (Says::Prefer(_), _) if high + rule.live <= own => {}
                (Says::Prefer(weight), Some(kind)) => terms.each[kind] += self.scale * weight,
                (Says::Prefer(weight), None) => terms.sure += self.scale * weight * rule.held,
                (Says::Avoid(weight), None) => {
                    let weight = self.scale * weight * rule.held;
                    terms.sure -= weight * (rule.live - own);
                    rule.carriers.iter().for_each(|&kind| terms.each[kind] -= weight);
                }
                (Says::Avoid(weight), Some(kind)) => {
                    let herd = site.herds.iter().find(|herd| herd.part_of(rule.tag, kind) > 0);
                    let part = herd.map_or(0, |herd| herd.weight).min(weight);
                    if let Some(herd) = herd {
                        terms.avoid(node, rule, kind, (self.scale * part, Some(herd)));
                    }
                    if weight > part {
                        terms.avoid(node, rule, kind, (self.scale * (weight - part), None));
                    }
                }
                _ => {}
            }
        }
        let herds = self.flocks(node, &mut terms);
        (0..3).map(|way| terms.sure + self.fill(node, &terms, &herds, way)).min()
    }

    /// What each herd may have beyond what is certain: the gains of one more and one more, falling.
    fn flocks(&self, node: &Node, terms: &mut Terms) -> Vec<Vec<i64>> {
        let mut found = Vec::new();
        for herd in &self.site.herds {
            let weight = self.scale * herd.weight;
            let certain = sum(&herd.kinds, &node.low);
            terms.sure -= weight * certain * (certain - 1);
            let mut gains: Vec<i64> = Vec::new();
            for &kind in &herd.kinds {
                for nth in node.low[kind]..node.high[kind] {
                    let gain = terms.each[kind] - 2 * terms.bent[kind] * i64::from(nth);
                    if gain <= 2 * weight * certain {
                        break;
                    }
                    gains.push(gain);
                }
            }
            gains.sort_unstable_by(|one, other| other.cmp(one));
            let costs = (certain..).map(|before| 2 * weight * before);
            let left = gains.into_iter().zip(costs).map(|(gain, cost)| gain - cost);
            found.push(left.take_while(|gain| *gain > 0).collect());
        }
        found
    }

    /// The most that instances within the ranges bring when the room is one number and may be filled
    /// with parts of an instance. The n-th of a kind that avoids itself costs more than the one before.
    fn fill(&self, node: &Node, terms: &Terms, flocks: &[Vec<i64>], way: usize) -> i64 {
        let (each, bent) = (&terms.each, &terms.bent);
        let mut sum = 0;
        let mut room: u64 = 1_000_000 + 64;
        let mut items: Vec<(i64, u64, u32)> = Vec::new();
        for (herd, gains) in self.site.herds.iter().zip(flocks) {
            // As if each took no more room than the smallest of them.
            let share = herd.kinds.iter().map(|kind| self.shares[*kind][way]).min().unwrap_or(0);
            items.extend(gains.iter().map(|gain| (*gain, share, 1)));
        }
        for at in 0..each.len() {
            let (low, high, share) = (node.low[at], node.high[at], self.shares[at][way]);
            sum += each[at] * i64::from(low) - bent[at] * i64::from(low) * (i64::from(low) - 1);
            room = room.saturating_sub(share * u64::from(low));
            if self.in_herd[at] {
                continue;
            }
            if bent[at] == 0 {
                if each[at] > 0 && high > low {
                    items.push((each[at], share, high - low));
                }
                continue;
            }
            for nth in low..high {
                let more = each[at] - 2 * bent[at] * i64::from(nth);
                if more <= 0 {
                    break;
                }
                items.push((more, share, 1));
            }
        }
        items.sort_unstable_by(|(gain, share, _), (other, wide, _)| {
            (i128::from(*other) * i128::from(*share)).cmp(&(i128::from(*gain) * i128::from(*wide)))
        });
        for (gain, share, count) in items {
            let fits =
                room.checked_div(share).map_or(u64::from(count), |all| all.min(u64::from(count)));
            sum += gain * i64::try_from(fits).unwrap_or(i64::MAX);
            room -= share * fits;
            if fits < u64::from(count) {
                let part = i128::from(gain) * i128::from(room) / i128::from(share.max(1)) + 1;
                return sum + i64::try_from(part).unwrap_or(i64::MAX).min(gain);
            }
        }
        sum
    }
}

/// The worth of a pattern from above, as a sum: what is certain, what each instance brings, and how much less
/// the next one does.
struct Terms {
    each: Vec<i64>,
    bent: Vec<i64>,
    sure: i64,
}

impl Terms {
    /// Takes the cost of a kind's avoidance off, by so much weight. Holders × carriers is no less than what the
    /// lower ends of both say; carriers of a herd are not counted for its members.
    fn avoid(&mut self, node: &Node, rule: &Local, kind: usize, what: (i64, Option<&Herd>)) {
        let (weight, herd) = what;
        let mine = i64::from(node.low[kind]);
        let in_herd = |at: usize| herd.is_some_and(|herd| herd.kinds.binary_search(&at).is_ok());
        let mut others = 0;
        for &carrier in rule.carriers.iter().filter(|at| **at != kind && !in_herd(**at)) {
            others += i64::from(node.low[carrier]);
            self.each[carrier] -= weight * mine;
        }
        self.each[kind] -= weight * (rule.live + others);
        self.sure += weight * mine * others;
        if rule.own && herd.is_none() {
            self.bent[kind] += weight;
        }
    }
}

fn strength(rule: &Local) -> i64 {
    match rule.says {
        Says::Avoid(weight) | Says::Prefer(weight) => weight,
        Says::Never | Says::Always => 100,
    }
}

fn sum(kinds: &[usize], counts: &[u32]) -> i64 {
    kinds.iter().map(|&at| i64::from(counts[at])).sum()
}
