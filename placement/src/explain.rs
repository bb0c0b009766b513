//! Why there is no plan: which verdict, and which few statements cannot hold together.
//!
//! Owns the leaving-out of statements with the solver as oracle. What it calls proved is proved;
//! where the budget ends first, more statements stay in than are needed. Must not know wording.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use lathe_topology::{Tag, Target, Word};

use crate::closure::{Facts, contradiction};
use crate::input::Input;
use crate::model::{Budget, Holding, Model, Statement, attribute_statements, statements};
use crate::partial;
use crate::refute::{of_kinds, refute};
use crate::repairs::repairs;
use crate::search::Outcome;
use crate::solve::solve;
use crate::state::State;
use crate::verdict::{Refusal, Verdict};
use crate::wording;

/// What is known of a set of statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Possible,
    Impossible,
    Open,
}

/// What was shown before it is asked why.
#[derive(Debug)]
pub(crate) struct Found {
    /// There is no plan.
    pub(crate) proved: bool,
    /// Tasks of which alone that was shown.
    pub(crate) kinds: Option<BTreeSet<usize>>,
}

struct Oracle<'i, 'b> {
    input: &'i Input<'i>,
    facts: &'i Facts<'i>,
    budget: &'b mut Budget,
    /// A single question may spend this much.
    each: u64,
}

impl Oracle<'_, '_> {
    fn ask(&mut self, set: &BTreeSet<Statement>) -> Known {
        if contradiction(self.facts, Holding::Only(set)).is_some() {
            return Known::Impossible;
        }
        let mut share = self.budget.take(self.each);
        let (model, kinds) = part(self.input, set);
        if share.spend(1 + kinds.len().saturating_mul(self.input.hosts.len()) / 8).is_break() {
            return Known::Open;
        }
        let outcome = solve(&model, self.input.options.seed, &mut share);
        self.budget.give(&share);
        match outcome {
            Outcome::Found(_) => Known::Possible,
            Outcome::None => Known::Impossible,
            Outcome::Spent => Known::Open,
        }
    }
}

/// The model of the tasks that matter to some statements, and which tasks these are, ascending.
pub(crate) fn part(input: &Input<'_>, set: &BTreeSet<Statement>) -> (Model, Vec<usize>) {
    let kinds = in_play(input, set);
    let fewer = input.only(&kinds);
    let set = set.iter().filter_map(|one| renumbered(one, &kinds)).collect();
    (Model::new(&fewer, Holding::Only(&set)), kinds.into_iter().collect())
}

/// The tasks that matter to some statements: those whose count is named, and those that somebody
/// may need beside it. Of the others a placement may have none, so they are left out.
fn in_play(input: &Input<'_>, set: &BTreeSet<Statement>) -> BTreeSet<usize> {
    let fixed = input.fixed.iter().flat_map(|(_, one)| &one.biases);
    let named = set.iter().filter_map(|statement| match statement {
        Statement::Bias(kind, at) => Some(&input.wanted[*kind].spec.biases[*at]),
        _ => None,
    });
    let needed: BTreeSet<&Tag> = fixed
        .chain(named)
        .filter(|bias| bias.word == Word::Always)
        .filter_map(|bias| match &bias.target {
            Target::Tag(tag) => Some(tag),
            Target::Attribute { .. } => None,
        })
        .collect();
    let kinds = 0..input.wanted.len();
    kinds
        .filter(|kind| {
            set.contains(&Statement::Count(*kind))
                || (!needed.is_empty()
                    && input.wanted[*kind].spec.carried_tags().iter().any(|t| needed.contains(t)))
        })
        .collect()
}

/// A statement with its task's index among fewer tasks.
fn renumbered(statement: &Statement, kinds: &BTreeSet<usize>) -> Option<Statement> {
    let new = |kind: &usize| kinds.contains(kind).then(|| kinds.range(..kind).count());
    Some(match statement {
        Statement::Count(kind) => Statement::Count(new(kind)?),
        Statement::Bias(kind, at) => Statement::Bias(new(kind)?, *at),
        Statement::Resources(kind) => Statement::Resources(new(kind)?),
        Statement::Pins(kind) => Statement::Pins(new(kind)?),
        Statement::Others(name) => Statement::Others(name.clone()),
    })
}

