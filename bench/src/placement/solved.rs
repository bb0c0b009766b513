//! One case in a process of its own: made, solved, checked, and told as JSON.
//!
//! Owns what is measured of a case. Time runs while `place` works, and not while a case is made or
//! checked.

use std::time::Instant;

use lathe_placement::{Options, Plan, Running, Verdict, conflict, place, place_proved, verify};
use lathe_topology::{Code, Diagnostic, Topology};
use serde_json::{Value, json};

use super::case::{Case, Known, made};
use super::deletion::{needless, needless_in};
use super::{churn, tables};
use crate::failure::Failure;
use crate::machine::memory_mib;
use crate::say;

/// The first budget, in steps.
const FIRST: u64 = 20_000;
/// Verdicts without a plan get this much: it is what a scheduler gives.
const USUAL: u64 = 2_000_000;
/// A budget is at most so many times the one before it.
const GROWTH: f64 = 10.0;
/// The search for a bound goes on as long as the next try may end in so many seconds in all.
const BOUND_SECS: f64 = 120.0;
/// Each try for a bound has so many times the budget of the one before, and takes about as much longer.
const BOUND_GROWTH: u64 = 4;

/// Solves a case and prints what came of it.
pub(crate) fn run(name: &str, within_ms: u32) -> Result<bool, Failure> {
    let unknown = || Failure::Unexpected(format!("no case is called {name}"));
    let (name, bounds) = match name.strip_prefix("bound:") {
        Some(name) => (name, true),
        None => (name, false),
    };
    let case = made(name).ok_or_else(unknown)?;
    let text = tables::file(&case.tables);
    let mut answer = match (parsed(&text)?, name.starts_with("churn:")) {
        (Err((ms, found)), _) => by_check(&case, ms, &text, &found),
        (Ok(topology), true) => churn::run(&case, topology, name),
        (Ok(topology), false) if bounds => bounded(&case, topology),
        (Ok(topology), false) => solved(&case, topology, within_ms),
    };
    answer["peak_mib"] = json!(memory_mib(std::process::id(), "VmHWM"));
    say::data(&answer.to_string());
    Ok(true)
}

/// How long it took to see that a file contradicts itself, and what was found.
type Contradiction = (f64, Vec<Diagnostic>);

/// The file as a value, or how it contradicts itself.
fn parsed(text: &str) -> Result<Result<Topology, Contradiction>, Failure> {
    let start = Instant::now();
    match lathe_topology::parse("case", text) {
        Ok(checked) => Ok(Ok(checked.topology)),
        Err(found) => {
            let ms = start.elapsed().as_secs_f64() * 1e3;
            let of_rules =
                |code| code == Code::CONTRADICTION || code == Code::ALWAYS_WITHOUT_CARRIER;
            match found.iter().find(|one| !of_rules(one.code)) {
                None => Ok(Err((ms, found))),
                Some(other) => Err(Failure::Unexpected(other.message.clone())),
            }
        }
    }
}

/// What the check of the file has found.
fn by_check(case: &Case, ms: f64, text: &str, found: &[Diagnostic]) -> Value {
    let right = matches!(case.known, Known::Impossible(_));
    let needless = needless_in(case, text, found);
    json!({
        "verdict": "impossible",
        "ms": ms,
        "static_ms": ms,
        "right": right,
        "core_small": right,
        "irreducible": needless.is_empty(),
        "needless": needless,
    })
}

/// Budgets are raised until the time is used; the best plan that came in time counts.
fn solved(case: &Case, topology: Topology, within_ms: u32) -> Value {
    let given = [topology];
    let within = f64::from(within_ms);
    let mut best: Option<Value> = None;
    let seen_ms = seen(case, &given);
    let mut budget_steps = FIRST;
    loop {
        // Changes that would help are tried after the reasons are known.
        let options = Options { budget_steps, repairs: false, ..Options::default() };
        let began = Instant::now();
        let verdict = place(&case.cluster, &given, &case.running, &options);
        let ms = began.elapsed().as_secs_f64() * 1e3;
        let late = within_ms > 0 && ms > within;
        if late && best.is_some() {
            break;
        }
        let mut answer = judged(case, &given, &options, &verdict);
        answer["ms"] = json!(ms);
        answer["steps"] = json!(budget_steps);
        answer["static_ms"] = json!(seen_ms);
        let is_plan = matches!(verdict, Verdict::Placed(_));
        let is_better =
            best.as_ref().is_none_or(|best| best["score"].as_i64() <= answer["score"].as_i64());
        if is_better {
            best = Some(answer);
        }
        if within_ms > 0 && !is_plan && budget_steps < USUAL {
            // Without a plan there is nothing to improve: what is usual comes next.
            budget_steps = USUAL;
            continue;
        }
        // Without time to improve the first plan is the answer; without a plan what is usual counts.
        let growth =
            if within_ms == 0 { GROWTH } else { (0.9 * within / ms.max(0.01)).min(GROWTH) };
        let enough = within_ms == 0 && (is_plan || budget_steps >= USUAL);
        if enough || late || growth < 1.2 || budget_steps > USUAL * 10_000 {
            if let (Some(best), Verdict::Impossible(refusal) | Verdict::Blocked(refusal)) =
                (&mut best, &verdict)
            {
                let needless = needless(case, &given[0], refusal);
                best["irreducible"] = json!(needless.is_empty());
                best["needless"] = json!(needless);
            }
            break;
        }
        budget_steps = (budget_steps as f64 * growth) as u64;
    }
    best.unwrap_or_default()
}

