//! Which hosts are alike: exchanged for one another, they leave every placement as good as it was.
//!
//! Owns the classes. They are refined by one trait after the other, and only where hosts differ.

use std::collections::BTreeMap;

use super::{Model, PerHost};

struct Classes {
    of: Vec<usize>,
    count: usize,
}

impl Classes {
    /// Splits every class by a trait.
    fn split<K: Ord>(&mut self, of: impl Fn(usize) -> K) {
        let mut ids: BTreeMap<(usize, K), usize> = BTreeMap::new();
        for (host, class) in self.of.iter_mut().enumerate() {
            let next = ids.len();
            *class = *ids.entry((*class, of(host))).or_insert(next);
        }
        self.count = ids.len();
    }

    /// Splits off those hosts that are listed, by a trait of theirs.
    fn part<K: Ord>(&mut self, listed: impl Iterator<Item = (usize, K)>) {
        let mut ids: BTreeMap<(usize, K), usize> = BTreeMap::new();
        for (host, key) in listed {
            let next = self.count + ids.len();
            self.of[host] = *ids.entry((self.of[host], key)).or_insert(next);
        }
        self.count += ids.len();
    }

    fn split_where<T: Ord + Copy>(&mut self, values: &PerHost<T>) {
        if !values.is_usual() {
            self.split(|host| values.at(host));
        }
    }
}

/// The class of each host.
pub(crate) fn classes(model: &Model) -> Vec<usize> {
    let mut classes = Classes { of: vec![0; model.hosts.len()], count: 1 };
    let hosts = &model.hosts;
    classes.split(|host| (hosts[host].known, hosts[host].capacity, hosts[host].base));
    if hosts.iter().any(|host| !host.base_ports.is_empty()) {
        classes.split(|host| hosts[host].base_ports.clone());
    }
    for kind in &model.kinds {
        classes.split_where(&kind.allowed);
        classes.split_where(&kind.points);
        classes.split_where(&kind.grown);
        classes.split_where(&kind.previous);
        classes.part(kind.running());
    }
    for domain in &model.domains[1..] {
        // A host that lacks the attribute is a domain of its own, like any other such host.
        classes.split(|host| {
            let place = domain.of[host];
            (!domain.lacks[place] && !domain.unknown[place]).then_some(place)
        });
    }
    for group in &model.fixed {
        classes.part(group.at.iter().copied());
    }
    for rule in model.rules.iter().filter(|rule| rule.excused.contains(&true)) {
        let of = &model.domains[rule.domain].of;
        classes.split(|host| rule.excused[of[host]]);
    }
    classes.of
}

/// Hosts that are alike as far as what may stand there is concerned, whatever runs there now and
/// wherever they are.
pub(crate) fn bare_classes(model: &Model) -> Vec<usize> {
    let mut classes = Classes { of: vec![0; model.hosts.len()], count: 1 };
    let hosts = &model.hosts;
    classes.split(|host| (hosts[host].known, hosts[host].capacity, hosts[host].base));
    if hosts.iter().any(|host| !host.base_ports.is_empty()) {
        classes.split(|host| hosts[host].base_ports.clone());
    }
    let mut use_now: Vec<[u64; 4]> = hosts.iter().map(|host| host.base).collect();
    for kind in &model.kinds {
        classes.split_where(&kind.allowed);
        classes.split_where(&kind.points);
        for (host, runs) in kind.running() {
            for (sum, need) in use_now[host].iter_mut().zip(kind.need) {
                *sum = sum.saturating_add(need.saturating_mul(u64::from(runs)));
            }
        }
        if !kind.ports.is_empty() {
            classes.part(kind.running());
        }
    }
    // What runs matters where it alone may be, or where it is more than there is room for.
    let full = |host: &usize| {
        let over = use_now[*host].iter().zip(hosts[*host].capacity).any(|(used, all)| *used > all);
        !hosts[*host].known || over
    };
    let odd: Vec<usize> = (0..hosts.len()).filter(full).collect();
    for kind in model.kinds.iter().filter(|kind| kind.run_total > 0) {
        classes.part(odd.iter().map(|&host| (host, kind.runs.at(host))));
    }
    for (at, group) in model.fixed.iter().enumerate() {
        if !model.touching[model.kinds.len() + at].is_empty() {
            classes.part(group.at.iter().copied());
        }
    }
    let mut ids = BTreeMap::new();
    let of = classes.of.into_iter();
    of.map(|class| {
        let next = ids.len();
        *ids.entry(class).or_insert(next)
    })
    .collect()
}
