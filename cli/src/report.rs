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

use crate::failure::{Failure, REFUSED};
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
    let mut group = match (&problem.file, placed.first()) {
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
            title.element(snippet.annotations(annotations))
        }
        _ => Group::with_title(title),
    };
    for label in problem.labels.iter().filter(|label| label.place.is_none()) {
        group = group.element(Level::NOTE.message(&label.text));
    }
    let others = others(problem);
    if let Some(others) = &others {
        group = group.element(Level::NOTE.message(others));
    }
    let mut groups = vec![group];
    if let Some(hint) = &problem.hint {
        groups.push(Group::with_title(Level::HELP.secondary_title(hint)));
    }
    let mut text = renderer.render(&groups);
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

/// A refusal of the scheduler, shown; `file` is the one that was sent, where there is one.
pub(crate) fn refuse(
    printer: &Printer,
    file: Option<&str>,
    source: &str,
    refusal: &v1::Refusal,
) -> Failure {
    let problem = refused(file, source, refusal);
    printer.say(&render(printer, source, std::slice::from_ref(&problem)));
    printer.say(if refusal.verdict == "reverted" {
        "it was accepted and could not be carried out to its end; what was there before is back"
    } else {
        "nothing was changed"
    });
    let failure = Failure::new("").with_code(REFUSED).with_shown(vec![problem]);
    failure.with_verdict(&refusal.verdict)
}

/// A refusal of the scheduler as a problem of the file that was sent.
fn refused(file: Option<&str>, source: &str, refusal: &v1::Refusal) -> Problem {
    let code = refusal.reasons.first().and_then(|reason| reason.code.parse().ok());
    let code = code.or(match refusal.verdict.as_str() {
        "impossible" => Some(Code::IMPOSSIBLE),
        "blocked" => Some(Code::BLOCKED),
        "unknown" => Some(Code::UNKNOWN_VERDICT),
        _ => None,
    });
    let mut problem = Problem::error(code, format!("{}: {}", refusal.verdict, refusal.sentence));
    problem.file = file.map(str::to_owned);
    problem.hint = Some(refusal.hint.clone()).filter(|hint| !hint.is_empty());
    for reason in &refusal.reasons {
        let place = place(source, reason);
        // A sentence that is all there is to say is not said twice.
        let said = reason.statement == refusal.sentence;
        if place.is_some() || !said {
            let text = if said { String::new() } else { reason.statement.clone() };
            problem.labels.push(Label { text, place });
        }
        if !reason.task.is_empty() && !problem.parties.contains(&reason.task) {
            problem.parties.push(reason.task.clone());
        }
    }
    problem
}

/// The key that a statement quotes, else what the scheduler points at.
fn place(source: &str, reason: &v1::Reason) -> Option<Place> {
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
