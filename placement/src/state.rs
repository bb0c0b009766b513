//! A placement in the making: counts by task and host, and what follows from them.
//!
//! Owns what one more or one less instance changes, whether it may be there, and the points it
//! brings. Must not know in which order a search goes.

use std::collections::BTreeMap;

use crate::model::{Model, Rule, Says};

/// Users of a fixed port number on a host, and how many of them are new there.
#[derive(Debug, Clone, Copy, Default)]
struct PortUse {
    users: u32,
    new: u32,
}

#[derive(Debug, Clone)]
pub(crate) struct State<'m> {
    pub(crate) model: &'m Model,
    /// Given tasks by host.
    pub(crate) count: Vec<Vec<u32>>,
    /// Instances of each given task that have a place.
    pub(crate) placed: Vec<u32>,
    /// Points so far.
    pub(crate) score: i64,
    /// Wider than the capacities, so that what is added can always be taken away again.
    used: Vec<[u128; 4]>,
    ports: Vec<BTreeMap<u16, PortUse>>,
    newcomers: Vec<u32>,
    /// By sort of domain: profile × domain.
    held: Vec<Vec<u32>>,
    /// By sort of domain: tag × domain; live carriers, then ending ones, then fixed ones of both.
    live: Vec<Vec<u32>>,
    ending: Vec<Vec<u32>>,
    fixed: Vec<Vec<u32>>,
}

impl<'m> State<'m> {
    /// Only what is fixed is there.
    pub(crate) fn new(model: &'m Model) -> Self {
        let profiles = model.kinds.len() + model.fixed.len();
        let tags = model.tags.len();
        let by_tag = |_| -> Vec<Vec<u32>> {
            model.domains.iter().map(|domain| vec![0; tags * domain.len()]).collect()
        };
        let mut state = Self {
            model,
            count: vec![vec![0; model.hosts.len()]; model.kinds.len()],
            placed: vec![0; model.kinds.len()],
            score: model.base_score,
            used: model.hosts.iter().map(|host| host.base.map(u128::from)).collect(),
            ports: vec![BTreeMap::new(); model.hosts.len()],
            newcomers: vec![0; model.hosts.len()],
            held: model.domains.iter().map(|domain| vec![0; profiles * domain.len()]).collect(),
            live: by_tag(0),
            ending: by_tag(0),
            fixed: by_tag(0),
        };
        for (host, node) in model.hosts.iter().enumerate() {
            for port in &node.base_ports {
                state.ports[host].insert(*port, PortUse { users: 1, new: 0 });
            }
        }
        for (at, group) in model.fixed.iter().enumerate() {
            let profile = model.kinds.len() + at;
            for (host, count) in &group.at {
                state.add_fixed(profile, *host, *count);
            }
        }
        for rule in &model.rules {
            for domain in 0..model.domains[rule.domain].len() {
                state.score += state.points_of(rule, domain);
            }
        }
        state
    }

    fn add_fixed(&mut self, profile: usize, host: usize, count: u32) {
        let ending = self.model.fixed[profile - self.model.kinds.len()].ending;
        for (sort, domain) in self.model.domains.iter().enumerate() {
            let (at, len) = (domain.of[host], domain.len());
            self.held[sort][profile * len + at] += count;
            for tag in &self.model.carries[profile] {
                let cell = tag * len + at;
                self.fixed[sort][cell] += count;
                let counts = if ending { &mut self.ending } else { &mut self.live };
                counts[sort][cell] += count;
            }
        }
    }

    fn held(&self, rule: &Rule, domain: usize) -> u32 {
        self.held[rule.domain][rule.holder * self.model.domains[rule.domain].len() + domain]
    }

    fn cell(&self, rule: &Rule, domain: usize) -> usize {
        rule.tag * self.model.domains[rule.domain].len() + domain
    }

