//! Questions about a whole placement: what is unmet or broken in it, how full, how many moves.
//!
//! Must not change it.

use super::State;
use super::delta::{Delta, worth};
use crate::model::{Rule, Says};

impl State<'_> {
    /// Points, and what is wrong, counted from the beginning.
    pub(super) fn recount(&mut self) {
        let model = self.model;
        let mut sum = Delta { points: model.base_score, wrong: -self.settled };
        for (sort, domain) in model.domains.iter().enumerate() {
            let of_sort = |rules: &Vec<usize>| -> Vec<usize> {
                rules.iter().copied().filter(|&at| model.rules[at].domain == sort).collect()
            };
            let rules: Vec<Vec<usize>> = model.held.iter().map(of_sort).collect();
            for place in 0..domain.len() {
                let counts = self.cells[sort].at(place)[..rules.len()].iter();
                for (rules, _) in rules.iter().zip(counts).filter(|(_, count)| **count > 0) {
                    for &at in rules {
                        sum = sum + self.worth_of(at, &model.rules[at], place);
                    }
                }
            }
        }
        for (at, kind) in model.kinds.iter().enumerate().filter(|(_, kind)| !kind.points.is_usual())
        {
            let hosts = 0..model.hosts.len();
            let points = hosts.map(|host| kind.points.at(host) * i64::from(self.count(at, host)));
            sum.points += points.sum::<i64>();
        }
        let hosts = 0..model.hosts.len();
        sum.wrong += hosts.map(|host| self.misfit(host)).sum::<i64>();
        (self.score, self.wrong) = (sum.points, sum.wrong);
    }

    /// What a rule comes to in a place.
    fn worth_of(&self, at: usize, rule: &Rule, place: usize) -> Delta {
        let (held, live, all) =
            (self.held(rule, place), self.live(rule, place), self.all(rule, place));
        if rule.says == Says::Always {
            let wrong = if self.is_unmet(at, place) { super::BROKEN * i64::from(held) } else { 0 };
            return Delta { points: 0, wrong };
        }
        worth(rule.says, rule.own, held, live, all)
    }

    /// What every broken `never` comes to.
    pub(super) fn never_broken(&self) -> i64 {
        let never =
            self.model.rules.iter().enumerate().filter(|(_, rule)| rule.says == Says::Never);
        let places = |(at, rule): (usize, &Rule)| -> i64 {
            let places = 0..self.model.domains[rule.domain].len();
            places.map(|place| self.worth_of(at, rule, place).wrong).sum()
        };
        never.map(places).sum()
    }

    /// Given carriers of a rule's tag in a domain.
    fn given(&self, rule: &Rule, domain: usize) -> u32 {
        let kinds = self.model.tags[rule.tag].profiles.iter().copied();
        let kinds = kinds.filter(|profile| *profile < self.model.kinds.len());
        kinds.map(|kind| self.cell(rule, domain, kind)).sum()
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
                let all = self.all(rule, domain);
                let counted = if rule.fixed {
                    self.given(rule, domain)
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

    /// Whether every kind has as many as it wants, where it may be, and nothing is wrong.
    pub(crate) fn is_complete(&self) -> bool {
        let kinds = self.model.kinds.iter().zip(&self.placed);
        self.wrong == 0
            && kinds.into_iter().all(|(kind, placed)| (kind.least..=kind.most).contains(placed))
            && !self.is_out_of_place()
    }

    /// Whether something is on a host where its attributes or ports do not let it be, or is new on a host
    /// that is not known.
    fn is_out_of_place(&self) -> bool {
        let restricted = self.model.kinds.iter().any(|kind| !kind.allowed.is_usual());
        (0..self.used.len()).filter(|host| restricted || !self.model.hosts[*host].known).any(
            |host| {
                let known = self.model.hosts[host].known;
                self.model.kinds.iter().zip(self.on(host)).any(|(kind, &count)| {
                    count > 0
                        && ((known && !kind.allowed.at(host))
                            || (!known && count > kind.runs.at(host)))
                })
            },
        )
    }

    /// What is free of a resource on a host.
    pub(crate) fn free(&self, host: usize, resource: usize) -> u128 {
        let capacity = u128::from(self.model.hosts[host].capacity[resource]);
        capacity.saturating_sub(self.used[host][resource])
    }

    /// How full the host is, in thousandths of its fullest resource.
    pub(crate) fn load(&self, host: usize) -> i64 {
        self.fullest(host, self.used[host])
    }

    /// How full the host is in processors and in memory, in thousandths of each, summed.
    pub(crate) fn filled(&self, host: usize) -> i64 {
        let (used, capacity) = (self.used[host], self.model.hosts[host].capacity);
        let part = |at: usize| -> i64 {
            let parts = (used[at] * 1_000).checked_div(u128::from(capacity[at]));
            parts
                .and_then(|parts| i64::try_from(parts).ok())
                .map_or(1_000, |parts| parts.min(1_000))
        };
        part(0) + part(1)
    }

    /// The same with one more of a kind.
    pub(crate) fn load_with(&self, kind: usize, host: usize) -> i64 {
        let (used, more) = (&self.used[host], self.model.kinds[kind].need);
        self.fullest(host, std::array::from_fn(|at| used[at] + u128::from(more[at])))
    }

    /// The same with one less of a kind that is there.
    pub(crate) fn load_without(&self, kind: usize, host: usize) -> i64 {
        let (used, less) = (&self.used[host], self.model.kinds[kind].need);
        self.fullest(host, std::array::from_fn(|at| used[at] - u128::from(less[at])))
    }

    fn fullest(&self, host: usize, used: [u128; 4]) -> i64 {
        let capacity = self.model.hosts[host].capacity;
        let share = |at: usize| match (used[at], capacity[at]) {
            (0, _) => 0,
            (_, 0) => 1000,
            (used, all) => match u64::try_from(used * 1000) {
                Ok(parts) => (parts / all).min(1_000_000),
                Err(_) => u64::try_from(used * 1000 / u128::from(all))
                    .map_or(1_000_000, |share| share.min(1_000_000)),
            },
        };
        let fullest = (0..capacity.len()).map(share).max().unwrap_or(0);
        i64::try_from(fullest).unwrap_or(i64::MAX)
    }

    /// How much is left on a host, with one more of a kind, of what is shortest there; in sixteenths of
    /// what instances need.
    pub(crate) fn slack_with(&self, kind: usize, host: usize) -> i64 {
        let need = self.model.kinds[kind].need;
        let left = (0..4).map(|at| {
            let left = self.free(host, at).saturating_sub(u128::from(need[at]));
            u64::try_from(left).unwrap_or(u64::MAX) / (self.unit[at] / 16).max(1)
        });
        left.min().map_or(0, |left| i64::try_from(left).unwrap_or(i64::MAX))
    }

    /// Running instances of the kind that would leave their hosts.
    pub(crate) fn leaving(&self, kind: usize) -> u32 {
        let running = self.model.kinds[kind].running();
        running.map(|(host, runs)| runs.saturating_sub(self.count(kind, host))).sum()
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
