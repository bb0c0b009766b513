//! Makes a small placement better by moving and swapping instances that do not run yet, up only.
//!
//! Owns the order of what is better: points, slots back at their former hosts, evenness. Every step
//! keeps the placement valid. Must not touch what runs.

use crate::model::{Budget, Says};
use crate::state::State;

/// Greater is better: points, returned slots, evenness within tasks, evenness of load.
type Worth = (i64, i64, i64, i64);

/// Improves until nothing helps any more or the budget is spent.
pub(crate) fn improve(state: &mut State<'_>, budget: &mut Budget) {
    if looks(state) > budget.left {
        return;
    }
    let soft = state.model.rules.iter().any(|r| matches!(r.says, Says::Avoid(_) | Says::Prefer(_)));
    while moves(state, budget) || (soft && swaps(state, budget)) {}
}

/// What looking at every move once takes.
fn looks(state: &State<'_>) -> u64 {
    let kinds = state.model.kinds.iter().zip(&state.placed);
    let new = kinds.map(|(kind, placed)| u64::from(placed.saturating_sub(kind.run_total)));
    new.sum::<u64>().saturating_mul(u64::try_from(state.model.hosts.len()).unwrap_or(u64::MAX))
}

fn new_at(state: &State<'_>, kind: usize, host: usize) -> u32 {
    state.count(kind, host).saturating_sub(state.model.kinds[kind].runs.at(host))
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
    for kind in 0..state.model.kinds.len() {
        for from in 0..state.model.hosts.len() {
            if new_at(state, kind, from) == 0 {
                continue;
            }
            for to in 0..state.model.hosts.len() {
                if to == from || new_at(state, kind, from) == 0 {
                    continue;
                }
                if budget.spend(1).is_break() {
                    return false;
                }
                any |= try_move(state, kind, from, to);
            }
        }
    }
    any
}

fn try_move(state: &mut State<'_>, kind: usize, from: usize, to: usize) -> bool {
    let before = worth(state, &[kind], &[from, to]);
    state.remove(kind, from);
    if state.can_add(kind, to) {
        state.add(kind, to);
        if worth(state, &[kind], &[from, to]) > before
            && stands(state, &[(kind, from), (kind, to)])
            && new_at(state, kind, to) > 0
        {
            return true;
        }
        state.remove(kind, to);
    }
    state.add(kind, from);
    false
}

fn swaps(state: &mut State<'_>, budget: &mut Budget) -> bool {
    let mut any = false;
    let count = state.model.hosts.len();
    let kinds = state.model.kinds.len();
    for one in 0..kinds {
        for other in one + 1..kinds {
            for here in 0..count {
                if new_at(state, one, here) == 0 {
                    continue;
                }
                for there in 0..count {
                    if budget.spend(1).is_break() {
                        return false;
                    }
                    let movable = here != there
                        && new_at(state, one, here) > 0
                        && new_at(state, other, there) > 0;
                    any |= movable && try_swap(state, (one, here), (other, there));
                }
            }
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
