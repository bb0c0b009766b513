//! The way from a model to an answer: greedy attempts, the complete search, local search, improvement.
//!
//! Owns how the budget is shared out. Must not know why something fails; `explain` asks that.

use crate::Options;
use crate::anneal::{Aim, anneal};
use crate::bound::{Filled, Proof, dive, points, refutation};
use crate::construct::{Manner, attempt, construct, crowd, filled, gathered};
use crate::improve::improve;
use crate::input::Input;
use crate::model::{Budget, Model};
use crate::random::mixed;
use crate::search::{Outcome, counted_out, search};
use crate::state::State;

/// Greedy attempts in an order drawn from the seed.
const SHUFFLES: u64 = 3;
/// Making a placement even ends after so many looks, however large the budget is.
const IMPROVE_STEPS: u64 = 100_000;
/// So many tasks are few.
const FEW: usize = 16;
/// The complete search gets a first, short turn of so many steps.
const FIRST_TURN: u64 = 20_000;
/// Local searches for a valid placement, each with twice the steps of the one before.
const REPAIRS: u32 = 3;

/// What can be said without a search: a first placement that moves nothing, or that there is none, with
/// the kinds that it was seen by.
pub(crate) fn at_once(model: &Model) -> (Outcome<'_>, Option<Vec<usize>>) {
    let kept = State::kept(model);
    let short = counted_out(&kept, moves_most(model));
    if short.is_some() {
        return (Outcome::None, short);
    }
    let manners = [Manner::Spread, Manner::Pack];
    let found = manners.into_iter().find_map(|manner| construct(&kept, 0, manner));
    let found = found.or_else(|| gathered(&kept));
    (found.map_or(Outcome::Spent, |state| Outcome::Found(Box::new(state))), None)
}

/// A valid placement, the proof that there is none, or neither. As few moves as could be shown.
pub(crate) fn solve<'m>(model: &'m Model, seed: u64, budget: &mut Budget) -> Outcome<'m> {
    let (first, _) = at_once(model);
    if !matches!(first, Outcome::Spent) {
        return first;
    }
    // Few rows are looked at sooner than they are searched.
    if model.kinds.len() <= FEW {
        let mut share = budget.take(budget.left / 8);
        let refuted = refutation(model, &mut share).is_some();
        budget.give(&share);
        if refuted {
            return Outcome::None;
        }
    }
    persist(model, seed, budget)
}

/// The same once that was not enough.
pub(crate) fn persist<'m>(model: &'m Model, seed: u64, budget: &mut Budget) -> Outcome<'m> {
    let mut spent = false;
    let most = moves_most(model);
    for moves in 0..=most {
        if let Some(state) = greedy(model, seed, moves) {
            return Outcome::Found(Box::new(state));
        }
        let part = budget.left / u64::from(most - moves + 1);
        let mut share = budget.take(part);
        let outcome = with_moves(model, seed, moves, &mut share);
        budget.give(&share);
        match outcome {
            Outcome::Found(state) => return Outcome::Found(state),
            Outcome::Spent => spent = true,
            Outcome::None => {}
        }
        if budget.left == 0 && moves < most {
            // Too little is left to prove anything; a plan may still be found at once.
            return greedy(model, seed, most)
                .map_or(Outcome::Spent, |state| Outcome::Found(Box::new(state)));
        }
    }
    if spent { Outcome::Spent } else { Outcome::None }
}

/// With no pins in the way, the number of moves decides nothing.
fn moves_most(model: &Model) -> u32 {
    movable(model).min(model.max_moves)
}

/// The complete search for a moment, then weights that refute every placement, then local search, then
/// the complete search for the rest.
fn with_moves<'m>(model: &'m Model, seed: u64, moves: u32, budget: &mut Budget) -> Outcome<'m> {
    let mut share = budget.take(FIRST_TURN);
    let outcome = search(model, moves, &mut share);
    budget.give(&share);
    if !matches!(outcome, Outcome::Spent) {
        return outcome;
    }
    let mut share = budget.take(budget.left / 4);
    let refuted = refutation(model, &mut share).is_some();
    budget.give(&share);
    if refuted {
        return Outcome::None;
    }
    for turn in 0..REPAIRS {
        let mut share = budget.take(budget.left / (3 * (1 << (REPAIRS - turn))));
        let repaired = repair(model, mixed(seed ^ u64::from(turn)), moves, &mut share);
        budget.give(&share);
        if let Some(state) = repaired {
            return Outcome::Found(Box::new(state));
        }
    }
    search(model, moves, budget)
}

/// Fills hosts, beside what runs, with the patterns of the linear program, and mends what does not come out.
pub(crate) fn dived<'m>(
    input: &Input<'_>,
    model: &'m Model,
    budget: &mut Budget,
) -> Option<State<'m>> {
    let mut share = budget.take(budget.left / 2);
    let runs = model.kinds.iter().any(|kind| kind.run_total > 0);
    let hosts = if runs {
        Model::of_missing(input).and_then(|missing| dive(&missing, &mut share))
    } else {
        dive(model, &mut share)
    };
    budget.give(&share);
    let mut state = filled(model, &hosts?, Manner::Pack);
    if !state.is_complete() {
        let seed = input.options.seed;
        if !crowd(&mut state, seed) {
            return None;
        }
        anneal(&mut state, Aim::Valid, seed, budget);
    }
    state.is_complete().then_some(state)
}

/// Starts from a greedy attempt with the rest put anywhere, and mends what is wrong.
fn repair<'m>(model: &'m Model, seed: u64, moves: u32, budget: &mut Budget) -> Option<State<'m>> {
    let mut state = attempt(&State::kept(model), moves, Manner::Pack);
    if !crowd(&mut state, seed) {
        return None;
    }
    anneal(&mut state, Aim::Valid, seed, budget);
    (state.is_complete() && state.moves() <= moves).then_some(state)
}

