//! One hook: what it has seen, why it is to run, and when.
//!
//! Owns the way from a change to the beginning of a run; the steps of a run are in `steps`.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use super::exchange::{Command, Report, RunId, Stage, Why};
use super::pace::{Hold, Numbers, Want, splay_ms};
use super::status::Past;
use super::turn::Turn;
use super::{Remembered, Surroundings};
use crate::recipe::{OnStale, OnStart, Recipe};
use crate::record::{Mark, Record};
use crate::snapshot::{Input, Snapshot};

#[derive(Debug)]
pub(super) struct Hook {
    pub(super) recipe: Arc<Recipe>,
    digest: Vec<u8>,
    splay_ms: u64,
    /// What is durable.
    pub(super) record: Record,
    pub(super) newest: Option<Arc<Input>>,
    /// Who was ready when it was looked at last; nobody was seen before the first time.
    ready: Option<BTreeSet<String>>,
    pub(super) want: Option<Want>,
    pub(super) numbers: Numbers,
    /// A cause that no change is: the start, or somebody's wish.
    pub(super) must: Option<Why>,
    /// A run of an earlier life is to be resumed.
    resumes: bool,
    /// The first state that is fresh counts as acknowledged.
    adopts: bool,
    pub(super) failures: u32,
    pub(super) retry: Option<Retry>,
    pub(super) step: Step,
    pub(super) turn: Turn,
    pub(super) run: Option<Run>,
    pub(super) past: VecDeque<Past>,
}

/// When a state that failed is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Retry {
    pub(super) hash: String,
    pub(super) at_ms: u64,
}

/// The run that is under way.
#[derive(Clone, Debug)]
pub(super) struct Run {
    pub(super) id: RunId,
    pub(super) input: Arc<Input>,
    pub(super) why: Why,
    pub(super) stale: bool,
    /// Digest of the files as rendered.
    pub(super) files: String,
    /// The record that is being made durable.
    pub(super) draft: Record,
    /// What went wrong with it.
    pub(super) problem: String,
    pub(super) began_ms: u64,
}

/// Which command is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Resting,
    /// Whether it is its turn.
    Asking,
    Staging,
    Announcing,
    Replacing,
    NotingReplaced,
    Running,
    AnnouncingRestore,
    Restoring,
    RunningBack,
    NotingRestored,
    /// The record that ends the run.
    Closing(Close),
    /// That record could not be written: it is tried again.
    Unclosed(Close, u64),
}

/// How a run is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Close {
    /// Followed to its end.
    Done,
    /// There was nothing to be done for it.
    Quiet,
    /// Given up.
    Refused,
}

impl Hook {
    pub(super) fn new(recipe: Arc<Recipe>, known: Remembered, host: &str) -> Self {
        let digest = recipe.digest();
        let Remembered { record, input } = known;
        let resumes = record.pending.is_some();
        let newest = input
            .filter(|input| resumes && input.groups.keys().eq(recipe.groups.iter()))
            .map(|input| Arc::new(input.hashed(&digest)));
        let mut numbers = Numbers::default();
        if let Some(done) = &record.done {
            numbers.followed(0, done.count, recipe.brake);
        }
        Self {
            splay_ms: splay_ms(recipe.pace, host, &recipe.name),
            must: (recipe.on_start == OnStart::Always).then_some(Why::Start),
            adopts: recipe.on_start == OnStart::Never,
            recipe,
            digest,
            record,
            newest,
            ready: None,
            want: None,
            numbers,
            resumes,
            failures: 0,
            retry: None,
            step: Step::Resting,
            turn: Turn::default(),
            run: None,
            past: VecDeque::new(),
        }
    }

    /// Looks at a snapshot. One that is older than what the hook has followed is no news.
    pub(super) fn see(
        &mut self,
        now_ms: u64,
        snapshot: &Snapshot,
        around: &Surroundings,
        commands: &mut Vec<Command>,
    ) {
        let Some(input) = Input::of(snapshot, &self.recipe, &self.digest) else { return };
        let newest = self.newest.as_ref().filter(|newest| newest.history == input.history);
        let seen = newest.map_or(0, |newest| newest.version);
        let known = self.record.floor(&input.history).max(seen);
        if input.version < known {
            let (hook, offered) = (self.recipe.name.clone(), input.version);
            commands.push(Command::Report(Report::Older { hook, known, offered }));
            return;
        }
        if self.newest.as_ref().is_none_or(|newest| newest.hash != input.hash) {
            let ready = input.ready();
            // What is found at the start is not waited for.
            let gone = self.ready.as_ref().is_some_and(|before| !before.is_subset(&ready));
            if self.ready.is_some() && !around.ending {
                self.want = Some(Want::more(self.want, now_ms, gone));
            }
            self.ready = Some(ready);
        }
        self.newest = Some(Arc::new(input));
    }

    pub(super) fn force(&mut self) {
        self.must = Some(Why::Forced);
        self.retry = None;
        self.failures = 0;
    }

    /// Begins a run where there is a cause, its time has come, and nothing holds it up.
    pub(super) fn decide(
        &mut self,
        now_ms: u64,
        around: &mut Surroundings,
        commands: &mut Vec<Command>,
    ) {
        self.give_back_used(commands);
        self.begin_if_due(now_ms, around, commands);
        self.give_back(commands);
    }