    fn points_of(&self, rule: &Rule, domain: usize) -> i64 {
        let held = i64::from(self.held(rule, domain));
        if held == 0 {
            return 0;
        }
        let live = self.live[rule.domain][self.cell(rule, domain)];
        let others = i64::from(live) - i64::from(rule.own);
        match rule.says {
            Says::Avoid(weight) => -weight * held * others,
            Says::Prefer(weight) if others >= 1 => weight * held,
            _ => 0,
        }
    }

    fn points_around(&self, kind: usize, host: usize) -> i64 {
        let rules = self.model.touching[kind].iter().map(|&at| &self.model.rules[at]);
        rules.map(|rule| self.points_of(rule, self.model.domains[rule.domain].of[host])).sum()
    }

    /// Whether the next instance of the kind there would be new, or need more than it uses now.
    fn is_new(&self, kind: usize, host: usize, nth: u32) -> bool {
        let kind = &self.model.kinds[kind];
        nth >= kind.runs[host] || kind.grown[host]
    }

    /// Puts one instance there, whether it may be there or not.
    pub(crate) fn add(&mut self, kind: usize, host: usize) {
        let before = self.points_around(kind, host);
        let new = u32::from(self.is_new(kind, host, self.count[kind][host]));
        self.count[kind][host] += 1;
        self.placed[kind] += 1;
        self.newcomers[host] += new;
        for (sum, more) in self.used[host].iter_mut().zip(self.model.kinds[kind].need) {
            *sum += u128::from(more);
        }
        for port in &self.model.kinds[kind].ports {
            let usage = self.ports[host].entry(*port).or_default();
            usage.users += 1;
            usage.new += new;
        }
        for (sort, domain) in self.model.domains.iter().enumerate() {
            let (at, len) = (domain.of[host], domain.len());
            self.held[sort][kind * len + at] += 1;
            for tag in &self.model.carries[kind] {
                self.live[sort][tag * len + at] += 1;
            }
        }
        let after = self.points_around(kind, host);
        self.score += after - before + self.model.kinds[kind].points[host];
    }

    /// Takes the last one away that `add` put there.
    pub(crate) fn remove(&mut self, kind: usize, host: usize) {
        let before = self.points_around(kind, host);
        self.count[kind][host] -= 1;
        let new = u32::from(self.is_new(kind, host, self.count[kind][host]));
        self.placed[kind] -= 1;
        self.newcomers[host] -= new;
        for (sum, less) in self.used[host].iter_mut().zip(self.model.kinds[kind].need) {
            *sum -= u128::from(less);
        }
        for port in &self.model.kinds[kind].ports {
            let usage = self.ports[host].entry(*port).or_default();
            usage.users -= 1;
            usage.new -= new;
        }
        for (sort, domain) in self.model.domains.iter().enumerate() {
            let (at, len) = (domain.of[host], domain.len());
            self.held[sort][kind * len + at] -= 1;
            for tag in &self.model.carries[kind] {
                self.live[sort][tag * len + at] -= 1;
            }
        }
        let after = self.points_around(kind, host);
        self.score += after - before - self.model.kinds[kind].points[host];
    }

    /// Whether one more may be there: room, ports, attributes and every `never`.
    pub(crate) fn can_add(&self, kind: usize, host: usize) -> bool {
        let facts = &self.model.kinds[kind];
        let new = self.is_new(kind, host, self.count[kind][host]);
        let node = &self.model.hosts[host];
        if node.known && !facts.allowed[host] {
            return false;
        }
        if !node.known && self.count[kind][host] >= facts.runs[host] {
            return false;
        }
        // What runs beyond the capacity may stay, as long as nothing new comes.
        let judged = node.known && (new || self.newcomers[host] > 0);
        if judged && !self.fits(kind, host) {
            return false;
        }
        let taken = |port: &u16| {
            let usage = self.ports[host].get(port).copied().unwrap_or_default();
            usage.users > 0 && (new || usage.new > 0)
        };
        if facts.ports.iter().any(taken) {
            return false;
        }
        self.model.touching[kind].iter().all(|&at| self.keeps_never(at, kind, host))
    }

