//! A first placement out of circles of friends: tasks between which wishes stand are put on hosts together, in
//! the proportions in which they are wanted, where that leaves the least room.
//!
//! Owns who is a friend, and which circle gets which hosts. It is for files of many small circles; where everything
//! is one circle it says nothing. Must not know whether another placement is better.

use std::collections::BTreeMap;

use super::groups::Groups;
use super::placing::place_kind;
use super::{Manner, placing_order};
use crate::model::{Model, Says, classes};
use crate::state::State;

/// A circle has at most so many tasks.
const CIRCLE: usize = 16;
/// Circles times classes of hosts, at the most.
const PAIRS: usize = 4_000;

/// How many of a circle's kinds go to a host, and the cost of it: the room that is left, in thousandths of two
/// resources, and how uneven it is.
type Filling = (i64, Vec<u32>);

/// A placement of what is missing, in circles; none where there are none, or something runs.
pub(crate) fn gathered<'m>(kept: &State<'m>) -> Option<State<'m>> {
    let model = kept.model;
    let runs = model.kinds.iter().any(|kind| kind.run_total > 0);
    let circles = circles(model);
    let many = circles.iter().filter(|circle| circle.len() > 1).count();
    if runs || many < 2 || circles.iter().any(|circle| circle.len() > CIRCLE) {
        return None;
    }
    let mut hosts: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (host, class) in classes(model).into_iter().enumerate().rev() {
        hosts.entry(class).or_default().push(host);
    }
    if circles.len() * hosts.len() > PAIRS {
        return None;
    }
    let mut gathering =
        Gathering { state: kept.clone(), circles, hosts: hosts.into_values().collect() };
    gathering.run();
    let mut state = gathering.state;
    let mut groups = Groups::new(&state);
    for kind in placing_order(model) {
        place_kind(&mut state, &mut groups, kind, Manner::Spread);
    }
    state.is_complete().then_some(state)
}

/// Kinds in circles: who wishes or needs somebody beside it is in one with those who carry the tag.
fn circles(model: &Model) -> Vec<Vec<usize>> {
    let count = model.kinds.len();
    let mut of: Vec<usize> = (0..count).collect();
    let near = |says: Says| matches!(says, Says::Prefer(_) | Says::Always);
    for rule in model.rules.iter().filter(|rule| rule.domain == 0 && near(rule.says)) {
        for &carrier in &model.tags[rule.tag].profiles {
            if rule.holder < count && carrier < count && of[carrier] != of[rule.holder] {
                let (from, to) = (of[carrier], of[rule.holder]);
                of.iter_mut().filter(|at| **at == from).for_each(|at| *at = to);
            }
        }
    }
    let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (kind, circle) in of.into_iter().enumerate() {
        if model.kinds[kind].least > 0 {
            members.entry(circle).or_default().push(kind);
        }
    }
    members.into_values().collect()
}

struct Gathering<'m> {
    state: State<'m>,
    circles: Vec<Vec<usize>>,
    /// By class of hosts: those that have nothing of the plan yet, the next one last.
    hosts: Vec<Vec<usize>>,
}

impl Gathering<'_> {
    fn run(&mut self) {
        let all = 0..self.circles.len();
        let mut fillings: Vec<Vec<Option<Filling>>> =
            all.map(|circle| self.fillings(circle)).collect();
        loop {
            let known = fillings.iter().enumerate().flat_map(|(circle, by_class)| {
                let of_class = by_class.iter().enumerate();
                of_class.filter_map(move |(class, found)| Some((found.as_ref()?.0, circle, class)))
            });
            let Some((_, circle, class)) = known.min() else { return };
            let Some((_, pattern)) = fillings[circle][class].clone() else { return };
            while self.put(circle, class, &pattern) {}
            // What is left of the circle may not be enough for what it filled before; hosts may be used up.
            fillings[circle] = self.fillings(circle);
            if self.hosts[class].is_empty() {
                fillings.iter_mut().for_each(|by_class| by_class[class] = None);
            }
        }
    }

    fn missing(&self, kind: usize) -> u32 {
        self.state.model.kinds[kind].least - self.state.placed[kind]
    }

    /// Fills the next host of a class the same way, if there is one and as many are missing.
    fn put(&mut self, circle: usize, class: usize, pattern: &[u32]) -> bool {
        let kinds = &self.circles[circle];
        if kinds.iter().zip(pattern).any(|(kind, count)| self.missing(*kind) < *count) {
            return false;
        }
        let Some(host) = self.hosts[class].pop() else { return false };
        for (kind, count) in kinds.iter().zip(pattern) {
            for _ in 0..*count {
                if self.state.can_add(*kind, host) {
                    self.state.add(*kind, host);
                }
            }
        }
        true
    }

    fn fillings(&mut self, circle: usize) -> Vec<Option<Filling>> {
        (0..self.hosts.len()).map(|class| self.filling(circle, class)).collect()
    }

    /// What goes to a host of a class when the kinds of a circle come in turn, each so often as it is missing.
    fn filling(&mut self, circle: usize, class: usize) -> Option<Filling> {
        let host = *self.hosts[class].last()?;
        let kinds = self.circles[circle].clone();
        let missing: Vec<u32> = kinds.iter().map(|kind| self.missing(*kind)).collect();
        let mut pattern = vec![0_u32; kinds.len()];
        let mut best: Option<Filling> = None;
        loop {
            // The one of which the smallest part has come; of equals the one that is wanted most.
            let open = (0..kinds.len()).filter(|&at| pattern[at] < missing[at]);
            let next =
                open.filter(|&at| self.state.can_add(kinds[at], host)).min_by(|&one, &other| {
                    let part =
                        |at: usize, of: usize| u64::from(pattern[at]) * u64::from(missing[of]);
                    part(one, other).cmp(&part(other, one)).then(missing[other].cmp(&missing[one]))
                });
            let Some(at) = next else { break };
            self.state.add(kinds[at], host);
            pattern[at] += 1;
            let cost = 2_000 - self.state.filled(host) + uneven(&pattern, &missing);
            if best.as_ref().is_none_or(|(least, _)| cost <= *least) {
                best = Some((cost, pattern.clone()));
            }
        }
        for (at, count) in pattern.iter().enumerate() {
            (0..*count).for_each(|_| self.state.remove(kinds[at], host));
        }
        best
    }
}

/// How far the parts of what is missing are from being the same for all kinds, in thousandths.
fn uneven(pattern: &[u32], missing: &[u32]) -> i64 {
    let parts = pattern.iter().zip(missing).filter(|(_, missing)| **missing > 0);
    let parts = parts.map(|(count, missing)| u64::from(*count) * 1_000_000 / u64::from(*missing));
    let (least, most) =
        parts.fold((u64::MAX, 1), |(least, most), part| (least.min(part), most.max(part)));
    1_000 - i64::try_from(least.min(most) * 1_000 / most).unwrap_or(0)
}

#[cfg(test)]
mod tests;
