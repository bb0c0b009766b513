//! Makes a small placement better by moving and swapping instances that do not run yet, up only.
//!
//! Owns the order of what is better: points, slots back at their former hosts, evenness. Every step
//! keeps the placement valid. Must not touch what runs.

use crate::model::{Budget, Says};
use crate::state::{State, Step};

/// Greater is better: points, returned slots, evenness within tasks, evenness of load.
type Worth = (i64, i64, i64, i64);

/// Improves until nothing helps any more or the budget is spent.
pub(crate) fn improve(state: &mut State<'_>, budget: &mut Budget) {
    let fresh = fresh(state);
    let hosts = u64::try_from(state.model.hosts.len()).unwrap_or(u64::MAX);
    let cells = u64::try_from(fresh.len()).unwrap_or(u64::MAX);
    if cells.saturating_mul(hosts) > budget.left {
        return;
    }
    let soft = state.model.rules.iter().any(|r| matches!(r.says, Says::Avoid(_) | Says::Prefer(_)));
    while moves(state, budget) || (soft && swaps(state, budget)) {}
}

fn new_at(state: &State<'_>, kind: usize, host: usize) -> u32 {
    state.count(kind, host).saturating_sub(state.model.kinds[kind].runs.at(host))
}

/// Kinds and hosts with instances that do not run yet, in order.
fn fresh(state: &State<'_>) -> Vec<(usize, usize)> {
    let kinds = state.model.kinds.iter().enumerate();
    let some =
        kinds.filter(|(at, kind)| state.placed[*at] > kind.run_total || state.leaving(*at) > 0);
    let moved = |kind: usize| (0..state.model.hosts.len()).map(move |host| (kind, host));
    some.flat_map(|(kind, _)| moved(kind)).filter(|&(k, host)| new_at(state, k, host) > 0).collect()
}

/// What the cells of some kinds on some hosts contribute. Only differences mean something.
fn worth(state: &State<'_>, kinds: &[usize], hosts: &[usize]) -> Worth {
    let mut sum = (state.score, 0, 0, 0);
    for &host in hosts {
        for &kind in kinds {
            let facts = &state.model.kinds[kind];
            sum.1 += i64::from(new_at(state, kind, host).min(facts.previous.at(host)));
            sum.2 -= i64::from(state.count(kind, host)).pow(2);
        }
        sum.3 -= state.load(host).pow(2);
    }
    sum
}

/// Whether no `always` is unmet around these places.
fn stands(state: &State<'_>, places: &[(usize, usize)]) -> bool {
    places.iter().all(|(kind, host)| state.unmet_around(*kind, *host).next().is_none())
}

fn moves(state: &mut State<'_>, budget: &mut Budget) -> bool {
    let mut any = false;
    for cells in fresh(state).chunk_by(|one, other| one.0 == other.0) {
        let kind = cells[0].0;
        let mut gains = Gains::new(state, kind);
        for &(_, from) in cells {
            let mut lost = state.delta(kind, from, Step::Out).points;
            for to in 0..state.model.hosts.len() {
                if to == from || gains.fall_short(to, lost) || new_at(state, kind, from) == 0 {
                    continue;
                }
                if budget.spend(1).is_break() {
                    return false;
                }
                if try_move(state, kind, from, to) {
                    any = true;
                    gains.look_again(state, [from, to]);
                    lost = match new_at(state, kind, from) {
                        0 => break,
                        _ => state.delta(kind, from, Step::Out).points,
                    };
                }
            }
        }
    }
    any
}

/// What an instance of a kind would bring at each host now.
struct Gains {
    kind: usize,
    /// None where nobody can come. Empty where a rule about other domains makes single hosts tell too little.
    at: Vec<Option<i64>>,
}

impl Gains {
    fn new(state: &State<'_>, kind: usize) -> Self {
        let mut gains = Self { kind, at: Vec::new() };
        if state.model.touch[kind].iter().all(|touch| touch.domain == 0) {
            gains.at = (0..state.model.hosts.len()).map(|host| gains.of(state, host)).collect();
        }
        gains
    }

    fn of(&self, state: &State<'_>, host: usize) -> Option<i64> {
        let can_come = state.can_add(self.kind, host);
        can_come.then(|| state.delta(self.kind, host, Step::In).points)
    }

    /// Whether coming there does not even make up for what is lost.
    fn fall_short(&self, host: usize, lost: i64) -> bool {
        self.at.get(host).is_some_and(|gain| gain.is_none_or(|gain| gain + lost < 0))
    }

    fn look_again(&mut self, state: &State<'_>, hosts: [usize; 2]) {
        if !self.at.is_empty() {
            hosts.into_iter().for_each(|host| self.at[host] = self.of(state, host));
        }
    }
}

fn try_move(state: &mut State<'_>, kind: usize, from: usize, to: usize) -> bool {
    let change = state.move_delta(kind, from, to);
    let is_better =
        change.points > 0 || (change.points == 0 && evener(state, kind, from, to) > (0, 0, 0));
    if change.wrong > 0 || !is_better {
        return false;
    }
    state.remove(kind, from);
    if state.can_add(kind, to) {
        state.add(kind, to);
        if stands(state, &[(kind, from), (kind, to)]) && new_at(state, kind, to) > 0 {
            return true;
        }
        state.remove(kind, to);
    }
    state.add(kind, from);
    false
}

/// What a move of one instance changes of returned slots and evenness; of a new one to where one more
/// would be new.
fn evener(state: &State<'_>, kind: usize, from: usize, to: usize) -> (i64, i64, i64) {
    let previous = &state.model.kinds[kind].previous;
    let returned = if previous.is_usual() {
        0
    } else {
        let less = new_at(state, kind, from) <= previous.at(from);
        let more = new_at(state, kind, to) < previous.at(to);
        i64::from(more) - i64::from(less)
    };
    let (here, there) = (state.count(kind, from), state.count(kind, to));
    let even = 2 * (i64::from(here) - i64::from(there) - 1);
    if (returned, even) != (0, 0) {
        return (returned, even, 0);
    }
    let load = state.load(from).pow(2) + state.load(to).pow(2);
    let then = state.load_without(kind, from).pow(2) + state.load_with(kind, to).pow(2);
    (returned, even, load - then)
}

fn swaps(state: &mut State<'_>, budget: &mut Budget) -> bool {
    let mut any = false;
    let cells = fresh(state);
    for (at, &one) in cells.iter().enumerate() {
        for &other in &cells[at + 1..] {
            if one.0 == other.0 || one.1 == other.1 {
                continue;
            }
            if budget.spend(1).is_break() {
                return false;
            }
            let movable = new_at(state, one.0, one.1) > 0 && new_at(state, other.0, other.1) > 0;
            any |= movable && try_swap(state, one, other);
        }
    }
    any
}

fn try_swap(state: &mut State<'_>, one: (usize, usize), other: (usize, usize)) -> bool {
    let (kinds, hosts) = ([one.0, other.0], [one.1, other.1]);
    let before = worth(state, &kinds, &hosts);
    state.remove(one.0, one.1);
    state.remove(other.0, other.1);
    if state.can_add(one.0, other.1) {
        state.add(one.0, other.1);
        if state.can_add(other.0, one.1) {
            state.add(other.0, one.1);
            let places = [one, other, (one.0, other.1), (other.0, one.1)];
            if worth(state, &kinds, &hosts) > before && stands(state, &places) {
                return true;
            }
            state.remove(other.0, one.1);
        }
        state.remove(one.0, other.1);
    }
    state.add(other.0, other.1);
    state.add(one.0, one.1);
    false
}
