//! As much of a plan as could be made, where the search ended without one.
//!
//! Owns what is left out so that the rest breaks no rule. Must not search for long.

use crate::construct::{Manner, attempt};
use crate::input::Input;
use crate::model::{Holding, Model};
use crate::slots;
use crate::solve::bound;
use crate::state::State;
use crate::verdict::Plan;

/// A plan of as many wanted instances as two quick attempts have placed validly; empty where what stays
/// breaks a rule by itself.
pub(crate) fn best(input: &Input<'_>) -> Plan {
    let model = Model::new(input, Holding::All);
    let kept = State::kept(&model);
    let states = [Manner::Spread, Manner::Pack].map(|manner| valid(attempt(&kept, 0, manner)));
    let placed = |state: &State<'_>| -> u64 { state.placed.iter().copied().map(u64::from).sum() };
    let best = states.into_iter().flatten().max_by_key(|state| (placed(state), state.score));
    best.map_or_else(Plan::default, |state| {
        slots::plan(input, &state.counts(), state.score, bound(&model))
    })
}

/// Without the holders of what is unmet, and those that this leaves alone.
fn valid(mut state: State<'_>) -> Option<State<'_>> {
    let model = state.model;
    while let Some((rule, place)) = state.unmet().first().copied() {
        let rule = &model.rules[rule];
        let hosts = &model.domains[rule.domain].members[place];
        let kind = Some(rule.holder).filter(|holder| *holder < model.kinds.len())?;
        let host = hosts
            .iter()
            .copied()
            .find(|&host| state.count(kind, host) > model.kinds[kind].runs.at(host))?;
        state.remove(kind, host);
    }
    state.broken().is_empty().then_some(state)
}
