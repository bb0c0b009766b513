//! What people see of it, as the command line says it: plans, answers, tables, events.
//!
//! Owns the text. Must not decide anything.

use std::collections::BTreeMap;

use lathe_api::rest::{EventView, RevisionView, RolloutView, StatusView};
use lathe_scheduler::framework::command::{Answer, ChangeKind, PlanView, Refused};

use crate::spec::{Source, reason};

/// A plan: what changes, then how many stay.
pub(super) fn plan(name: &str, plan: &PlanView) -> Vec<String> {
    let mut lines = Vec::new();
    for change in plan.changes.iter().filter(|change| change.kind != ChangeKind::Keep) {
        let (sign, word) = match change.kind {
            ChangeKind::Keep => (" ", "keep"),
            ChangeKind::Start => ("+", "start"),
            ChangeKind::Stop => ("-", "stop"),
            ChangeKind::Move => (">", "move"),
            ChangeKind::Replace => ("~", "replace"),
        };
        let mut line = format!("  {sign} {word:<8} {} on {}", change.instance, change.host);
        if !change.from.is_empty() {
            line = format!("{line} (from {})", change.from);
        }
        if !change.reason.is_empty() {
            line = format!("{line}: {}", change.reason);
        }
        lines.push(line);
    }
    let kept = plan.changes.iter().filter(|change| change.kind == ChangeKind::Keep).count();
    let changes = match lines.len() {
        0 => "no instance changes".to_owned(),
        1 => "1 change".to_owned(),
        more => format!("{more} changes"),
    };
    lines.extend(plan.notes.iter().map(|note| format!("  ~ {note}")));
    if lines.is_empty() {
        return vec![format!("{name}: nothing changes ({kept} instances stay)")];
    }
    lines.insert(0, format!("{name}: {changes}, {kept} instances stay"));
    lines
}

/// What the last line of a change says.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Word(&'static str),
    Ready { wanted: u32 },
}

/// Everything that a caller was answered.
pub(super) fn answers(
    name: &str,
    answers: &[Answer],
    sources: &[&Source],
    end: End,
) -> Vec<String> {
    let mut lines = Vec::new();
    let mut ends: BTreeMap<&str, &str> = BTreeMap::new();
    for answer in answers {
        match answer {
            Answer::Planned(view) => lines.extend(plan(name, view)),
            Answer::Waiting { hosts } => {
                lines.push(format!("{name}: waiting for offers of {}", hosts.join(", ")));
            }
            Answer::Blocked { sentence } => {
                lines.push(format!("{name}: waits for room: {sentence}"));
            }
            Answer::Committed { .. } if matches!(end, End::Word(_)) => {}
            Answer::Committed { .. } => lines.push(format!("{name}: accepted, starting")),
            Answer::Instance { instance, state, message, .. } => {
                // Those that were told to end did as they were told.
                let told = message.starts_with("killed");
                if state == "ended" && !message.is_empty() && !told {
                    ends.insert(instance, message);
                } else {
                    ends.remove(instance.as_str());
                }
            }
            Answer::Done { revision, changed, ready } => {
                lines.push(match (end, changed) {
                    (End::Word(word), _) => format!("{name}: {word}"),
                    (End::Ready { wanted }, true) => {
                        format!("{name}: revision {revision}, {ready} of {wanted} instances ready")
                    }
                    _ => format!("{name}: nothing changes (revision {revision}, {ready} ready)"),
                });
                lines.extend(ends.iter().map(|(who, why)| format!("  {who}: {why}")));
            }
            Answer::LossesConfirmed { hosts } => {
                lines.push(format!("{} are lost for good", hosts.join(", ")));
            }
            Answer::Refused(refused) => lines.extend(refusal(refused, sources)),
        }
    }
    lines
}

fn refusal(refused: &Refused, sources: &[&Source]) -> Vec<String> {
    let mut lines = vec![format!("{}: {}", refused.verdict, refused.refusal.sentence)];
    for one in &refused.refusal.reasons {
        // A plain refusal repeats its sentence as its only reason.
        if one.statement == refused.refusal.sentence {
            lines.push(format!("  {}", one.code));
        } else {
            lines.push(format!("  {}", reason(one, sources)));
        }
    }
    if !refused.refusal.hint.is_empty() {
        lines.push(format!("try: {}", refused.refusal.hint));
    }
    lines
}

