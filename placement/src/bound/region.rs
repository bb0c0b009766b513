//! All hosts with one value of an attribute as one place: the rules about that sort of domain, and the room of
//! the hosts taken together.
//!
//! Owns the sums over hosts. That an instance has to fit on one of them by itself is kept, how they share
//! the hosts is not: that only adds patterns. Must not know plans nor duals.

use std::collections::BTreeMap;

use super::herd::herds;
use super::site::{Site, rules};
use crate::model::{Model, Says};
use crate::state::State;

/// What a place has, by the sums over its hosts.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Sums {
    room: [u64; 4],
    capacity: [u64; 4],
    base: [u64; 4],
    /// The most of each kind that may be there.
    most: BTreeMap<usize, u64>,
    /// What is fixed there, rule by rule; and whether `always` holds nowhere, or cannot be judged.
    fixed: Vec<(u32, u32, u32)>,
    lacks: bool,
    unknown: bool,
}

/// The sorts of domains that some rule of that sort speaks of.
pub(super) fn sorts(model: &Model, speaks: impl Fn(&Says) -> bool) -> Vec<usize> {
    let has = |domain: &usize| {
        model.rules.iter().any(|rule| rule.domain == *domain && speaks(&rule.says))
    };
    (1..model.domains.len()).filter(has).collect()
}

/// The classes of places of a sort of domain, out of the classes of hosts.
pub(super) fn regions(model: &Model, hosts: &[Site], domain: usize) -> Vec<Site> {
    let of = &model.domains[domain];
    let mut shares: BTreeMap<(usize, usize), u64> = BTreeMap::new();
    for (at, site) in hosts.iter().enumerate() {
        for host in site.places.iter().flatten() {
            *shares.entry((of.of[*host], at)).or_default() += 1;
        }
    }
    let mut sums = vec![Sums::default(); of.len()];
    for ((place, at), number) in shares {
        let (sum, site) = (&mut sums[place], &hosts[at]);
        for which in 0..4 {
            let add =
                |sum: &mut u64, each: u64| *sum = sum.saturating_add(each.saturating_mul(number));
            add(&mut sum.room[which], site.room[which]);
            add(&mut sum.capacity[which], site.capacity[which]);
            add(&mut sum.base[which], site.base[which]);
        }
        for (kind, most) in site.kinds.iter().zip(&site.most) {
            let sum = sum.most.entry(*kind).or_default();
            *sum = sum.saturating_add(u64::from(*most) * number);
        }
    }
    let state = State::new(model);
    let mut classes: BTreeMap<Sums, Vec<usize>> = BTreeMap::new();
    for (place, mut sum) in sums.into_iter().enumerate() {
        let speaking = model.rules.iter().filter(|rule| rule.domain == domain);
        sum.fixed = speaking.map(|rule| state.around(rule, place)).collect();
        (sum.lacks, sum.unknown) = (of.lacks[place], of.unknown[place]);
        classes.entry(sum).or_default().push(place);
    }
    let mut found: Vec<Site> = classes
        .into_iter()
        .map(|(sum, places)| region(model, &state, domain, (&sum, &places)))
        .collect();
    found.sort_by(|one, other| one.places.cmp(&other.places));
    found
}

fn region(
    model: &Model,
    state: &State<'_>,
    domain: usize,
    (sum, places): (&Sums, &[usize]),
) -> Site {
    let members = &model.domains[domain].members;
    let mut site = Site {
        places: places.iter().map(|place| members[*place].clone()).collect(),
        room: sum.room,
        capacity: sum.capacity,
        base: sum.base,
        listed: sum.most.keys().copied().collect(),
        ..Site::default()
    };
    for (&kind, &most) in &sum.most {
        if matters(model, kind, domain) {
            let facts = &model.kinds[kind];
            site.kinds.push(kind);
            site.needs.push(facts.need);
            site.most.push(u32::try_from(most).unwrap_or(u32::MAX).min(facts.most));
            site.points.push(0);
        }
    }
    rules(model, state, (domain, places[0]), &mut site);
    site.herds = herds(&site);
    site
}

/// Whether a rule about that sort of domain is held by the kind, or is about it.
pub(super) fn matters(model: &Model, kind: usize, domain: usize) -> bool {
    model.touch[kind].iter().any(|touch| touch.domain == domain)
}