/// The refusal for an input without a plan.
pub(crate) fn refuse(
    input: &Input<'_>,
    facts: &Facts<'_>,
    found: Found,
    budget: &mut Budget,
) -> Verdict {
    let Found { proved, kinds } = found;
    let total = input.options.budget_steps;
    let alone: BTreeSet<Statement> = statements(input, false).into_iter().collect();
    let half = budget.left / 2;
    let all: BTreeSet<Statement> = statements(input, true).into_iter().collect();
    let same = all == alone && input.fixed.is_empty();
    let relaxed = match (same, proved) {
        // Nothing runs that could be thought away, so the answer is known.
        (true, true) => Known::Impossible,
        (true, _) => Known::Open,
        _ => Oracle { input, facts, budget, each: half }.ask(&alone),
    };
    let mut oracle = Oracle { input, facts, budget, each: 0 };
    match (relaxed, proved) {
        (Known::Impossible, _) => {
            let reasons = reasons(&mut oracle, &alone, kinds.as_ref(), same);
            let repairs = repairs(input, &reasons);
            Verdict::Impossible(Refusal { repairs, ..wording::impossible(input, &reasons) })
        }
        (Known::Possible, true) => {
            let reasons = reasons(&mut oracle, &all, kinds.as_ref(), true);
            let repairs = repairs(input, &reasons);
            Verdict::Blocked(Refusal { repairs, ..wording::blocked(input, &reasons) })
        }
        _ => {
            let steps = total.saturating_sub(budget.left);
            let best = partial::best(input);
            let refusal = wording::unknown(input, steps, proved, &best);
            Verdict::Unknown { steps, refusal, best }
        }
    }
}

/// A small part of an impossible set that is still impossible. `shown`: tasks that may be enough, or are
/// for sure.
fn reasons(
    oracle: &mut Oracle<'_, '_>,
    all: &BTreeSet<Statement>,
    shown: Option<&BTreeSet<usize>>,
    sure: bool,
) -> BTreeSet<Statement> {
    oracle.each = (oracle.budget.left / 16).max(1);
    let mut start = shown.map(|kinds| of_kinds(all, kinds));
    // What was shown of everything need not hold where what runs is thought away.
    start.take_if(|set| !sure && oracle.ask(set) != Known::Impossible);
    let start = start.or_else(|| {
        let kinds = contradiction(oracle.facts, Holding::Only(all));
        let kinds = kinds.or_else(|| {
            let mut share = oracle.budget.take(oracle.budget.left / 4);
            let kinds = refute(oracle.input, oracle.facts, all, &mut share);
            oracle.budget.give(&share);
            kinds
        });
        kinds.map(|kinds| of_kinds(all, &kinds))
    });
    let start = start.or_else(|| {
        let suspects = suspects(oracle.input, all);
        suspects.into_iter().find(|set| oracle.ask(set) == Known::Impossible)
    });
    minimal(oracle, start.unwrap_or_else(|| all.clone()))
}

/// Leaves out what is not needed: QuickXplain (Junker, 2004). Where there is a choice, rules stay: they are
/// better reasons than numbers. A question that stays open counts as needed.
fn minimal(oracle: &mut Oracle<'_, '_>, set: BTreeSet<Statement>) -> BTreeSet<Statement> {
    let mut order: Vec<Statement> = set.into_iter().collect();
    order.sort_by_key(|one| Reverse(rank(one)));
    needed(oracle, &BTreeSet::new(), false, &order).into_iter().collect()
}

