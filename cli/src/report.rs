//! Diagnostics as people see them: code, place in the file, hint.

use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use lathe_api::v1;
use lathe_topology::{Diagnostic, Severity};

use crate::printer::Printer;

/// The diagnostics of a file, rendered for the terminal.
pub(crate) fn render(
    printer: &Printer,
    file: &str,
    source: &str,
    problems: &[Diagnostic],
) -> String {
    let mut text = String::new();
    for problem in problems {
        let level = match problem.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let code = problem.code.to_string();
        let mut annotations = Vec::new();
        for (at, label) in problem.labels.iter().enumerate() {
            let kind = if at == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
            annotations.push(kind.span(within(source, &label.span)).label(&label.text));
        }
        let title = level.primary_title(&problem.message).id(&code);
        let mut groups = vec![if annotations.is_empty() {
            Group::with_title(title)
        } else {
            title.element(Snippet::source(source).path(file).annotations(annotations))
        }];
        if let Some(help) = &problem.help {
            groups.push(Group::with_title(Level::HELP.secondary_title(help)));
        }
        let _ = writeln!(text, "{}\n", renderer(printer).render(&groups));
    }
    text
}

/// A refusal of the scheduler, with the lines of the file that it is about.
pub(crate) fn refusal(
    printer: &Printer,
    file: &str,
    source: &str,
    refused: &v1::Refusal,
) -> String {
    let mut text = String::new();
    let code = refused.reasons.first().map(|reason| reason.code.clone()).unwrap_or_default();
    let title = format!("{}: {}", refused.verdict, refused.sentence);
    let mut annotations = Vec::new();
    let mut unplaced = Vec::new();
    for reason in &refused.reasons {
        let span = reason.start as usize..reason.end as usize;
        if span.is_empty() || span.end > source.len() {
            if reason.statement != refused.sentence {
                unplaced.push(reason.statement.clone());
            }
        } else {
            let kind = AnnotationKind::Primary;
            annotations.push(kind.span(within(source, &span)).label(&reason.statement));
        }
    }
    let title = Level::ERROR.primary_title(&title).id(&code);
    let mut group = if annotations.is_empty() {
        Group::with_title(title)
    } else {
        title.element(Snippet::source(source).path(file).annotations(annotations))
    };
    for statement in &unplaced {
        group = group.element(Level::NOTE.message(statement));
    }
    let mut groups = vec![group];
    if !refused.hint.is_empty() {
        groups.push(Group::with_title(Level::HELP.secondary_title(&refused.hint)));
    }
    let _ = writeln!(text, "{}", renderer(printer).render(&groups));
    text.push_str(if refused.verdict == "reverted" {
        "it was accepted and could not be carried out to its end; what was there before is back"
    } else {
        "nothing was changed"
    });
    text
}

fn renderer(printer: &Printer) -> Renderer {
    if printer.colour() { Renderer::styled() } else { Renderer::plain() }
}

/// The span as far as the text goes, on the borders of characters.
fn within(source: &str, span: &std::ops::Range<usize>) -> std::ops::Range<usize> {
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
