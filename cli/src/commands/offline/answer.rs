//! An answer as programs get it: `docs/json.md`, `docs/schema/offline.json`.
//!
//! Owns its shape. Every field is there, `null` where there is nothing.

use lathe_placement::{Assignment, Change, Plan, Reason, Refusal, Repair, Stop, Verdict};
use lathe_topology::{TaskPath, place_of, position};
use serde::Serialize;

use super::Scene;

#[derive(Debug, Serialize)]
pub(super) struct Answer<'a> {
    verdict: &'static str,
    assignments: Vec<Row<'a>>,
    stops: Vec<Row<'a>>,
    score: Option<i64>,
    bound: Option<i64>,
    moves: usize,
    missing: u64,
    reasons: Vec<Why<'a>>,
    sentence: Option<&'a str>,
    hint: Option<&'a str>,
    repairs: Vec<Works<'a>>,
}

/// A change that was tried and works.
#[derive(Debug, Serialize)]
struct Works<'a> {
    text: &'a str,
    topology: Option<&'a str>,
    task: Option<&'a TaskPath>,
    statement: Option<&'a str>,
    instead: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    topology: &'a str,
    task: &'a TaskPath,
    slot: u32,
    host: &'a str,
    change: &'static str,
    from: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Why<'a> {
    code: String,
    file: Option<String>,
    line: Option<usize>,
    statement: &'a str,
    topology: Option<&'a str>,
    task: Option<&'a TaskPath>,
}

pub(super) fn of<'a>(scene: &Scene<'_>, verdict: &'a Verdict) -> Answer<'a> {
    match verdict {
        Verdict::Placed(plan) => placed(plan),
        Verdict::Blocked(refusal) => refused(scene, "blocked", refusal),
        Verdict::Impossible(refusal) => refused(scene, "impossible", refusal),
        Verdict::Unknown { refusal, best, .. } => unknown(scene, refusal, best),
    }
}

/// As much as could be placed stands where a plan would.
fn unknown<'a>(scene: &Scene<'_>, refusal: &'a Refusal, best: &'a Plan) -> Answer<'a> {
    let Answer { reasons, sentence, hint, .. } = refused(scene, "unknown", refusal);
    let placed = u64::try_from(best.assignments.len()).unwrap_or(u64::MAX);
    let missing = scene.wanted().saturating_sub(placed);
    Answer { verdict: "unknown", missing, reasons, sentence, hint, ..self::placed(best) }
}

fn placed(plan: &Plan) -> Answer<'_> {
    let moved = |one: &&Assignment| matches!(one.change, Change::Move { .. });
    Answer {
        verdict: "placed",
        assignments: plan.assignments.iter().map(Row::of).collect(),
        stops: plan.stops.iter().map(Row::of_stop).collect(),
        score: Some(plan.score),
        bound: plan.bound,
        moves: plan.assignments.iter().filter(moved).count(),
        missing: 0,
        reasons: Vec::new(),
        sentence: None,
        hint: None,
        repairs: Vec::new(),
    }
}

fn refused<'a>(scene: &Scene<'_>, verdict: &'static str, refusal: &'a Refusal) -> Answer<'a> {
    let text = |text: &'a String| (!text.is_empty()).then_some(text.as_str());
    Answer {
        verdict,
        assignments: Vec::new(),
        stops: Vec::new(),
        score: None,
        bound: None,
        moves: 0,
        missing: scene.wanted(),
        reasons: refusal.reasons.iter().map(|reason| why(scene, reason)).collect(),
        sentence: text(&refusal.sentence),
        hint: text(&refusal.hint),
        repairs: refusal.repairs.iter().map(Works::of).collect(),
    }
}

impl<'a> Works<'a> {
    fn of(repair: &'a Repair) -> Self {
        Self {
            text: &repair.text,
            topology: repair.topology.as_deref(),
            task: repair.task.as_ref(),
            statement: repair.statement.as_deref(),
            instead: repair.instead.as_deref(),
        }
    }
}

impl<'a> Row<'a> {
    fn of(one: &'a Assignment) -> Self {
        let Assignment { topology, task, slot, host, change } = one;
        let (change, from) = match change {
            Change::Start => ("start", None),
            Change::Keep => ("keep", None),
            Change::Move { from } => ("move", Some(from.as_str())),
        };
        Self { topology, task, slot: *slot, host, change, from }
    }

    fn of_stop(one: &'a Stop) -> Self {
        let Stop { topology, task, slot, host } = one;
        Self { topology, task, slot: *slot, host, change: "stop", from: None }
    }
}

/// A reason at its own line: that of the key which it quotes, else of the place that it has.
fn why<'a>(scene: &Scene<'_>, reason: &'a Reason) -> Why<'a> {
    let source = reason.topology.as_ref().and_then(|name| scene.source(name));
    let line = source.and_then(|source| {
        let key = reason.statement.split_once(" = ").map(|(key, _)| key);
        let quoted = key.zip(reason.task.as_ref());
        let quoted = quoted.and_then(|(key, task)| place_of(&source.text, task.as_str(), key));
        let span = quoted.or_else(|| reason.span.clone()).filter(|span| !span.is_empty())?;
        Some(position(&source.text, span.start).line)
    });
    Why {
        code: reason.code.to_string(),
        file: source.map(|source| source.path.display().to_string()),
        line,
        statement: &reason.statement,
        topology: reason.topology.as_deref(),
        task: reason.task.as_ref(),
    }
}
