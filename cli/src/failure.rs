//! How a command fails: a text for people and an exit code for programs.

use std::fmt;

use lathe_topology::{Code, TaskPath};
use serde_json::{Value, json};

use crate::problem::Problem;

/// Everything went as asked.
pub(crate) const OK: u8 = 0;
/// Something failed that is neither the input's fault nor a refusal.
pub(crate) const FAILED: u8 = 1;
/// The arguments or the file are wrong. Nothing was changed.
pub(crate) const BAD_INPUT: u8 = 2;
/// The scheduler refused. Nothing was changed.
pub(crate) const REFUSED: u8 = 3;
/// Accepted, but not everything became ready.
pub(crate) const NOT_READY: u8 = 4;
/// No scheduler was found, or it does not answer.
pub(crate) const UNREACHABLE: u8 = 5;
/// A budget was spent without a plan and without a proof that there is none. Nothing was changed.
pub(crate) const UNKNOWN: u8 = 6;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub code: u8,
    pub text: String,
    pub hint: Option<String>,
    pub more: Box<More>,
}

/// What only some failures have.
#[derive(Debug, Default)]
pub(crate) struct More {
    /// What kind of finding it is, where it is one that has a page.
    pub finding: Option<Code>,
    /// The file that it is about.
    pub file: Option<String>,
    /// The tasks that it is about, and which key of them.
    pub tasks: Vec<TaskPath>,
    pub key: Option<&'static str>,
    /// What another program said of it.
    pub output: Option<String>,
    /// Everything that was found, where that was shown already and the text only sums it up.
    pub shown: Vec<Problem>,
    /// What the scheduler calls its refusal.
    pub verdict: Option<String>,
}

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { code: FAILED, text: text.into(), hint: None, more: Box::default() }
    }

    /// Wrong input of a kind that has a page.
    pub(crate) fn coded(finding: Code, text: impl Into<String>) -> Self {
        Self::new(text).with_code(BAD_INPUT).and(|more| more.finding = Some(finding))
    }

    pub(crate) fn with_code(self, code: u8) -> Self {
        Self { code, ..self }
    }

    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    pub(crate) fn with_output(self, output: impl Into<String>) -> Self {
        self.and(|more| more.output = Some(output.into()))
    }

    pub(crate) fn of_file(self, file: impl Into<String>) -> Self {
        self.and(|more| more.file = Some(file.into()))
    }

    /// Which key of a task is to be looked at.
    pub(crate) fn at_key(self, key: &'static str) -> Self {
        self.and(|more| more.key = Some(key))
    }

    pub(crate) fn with_tasks(self, tasks: Vec<TaskPath>) -> Self {
        self.and(|more| more.tasks = tasks)
    }

    pub(crate) fn with_shown(self, shown: Vec<Problem>) -> Self {
        self.and(|more| more.shown = shown)
    }

    pub(crate) fn with_verdict(self, verdict: &str) -> Self {
        self.and(|more| more.verdict = Some(verdict.to_owned()))
    }

    fn and(mut self, change: impl FnOnce(&mut More)) -> Self {
        change(&mut self.more);
        self
    }

    /// An I/O error with what was being done.
    pub(crate) fn io(doing: impl fmt::Display, error: &std::io::Error) -> Self {
        Self::new(format!("{doing}: {error}"))
    }

    /// Whether there is something about it that programs can use.
    pub(crate) fn is_refusal(&self) -> bool {
        self.more.finding.is_some() || !self.more.shown.is_empty()
    }

    /// What programs get that asked for JSON.
    pub(crate) fn json(&self) -> Value {
        let More { finding, file, tasks, output, shown, verdict, .. } = &*self.more;
        let own = shown.is_empty().then(|| Problem {
            parties: tasks.iter().map(ToString::to_string).collect(),
            hint: self.hint.clone(),
            file: file.clone(),
            output: output.clone(),
            ..Problem::error(*finding, &self.text)
        });
        let problems: Vec<_> = shown.iter().chain(own.as_ref()).map(Problem::shape).collect();
        json!({ "ok": false, "exit": self.code, "verdict": verdict, "problems": problems })
    }
}

/// The error and everything below it, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(error) = below {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        below = error.source();
    }
    text
}