    fn begin_if_due(
        &mut self,
        now_ms: u64,
        around: &mut Surroundings,
        commands: &mut Vec<Command>,
    ) {
        if let Step::Unclosed(close, at_ms) = self.step {
            if now_ms < at_ms { around.wake_at(at_ms) } else { self.close(close, commands) }
        }
        if self.step != Step::Resting || around.ending {
            return;
        }
        let Some(input) = self.newest.clone() else { return };
        if self.adopts && self.adopt(now_ms, &input, around, commands) {
            return;
        }
        let Some(why) = self.cause(&input) else {
            self.want = None;
            self.retry = None;
            self.numbers.let_go();
            self.turn.let_go();
            return;
        };
        let at_ms = self.not_before(&input);
        if now_ms < at_ms {
            around.wake_at(at_ms);
            return;
        }
        if why != Why::Forced && self.is_held(now_ms, &input, around, commands) {
            return;
        }
        if self.has_turn(now_ms, why, around, commands) {
            self.begin(now_ms, (input, why), around, commands);
        }
    }

    /// Why it is to run, if it is.
    pub(super) fn cause(&self, input: &Input) -> Option<Why> {
        if self.must == Some(Why::Forced) {
            return Some(Why::Forced);
        }
        if self.record.refused.as_ref() == Some(&input.hash) && self.must.is_none() {
            return None;
        }
        let failed = self.retry.as_ref().is_some_and(|retry| retry.hash == input.hash);
        let again = |why| if failed { Why::Retry } else { why };
        if self.record.pending.is_some() {
            return Some(again(if self.resumes { Why::Resume } else { Why::Changed }));
        }
        if let Some(why) = self.must {
            return Some(again(why));
        }
        let is_done = self.record.done.as_ref().is_some_and(|done| done.hash == input.hash);
        (!is_done).then(|| again(Why::Changed))
    }

    fn not_before(&self, input: &Input) -> u64 {
        match &self.retry {
            Some(retry) if retry.hash == input.hash => retry.at_ms,
            _ if self.must.is_some() => 0,
            _ => self.want.map_or(0, |want| want.due_ms(self.recipe.pace, self.splay_ms)),
        }
    }

    /// What keeps a cause from its run: state that is too old, or many who would go at once.
    fn is_held(
        &mut self,
        now_ms: u64,
        input: &Input,
        around: &mut Surroundings,
        commands: &mut Vec<Command>,
    ) -> bool {
        if self.recipe.on_stale == OnStale::Keep && around.age_ms(now_ms) > self.recipe.max_age_ms {
            return true;
        }
        let count = input.entries().len() as u64;
        let Some(Hold { until_ms, from, news }) =
            self.numbers.hold(now_ms, count, self.recipe.brake)
        else {
            return false;
        };
        if news {
            let hook = self.recipe.name.clone();
            commands.push(Command::Report(Report::Braked { hook, from, to: count }));
        }
        around.wake_at(until_ms);
        true
    }

    /// The first fresh state is taken as it is. Whether that was begun.
    fn adopt(
        &mut self,
        now_ms: u64,
        input: &Arc<Input>,
        around: &mut Surroundings,
        commands: &mut Vec<Command>,
    ) -> bool {
        self.adopts = around.lost.is_some();
        let known = self.record.pending.is_some()
            || self.record.done.as_ref().is_some_and(|done| done.hash == input.hash);
        if known || self.must.is_some() {
            return false;
        }
        self.take(now_ms, (Arc::clone(input), Why::Start), around);
        self.close(Close::Quiet, commands);
        true
    }

    fn begin(
        &mut self,
        now_ms: u64,
        (input, why): (Arc<Input>, Why),
        around: &mut Surroundings,
        commands: &mut Vec<Command>,
    ) {
        let age_ms = around.age_ms(now_ms);
        let run = self.take(now_ms, (Arc::clone(&input), why), around);
        self.step = Step::Staging;
        self.turn.begun();
        self.resumes = false;
        commands.push(Command::Stage(Stage {
            hook: self.recipe.name.clone(),
            run,
            input,
            keep: self.record.pending.is_none(),
            stale: around.lost.is_some(),
            age_ms,
        }));
    }

    fn take(
        &mut self,
        now_ms: u64,
        (input, why): (Arc<Input>, Why),
        around: &mut Surroundings,
    ) -> RunId {
        let id = around.next_run();
        self.want = None;
        self.retry = None;
        self.run = Some(Run {
            id,
            input,
            why,
            stale: around.lost.is_some(),
            files: String::new(),
            draft: Record::default(),
            problem: String::new(),
            began_ms: now_ms,
        });
        id
    }

    pub(super) fn is_idle(&self) -> bool {
        let cause = self.newest.as_ref().and_then(|input| self.cause(input));
        self.step == Step::Resting && self.newest.is_some() && cause.is_none()
    }
}

impl Run {
    /// The state that it follows.
    pub(super) fn mark(&self) -> Mark {
        Mark {
            history: self.input.history.clone(),
            version: self.input.version,
            hash: self.input.hash.clone(),
            files: self.files.clone(),
            count: self.input.entries().len() as u64,
        }
    }
}
