//! A finding: its code, its place in the file, who takes part in it, and what to try.
//!
//! Owns the shape of a finding and its plain text form. It must not know how findings are made,
//! nor terminals and colours: the command line draws those itself.

use std::fmt::Write as _;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::code::Code;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file is refused.
    Error,
    /// The file is taken; the author may have meant something else.
    Warning,
}

/// A place in the text and what is to be said about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Bytes of the text; within it, on character boundaries.
    pub span: Range<usize>,
    /// A few words; may be empty.
    pub text: String,
}

/// One finding about a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// What kind of finding.
    pub code: Code,
    /// Whether the text is refused for it.
    pub severity: Severity,
    /// The finding in one sentence, names included.
    pub message: String,
    /// The places; the first is where to look first. May be empty when there is no place.
    pub labels: Vec<Label>,
    /// One thing to try.
    pub help: Option<String>,
    /// The tasks, tags or keys that take part, by name.
    pub parties: Vec<String>,
}

impl Diagnostic {
    /// An error at a place.
    #[must_use]
    pub fn error(code: Code, span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: Severity::Error,
            message: message.into(),
            labels: vec![Label { span, text: String::new() }],
            help: None,
            parties: Vec::new(),
        }
    }

    /// A warning at a place.
    #[must_use]
    pub fn warning(code: Code, span: Range<usize>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// The same with words at its first place.
    #[must_use]
    pub fn here(mut self, text: impl Into<String>) -> Self {
        if let Some(first) = self.labels.first_mut() {
            first.text = text.into();
        }
        self
    }

    /// The same with one more place.
    #[must_use]
    pub fn and_at(mut self, span: Range<usize>, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// The same with something to try.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same with one more party.
    #[must_use]
    pub fn party(mut self, name: impl Into<String>) -> Self {
        self.parties.push(name.into());
        self
    }

    /// Whether the text is refused for it.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The finding as plain lines, the first `file:line:column: error[LT0104]: …`.
    #[must_use]
    pub fn plain(&self, file: &str, source: &str) -> String {
        let mut out = String::new();
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let place = match self.labels.first() {
            Some(label) => format!("{file}:{}", position(source, label.span.start)),
            None => file.to_owned(),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(out, "{place}: {word}[{}]: {}", self.code, self.message);
        for (at, label) in self.labels.iter().enumerate() {
            if label.text.is_empty() {
                continue;
            }
            if at == 0 {
                let _ = writeln!(out, "  here: {}", label.text);
            } else {
                let place = position(source, label.span.start);
                let _ = writeln!(out, "  {file}:{place}: {}", label.text);
            }
        }
        if let Some(help) = &self.help {
            let _ = writeln!(out, "  help: {help}");
        }
        out
    }
}

/// A place as people count: lines and characters from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Position {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// The line and column of a byte of `source`; a place beyond the end is the end.
#[must_use]
pub fn position(source: &str, offset: usize) -> Position {
    let before = &source[..floor_boundary(source, offset)];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Position {
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    }
}

/// The greatest character boundary that is not after `offset`.
pub(crate) fn floor_boundary(source: &str, offset: usize) -> usize {
    let mut at = offset.min(source.len());
    while !source.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Several findings as plain text, an empty line between them.
#[must_use]
pub fn render(file: &str, source: &str, diagnostics: &[Diagnostic]) -> String {
    let parts: Vec<String> = diagnostics.iter().map(|one| one.plain(file, source)).collect();
    parts.join("\n")
}
