//! Proofs by counting that there is no placement, begun with the few tasks that are scarcest of hosts.
//!
//! Owns the order in which groups of tasks are looked at. A group without a placement has none among more
//! tasks either, so a small proof is as good as a large one, and much sooner found. Must not know words.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::bound::refutation;
use crate::closure::{self, Facts};
use crate::explain::part;
use crate::input::Input;
use crate::model::{Budget, Says, Statement};
use crate::search::counted_out;
use crate::state::State;

/// Groups have so many tasks, each group the one before it and more.
const SIZES: [usize; 6] = [2, 4, 8, 16, 32, 64];

/// Tasks of which the given statements cannot all hold, if counting shows it within the budget.
pub(crate) fn refute(
    input: &Input<'_>,
    facts: &Facts<'_>,
    all: &BTreeSet<Statement>,
    budget: &mut Budget,
) -> Option<BTreeSet<usize>> {
    let order = by_scarcity(facts, all);
    let mut before = 0;
    for size in SIZES {
        let size = size.min(order.len());
        if size == before || budget.left == 0 {
            return None;
        }
        before = size;
        let group = order[..size].iter().copied().collect();
        let mut share = budget.take(budget.left / 4);
        let refuted = of_group(input, all, &group, &mut share);
        budget.give(&share);
        if refuted.is_some() {
            return refuted;
        }
    }
    None
}

/// Tasks with a count, those first that want the largest share of what hosts can have of them.
fn by_scarcity(facts: &Facts<'_>, all: &BTreeSet<Statement>) -> Vec<usize> {
    let kinds = (0..facts.kinds())
        .filter(|&kind| all.contains(&Statement::Count(kind)) && closure::bound(facts, kind) > 0);
    let mut order: Vec<usize> = kinds.collect();
    order.sort_by_cached_key(|&kind| {
        let room = u128::from(closure::room(facts, kind).max(1));
        (Reverse(u128::from(closure::bound(facts, kind)) * 1_000_000 / room), kind)
    });
    order
}

fn of_group(
    input: &Input<'_>,
    all: &BTreeSet<Statement>,
    group: &BTreeSet<usize>,
    budget: &mut Budget,
) -> Option<BTreeSet<usize>> {
    let set = of_kinds(all, group);
    let (model, kinds) = part(input, &set);
    if let Some(short) = counted_out(&State::kept(&model), model.max_moves) {
        return Some(short.into_iter().map(|at| kinds[at]).collect());
    }
    let proof = refutation(&model, budget)?;
    let weighs = |kind: &usize| proof.parts.iter().any(|part| part.weights[*kind] != 0);
    let mut found: Vec<usize> = (0..kinds.len()).filter(weighs).collect();
    // Those that have to stand beside them take room, however little they weigh themselves.
    let mut looked = 0;
    while let Some(&kind) = found.get(looked) {
        looked += 1;
        let held = model.touch[kind].iter().filter(|touch| touch.holds > 0);
        for touch in held.filter(|touch| touch.says == Says::Always) {
            let carriers = model.tags[model.rules[touch.rule].tag].profiles.iter();
            let new = carriers.filter(|at| **at < kinds.len() && !found.contains(at));
            found.extend(new.copied().collect::<Vec<usize>>());
        }
    }
    Some(found.into_iter().map(|at| kinds[at]).collect())
}

/// The statements of some kinds, and everything about what runs.
pub(crate) fn of_kinds(all: &BTreeSet<Statement>, kinds: &BTreeSet<usize>) -> BTreeSet<Statement> {
    let mut set = all.clone();
    set.retain(|one| match one {
        Statement::Count(kind)
        | Statement::Resources(kind)
        | Statement::Pins(kind)
        | Statement::Bias(kind, _) => kinds.contains(kind),
        Statement::Others(_) => true,
    });
    set
}
