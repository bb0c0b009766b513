//! Problems as people see them: code, place in the file, who else takes part, hint.
//!
//! Owns the drawing, and how a refusal of the scheduler becomes a problem of a file. It must not
//! find problems.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use lathe_api::v1;
use lathe_topology::{Code, Severity, place_of};

use crate::failure::{Failure, REFUSED, UNKNOWN};
use crate::printer::Printer;
use crate::problem::{Label, Place, Problem};

/// Parties that are named beside a problem; the message names the first ones already.
const PARTIES_SHOWN: usize = 8;

/// The problems of a text, drawn for people. What has no place in it is told without.
pub(crate) fn render(printer: &Printer, source: &str, problems: &[Problem]) -> String {
    let renderer = if printer.colour() { Renderer::styled() } else { Renderer::plain() };
    let drawn: Vec<String> =
        problems.iter().map(|problem| draw(&renderer, source, problem)).collect();
    drawn.join("\n\n")
}

fn draw(renderer: &Renderer, source: &str, problem: &Problem) -> String {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let code = problem.code.map(|code| code.to_string());
    let mut title = level.primary_title(&problem.message);
    if let Some(code) = &code {
        title = title.id(code);
    }
    let placed: Vec<(&Label, Range<usize>)> = problem
        .labels
        .iter()
        .filter_map(|label| Some((label, within(source, &label.place.as_ref()?.span))))
        .collect();
    let window = window(source, placed.iter().map(|(_, span)| span));
    let mut notes: Vec<String> = problem
        .labels
        .iter()
        .filter(|label| label.place.is_none())
        .map(|label| label.text.clone())
        .collect();
    notes.extend(others(problem));
    let mut groups = Vec::new();
    match (&problem.file, placed.first()) {
        (Some(file), Some((first, _))) => {
            let annotations = placed.iter().map(|(label, span)| {
                let kind = match std::ptr::eq(*label, *first) {
                    true => AnnotationKind::Primary,
                    false => AnnotationKind::Context,
                };
                let span = span.start - window.start..span.end - window.start;
                kind.span(span).label(&label.text)
            });
            let line = source[..window.start].matches('\n').count() + 1;
            let snippet = Snippet::source(&source[window.clone()]).path(file).line_start(line);
            let group = title.element(snippet.annotations(annotations));
            let notes = notes.iter().map(|text| Level::NOTE.message(text));
            groups.push(group.elements(notes));
        }
        // Without lines of a file there is no margin either: each is a line of its own.
        _ => {
            groups.push(Group::with_title(title));
            let notes = notes.iter().map(|text| Level::NOTE.secondary_title(text));
            groups.extend(notes.map(Group::with_title));
        }
    }
    if let Some(hint) = &problem.hint {
        groups.push(Group::with_title(Level::HELP.secondary_title(hint)));
    }
    let works: Vec<String> = problem.repairs.iter().map(|text| format!("works: {text}")).collect();
    groups.extend(works.iter().map(|text| Group::with_title(Level::HELP.secondary_title(text))));
    let mut text = match placed.is_empty() || problem.file.is_none() {
        false => renderer.render(&groups),
        true => {
            let lines = groups.iter().map(|one| renderer.render(std::slice::from_ref(one)));
            lines.collect::<Vec<_>>().join("\n")
        }
    };
    if let Some(output) = &problem.output {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n{output}");
    }
    text
}

/// The lines around some places: all of a large text would be looked at for each problem.
fn window<'r>(source: &str, spans: impl Iterator<Item = &'r Range<usize>>) -> Range<usize> {
    let (least, most) = spans
        .fold((source.len(), 0), |(least, most), span| (least.min(span.start), most.max(span.end)));
    let least = least.min(most);
    let start = source[..least].rfind('\n').map_or(0, |at| at + 1);
    let end = source[most..].find('\n').map_or(source.len(), |at| most + at + 1);
    start..end
}

/// Who takes part and is named neither in the message nor at a place.
fn others(problem: &Problem) -> Option<String> {
    let told = |name: &String| {
        let texts = problem.labels.iter().map(|label| label.text.as_str());
        texts
            .chain([problem.message.as_str()])
            .any(|text| names(text, name) || text.contains(&format!("{name:?}")))
    };
    let rest: Vec<String> =
        problem.parties.iter().filter(|name| !told(name)).map(|name| format!("`{name}`")).collect();
    let more = rest.len().saturating_sub(PARTIES_SHOWN);
    let mut text = rest.iter().take(PARTIES_SHOWN).cloned().collect::<Vec<_>>().join(", ");
    if more > 0 {
        let _ = write!(text, " and {more} more");
    }
    (!rest.is_empty()).then(|| format!("it also concerns {text}"))
}