/// Those of the rest that are impossible together with what holds already. `more`: that has grown.
fn needed(
    oracle: &mut Oracle<'_, '_>,
    holds: &BTreeSet<Statement>,
    more: bool,
    rest: &[Statement],
) -> Vec<Statement> {
    if oracle.budget.left == 0 {
        return rest.to_vec();
    }
    if more && oracle.ask(holds) == Known::Impossible {
        return Vec::new();
    }
    if rest.len() < 2 {
        return rest.to_vec();
    }
    let (first, second) = rest.split_at(rest.len() / 2);
    let with = |some: &[Statement]| holds.iter().chain(some).cloned().collect::<BTreeSet<_>>();
    let mut found = needed(oracle, &with(first), true, second);
    let before = needed(oracle, &with(&found), !found.is_empty(), first);
    found.extend(before);
    found
}

/// How good a reason is; what is least is left out first: numbers, since a rule is better.
fn rank(statement: &Statement) -> (u8, Statement) {
    let class = match statement {
        Statement::Others(_) => 0,
        Statement::Pins(_) => 1,
        Statement::Resources(_) => 2,
        Statement::Count(_) => 3,
        Statement::Bias(..) => 4,
    };
    (class, statement.clone())
}

/// Small sets that look impossible by counting alone, the smallest first.
fn suspects(input: &Input<'_>, all: &BTreeSet<Statement>) -> Vec<BTreeSet<Statement>> {
    let model = Model::new(input, Holding::Only(all));
    let state = State::new(&model);
    let mut sets: Vec<BTreeSet<usize>> = Vec::new();
    for kind in 0..model.kinds.len() {
        if model.kinds[kind].least == 0 {
            continue;
        }
        let hosts = 0..model.hosts.len();
        let room: u64 = hosts.map(|host| u64::from(state.room(kind, host))).sum();
        if room < u64::from(model.kinds[kind].least) {
            sets.push(BTreeSet::from([kind]));
        }
        sets.extend(hopeless_always(&model, kind));
    }
    for (sort, clique) in model.cliques() {
        let wanted: u64 = clique.iter().map(|&kind| u64::from(model.kinds[kind].least)).sum();
        if wanted > u64::try_from(model.domains[sort].len()).unwrap_or(u64::MAX) {
            sets.push(clique.into_iter().collect());
        }
    }
    let mut found: Vec<BTreeSet<Statement>> = Vec::new();
    for kinds in &sets {
        found.push(of_kinds(all, kinds));
    }
    found.push(all.iter().filter(|one| is_number(one)).cloned().collect());
    found.sort_by_key(BTreeSet::len);
    found.dedup();
    // Each costs a question; the smallest are the likeliest.
    found.truncate(8);
    found
}

/// The kinds around an `always` of which none may stand beside the holder.
fn hopeless_always(model: &Model, kind: usize) -> Option<BTreeSet<usize>> {
    let rules = model.touching[kind].iter().map(|&at| &model.rules[at]);
    let mut always =
        rules.filter(|rule| rule.holder == kind && rule.says == crate::model::Says::Always);
    always.find_map(|rule| {
        let carriers: BTreeSet<usize> = model.tags[rule.tag]
            .profiles
            .iter()
            .copied()
            .filter(|&at| at < model.kinds.len() && model.kinds[at].most > 0)
            .collect();
        let beside = |other: &usize| {
            (*other != kind || model.kinds[kind].most > 1)
                && !model.conflict(kind, *other, rule.domain)
        };
        (!carriers.iter().any(beside)).then(|| carriers.into_iter().chain([kind]).collect())
    })
}

fn is_number(statement: &Statement) -> bool {
    !matches!(statement, Statement::Bias(..))
}

/// The hard attribute biases in a set, by kind.
pub(crate) fn attribute_biases(
    input: &Input<'_>,
    set: &BTreeSet<Statement>,
) -> BTreeMap<usize, Vec<usize>> {
    let mut found: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for kind in 0..input.wanted.len() {
        for statement in attribute_statements(input, kind) {
            if let (true, Statement::Bias(kind, at)) = (set.contains(&statement), &statement) {
                found.entry(*kind).or_default().push(*at);
            }
        }
    }
    found
}
