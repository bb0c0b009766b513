//! The steps of a run: staged, announced, replaced, run, acknowledged; or put back, and tried again.
//!
//! Owns their order. Each waits for the one before; a record is durable before what it announces is done.

use super::Surroundings;
use super::exchange::{Command, End, Report, RunId, Staged, Start, Why};
use super::hook::{Close, Hook, Retry, Step};
use super::status::{PAST_MAX, Past};
use crate::record::{Pending, Phase, Record};

impl Hook {
    /// Whether what has ended is what is under way. What ends late, after another step was taken, is nothing.
    fn is_under_way(&self, run: RunId, steps: &[Step]) -> bool {
        self.run.as_ref().is_some_and(|own| own.id == run) && steps.contains(&self.step)
    }

    pub(super) fn staged(
        &mut self,
        now_ms: u64,
        run: RunId,
        outcome: Result<Staged, String>,
        around: &mut Surroundings,
        commands: &mut Vec<Command>,
    ) {
        if !self.is_under_way(run, &[Step::Staging]) {
            return;
        }
        let Staged { files, same } = match outcome {
            Ok(staged) => staged,
            Err(problem) => return self.failed(now_ms, problem, around, commands),
        };
        let done = self.record.done.as_ref().map(|done| done.files.as_str());
        // Who sees nothing new in its files is not run for what it does not see.
        let quiet = same
            && !files.is_empty()
            && done == Some(files.as_str())
            && self.record.pending.is_none()
            && self.must.is_none();
        let Some(own) = &mut self.run else { return };
        own.files = files;
        if quiet {
            self.close(Close::Quiet, commands);
        } else {
            let phase =
                if self.recipe.files.is_empty() { Phase::Replaced } else { Phase::Rendered };
            self.announce(Step::Announcing, phase, commands);
        }
    }

    /// Makes durable that a phase begins.
    fn announce(&mut self, step: Step, phase: Phase, commands: &mut Vec<Command>) {
        let Some(run) = &mut self.run else { return };
        let from_version = self.record.done.as_ref().map_or(0, |done| done.version);
        let pending = Pending { from_version, to: run.mark(), phase };
        let record = Record { pending: Some(pending), refused: None, ..self.record.clone() };
        self.write(step, record, commands);
    }

    fn write(&mut self, step: Step, record: Record, commands: &mut Vec<Command>) {
        let Some(run) = &mut self.run else { return };
        run.draft = record.clone();
        self.step = step;
        let (hook, run, record) = (self.recipe.name.clone(), run.id, Box::new(record));
        commands.push(Command::Journal { hook, run, record });
    }

    /// Makes durable that the run is over.
    pub(super) fn close(&mut self, close: Close, commands: &mut Vec<Command>) {
        let Some(run) = &self.run else { return };
        let record = match close {
            Close::Done | Close::Quiet => Record { done: Some(run.mark()), ..Record::default() },
            Close::Refused => {
                Record { refused: Some(run.input.hash.clone()), ..self.record.clone() }
            }
        };
        self.write(Step::Closing(close), record, commands);
    }

    pub(super) fn journaled(
        &mut self,
        now_ms: u64,
        run: RunId,
        outcome: Result<(), String>,
        around: &mut Surroundings,
        commands: &mut Vec<Command>,
    ) {
        if !self.is_under_way(run, &[self.step]) {
            return;
        }
        let draft = self.run.as_ref().map(|run| run.draft.clone()).unwrap_or_default();
        if let Err(problem) = outcome {
            return self.not_journaled(now_ms, problem, around, commands);
        }
        match self.step {
            Step::Announcing => {
                self.record = draft;
                if self.recipe.files.is_empty() {
                    self.start(Step::Running, commands);
                } else {
                    self.step = Step::Replacing;
                    commands.push(Command::Replace { hook: self.recipe.name.clone(), run });
                }
            }
            Step::NotingReplaced => {
                self.record = draft;
                self.start(Step::Running, commands);
            }
            Step::AnnouncingRestore => {
                self.record = draft;
                self.step = Step::Restoring;
                commands.push(Command::Restore { hook: self.recipe.name.clone(), run });
            }
            Step::NotingRestored => {
                self.record = draft;
                let problem = self.run.as_mut().map(|run| std::mem::take(&mut run.problem));
                self.failed(now_ms, problem.unwrap_or_default(), around, commands);
            }
            Step::Closing(close) => {
                self.record = draft;
                self.closed(now_ms, close, commands);
            }
            _ => {}
        }
    }

