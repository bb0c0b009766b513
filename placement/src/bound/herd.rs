//! Kinds that carry a tag and avoid it: what they cost together grows with the square of their number.
//!
//! Owns the estimate of that cost, which looks at their sum and not at pairs of them. Must not know sites'
//! rooms.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::site::Site;
use crate::model::Says;

/// So many of these kinds together cost at least weight × n × (n − 1).
#[derive(Debug, Clone)]
pub(super) struct Herd {
    pub(super) tag: usize,
    /// By their index in the site, ascending, at least two.
    pub(super) kinds: Vec<usize>,
    pub(super) weight: i64,
}

impl Herd {
    /// The weight with which the avoidance of a kind toward that tag counts here.
    pub(super) fn part_of(&self, tag: usize, kind: usize) -> i64 {
        let is_in = self.tag == tag && self.kinds.binary_search(&kind).is_ok();
        if is_in { self.weight } else { 0 }
    }
}

/// Herds without a common kind, those first that cost the most.
pub(super) fn herds(site: &Site) -> Vec<Herd> {
    let mut by_tag: BTreeMap<usize, BTreeMap<usize, i64>> = BTreeMap::new();
    for rule in &site.rules {
        if let (Says::Avoid(weight), Some(kind), true) = (rule.says, rule.holder, rule.own) {
            // Two rules of one kind about one tag are left to the other estimate.
            let kinds = by_tag.entry(rule.tag).or_default();
            kinds.entry(kind).and_modify(|weight| *weight = 0).or_insert(weight);
        }
    }
    let mut tags: Vec<(usize, BTreeMap<usize, i64>)> = by_tag.into_iter().collect();
    let cost = |kinds: &BTreeMap<usize, i64>| {
        let heads: i64 = kinds.keys().map(|&kind| i64::from(site.most[kind])).sum();
        kinds.values().min().map_or(0, |weight| weight.saturating_mul(heads))
    };
    tags.sort_by_cached_key(|(tag, kinds)| (Reverse(cost(kinds)), *tag));
    let mut taken = vec![false; site.kinds.len()];
    let mut found = Vec::new();
    for (tag, mut kinds) in tags {
        kinds.retain(|kind, weight| *weight > 0 && !taken[*kind]);
        let Some(&weight) = kinds.values().min() else { continue };
        if kinds.len() > 1 {
            kinds.keys().for_each(|&kind| taken[kind] = true);
            found.push(Herd { tag, kinds: kinds.into_keys().collect(), weight });
        }
    }
    found
}