fn movable(model: &Model) -> u32 {
    let pinned = model.kinds.iter().filter(|kind| !kind.free_to_leave);
    pinned.map(|kind| kind.run_total).sum()
}

fn greedy(model: &Model, seed: u64, moves: u32) -> Option<State<'_>> {
    let shuffled = (0..SHUFFLES).map(|turn| Manner::Shuffled(mixed(seed.wrapping_add(turn))));
    // Without moves these two were tried at once.
    let plain = [Manner::Spread, Manner::Pack].into_iter().filter(|_| moves > 0);
    let kept = State::kept(model);
    plain.chain(shuffled).find_map(|manner| construct(&kept, moves, manner))
}

/// Makes what was found as good as the budget allows. So many points are enough.
pub(crate) fn polish(state: &mut State<'_>, enough: i64, options: &Options, budget: &mut Budget) {
    level(state, budget);
    if state.score >= enough {
        return;
    }
    let effort = effort(state, options);
    if effort < outset(state.model) {
        return;
    }
    let mut share = budget.take(effort);
    let mut better = state.clone();
    let mut aim = Aim::Points(enough);
    if let Some(gathered) = gathered(&State::kept(state.model))
        && gathered.score > state.score
    {
        (better, aim) = (gathered, Aim::MorePoints(enough));
    }
    anneal(&mut better, aim, options.seed, &mut share);
    budget.give(&share);
    // Among equals the plain way is kept, so that small changes of a file change little.
    if better.score > state.score && better.is_complete() {
        *state = better;
        level(state, budget);
    }
}

/// Steps up and towards evenness, where the looks that this takes are few enough.
fn level(state: &mut State<'_>, budget: &mut Budget) {
    let mut share = budget.take(IMPROVE_STEPS);
    improve(state, &mut share);
    budget.give(&share);
}

/// A bound below the plain one, if the budget allows, and where it may show that nothing is better. What the
/// way there shows of better plans is tried.
pub(crate) fn prove(
    state: &mut State<'_>,
    plain: i64,
    certified: bool,
    options: &Options,
    budget: &mut Budget,
) -> Option<Proof> {
    if state.score >= plain && !certified {
        return None;
    }
    let most = if certified { budget.left } else { effort(state, options) };
    if !certified && most < outset(state.model) {
        return None;
    }
    let mut share = budget.take(most.min(budget.left));
    let mut for_plan = budget.take(effort(state, options) / 2);
    let found = points(state, &mut share, &mut for_plan);
    budget.give(&share);
    budget.give(&for_plan);
    let (proof, hosts) = found?;
    if let Some(hosts) = hosts {
        let mut share = budget.take(effort(state, options));
        adopt(state, &hosts, plain, options, &mut share);
        budget.give(&share);
    }
    Some(proof)
}

/// Takes a plan begun with these hosts, if it comes to more points.
fn adopt(
    state: &mut State<'_>,
    hosts: &[Filled],
    enough: i64,
    options: &Options,
    budget: &mut Budget,
) {
    let mut other = filled(state.model, hosts, Manner::Spread);
    if !other.is_complete() && !crowd(&mut other, options.seed) {
        return;
    }
    anneal(&mut other, Aim::MorePoints(enough), options.seed, budget);
    level(&mut other, budget);
    if other.score > state.score && other.is_complete() {
        *state = other;
    }
}

/// Steps in proportion to what may be moved: with the usual budget a thousand for each instance.
fn effort(state: &State<'_>, options: &Options) -> u64 {
    let kinds = state.model.kinds.iter().enumerate();
    let new: u32 = kinds.map(|(at, kind)| state.placed[at].saturating_sub(kind.run_total)).sum();
    (options.budget_steps / 2_000).saturating_mul(u64::from(new))
}

/// About what it takes to look at everything once. A search that may not take longer is not worth it: few
/// new instances are tried everywhere anyhow.
fn outset(model: &Model) -> u64 {
    u64::try_from(model.kinds.len().saturating_mul(model.hosts.len())).unwrap_or(u64::MAX)
}

/// No plan has more points than this: every `prefer` met that has a carrier beside its holder at all,
/// every instance on the best host for it, no cost that can be avoided.
pub(crate) fn bound(model: &Model) -> i64 {
    use crate::model::Says;
    let held = |holder: usize| -> i64 {
        let fixed = holder.checked_sub(model.kinds.len()).map(|at| &model.fixed[at]);
        fixed.map_or_else(
            || i64::from(model.kinds[holder].most),
            |group| group.at.iter().map(|(_, count)| i64::from(*count)).sum(),
        )
    };
    let live = |profile: usize| {
        let ending = profile.checked_sub(model.kinds.len()).map(|at| model.fixed[at].ending);
        if ending == Some(true) { 0 } else { held(profile) }
    };
    let rules: i64 = model
        .rules
        .iter()
        .map(|rule| match rule.says {
            Says::Prefer(weight) => {
                let carriers: i64 = model.tags[rule.tag].profiles.iter().map(|&at| live(at)).sum();
                if carriers > i64::from(rule.own) { weight * held(rule.holder) } else { 0 }
            }
            _ => 0,
        })
        .sum();
    let points: i64 = model
        .kinds
        .iter()
        .map(|kind| {
            if kind.points.is_usual() {
                return 0;
            }
            let open = (0..model.hosts.len())
                .filter(|&host| kind.allowed.at(host) || kind.runs.at(host) > 0);
            open.map(|host| kind.points.at(host)).max().unwrap_or(0) * i64::from(kind.most)
        })
        .sum();
    rules + points + model.base_score
}
