//! Questions about a whole placement: what is unmet or broken in it, how full, how many moves.
//!
//! Must not change it.

use std::collections::BTreeMap;

use super::State;
use crate::model::{Rule, Says};

impl State<'_> {
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
        let outside = self.model.kinds.iter().enumerate().any(|(at, kind)| {
            let restricted = !kind.allowed.is_usual();
            (0..self.used.len()).filter(|host| restricted || !self.model.hosts[*host].known).any(
                |host| {
                    let (known, count) = (self.model.hosts[host].known, self.count(at, host));
                    count > 0
                        && ((known && !kind.allowed.at(host))
                            || (!known && count > kind.runs.at(host)))
                },
            )
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
        self.fullest(host, [0; 4])
    }

    /// The same with one more of a kind.
    pub(crate) fn load_with(&self, kind: usize, host: usize) -> i64 {
        self.fullest(host, self.model.kinds[kind].need)
    }

    fn fullest(&self, host: usize, more: [u64; 4]) -> i64 {
        let capacity = self.model.hosts[host].capacity;
        let share = |at: usize| {
            let used = self.used[host][at] + u128::from(more[at]);
            match (used, capacity[at]) {
                (0, _) => 0,
                (_, 0) => 1000,
                (used, all) => match u64::try_from(used * 1000) {
                    Ok(parts) => (parts / all).min(1_000_000),
                    Err(_) => u64::try_from(used * 1000 / u128::from(all))
                        .map_or(1_000_000, |share| share.min(1_000_000)),
                },
            }
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