    fn fits(&self, kind: usize, host: usize) -> bool {
        let capacity = self.model.hosts[host].capacity;
        let need = self.model.kinds[kind].need;
        let sums = self.used[host].iter().zip(need).map(|(used, more)| used + u128::from(more));
        sums.zip(capacity).all(|(sum, capacity)| sum <= u128::from(capacity))
    }

    fn keeps_never(&self, at: usize, kind: usize, host: usize) -> bool {
        let rule = &self.model.rules[at];
        if rule.says != Says::Never {
            return true;
        }
        let domain = self.model.domains[rule.domain].of[host];
        let cell = self.cell(rule, domain);
        if rule.holder == kind {
            let there = self.live[rule.domain][cell] + self.ending[rule.domain][cell];
            if there > 0 {
                return false;
            }
        }
        // A kind's rule touches it as a holder or as a carrier; as a carrier it must find no holder.
        let carrier = rule.holder != kind || rule.own;
        !carrier || self.held(rule, domain) == 0
    }

    /// At most so many more can be there; may be too many, never too few.
    pub(crate) fn room(&self, kind: usize, host: usize) -> u32 {
        if !self.can_add(kind, host) {
            return 0;
        }
        let facts = &self.model.kinds[kind];
        let count = self.count[kind][host];
        let left = facts.most.saturating_sub(self.placed[kind]);
        let stays = if facts.grown[host] || self.newcomers[host] > 0 {
            0
        } else {
            facts.runs[host].saturating_sub(count)
        };
        let mut room = u64::from(left);
        if self.model.hosts[host].known {
            for (at, need) in facts.need.iter().enumerate().filter(|(_, need)| **need > 0) {
                let capacity = u128::from(self.model.hosts[host].capacity[at]);
                let times = capacity.saturating_sub(self.used[host][at]) / u128::from(*need);
                room = room.min(u64::try_from(times).unwrap_or(u64::MAX));
            }
            if !facts.ports.is_empty() {
                room = room.min(1);
            }
        } else {
            room = room.min(u64::from(facts.runs[host].saturating_sub(count)));
        }
        let mut room = u32::try_from(room).unwrap_or(u32::MAX).max(stays).min(left);
        let alone = |at: &usize| {
            let rule = &self.model.rules[*at];
            rule.says == Says::Never && rule.holder == kind && rule.own
        };
        if self.model.touching[kind].iter().any(alone) {
            room = room.min(1);
        }
        room
    }

    /// Whether an `always` goes without its carrier in a domain.
    pub(crate) fn is_unmet(&self, at: usize, domain: usize) -> bool {
        let rule = &self.model.rules[at];
        if rule.says != Says::Always || self.held(rule, domain) == 0 {
            return false;
        }
        let places = &self.model.domains[rule.domain];
        if places.unknown[domain] || rule.excused.get(domain).copied().unwrap_or(false) {
            return false;
        }
        let live = self.live[rule.domain][self.cell(rule, domain)];
        places.lacks[domain] || live < 1 + u32::from(rule.own)
    }

    /// Whether a live instance carries a rule's tag in a domain.
    pub(crate) fn is_carried(&self, rule: &Rule, domain: usize) -> bool {
        self.live[rule.domain][self.cell(rule, domain)] > 0
    }

    /// The rules touching a kind that are unmet around a host.
    pub(crate) fn unmet_around(&self, kind: usize, host: usize) -> impl Iterator<Item = usize> {
        let rules = self.model.touching[kind].iter().copied();
        rules.filter(move |&at| {
            self.is_unmet(at, self.model.domains[self.model.rules[at].domain].of[host])
        })
    }

