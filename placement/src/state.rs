//! A placement in the making: counts by task and host, and what follows from them.
//!
//! Owns what one more or one less instance changes, whether it may be there, and the points it
//! brings. Must not know in which order a search goes.

use std::collections::BTreeMap;

use crate::model::{Kind, Model, Rule, Says};

mod delta;
mod whole;

pub(crate) use delta::{BROKEN, Delta, OVERLOADED, Step};

/// Users of a fixed port number on a host, and how many of them are new there.
#[derive(Debug, Clone, Copy, Default)]
struct PortUse {
    users: u32,
    new: u32,
}

/// Counts at the places of one sort of domain. Those of a place stand together, as the model numbers them.
#[derive(Debug, Clone)]
struct Cells {
    stride: usize,
    counts: Vec<u32>,
}

impl Cells {
    fn at(&self, place: usize) -> &[u32] {
        &self.counts[place * self.stride..][..self.stride]
    }
}

#[derive(Debug, Clone)]
pub(crate) struct State<'m> {
    pub(crate) model: &'m Model,
    /// Instances of each given task that have a place.
    pub(crate) placed: Vec<u32>,
    /// Points so far.
    pub(crate) score: i64,
    /// How much is wrong so far, in thousandths of a broken rule. What is fixed counts where it wants a
    /// carrier; where it breaks a `never` by itself, no plan has to answer for it.
    pub(crate) wrong: i64,
    /// Wider than the capacities, so that what is added can always be taken away again.
    used: Vec<[u128; 4]>,
    ports: Vec<BTreeMap<u16, PortUse>>,
    newcomers: Vec<u32>,
    /// By sort of domain.
    cells: Vec<Cells>,
    /// What is wrong among the fixed ones by themselves, left out of `wrong`.
    settled: i64,
    /// What counts as one unit of too much, by resource.
    pub(crate) unit: [u64; 4],
}

impl<'m> State<'m> {
    /// Only what is fixed is there.
    pub(crate) fn new(model: &'m Model) -> Self {
        let stride = model.cells;
        let cells = model
            .domains
            .iter()
            .map(|domain| Cells { stride, counts: vec![0; stride * domain.len()] })
            .collect();
        let mut state = Self {
            model,
            placed: vec![0; model.kinds.len()],
            score: model.base_score,
            wrong: 0,
            used: model.hosts.iter().map(|host| host.base.map(u128::from)).collect(),
            ports: vec![BTreeMap::new(); model.hosts.len()],
            newcomers: vec![0; model.hosts.len()],
            cells,
            settled: 0,
            unit: delta::units(model),
        };
        for (host, node) in model.hosts.iter().enumerate() {
            for port in &node.base_ports {
                state.ports[host].insert(*port, PortUse { users: 1, new: 0 });
            }
        }
        for (at, group) in model.fixed.iter().enumerate() {
            let profile = model.kinds.len() + at;
            for (host, count) in &group.at {
                state.count_in(profile, *host, |cell| *cell += count);
            }
        }
        if !model.fixed.is_empty() {
            state.settled = state.never_broken();
            state.recount();
        }
        state
    }

    /// What is fixed and so many of kinds on hosts, whether they may be there or not. No kind and host
    /// stands twice.
    pub(crate) fn with(
        model: &'m Model,
        counts: impl IntoIterator<Item = (usize, usize, u32)>,
    ) -> Self {
        let mut state = Self::new(model);
        for (kind, host, count) in counts {
            let facts = &model.kinds[kind];
            let fits = if facts.grown.at(host) { 0 } else { facts.runs.at(host) };
            let new = count.saturating_sub(fits);
            state.placed[kind] += count;
            state.newcomers[host] += new;
            for (sum, more) in state.used[host].iter_mut().zip(facts.need) {
                *sum += u128::from(more) * u128::from(count);
            }
            for port in &facts.ports {
                let usage = state.ports[host].entry(*port).or_default();
                usage.users += count;
                usage.new += new;
            }
            state.count_in(kind, host, |cell| *cell += count);
        }
        state.recount();
        state
    }

    /// What runs stays in its place, and nothing else is there.
    pub(crate) fn kept(model: &'m Model) -> Self {
        let kinds = model.kinds.iter().enumerate();
        let running = |(kind, facts): (usize, &'m Kind)| {
            facts.running().map(move |(host, runs)| (kind, host, runs))
        };
        Self::with(model, kinds.flat_map(running))
    }

    /// Changes what is counted of a profile around a host.
    fn count_in(&mut self, profile: usize, host: usize, mut change: impl FnMut(&mut u32)) {
        for (cells, domain) in self.cells.iter_mut().zip(&self.model.domains) {
            let there = &mut cells.counts[domain.of[host] * cells.stride..][..cells.stride];
            for &cell in &self.model.counted[profile] {
                change(&mut there[cell]);
            }
        }
    }

    /// How many of a given task are on a host.
    #[inline]
    pub(crate) fn count(&self, kind: usize, host: usize) -> u32 {
        let cells = &self.cells[0];
        cells.counts[host * cells.stride + kind]
    }

    /// How many of each given task are on a host.
    pub(crate) fn on(&self, host: usize) -> &[u32] {
        &self.cells[0].at(host)[..self.placed.len()]
    }

