//! The best pattern of a site under given weights of kinds, or a number that none exceeds.
//!
//! Owns a best-first search over ranges of counts. What it says is most is most, however early it
//! stops: the bound of a range takes every gain that is still possible and every cost that is certain.

use std::collections::BinaryHeap;

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
        Self { site, scale, value, order, shares }
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
        let mut each = self.value.clone();
        let mut bent = vec![0_i64; each.len()];
        let mut sure = 0;
        for rule in &site.rules {
            let own = i64::from(rule.own);
            let (low, high) = (sum(&rule.carriers, &node.low), sum(&rule.carriers, &node.high));
            match (rule.says, rule.holder) {
                (Says::Prefer(_), _) if high + rule.live <= own => {}
                (Says::Prefer(weight), Some(kind)) => each[kind] += self.scale * weight,
                (Says::Prefer(weight), None) => sure += self.scale * weight * rule.held,
                (Says::Avoid(weight), None) => {
                    let weight = self.scale * weight * rule.held;
                    sure -= weight * (rule.live - own);
                    rule.carriers.iter().for_each(|&kind| each[kind] -= weight);
                }
                (Says::Avoid(weight), Some(kind)) => {
                    // held × carriers is no less than what the lower ends of both say.
                    let weight = self.scale * weight;
                    let mine = i64::from(node.low[kind]);
                    let itself = if rule.own { i64::from(node.low[kind]) } else { 0 };
                    let others = low - itself;
                    each[kind] -= weight * (rule.live + others);
                    for &carrier in rule.carriers.iter().filter(|carrier| **carrier != kind) {
                        each[carrier] -= weight * mine;
                    }
                    sure += weight * mine * others;
                    if rule.own {
                        bent[kind] += weight;
                    }
                }
                _ => {}
            }
        }
        (0..3).map(|way| sure + self.fill(node, &each, &bent, way)).min()
    }

    /// The most that instances within the ranges bring when the room is one number and may be filled
    /// with parts of an instance. The n-th of a kind that avoids itself costs more than the one before.
    fn fill(&self, node: &Node, each: &[i64], bent: &[i64], way: usize) -> i64 {
        let mut sum = 0;
        let mut room: u64 = 1_000_000 + 64;
        let mut items: Vec<(i64, u64, u32)> = Vec::new();
        for at in 0..each.len() {
            let (low, high, share) = (node.low[at], node.high[at], self.shares[at][way]);
            sum += each[at] * i64::from(low) - bent[at] * i64::from(low) * (i64::from(low) - 1);
            room = room.saturating_sub(share * u64::from(low));
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

fn strength(rule: &Local) -> i64 {
    match rule.says {
        Says::Avoid(weight) | Says::Prefer(weight) => weight,
        Says::Never | Says::Always => 100,
    }
}

fn sum(kinds: &[usize], counts: &[u32]) -> i64 {
    kinds.iter().map(|&at| i64::from(counts[at])).sum()
}
