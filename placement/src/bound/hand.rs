//! A pattern in the making: what it is worth, kept up to date by the rules that a change touches.
//!
//! Owns the sums. Says the same of a pattern as the site and the prices do, only sooner. Must not know which
//! change is a good one.

use super::site::{Local, Pattern, Site};
use crate::model::Says;

/// Carriers that are added for one instance, at the most.
const COMPANY: usize = 8;

pub(super) struct Hand<'s> {
    site: &'s Site,
    /// Points are worth so much.
    scale: i64,
    /// What one of each kind is worth by itself.
    value: &'s [i64],
    /// By kind: the rules that it holds or whose tag it carries, and whether it carries it.
    touching: Vec<Vec<(usize, bool)>>,
    pattern: Pattern,
    /// By rule: carriers in the pattern.
    carried: Vec<i64>,
    used: [u128; 4],
    worth: i64,
    /// Rules that do not hold.
    broken: usize,
}

impl<'s> Hand<'s> {
    /// Nothing yet.
    pub(super) fn new(site: &'s Site, scale: i64, value: &'s [i64]) -> Self {
        let mut touching = vec![Vec::new(); site.kinds.len()];
        for (at, rule) in site.rules.iter().enumerate() {
            rule.carriers.iter().for_each(|&kind| touching[kind].push((at, true)));
            let holder = rule.holder.filter(|holder| !rule.carriers.contains(holder));
            holder.into_iter().for_each(|kind| touching[kind].push((at, false)));
        }
        let mut hand = Self {
            site,
            scale,
            value,
            touching,
            pattern: vec![0; site.kinds.len()],
            carried: vec![0; site.rules.len()],
            used: [0; 4],
            worth: 0,
            broken: 0,
        };
        let rules = site.rules.iter().enumerate();
        let all: Vec<(i64, bool)> = rules.map(|(at, rule)| hand.rule(at, rule)).collect();
        hand.worth = all.iter().map(|(worth, _)| worth).sum();
        hand.broken = all.iter().filter(|(_, broken)| *broken).count();
        hand
    }

    pub(super) fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// What the pattern is worth; none where it is not admissible.
    pub(super) fn worth(&self) -> Option<i64> {
        let clash =
            |(one, other): &(usize, usize)| self.pattern[*one] > 0 && self.pattern[*other] > 0;
        (self.broken == 0 && !self.site.clashes.iter().any(clash)).then_some(self.worth)
    }

    /// What a rule comes to, and whether it is broken.
    fn rule(&self, at: usize, rule: &Local) -> (i64, bool) {
        let held = rule.holder.map_or(rule.held, |kind| i64::from(self.pattern[kind]));
        if held == 0 {
            return (0, false);
        }
        let (given, own) = (self.carried[at], i64::from(rule.own));
        match rule.says {
            Says::Never if rule.holder.is_none() => (0, given > 0),
            Says::Never => (0, given + rule.all - own > 0),
            Says::Always => (0, given + rule.live - own < 1),
            Says::Avoid(weight) => (-self.scale * weight * held * (given + rule.live - own), false),
            Says::Prefer(weight) if given + rule.live > own => (self.scale * weight * held, false),
            Says::Prefer(_) => (0, false),
        }
    }

    /// Whether one more of a kind is allowed and has room.
    pub(super) fn has_room(&self, kind: usize) -> bool {
        let sums = self.used.iter().zip(self.site.needs[kind]);
        self.pattern[kind] < self.site.most[kind]
            && sums
                .zip(self.site.room)
                .all(|((used, need), room)| used + u128::from(need) <= u128::from(room))
    }

    /// One more, whether there is room or not.
    pub(super) fn add(&mut self, kind: usize) {
        self.change(kind, true);
    }

    pub(super) fn remove(&mut self, kind: usize) {
        self.change(kind, false);
    }

    fn change(&mut self, kind: usize, more: bool) {
        let touching = std::mem::take(&mut self.touching[kind]);
        for &(at, _) in &touching {
            let (worth, broken) = self.rule(at, &self.site.rules[at]);
            self.worth -= worth;
            self.broken -= usize::from(broken);
        }
        for (used, need) in self.used.iter_mut().zip(self.site.needs[kind]) {
            *used = if more { *used + u128::from(need) } else { *used - u128::from(need) };
        }
        let sign = if more { 1 } else { -1 };
        self.pattern[kind] = if more { self.pattern[kind] + 1 } else { self.pattern[kind] - 1 };
        self.worth += sign * self.value[kind];
        for &(at, carries) in &touching {
            if carries {
                self.carried[at] += sign;
            }
            let (worth, broken) = self.rule(at, &self.site.rules[at]);
            self.worth += worth;
            self.broken += usize::from(broken);
        }
        self.touching[kind] = touching;
    }

    /// One more with what it always needs beside it, if there is room for all of it. Gives the kinds that
    /// were added, to be removed again.
    pub(super) fn add_with_company(&mut self, kind: usize) -> Option<Vec<usize>> {
        let mut added: Vec<usize> = Vec::new();
        let mut next = Some(kind);
        while let Some(kind) = next {
            if added.len() > COMPANY || !self.has_room(kind) {
                self.undo(&added);
                return None;
            }
            self.add(kind);
            added.push(kind);
            next = self.lacking(&added);
        }
        Some(added)
    }

    pub(super) fn undo(&mut self, added: &[usize]) {
        added.iter().for_each(|&kind| self.remove(kind));
    }

    /// The first carrier, with room, of what one of these needs.
    fn lacking(&self, added: &[usize]) -> Option<usize> {
        if self.broken == 0 {
            return None;
        }
        let held = added.iter().flat_map(|&kind| &self.touching[kind]);
        let mut unmet = held
            .map(|(at, _)| (*at, &self.site.rules[*at]))
            .filter(|(at, rule)| rule.says == Says::Always && self.rule(*at, rule).1);
        let (_, rule) = unmet.next()?;
        rule.carriers.iter().copied().find(|&carrier| self.has_room(carrier))
    }
}

#[cfg(test)]
mod tests;
