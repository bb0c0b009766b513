//! A first placement, greedily: what runs stays, then one instance after the other where it brings
//! most, with everything that has to stand beside it.
//!
//! Owns the order of tasks and the preference among hosts. It may fail where a placement exists;
//! the search decides then. Must not know statements or verdicts.

use crate::model::{Model, Says};
use crate::random::{Random, mixed};
use crate::state::{State, Step};
use std::cmp::Reverse;
use std::collections::BTreeMap;

mod gather;
mod groups;
mod placing;

pub(crate) use gather::gathered;
use groups::Groups;
use placing::place_kind;

/// How a greedy attempt chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Most points, then evenly.
    Spread,
    /// Most points, then evenly; equal ones in an order drawn from a seed.
    Shuffled(u64),
    /// Where the least is left, whatever the points.
    Pack,
}

/// Smaller is better.
type Key = (Reverse<i64>, bool, i64, i64, u64);

/// As many members of a large domain are tried for what has to stand beside something.
const MEMBERS_TRIED: usize = 256;
/// As many hosts are looked at for what fits nowhere.
const CROWD_TRIED: usize = 32;
/// A group that has to stand together is not grown beyond this.
const BUNDLE_LIMIT: usize = 64;

/// Tries to place everything beside what is kept; `None` when this way leads nowhere.
pub(crate) fn construct<'m>(kept: &State<'m>, moves: u32, manner: Manner) -> Option<State<'m>> {
    let state = attempt(kept, moves, manner);
    (state.is_complete() && state.moves() <= moves).then_some(state)
}

/// Places what can be placed this way, validly, beside what is kept.
pub(crate) fn attempt<'m>(kept: &State<'m>, moves: u32, manner: Manner) -> State<'m> {
    let model = kept.model;
    let mut state = kept.clone();
    unpin(&mut state, moves);
    for kind in stopping_order(model) {
        stop_excess(&mut state, kind);
    }
    // Those that stand without what they need come first: after a loss they are the stranded ones.
    let unmet = if state.wrong == 0 { Vec::new() } else { state.unmet() };
    for (rule, domain) in unmet {
        let mut added = Vec::new();
        if state.is_unmet(rule, domain)
            && !(support(&mut state, rule, domain, None, &mut added)
                && settle(&mut state, &mut added))
        {
            undo(&mut state, &added);
        }
    }
    let mut groups = match manner {
        Manner::Shuffled(_) => Groups::single(model),
        Manner::Spread | Manner::Pack => Groups::new(&state),
    };
    for kind in placing_order(model) {
        place_kind(&mut state, &mut groups, kind, manner);
    }
    state
}

/// A placement begun with so much more on hosts than runs there.
pub(crate) fn filled<'m>(
    model: &'m Model,
    hosts: &[(usize, Vec<(usize, u32)>)],
    manner: Manner,
) -> State<'m> {
    let mut there: BTreeMap<(usize, usize), u32> = BTreeMap::new();
    for (kind, facts) in model.kinds.iter().enumerate() {
        there.extend(facts.running().map(|(host, runs)| ((kind, host), runs)));
    }
    for (host, kinds) in hosts {
        for (kind, count) in kinds {
            *there.entry((*kind, *host)).or_default() += count;
        }
    }
    let there = there.into_iter().map(|((kind, host), count)| (kind, host, count));
    let mut state = State::with(model, there);
    let mut groups = Groups::new(&state);
    for kind in placing_order(model) {
        place_kind(&mut state, &mut groups, kind, manner);
    }
    state
}

/// Puts what has no place yet where the least is wrong. False when there is no host for something.
pub(crate) fn crowd(state: &mut State<'_>, seed: u64) -> bool {
    let model = state.model;
    let mut random = Random::new(seed);
    for kind in 0..model.kinds.len() {
        let facts = &model.kinds[kind];
        let open: Vec<usize> = (0..model.hosts.len())
            .filter(|&host| model.hosts[host].known && facts.allowed.at(host))
            .collect();
        while state.placed[kind] < facts.least {
            if open.is_empty() {
                return false;
            }
            let tried = (0..CROWD_TRIED).map(|_| open[random.below(open.len())]);
            let best = tried.min_by_key(|&host| {
                let change = state.delta(kind, host, Step::In);
                (change.wrong, -change.points, host)
            });
            state.add(kind, best.unwrap_or(open[0]));
        }
    }
    true
}

/// Kinds in the order in which they are placed: the most bound and the largest first.
pub(crate) fn placing_order(model: &Model) -> Vec<usize> {
    let mut order: Vec<usize> = (0..model.kinds.len()).collect();
    let hosts = model.hosts.iter().filter(|host| host.known);
    let mut total = [0_u128; 4];
    for host in hosts {
        for (sum, more) in total.iter_mut().zip(host.capacity) {
            *sum += u128::from(more);
        }
    }
    let share = |need: &[u128; 4]| {
        let known = (0..total.len()).filter(|&at| total[at] > 0);
        known.map(|at| need[at] * 1_000_000_000 / total[at]).max()
    };
    order.sort_by_cached_key(|&at| {
        let kind = &model.kinds[at];
        let bound = model.touching[at]
            .iter()
            .any(|&rule| model.rules[rule].holder == at && model.rules[rule].says == Says::Always);
        let allowed = if kind.allowed.is_usual() {
            model.hosts.len()
        } else {
            (0..model.hosts.len()).filter(|&host| kind.allowed.at(host)).count()
        };
        (!bound, allowed, Reverse(share(&with_company(model, at))), at)
    });
    order
}

