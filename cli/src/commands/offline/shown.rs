//! A plan as people read it: what changes, a line each, and the score against its bound.
//!
//! Owns the words. It must not know how a plan is found.

use std::collections::{BTreeMap, BTreeSet};

use lathe_placement::{Assignment, Change, Plan};
use lathe_topology::TaskPath;

use super::Scene;
use crate::printer::{Printer, Tone};

/// With more changes than this each task has one line, unless all are asked for.
const LINES: usize = 100;

/// As much of a plan as could be made.
pub(super) fn part(scene: &Scene<'_>, best: &Plan, all: bool, printer: &Printer) -> String {
    let wanted = scene.wanted();
    let placed = best.assignments.len();
    format!("{placed} of {wanted} instances were placed:\n{}", plan(scene, best, all, printer))
}

pub(super) fn plan(scene: &Scene<'_>, plan: &Plan, all: bool, printer: &Printer) -> String {
    let kept = plan.assignments.iter().filter(|one| one.change == Change::Keep).count();
    let changes = plan.assignments.len() - kept + plan.stops.len();
    let names: Vec<&str> = scene.sources.iter().map(|one| one.topology.name.as_str()).collect();
    let head = match changes {
        0 => "nothing changes".to_owned(),
        1 => "1 change".to_owned(),
        more => format!("{more} changes"),
    };
    let mut lines = vec![format!("{}: {head}, {kept} instances stay", names.join(", "))];
    if changes > LINES && !all {
        lines.extend(in_short(plan));
        lines.push(format!("  (one line a task; --all has all {changes})"));
    } else {
        lines.extend(one_by_one(plan, all, printer));
    }
    lines.push(score(plan));
    lines.join("\n")
}

/// `score 412 of at most 415`.
fn score(plan: &Plan) -> String {
    match plan.bound {
        Some(bound) if bound == plan.score => {
            format!("score {bound}, and no plan has more")
        }
        Some(bound) => format!("score {} of at most {bound}", plan.score),
        None => format!("score {}", plan.score),
    }
}

fn one_by_one(plan: &Plan, all: bool, printer: &Printer) -> Vec<String> {
    let line = |sign: &str, tone: Tone, word: &str, rest: String| {
        let word = printer.paint(tone, word) + &" ".repeat(5_usize.saturating_sub(word.len()));
        format!("  {sign} {word} {rest}")
    };
    let mut lines: Vec<(&TaskPath, u32, String)> = Vec::new();
    for Assignment { task, slot, host, change, .. } in &plan.assignments {
        let text = match change {
            Change::Keep if !all => continue,
            Change::Keep => line(" ", Tone::Head, "keep", format!("{task}#{slot} on {host}")),
            Change::Start => line("+", Tone::Good, "start", format!("{task}#{slot} on {host}")),
            Change::Move { from } => {
                line(">", Tone::Busy, "move", format!("{task}#{slot} on {host} (from {from})"))
            }
        };
        lines.push((task, *slot, text));
    }
    for stop in &plan.stops {
        let rest = format!("{}#{} on {}", stop.task, stop.slot, stop.host);
        lines.push((&stop.task, stop.slot, line("-", Tone::Bad, "stop", rest)));
    }
    lines.sort_by_key(|(task, slot, _)| (*task, *slot));
    lines.into_iter().map(|(_, _, text)| text).collect()
}

/// What becomes of a task's instances.
#[derive(Default)]
struct Counts<'a> {
    start: usize,
    moved: usize,
    stop: usize,
    kept: usize,
    hosts: BTreeSet<&'a str>,
}

fn in_short(plan: &Plan) -> impl Iterator<Item = String> {
    let mut tasks: BTreeMap<&TaskPath, Counts<'_>> = BTreeMap::new();
    for one in &plan.assignments {
        let counts = tasks.entry(&one.task).or_default();
        counts.hosts.insert(&one.host);
        match one.change {
            Change::Start => counts.start += 1,
            Change::Move { .. } => counts.moved += 1,
            Change::Keep => counts.kept += 1,
        }
    }
    for one in &plan.stops {
        tasks.entry(&one.task).or_default().stop += 1;
    }
    tasks.into_iter().map(|(task, counts)| {
        let Counts { start, moved, stop, kept, hosts } = counts;
        let words = [(start, "start"), (moved, "move"), (stop, "stop"), (kept, "stay")];
        let said = words.iter().filter(|(number, _)| *number > 0);
        let said: Vec<String> = said.map(|(number, word)| format!("{number} {word}")).collect();
        format!("  {task}: {} ({} hosts)", said.join(", "), hosts.len())
    })
}