    /// Every unmet `always` as rule and domain.
    pub(crate) fn unmet(&self) -> Vec<(usize, usize)> {
        let rules = self.model.rules.iter().enumerate();
        rules
            .filter(|(_, rule)| rule.says == Says::Always)
            .flat_map(|(at, rule)| (0..self.model.domains[rule.domain].len()).map(move |d| (at, d)))
            .filter(|&(at, domain)| self.is_unmet(at, domain))
            .collect()
    }

    /// Every broken `never` in which a given instance takes part, as rule and domain.
    pub(crate) fn broken(&self) -> Vec<(usize, usize)> {
        let mut found = Vec::new();
        for (at, rule) in self.model.rules.iter().enumerate() {
            if rule.says != Says::Never {
                continue;
            }
            for domain in 0..self.model.domains[rule.domain].len() {
                let held = self.held(rule, domain);
                let cell = self.cell(rule, domain);
                let all = self.live[rule.domain][cell] + self.ending[rule.domain][cell];
                let counted = if rule.fixed {
                    all - self.fixed[rule.domain][cell]
                } else {
                    all.saturating_sub(u32::from(rule.own))
                };
                if held > 0 && counted > 0 {
                    found.push((at, domain));
                }
            }
        }
        found
    }

    /// Whether every kind has as many as it wants and every rule holds.
    pub(crate) fn is_complete(&self) -> bool {
        let kinds = self.model.kinds.iter().zip(&self.placed);
        kinds.into_iter().all(|(kind, placed)| (kind.least..=kind.most).contains(placed))
            && self.unmet().is_empty()
            && self.broken().is_empty()
            && self.ports_and_attributes_hold()
    }

    fn ports_and_attributes_hold(&self) -> bool {
        let ports = self.ports.iter().flat_map(BTreeMap::values);
        let shared = ports.into_iter().any(|usage| usage.users > 1 && usage.new > 0);
        let outside = self.model.kinds.iter().zip(&self.count).any(|(kind, count)| {
            let hosts = count.iter().enumerate().filter(|(_, count)| **count > 0);
            hosts.into_iter().any(|(host, count)| {
                let known = self.model.hosts[host].known;
                (known && !kind.allowed[host]) || (!known && *count > kind.runs[host])
            })
        });
        !shared && !outside && (0..self.used.len()).all(|host| self.holds_its_load(host))
    }

    fn holds_its_load(&self, host: usize) -> bool {
        let node = &self.model.hosts[host];
        !node.known
            || self.newcomers[host] == 0
            || self.used[host].iter().zip(node.capacity).all(|(used, all)| *used <= u128::from(all))
    }

    /// What is free of a resource on a host.
    pub(crate) fn free(&self, host: usize, resource: usize) -> u128 {
        let capacity = u128::from(self.model.hosts[host].capacity[resource]);
        capacity.saturating_sub(self.used[host][resource])
    }

    /// How full the host is, in thousandths of its fullest resource.
    pub(crate) fn load(&self, host: usize) -> i64 {
        let capacity = self.model.hosts[host].capacity;
        let fullest = (0..capacity.len())
            .map(|at| match (self.used[host][at], capacity[at]) {
                (0, _) => 0,
                (_, 0) => 1000,
                (used, all) => (used * 1000 / u128::from(all)).min(1_000_000),
            })
            .max()
            .unwrap_or(0);
        i64::try_from(fullest).unwrap_or(i64::MAX)
    }

    /// Running instances of the kind that would leave their hosts.
    pub(crate) fn leaving(&self, kind: usize) -> u32 {
        let runs = self.model.kinds[kind].runs.iter();
        runs.zip(&self.count[kind]).map(|(runs, count)| runs.saturating_sub(*count)).sum()
    }

    /// Running instances that would move, leaving out those that may leave at no cost.
    pub(crate) fn moves(&self) -> u32 {
        let kinds = self.model.kinds.iter().enumerate();
        kinds
            .filter(|(_, kind)| !kind.free_to_leave)
            .map(|(at, kind)| self.leaving(at).saturating_sub(kind.excess()))
            .sum()
    }
}
