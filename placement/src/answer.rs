//! The course of an answer: contradictions, a first placement, counting, the search; then the plan with its
//! bound, or the reasons.
//!
//! Owns what is asked in which order, and how much of the budget each gets. Must not know how any of it is
//! found.

use std::collections::BTreeSet;

use lathe_topology::{TaskPath, Topology};

use crate::closure::{self, Facts, contradiction};
use crate::explain::{self, Found};
use crate::input::Input;
use crate::model::{Budget, Holding, Model, statements};
use crate::refute::refute;
use crate::search::Outcome;
use crate::state::State;
use crate::{
    Breach, Certificate, Cluster, Options, Plan, Running, Verdict, prove, slots, solve, verify,
};

/// The answer, with a proof where one is asked for and there is one.
pub(crate) fn answer(
    cluster: &Cluster,
    topologies: &[Topology],
    running: &Running,
    options: &Options,
    certified: bool,
) -> (Verdict, Option<Certificate>) {
    let input = Input::new(cluster, topologies, running, options);
    let mut budget = Budget { left: options.budget_steps };
    let check = |plan: &Plan| verify(cluster, topologies, running, options, plan);
    // What runs had a placement before, and the next one is near: then there is no contradiction either.
    if input.wanted.iter().any(|wanted| !wanted.runs.is_empty()) {
        let model = Model::new(&input, Holding::All);
        if let (Outcome::Found(state), _) = solve::at_once(&model) {
            return placed(&input, *state, certified, &mut budget, check);
        }
    }
    let facts = Facts::new(&input);
    if let Some(kinds) = contradiction(&facts, Holding::All) {
        let found = Found { proved: true, kinds: Some(kinds) };
        return refused(&input, &facts, found, certified, &mut budget);
    }
    let model = Model::new(&input, Holding::All);
    let (outcome, kinds) = solved(&input, &facts, &model, &mut budget);
    let proved = match outcome {
        Outcome::Found(state) => return placed(&input, *state, certified, &mut budget, check),
        Outcome::None => true,
        Outcome::Spent => false,
    };
    refused(&input, &facts, Found { proved, kinds }, certified, &mut budget)
}

/// Tasks that the rules and sizes alone exclude, or of which more are wanted than hosts can have.
pub(crate) fn conflict(input: &Input<'_>) -> Option<Vec<TaskPath>> {
    let facts = Facts::new(input);
    // What runs may stay where it is more than there is room for.
    let crowded = |kind: &usize| {
        input.wanted[*kind].runs.is_empty()
            && closure::bound(&facts, *kind) > closure::room(&facts, *kind)
    };
    let kinds = contradiction(&facts, Holding::All);
    let kinds = kinds.or_else(|| (0..facts.kinds()).find(crowded).map(|kind| [kind].into()));
    Some(kinds?.into_iter().map(|kind| input.wanted[kind].spec.path.clone()).collect())
}

/// The plan of a placement, made as good as the budget allows.
fn placed(
    input: &Input<'_>,
    mut state: State<'_>,
    certified: bool,
    budget: &mut Budget,
    check: impl Fn(&Plan) -> Result<(), Vec<Breach>>,
) -> (Verdict, Option<Certificate>) {
    let (model, options) = (state.model, input.options);
    let bound = solve::bound(model);
    solve::polish(&mut state, bound, options, budget);
    let proof = solve::prove(&mut state, bound, certified, options, budget);
    let proved = proof.as_ref().map_or(i64::MAX, |proof| prove::claimed(model, proof));
    let plan = slots::plan(input, &state.counts(), state.score, bound.min(proved));
    debug_assert_eq!(check(&plan), Ok(()), "every plan passes the independent check");
    let proof = proof.filter(|_| certified);
    let certificate = proof.map(|proof| prove::of_points(input, model, &proof));
    (Verdict::Placed(plan), certificate)
}

/// A placement, or that there is none, with the tasks that are enough to show it where they are known.
fn solved<'m>(
    input: &Input<'_>,
    facts: &Facts<'_>,
    model: &'m Model,
    budget: &mut Budget,
) -> (Outcome<'m>, Option<BTreeSet<usize>>) {
    let (first, short) = solve::at_once(model);
    if !matches!(first, Outcome::Spent) {
        return (first, short.map(BTreeSet::from_iter));
    }
    let mut share = budget.take(budget.left / 8);
    let all = statements(input, true).into_iter().collect();
    let refuted = refute(input, facts, &all, &mut share);
    budget.give(&share);
    if refuted.is_some() {
        return (Outcome::None, refuted);
    }
    let mut share = budget.take(budget.left / 2);
    let dived = solve::dived(input, model, &mut share);
    budget.give(&share);
    if let Some(state) = dived {
        return (Outcome::Found(Box::new(state)), None);
    }
    // The other half is for saying why, which needs the search again.
    let mut share = budget.take(input.options.budget_steps.div_ceil(2));
    let outcome = solve::persist(model, input.options.seed, &mut share);
    budget.give(&share);
    (outcome, None)
}

fn refused(
    input: &Input<'_>,
    facts: &Facts<'_>,
    found: Found,
    certified: bool,
    budget: &mut Budget,
) -> (Verdict, Option<Certificate>) {
    let verdict = explain::refuse(input, facts, found, budget);
    let impossible = certified && matches!(verdict, Verdict::Impossible(_));
    let mut share = Budget { left: input.options.budget_steps };
    let certificate = impossible.then(|| prove::of_impossible(input, &mut share)).flatten();
    (verdict, certificate)
}