/// What an instance needs together with one of each kind that has to be there with it.
fn with_company(model: &Model, kind: usize) -> [u128; 4] {
    let mut members = vec![kind];
    let mut looked = 0;
    while looked < members.len() && members.len() < BUNDLE_LIMIT {
        let holder = members[looked];
        looked += 1;
        for touch in &model.touch[holder] {
            if touch.says != Says::Always || touch.holds == 0 || touch.domain != 0 {
                continue;
            }
            let carriers = &model.tags[model.rules[touch.rule].tag].profiles;
            if carriers.iter().any(|carrier| members.contains(carrier)) {
                continue;
            }
            members.extend(carriers.iter().find(|carrier| **carrier < model.kinds.len()));
        }
    }
    let mut sum = [0; 4];
    for member in members {
        for (sum, need) in sum.iter_mut().zip(model.kinds[member].need) {
            *sum += u128::from(need);
        }
    }
    sum
}

/// Running instances that stand where they may not are placed anew, if moving is allowed.
fn unpin(state: &mut State<'_>, moves: u32) {
    let model = state.model;
    let mut left = moves;
    for (kind, facts) in model.kinds.iter().enumerate() {
        if left == 0 && !facts.free_to_leave {
            continue;
        }
        for (host, _) in facts.running() {
            while state.count(kind, host) > 0 && (left > 0 || facts.free_to_leave) {
                state.remove(kind, host);
                if state.can_add(kind, host) {
                    state.add(kind, host);
                    break;
                }
                left = if facts.free_to_leave { left } else { left - 1 };
            }
        }
    }
}

/// Holders of `always` stop before those that they stand on.
fn stopping_order(model: &Model) -> Vec<usize> {
    let mut order: Vec<usize> = (0..model.kinds.len()).collect();
    order.sort_by_key(|&at| {
        let mut rules = model.touching[at].iter().map(|&rule| &model.rules[rule]);
        let carries = rules.any(|rule| rule.says == Says::Always && rule.holder != at);
        (carries, at)
    });
    order
}

fn stop_excess(state: &mut State<'_>, kind: usize) {
    while state.placed[kind] > state.model.kinds[kind].most {
        let facts = &state.model.kinds[kind];
        let running = facts.running().map(|(host, _)| host);
        let hosts = running.filter(|&host| state.count(kind, host) > 0);
        let best = hosts.min_by_key(|&host| {
            let count = state.count(kind, host);
            let slot = facts.slot(host, count - 1);
            let change = state.delta(kind, host, Step::Out);
            (change.wrong, Reverse(change.points), Reverse(count), Reverse(slot))
        });
        let Some(host) = best else { return };
        state.remove(kind, host);
    }
}

fn key(state: &State<'_>, kind: usize, host: usize, manner: Manner) -> Key {
    let count = state.count(kind, host);
    let facts = &state.model.kinds[kind];
    let new = i64::from(count - facts.runs.at(host).min(count));
    let returns = new < i64::from(facts.previous.at(host));
    let count = i64::from(count);
    if manner == Manner::Pack {
        return (Reverse(0), false, 0, state.slack_with(kind, host), 0);
    }
    let gain = state.delta(kind, host, Step::In).points;
    let load = state.load_with(kind, host);
    match manner {
        Manner::Spread | Manner::Pack => (Reverse(gain), !returns, count, load, 0),
        Manner::Shuffled(seed) => {
            (Reverse(gain), !returns, count, load, mixed(seed ^ (host as u64) << 20 ^ kind as u64))
        }
    }
}

/// Puts one instance there and whatever must stand beside it. `added` has what was put in.
fn bundle(
    state: &mut State<'_>,
    kind: usize,
    host: usize,
    added: &mut Vec<(usize, usize)>,
) -> bool {
    if !state.can_add(kind, host) {
        return false;
    }
    state.add(kind, host);
    added.push((kind, host));
    settle(state, added)
}

/// Adds what the added ones need beside them, and what those need.
fn settle(state: &mut State<'_>, added: &mut Vec<(usize, usize)>) -> bool {
    let mut looked = 0;
    while looked < added.len() && added.len() <= BUNDLE_LIMIT {
        let (kind, host) = added[looked];
        let Some(rule) = state.unmet_around(kind, host).next() else {
            looked += 1;
            continue;
        };
        let domain = state.model.domains[state.model.rules[rule].domain].of[host];
        if !support(state, rule, domain, Some(host), added) {
            return false;
        }
    }
    looked == added.len()
}

/// Puts one carrier into a domain that lacks it; at the given host, if it can.
fn support(
    state: &mut State<'_>,
    rule: usize,
    domain: usize,
    at: Option<usize>,
    added: &mut Vec<(usize, usize)>,
) -> bool {
    let model = state.model;
    let facts = &model.rules[rule];
    let carriers = model.tags[facts.tag].profiles.iter().copied();
    let members = model.domains[facts.domain].members[domain].iter().copied();
    let hosts: Vec<usize> = at.into_iter().chain(members.take(MEMBERS_TRIED)).collect();
    for carrier in carriers.filter(|carrier| *carrier < model.kinds.len()) {
        if state.placed[carrier] >= model.kinds[carrier].most {
            continue;
        }
        let found = hosts.iter().copied().find(|&host| state.can_add(carrier, host));
        if let Some(host) = found {
            state.add(carrier, host);
            added.push((carrier, host));
            return true;
        }
    }
    false
}

fn undo(state: &mut State<'_>, added: &[(usize, usize)]) {
    for (kind, host) in added.iter().rev() {
        state.remove(*kind, *host);
    }
}
