//! What was proved: weights of kinds, and the most that a place of each class is worth under them.
//!
//! Owns the sums. Must not know how weights are found.

use crate::model::{Model, Says};

/// A proof about places of one sort, or of several, each with a part of the points.
#[derive(Debug, Clone)]
pub(crate) struct Proof {
    pub(crate) parts: Vec<Part>,
    pub(super) scale: i64,
}

/// Weights of kinds, and the most that a place of each class is worth under them.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// The sort of domain; 0: hosts.
    pub(crate) domain: usize,
    /// By kind; 0 where none is wanted.
    pub(crate) weights: Vec<i64>,
    pub(crate) sites: Vec<Claimed>,
    /// The weights of all wanted instances, and the most of all places.
    pub(super) total: i128,
}

/// A class of places, and what no pattern on such a place exceeds.
#[derive(Debug, Clone)]
pub(crate) struct Claimed {
    /// The hosts of each.
    pub(crate) places: Vec<Vec<usize>>,
    pub(crate) capacity: [u64; 4],
    pub(crate) base: [u64; 4],
    pub(crate) kinds: Vec<usize>,
    pub(crate) most: i64,
}

impl Proof {
    /// No plan has more points, those that no plan changes left out.
    pub(crate) fn points(&self) -> i64 {
        let total: i128 = self.parts.iter().map(|part| part.total).sum();
        let points = total.div_euclid(i128::from(self.scale.max(1)));
        i64::try_from(points).unwrap_or(i64::MAX)
    }

    /// What a point is worth in the weights; 1 where points are left out.
    pub(crate) fn scale(&self) -> i64 {
        self.scale.max(1)
    }

    /// What is wanted is worth more than all places can be: there is no placement.
    pub(crate) fn refutes(&self) -> bool {
        self.scale == 0 && self.parts.iter().any(|part| part.total < 0)
    }

    /// The sorts of domains whose points it counts.
    pub(crate) fn domains(&self) -> Vec<usize> {
        self.parts.iter().map(|part| part.domain).filter(|domain| *domain > 0).collect()
    }
}

/// Points that no plan changes: attributes of what is fixed, and its wishes in domains that are counted
/// nowhere, taken as met.
pub(crate) fn constant(model: &Model, apart: &[usize]) -> i64 {
    let far = model
        .rules
        .iter()
        .filter(|rule| rule.fixed && rule.domain > 0 && !apart.contains(&rule.domain));
    let wishes = far.map(|rule| match rule.says {
        Says::Prefer(weight) => {
            let group = &model.fixed[rule.holder - model.kinds.len()];
            weight * group.at.iter().map(|(_, count)| i64::from(*count)).sum::<i64>()
        }
        _ => 0,
    });
    model.base_score + wishes.sum::<i64>()
}