/// How long it took to see without a search that there is no placement; none where that is not seen.
fn seen(case: &Case, given: &[Topology]) -> Option<f64> {
    let began = Instant::now();
    let found = conflict(&case.cluster, given, &case.running, &Options::default());
    let ms = began.elapsed().as_secs_f64() * 1e3;
    found.map(|_| ms)
}

/// The least bound that can be had in some time.
fn bounded(case: &Case, topology: Topology) -> Value {
    let given = [topology];
    let start = Instant::now();
    let mut budget_steps = USUAL;
    let (mut least, mut score) = (None, None);
    loop {
        let options = Options { budget_steps, ..Options::default() };
        let (verdict, _) = place_proved(&case.cluster, &given, &case.running, &options);
        if let Verdict::Placed(plan) = verdict {
            least = [least, plan.bound].into_iter().flatten().min();
            score = score.max(Some(plan.score));
        }
        // All tries so far took about as long as the last one, and a third.
        let secs = start.elapsed().as_secs_f64();
        if secs * (1 + BOUND_GROWTH) as f64 > BOUND_SECS || least == score {
            return json!({ "bound": least, "score": score, "seconds": secs });
        }
        budget_steps *= BOUND_GROWTH;
    }
}

fn judged(case: &Case, given: &[Topology], options: &Options, verdict: &Verdict) -> Value {
    match verdict {
        Verdict::Placed(plan) => placed(case, given, options, plan),
        Verdict::Blocked(refusal) => {
            let core = match case.known {
                Known::Blocked(core) => Some(core),
                _ => None,
            };
            refused("blocked", refusal.reasons.len(), core)
        }
        Verdict::Impossible(refusal) => {
            let core = match case.known {
                Known::Impossible(core) => Some(core),
                _ => None,
            };
            refused("impossible", refusal.reasons.len(), core)
        }
        Verdict::Unknown { .. } => json!({ "verdict": "unknown", "right": false, "valid": false }),
    }
}

fn refused(verdict: &str, reasons: usize, core: Option<usize>) -> Value {
    json!({
        "verdict": verdict,
        "right": core.is_some(),
        "valid": false,
        "reasons": reasons,
        "core_small": core.is_some_and(|core| reasons <= core),
    })
}

fn placed(case: &Case, given: &[Topology], options: &Options, plan: &Plan) -> Value {
    let checked = verify(&case.cluster, given, &case.running, options, plan);
    let valid = checked.is_ok();
    let share = |of: i64| {
        let gap = (of - plan.score).max(0) as f64 / of.abs().max(1) as f64;
        1.0 - gap
    };
    let optimum = match case.known {
        Known::Optimum(most) => Some(share(most)),
        _ => None,
    };
    json!({
        "verdict": "placed",
        "right": valid && matches!(case.known, Known::Feasible | Known::Optimum(_)),
        "valid": valid,
        "breach": checked.err().and_then(|all| all.first().map(|one| one.text.clone())),
        "score": plan.score,
        "bound": plan.bound,
        "of_bound": plan.bound.filter(|_| valid).map(share),
        "of_optimum": optimum.filter(|_| valid),
    })
}

/// What runs once a plan was carried out.
pub(super) fn carried_out(plan: &Plan, given: &[Topology], beside: &Running) -> Running {
    let mut instances = beside.instances.clone();
    instances.retain(|one| given.iter().all(|topology| topology.name != one.topology));
    for one in &plan.assignments {
        let topology = given.iter().find(|topology| topology.name == one.topology);
        let Some(spec) = topology.and_then(|topology| topology.task(&one.task)) else { continue };
        instances.push(lathe_placement::RunningInstance {
            topology: one.topology.clone(),
            task: one.task.clone(),
            slot: one.slot,
            host: one.host.clone(),
            tags: spec.carried_tags(),
            biases: spec.biases.clone(),
            resources: spec.resources.clone(),
            keep: true,
        });
    }
    Running { instances }
}