    /// Nothing was done that it would have announced, so what was known before is still so. Should it be
    /// durable all the same, a later life runs once more.
    fn not_journaled(
        &mut self,
        now_ms: u64,
        problem: String,
        around: &mut Surroundings,
        commands: &mut Vec<Command>,
    ) {
        if let Step::Closing(close) = self.step {
            self.failures = self.failures.saturating_add(1);
            let again_ms = self.pause(around);
            self.step = Step::Unclosed(close, now_ms.saturating_add(again_ms));
            let hook = self.recipe.name.clone();
            commands.push(Command::Report(Report::Failed { hook, problem, again_ms }));
            return;
        }
        self.failed(now_ms, problem, around, commands);
    }

    /// Runs the program, where there is one.
    fn start(&mut self, step: Step, commands: &mut Vec<Command>) {
        let Some(run) = &self.run else { return };
        let back = step == Step::RunningBack;
        let done = self.record.done.as_ref();
        let from_version = done.map_or(0, |done| done.version);
        let start = Start {
            why: if back { Why::Rollback } else { run.why },
            from_version: if back { run.input.version } else { from_version },
            version: if back { from_version } else { run.input.version },
            history: run.input.history.clone(),
            stale: run.stale,
        };
        let id = run.id;
        self.step = step;
        commands.push(Command::Run { hook: self.recipe.name.clone(), run: id, start });
    }

    pub(super) fn replaced(
        &mut self,
        now_ms: u64,
        run: RunId,
        outcome: Result<(), String>,
        around: &mut Surroundings,
        commands: &mut Vec<Command>,
    ) {
        if !self.is_under_way(run, &[Step::Replacing]) {
            return;
        }
        match outcome {
            Err(problem) => self.back_or_failed(now_ms, problem, around, commands),
            Ok(()) if !self.recipe.runs() => self.close(Close::Done, commands),
            Ok(()) => self.announce(Step::NotingReplaced, Phase::Replaced, commands),
        }
    }

    pub(super) fn ended(
        &mut self,
        now_ms: u64,
        run: RunId,
        end: &End,
        around: &mut Surroundings,
        commands: &mut Vec<Command>,
    ) {
        if !self.is_under_way(run, &[Step::Running, Step::RunningBack]) {
            return;
        }
        let back = self.step == Step::RunningBack;
        self.remember(now_ms, end, back);
        let problem = format!("the program failed: {}", end.how);
        match (end.ok, back) {
            (true, false) => self.close(Close::Done, commands),
            (false, false) => self.back_or_failed(now_ms, problem, around, commands),
            (true, true) => {
                self.note_restored(commands);
            }
            // What runs on which files is not known now: it stays pending.
            (false, true) => self.failed(now_ms, problem, around, commands),
        }
    }

    /// Makes durable that everything is as it was before the run.
    fn note_restored(&mut self, commands: &mut Vec<Command>) {
        let Some(run) = &self.run else { return };
        let left = Some((run.input.history.clone(), run.input.version));
        let record = Record { pending: None, left, ..self.record.clone() };
        self.write(Step::NotingRestored, record, commands);
    }