    /// For each given task the hosts that have some of it, ascending, and how many.
    pub(crate) fn counts(&self) -> Vec<Vec<(usize, u32)>> {
        let mut counts = vec![Vec::new(); self.model.kinds.len()];
        for host in 0..self.model.hosts.len() {
            for (of_kind, count) in counts.iter_mut().zip(self.on(host)) {
                if *count > 0 {
                    of_kind.push((host, *count));
                }
            }
        }
        counts
    }

    fn cell(&self, rule: &Rule, domain: usize, at: usize) -> u32 {
        let cells = &self.cells[rule.domain];
        cells.counts[domain * cells.stride + at]
    }

    fn held(&self, rule: &Rule, domain: usize) -> u32 {
        self.cell(rule, domain, rule.holder)
    }

    fn live(&self, rule: &Rule, domain: usize) -> u32 {
        self.cell(rule, domain, self.model.tags[rule.tag].live)
    }

    /// Live and ending carriers.
    fn all(&self, rule: &Rule, domain: usize) -> u32 {
        self.cell(rule, domain, self.model.tags[rule.tag].all)
    }

    /// Holders, live carriers and all carriers of a rule about hosts, on a host.
    pub(crate) fn around(&self, rule: &Rule, host: usize) -> (u32, u32, u32) {
        (self.held(rule, host), self.live(rule, host), self.all(rule, host))
    }

    /// Whether the next instance of the kind there would be new, or need more than it uses now.
    fn is_new(&self, kind: usize, host: usize, nth: u32) -> bool {
        let kind = &self.model.kinds[kind];
        nth >= kind.runs.at(host) || kind.grown.at(host)
    }

    /// Puts one instance there, whether it may be there or not.
    pub(crate) fn add(&mut self, kind: usize, host: usize) {
        self.enter(kind, host, self.delta(kind, host, Step::In));
    }

    /// The same where the change is known already.
    pub(crate) fn enter(&mut self, kind: usize, host: usize, delta: Delta) {
        let new = u32::from(self.is_new(kind, host, self.count(kind, host)));
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
        self.count_in(kind, host, |cell| *cell += 1);
        self.score += delta.points;
        self.wrong += delta.wrong;
    }

    /// Takes the last one away that `add` put there.
    pub(crate) fn remove(&mut self, kind: usize, host: usize) {
        self.leave(kind, host, self.delta(kind, host, Step::Out));
    }

    /// The same where the change is known already.
    pub(crate) fn leave(&mut self, kind: usize, host: usize, delta: Delta) {
        let new = u32::from(self.is_new(kind, host, self.count(kind, host) - 1));
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
        self.count_in(kind, host, |cell| *cell -= 1);
        self.score += delta.points;
        self.wrong += delta.wrong;
    }

    /// Whether one more may be there: room, ports, attributes and every `never`.
    pub(crate) fn can_add(&self, kind: usize, host: usize) -> bool {
        let facts = &self.model.kinds[kind];
        let new = self.is_new(kind, host, self.count(kind, host));
        let node = &self.model.hosts[host];
        if node.known && !facts.allowed.at(host) {
            return false;
        }
        if !node.known && self.count(kind, host) >= facts.runs.at(host) {
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
        self.model.never[kind].iter().all(|&at| self.keeps_never(at, kind, host))
    }

    fn fits(&self, kind: usize, host: usize) -> bool {
        let capacity = self.model.hosts[host].capacity;
        let need = self.model.kinds[kind].need;
        let sums = self.used[host].iter().zip(need).map(|(used, more)| used + u128::from(more));
        sums.zip(capacity).all(|(sum, capacity)| sum <= u128::from(capacity))
    }

    fn keeps_never(&self, at: usize, kind: usize, host: usize) -> bool {
        let rule = &self.model.rules[at];
        let domain = self.model.domains[rule.domain].of[host];
        if rule.holder == kind && self.all(rule, domain) > 0 {
            return false;
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
        let count = self.count(kind, host);
        let left = facts.most.saturating_sub(self.placed[kind]);
        let stays = if facts.grown.at(host) || self.newcomers[host] > 0 {
            0
        } else {
            facts.runs.at(host).saturating_sub(count)
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
            room = room.min(u64::from(facts.runs.at(host).saturating_sub(count)));
        }
        let mut room = u32::try_from(room).unwrap_or(u32::MAX).max(stays).min(left);
        let alone = |at: &usize| {
            let rule = &self.model.rules[*at];
            rule.holder == kind && rule.own
        };
        if self.model.never[kind].iter().any(alone) {
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
        places.lacks[domain] || self.live(rule, domain) < 1 + u32::from(rule.own)
    }

    /// Whether a live instance carries a rule's tag in a domain.
    pub(crate) fn is_carried(&self, rule: &Rule, domain: usize) -> bool {
        self.live(rule, domain) > 0
    }

    /// The rules touching a kind that are unmet around a host.
    pub(crate) fn unmet_around(&self, kind: usize, host: usize) -> impl Iterator<Item = usize> {
        let rules = self.model.touching[kind].iter().copied();
        rules.filter(move |&at| {
            self.is_unmet(at, self.model.domains[self.model.rules[at].domain].of[host])
        })
    }
}
