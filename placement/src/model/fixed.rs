//! Fixed instances in groups that are alike: the same tags and rules, of the same topology.
//!
//! Owns what makes two of them alike. Must not know the given tasks.

use std::collections::{BTreeMap, BTreeSet};

use lathe_topology::{Bias, Tag, Target, Word};

use super::FixedGroup;
use crate::RunningInstance;

/// What makes fixed instances alike. The order of biases and their places in a file do not matter.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FixedKey<'a> {
    topology: &'a str,
    ending: bool,
    pub(super) tags: BTreeSet<&'a Tag>,
    pub(super) biases: Vec<ByMeaning<'a>>,
}

pub(super) struct ByMeaning<'a>(pub(super) &'a Bias);

impl ByMeaning<'_> {
    fn key(&self) -> (&Target, Word, u8, &Option<String>) {
        (&self.0.target, self.0.word, self.0.weight, &self.0.domain)
    }
}

impl PartialEq for ByMeaning<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for ByMeaning<'_> {}

impl PartialOrd for ByMeaning<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByMeaning<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

pub(super) fn fixed_groups<'a>(
    fixed: &[(usize, &'a RunningInstance)],
) -> BTreeMap<FixedKey<'a>, FixedGroup> {
    let mut hosts: BTreeMap<FixedKey<'a>, Vec<usize>> = BTreeMap::new();
    // Instances of a task stand in a row and look alike, as a rule.
    let alike = |(_, one): &(usize, &RunningInstance), (_, other): &(usize, &RunningInstance)| {
        one.keep == other.keep
            && one.topology == other.topology
            && one.tags == other.tags
            && one.biases == other.biases
    };
    for row in fixed.chunk_by(alike) {
        let one = row[0].1;
        let mut biases: Vec<ByMeaning<'a>> = one.biases.iter().map(ByMeaning).collect();
        biases.sort();
        let key = FixedKey {
            topology: &one.topology,
            ending: !one.keep,
            tags: one.tags.iter().collect(),
            biases,
        };
        hosts.entry(key).or_default().extend(row.iter().map(|(host, _)| *host));
    }
    let grouped = hosts.into_iter().map(|(key, mut hosts)| {
        hosts.sort_unstable();
        let at = hosts.chunk_by(|one, other| one == other);
        let at = at.map(|here| (here[0], u32::try_from(here.len()).unwrap_or(u32::MAX)));
        let group = FixedGroup { ending: key.ending, at: at.collect() };
        (key, group)
    });
    grouped.collect()
}