    /// Puts the files of before back, where that is wanted.
    fn back_or_failed(
        &mut self,
        now_ms: u64,
        problem: String,
        around: &mut Surroundings,
        commands: &mut Vec<Command>,
    ) {
        if !self.recipe.retries.rollback || self.recipe.files.is_empty() {
            return self.failed(now_ms, problem, around, commands);
        }
        if let Some(run) = &mut self.run {
            run.problem = problem;
        }
        self.announce(Step::AnnouncingRestore, Phase::Restoring, commands);
    }

    pub(super) fn restored(
        &mut self,
        now_ms: u64,
        run: RunId,
        outcome: Result<(), String>,
        around: &mut Surroundings,
        commands: &mut Vec<Command>,
    ) {
        if !self.is_under_way(run, &[Step::Restoring]) {
            return;
        }
        match outcome {
            Err(problem) => self.failed(now_ms, problem, around, commands),
            Ok(()) if !self.recipe.runs() => {
                self.note_restored(commands);
            }
            Ok(()) => self.start(Step::RunningBack, commands),
        }
    }

    /// A try failed: it is told, and made again later, unless enough were made.
    fn failed(
        &mut self,
        now_ms: u64,
        problem: String,
        around: &mut Surroundings,
        commands: &mut Vec<Command>,
    ) {
        self.failures = self.failures.saturating_add(1);
        let hook = self.recipe.name.clone();
        let enough = self.recipe.retries.give_up_after.is_some_and(|most| self.failures >= most);
        if self.failures == 1 && !enough && !self.recipe.on_failure.is_empty() {
            let (hook, problem) = (hook.clone(), problem.clone());
            commands.push(Command::Tell { hook, problem, gave_up: false });
        }
        if enough {
            if let Some(run) = &mut self.run {
                run.problem = problem;
            }
            self.close(Close::Refused, commands);
            return;
        }
        let again_ms = self.pause(around);
        let hash = self.run.take().map(|run| run.input.hash.clone()).unwrap_or_default();
        self.retry = Some(Retry { hash, at_ms: now_ms.saturating_add(again_ms) });
        self.step = Step::Resting;
        commands.push(Command::Report(Report::Failed { hook, problem, again_ms }));
    }

    /// Exponential with full jitter, in milliseconds.
    fn pause(&self, around: &mut Surroundings) -> u64 {
        let retries = self.recipe.retries;
        let doubled = 2_u64.saturating_pow(self.failures.saturating_sub(1).min(32));
        let most = retries.first_ms.saturating_mul(doubled).min(retries.longest_ms);
        around.draw(most).max(1)
    }

    /// The run is over, durably.
    fn closed(&mut self, now_ms: u64, close: Close, commands: &mut Vec<Command>) {
        self.step = Step::Resting;
        self.failures = 0;
        self.must = None;
        let Some(run) = self.run.take() else { return };
        let hook = self.recipe.name.clone();
        if close != Close::Refused {
            let count = run.input.entries().len() as u64;
            self.numbers.followed(now_ms, count, self.recipe.brake);
        }
        match close {
            Close::Quiet => {}
            Close::Done => {
                let (version, why) = (run.input.version, run.why);
                commands.push(Command::Report(Report::Done { hook, version, why }));
            }
            Close::Refused => {
                let problem = run.problem;
                if !self.recipe.on_failure.is_empty() {
                    let (hook, problem) = (hook.clone(), problem.clone());
                    commands.push(Command::Tell { hook, problem, gave_up: true });
                }
                commands.push(Command::Report(Report::GaveUp { hook, problem }));
            }
        }
    }

    fn remember(&mut self, now_ms: u64, end: &End, back: bool) {
        let Some(run) = &self.run else { return };
        let why = if back { Why::Rollback } else { run.why };
        let past = Past { at_ms: now_ms, why, version: run.input.version, end: end.clone() };
        // The last output is kept whole; of earlier ones an end is enough.
        if let Some(last) = self.past.back_mut() {
            last.shorten();
        }
        self.past.push_back(past);
        if self.past.len() > PAST_MAX {
            self.past.pop_front();
        }
    }
}
