//! One problem, wherever it was found: in the file, in a crate, by the scheduler, in an argument.
//!
//! Owns the one shape in which programs get it (`docs/operating.md`). It must not know how people
//! are shown it.

use std::ops::Range;

use lathe_topology::{Code, Diagnostic, Position, Severity, position};
use serde::Serialize;

/// What is wrong, where, who takes part, and what to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    pub code: Option<Code>,
    pub severity: Severity,
    pub message: String,
    pub file: Option<String>,
    /// The first that has a place is where to look first.
    pub labels: Vec<Label>,
    pub parties: Vec<String>,
    pub hint: Option<String>,
    /// Changes that were tried and work.
    pub repairs: Vec<String>,
    /// What another program said of it.
    pub output: Option<String>,
}

/// A few words, and the place that they are about where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Label {
    pub text: String,
    pub place: Option<Place>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Bytes of the file.
    pub span: Range<usize>,
    pub position: Position,
}

impl Place {
    pub(crate) fn new(source: &str, span: Range<usize>) -> Self {
        Self { position: position(source, span.start), span }
    }
}

impl Problem {
    /// An error without a place.
    pub(crate) fn error(code: Option<Code>, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            file: None,
            labels: Vec::new(),
            parties: Vec::new(),
            hint: None,
            repairs: Vec::new(),
            output: None,
        }
    }

    /// A finding about a file.
    pub(crate) fn of(file: &str, source: &str, found: &Diagnostic) -> Self {
        let labels = found.labels.iter().map(|label| Label {
            text: label.text.clone(),
            place: Some(Place::new(source, label.span.clone())),
        });
        Self {
            severity: found.severity,
            file: Some(file.to_owned()),
            labels: labels.collect(),
            parties: found.parties.clone(),
            hint: found.help.clone(),
            ..Self::error(Some(found.code), &found.message)
        }
    }

    /// Where it begins in the file.
    pub(crate) fn start(&self) -> usize {
        let first = self.labels.iter().find_map(|label| label.place.as_ref());
        first.map_or(0, |place| place.span.start)
    }

    /// The same in the shape for programs.
    pub(crate) fn shape(&self) -> Shape<'_> {
        let first = self.labels.iter().find_map(|label| label.place.as_ref());
        let labels = self.labels.iter().map(|label| ShapeOfLabel {
            text: &label.text,
            line: label.place.as_ref().map(|place| place.position.line),
            column: label.place.as_ref().map(|place| place.position.column),
            span: label.place.as_ref().map(|place| Span::from(&place.span)),
        });
        Shape {
            code: self.code,
            severity: self.severity,
            title: self.code.map(Code::title),
            message: &self.message,
            file: self.file.as_deref(),
            line: first.map(|place| place.position.line),
            column: first.map(|place| place.position.column),
            span: first.map(|place| Span::from(&place.span)),
            labels: labels.collect(),
            parties: &self.parties,
            hint: self.hint.as_deref(),
            repairs: &self.repairs,
            page: self.code.map(|code| format!("docs/errors/{code}.md")),
            output: self.output.as_deref(),
        }
    }
}

/// A problem as programs get it. Every field is there, `null` where there is nothing.
#[derive(Debug, Serialize)]
pub(crate) struct Shape<'a> {
    code: Option<Code>,
    severity: Severity,
    title: Option<&'static str>,
    message: &'a str,
    file: Option<&'a str>,
    line: Option<usize>,
    column: Option<usize>,
    span: Option<Span>,
    labels: Vec<ShapeOfLabel<'a>>,
    parties: &'a [String],
    hint: Option<&'a str>,
    repairs: &'a [String],
    page: Option<String>,
    output: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct ShapeOfLabel<'a> {
    text: &'a str,
    line: Option<usize>,
    column: Option<usize>,
    span: Option<Span>,
}

#[derive(Debug, Serialize)]
struct Span {
    start: usize,
    end: usize,
}

impl From<&Range<usize>> for Span {
    fn from(range: &Range<usize>) -> Self {
        Self { start: range.start, end: range.end }
    }
}