/// Whether a name stands in a text, and not only as a part of another one.
fn names(text: &str, name: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '_' || c == '-' || c == '.';
    text.match_indices(name).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + name.len()..]);
        !before.ends_with(inside) && !after.starts_with(inside)
    })
}

/// A file that was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent<'a> {
    pub(crate) file: &'a str,
    /// The name of its topology.
    pub(crate) topology: &'a str,
    pub(crate) text: &'a str,
}

/// A refusal of the scheduler, shown; with the lines of the file that was sent, where there is one.
pub(crate) fn refuse(printer: &Printer, sent: Option<Sent<'_>>, refusal: &v1::Refusal) -> Failure {
    let problem = refused(sent, refusal);
    let source = sent.map_or("", |sent| sent.text);
    printer.say(&render(printer, source, std::slice::from_ref(&problem)));
    printer.say(if refusal.verdict == "reverted" {
        "it was accepted and could not be carried out to its end; what was there before is back"
    } else {
        "nothing was changed"
    });
    let code = if refusal.verdict == "unknown" { UNKNOWN } else { REFUSED };
    let failure = Failure::new("").with_code(code).with_shown(vec![problem]);
    failure.with_verdict(&refusal.verdict)
}

/// A refusal of the scheduler as a problem of the file that was sent.
fn refused(sent: Option<Sent<'_>>, refusal: &v1::Refusal) -> Problem {
    let code = refusal.reasons.first().and_then(|reason| reason.code.parse().ok());
    let code = code.or(match refusal.verdict.as_str() {
        "impossible" => Some(Code::IMPOSSIBLE),
        "blocked" => Some(Code::BLOCKED),
        "unknown" => Some(Code::UNKNOWN_VERDICT),
        _ => None,
    });
    let mut problem = Problem::error(code, format!("{}: {}", refusal.verdict, refusal.sentence));
    problem.file = sent.map(|sent| sent.file.to_owned());
    problem.hint = Some(refusal.hint.clone()).filter(|hint| !hint.is_empty());
    problem.repairs.clone_from(&refusal.repairs);
    for reason in &refusal.reasons {
        let place = sent.and_then(|sent| place(sent, reason));
        // A sentence that is all there is to say is not said twice.
        let said = reason.statement == refusal.sentence;
        if place.is_some() || !said {
            let text = match (said, &place) {
                (true, _) => String::new(),
                (false, Some(_)) => reason.statement.clone(),
                (false, None) => elsewhere(reason),
            };
            problem.labels.push(Label { text, place });
        }
        if !reason.task.is_empty() && !problem.parties.contains(&reason.task) {
            problem.parties.push(reason.task.clone());
        }
    }
    problem
}

/// A statement that stands in another file than the one that was sent, or in none.
fn elsewhere(reason: &v1::Reason) -> String {
    let v1::Reason { topology, line, task, statement, .. } = reason;
    match (task.as_str(), line) {
        _ if topology.is_empty() || reason.start == reason.end => statement.clone(),
        ("", 0) => format!("topology {topology}: {statement}"),
        (task, 0) => format!("topology {topology}, task {task}: {statement}"),
        ("", line) => format!("topology {topology}, line {line}: {statement}"),
        (task, line) => format!("topology {topology}, line {line}, task {task}: {statement}"),
    }
}

/// The key that a statement of this file quotes, else what the scheduler points at.
fn place(sent: Sent<'_>, reason: &v1::Reason) -> Option<Place> {
    let source = sent.text;
    if !reason.topology.is_empty() && reason.topology != sent.topology {
        return None;
    }
    let span = reason.start as usize..reason.end as usize;
    if span.is_empty() || span.end > source.len() {
        return None;
    }
    let key = reason.statement.split_once(" = ").map(|(key, _)| key);
    let quoted = key.and_then(|key| place_of(source, &reason.task, key));
    Some(Place::new(source, within(source, &quoted.unwrap_or(span))))
}

/// The span as far as the text goes, on the borders of characters.
fn within(source: &str, span: &Range<usize>) -> Range<usize> {
    let floor = |at: usize| {
        let mut at = at.min(source.len());
        while !source.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = floor(span.start);
    start..floor(span.end).max(start)
}