/// A line for each topology and a table of the instances.
pub(super) fn status(status: &StatusView, only: Option<&str>, now: u64) -> Vec<String> {
    let mut lines = Vec::new();
    for topology in status.topologies.iter().filter(|one| only.is_none_or(|only| only == one.name))
    {
        let ready: u32 = topology.tasks.iter().map(|task| task.ready).sum();
        let wanted: u32 = topology.tasks.iter().map(|task| task.wanted).sum();
        let paused = if topology.paused { ", paused" } else { "" };
        lines.push(format!(
            "{}, revision {}: {ready} of {wanted} instances ready{paused}",
            topology.name, topology.revision
        ));
        let tasks = topology.tasks.iter();
        let updated = tasks.filter_map(|task| Some((&task.task, task.rollout.as_ref()?)));
        lines.extend(updated.map(|(task, rollout)| format!("  {}", update(task, rollout, now))));
    }
    if lines.is_empty() {
        lines.push("no topology runs here".to_owned());
    }
    let shown = status.instances.iter().filter(|one| only.is_none_or(|only| only == one.topology));
    let mut rows = Vec::new();
    for one in shown {
        let host = one.host.clone().unwrap_or_else(|| "-".to_owned());
        let name = one.incarnation.clone().unwrap_or_else(|| one.instance.clone());
        let made = format!("{} {}", one.crate_name, one.version);
        rows.push(([name, one.state.clone(), host, made], one.reason.clone().unwrap_or_default()));
    }
    lines.extend(table(["INSTANCE", "STATE", "HOST", "CRATE"], &rows));
    if let Some(waits) = &status.scheduler.waiting_for {
        lines.push(format!("the scheduler waits for {waits}"));
    }
    lines
}

/// How far a task's update is.
fn update(task: &str, rollout: &RolloutView, now: u64) -> String {
    let mut parts = vec![format!("{} of {} replaced", rollout.replaced, rollout.of)];
    if rollout.surge > 0 {
        parts.push(format!("{} more beside them", rollout.surge));
    }
    if rollout.canary {
        parts.push("canary".to_owned());
    }
    parts.push(match rollout.until_ms {
        Some(until) => format!("{} for {} more", rollout.state, seconds(until - now)),
        None => rollout.state.clone(),
    });
    let reason = rollout.reason.as_ref().map_or(String::new(), |why| format!(": {why}"));
    format!("{task}: {}{reason}", parts.join(", "))
}

/// Columns as wide as their widest cell; a row's note stands below it.
fn table(headings: [&str; 4], rows: &[([String; 4], String)]) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let wide = |at: usize| {
        let cells = rows.iter().map(|(row, _)| row[at].chars().count());
        cells.chain([headings[at].len()]).max().unwrap_or(0)
    };
    let widths: [usize; 4] = std::array::from_fn(wide);
    let line = |cells: [&str; 4]| {
        let cells = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("  {}", cells.collect::<Vec<_>>().join("  ")).trim_end().to_owned()
    };
    let mut lines = vec![line(headings)];
    for (row, note) in rows {
        lines.push(line([&row[0], &row[1], &row[2], &row[3]]));
        if !note.is_empty() {
            lines.push(format!("    {note}"));
        }
    }
    lines
}

/// An event as a line.
pub(super) fn event(event: &EventView) -> String {
    let subject = event.incarnation.as_deref().or(event.topology.as_deref());
    let subject = subject.map(|subject| format!(" {subject}")).unwrap_or_default();
    let host = event.host.as_deref().map(|host| format!(" on {host}")).unwrap_or_default();
    let message = match event.message.as_str() {
        "" => String::new(),
        text => format!(": {}", without_ids(text)),
    };
    format!("{}{subject}{host}{message}", event.kind)
}

/// The text with `…` for each id that the master drew: they mean nothing to a reader.
fn without_ids(text: &str) -> String {
    let is_id = |word: &str| {
        let drawn = |c: char| c.is_ascii_hexdigit() || c == '-';
        word.get(..36).is_some_and(|id| id.chars().all(drawn) && id.matches('-').count() == 4)
    };
    let words = text.split(' ').map(|word| if is_id(word) { "…" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// Revisions, the newest first.
pub(super) fn history(revisions: &[RevisionView]) -> Vec<String> {
    let line = |one: &RevisionView| {
        let tasks: Vec<String> = one
            .tasks
            .iter()
            .map(|task| format!("{} {} × {}", task.wanted, task.task, task.version))
            .collect();
        let present = if one.present { " (present)" } else { "" };
        format!("revision {}{present}: {}; {}", one.revision, one.cause, tasks.join(", "))
    };
    revisions.iter().map(line).collect()
}

/// A time since the drill began, or a duration.
pub(super) fn seconds(ms: u64) -> String {
    format!("{}.{} s", ms / 1_000, ms % 1_000 / 100)
}
