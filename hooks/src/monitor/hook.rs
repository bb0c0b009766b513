//! One hook: what it sees, what is durable of it, and the run that is under way here.
//!
//! Owns the order of things. A run is claimed in the same write that makes the picture show what it is
//! about, and begins when the store says the claim back; it is closed by another write when its program
//! has ended. A claim whose registry is gone is taken over by the hook's owner, with the same number. Who
//! the owner is decides who goes first, no more: two who both think so cannot both claim.

mod writes;

use super::around::Around;
use super::exchange::{Command, Now, Report, Told, Why};
use super::lookout::{Found, Lookout, News, PENDING_MAX};
use super::picture::{Page, PageId};
use super::record::{Claim, Record};
use super::rule::Rule;
use super::world::World;
use crate::engine::End;

/// After a write that was not taken nothing is written for so long, in milliseconds.
const WRITE_PAUSE_MS: u64 = 100;
/// What the owner leaves for so long, in milliseconds, was not seen by it: another one takes it up.
const PATIENCE_MS: u64 = 5000;

/// A record with its place in the store's order.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) record: Record,
    version: u64,
    commit: u64,
    heard_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    Nothing,
    UnderWay,
    /// It is not heard back yet.
    Durable {
        commit: u64,
    },
    Again {
        at_ms: u64,
    },
}

/// The run that is claimed here.
#[derive(Debug)]
pub(super) struct Run {
    number: u64,
    tries: u64,
    pub(super) step: Step,
}

impl Run {
    /// Tries that have failed.
    pub(super) fn failures(&self) -> u64 {
        match self.step {
            Step::Running { .. } => self.tries.saturating_sub(1),
            Step::Due | Step::Waiting { .. } => self.tries,
            Step::Over { .. } => 0,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Due,
    Running {
        since_ms: u64,
    },
    /// The last try failed.
    Waiting {
        at_ms: u64,
        how: String,
    },
    Over {
        at_ms: u64,
        end: End,
    },
}

#[derive(Debug)]
pub(super) struct Hook {
    pub(super) lookout: Lookout,
    pub(super) known: Option<Known>,
    /// A record is there that cannot be read; it is written anew.
    version_of_unread: Option<u64>,
    writing: Writing,
    pub(super) run: Option<Run>,
    was_full: bool,
}

impl Hook {
    pub(super) fn new(rule: std::sync::Arc<Rule>) -> Self {
        Self {
            lookout: Lookout::new(rule),
            known: None,
            version_of_unread: None,
            writing: Writing::Nothing,
            run: None,
            was_full: false,
        }
    }

    fn rule(&self) -> &Rule {
        &self.lookout.rule
    }

    /// The record, if it is one of this life of the store.
    pub(super) fn record(&self, world: &World) -> Option<&Record> {
        let known = self.known.as_ref().map(|known| &known.record);
        known.filter(|record| record.history == world.history)
    }

    /// Everything that is durable is known, and the catalog: compares the two.
    pub(super) fn begin(&mut self, world: &World, now: Now) {
        let news = match self.record(world) {
            None => News::Nothing,
            Some(record) if record.whole && record.digest == self.rule().digest() => News::All,
            Some(_) => News::OfKnown,
        };
        let found = Found { ms: now.ms, unix_ms: now.unix_ms, commit: world.reached, late: true };
        self.lookout.begin(world, found, news);
    }

    pub(super) fn hear_record(
        &mut self,
        heard_ms: u64,
        found: Option<(Record, u64, u64)>,
        unread: Option<u64>,
    ) {
        self.version_of_unread = unread;
        let known = |(record, version, commit)| Known { record, version, commit, heard_ms };
        self.known = found.map(known);
        if let (Writing::Durable { commit }, Some(known)) = (self.writing, &self.known)
            && known.commit >= commit
        {
            self.writing = Writing::Nothing;
        }
    }

    /// Everything of hooks was listed at this commit: what was durable by then is shown.
    pub(super) fn listed(&mut self, at: u64) {
        if matches!(self.writing, Writing::Durable { commit } if commit <= at) {
            self.writing = Writing::Nothing;
        }
    }

    pub(super) fn hear_page(
        &mut self,
        id: &PageId,
        page: Option<Page>,
        begun: Option<(&World, Found)>,
    ) {
        self.lookout.hear(id, page, begun);
    }

    pub(super) fn written(&mut self, now: Now, durable: Option<u64>) {
        self.writing = match (durable, &self.known) {
            (Some(commit), Some(known)) if known.commit >= commit => Writing::Nothing,
            (Some(commit), _) => Writing::Durable { commit },
            // Whoever was first is heard soon; where nobody knows, the next write finds out.
            (None, _) => Writing::Again { at_ms: now.ms.saturating_add(WRITE_PAUSE_MS) },
        };
    }

    /// Does what is to be done now.
    pub(super) fn go_on(&mut self, around: &mut Around<'_>, commands: &mut Vec<Command>) {
        if self.lookout.skipped && self.lookout.waiting() < PENDING_MAX / 2 {
            let world = around.world;
            let Now { ms, unix_ms } = around.now;
            let found = Found { ms, unix_ms, commit: world.reached, late: true };
            self.lookout.compare(world, found, News::All);
        }
        if self.lookout.skipped && !std::mem::replace(&mut self.was_full, true) {
            commands.push(Command::Report(Report::Full { hook: self.rule().name().to_owned() }));
        }
        self.was_full = self.lookout.skipped;
        self.follow_claim(around, commands);
        let may = match self.writing {
            Writing::Nothing => true,
            Writing::UnderWay | Writing::Durable { .. } => false,
            Writing::Again { at_ms } => at_ms <= around.now.ms,
        };
        if around.able && may {
            self.write(around, commands);
        }
    }

    /// When something is to be done that nothing else makes happen.
    pub(super) fn wake_ms(&self, now_ms: u64, able: bool) -> Option<u64> {
        let write = match self.writing {
            Writing::Again { at_ms } => Some(at_ms),
            _ => None,
        };
        let run = match self.run.as_ref().map(|run| &run.step) {
            Some(Step::Waiting { at_ms, .. }) => Some(*at_ms),
            _ => None,
        };
        let all = write.into_iter().chain(run).chain(self.stands_in_at_ms());
        all.filter(|at_ms| able && *at_ms > now_ms).min()
    }

    /// When this registry takes up what the owner has left, if it has.
    fn stands_in_at_ms(&self) -> Option<u64> {
        let known = self.known.as_ref().filter(|known| known.record.claim.is_none())?;
        let since_ms = self.lookout.waits_since_ms()?.max(known.heard_ms);
        Some(since_ms.saturating_add(PATIENCE_MS))
    }

    /// Whether what has happened is for this registry to take up.
    fn takes_up(&self, around: &Around<'_>) -> bool {
        let owner = around.owner(self.rule().name());
        owner.is_some_and(|owner| owner.by == around.by)
            || self.stands_in_at_ms().is_some_and(|at_ms| at_ms <= around.now.ms)
    }

    fn claim(&self, around: &Around<'_>) -> Option<&Claim> {
        let claim = self.record(around.world)?.claim.as_ref()?;
        (claim.by == around.by).then_some(claim)
    }

    /// The run here is the one that is claimed for this registry, and begins when its time has come.
    fn follow_claim(&mut self, around: &mut Around<'_>, commands: &mut Vec<Command>) {
        let name = self.rule().name().to_owned();
        let claimed = self.claim(around).map(|claim| (claim.run, claim.taken_over));
        let under_way = self.run.as_ref().map(|run| (run.number, &run.step));
        match (claimed, under_way) {
            (Some((run, _)), Some((number, _))) if run == number => {}
            // One program at a time, also where another registry has taken its run over.
            (_, Some((_, Step::Running { .. }))) => return,
            (Some((run, taken_over)), _) => {
                if taken_over > 0 {
                    commands.push(Command::Report(Report::TookOver { hook: name, run }));
                }
                self.run = Some(Run { number: run, tries: 0, step: Step::Due });
            }
            (None, _) => self.run = None,
        }
        let Some(run) = self.run.as_mut().filter(|_| around.able && claimed.is_some()) else {
            return;
        };
        let is_due = match run.step {
            Step::Due => true,
            Step::Waiting { at_ms, .. } => at_ms <= around.now.ms,
            Step::Running { .. } | Step::Over { .. } => false,
        };
        if is_due {
            run.tries += 1;
            run.step = Step::Running { since_ms: around.now.ms };
            let tries = run.tries;
            let told = self.told(around, tries);
            commands.extend(told.map(|told| Command::Run { told: Box::new(told) }));
        }
    }

    fn told(&self, around: &Around<'_>, tries: u64) -> Option<Told> {
        let claim = self.claim(around)?;
        let alarm = self.rule().alarm;
        let reason = match (tries, claim.taken_over) {
            (2.., _) => Why::Retry,
            (_, 1..) => Why::TakenOver,
            _ if alarm.is_some() => Why::Alarm,
            _ => Why::Events,
        };
        Some(Told {
            hook: self.rule().name().to_owned(),
            reason,
            run: claim.run,
            history: around.world.history.clone(),
            registry: around.url.to_owned(),
            count: claim.events.len() as u64 + claim.left_out,
            left_out: claim.left_out,
            waiting: self.lookout.waiting() as u64,
            window_ms: alarm.map(|alarm| alarm.window_ms),
            events: claim.events.clone(),
        })
    }

    /// The program of a run has ended.
    pub(super) fn ended(
        &mut self,
        around: &mut Around<'_>,
        number: u64,
        end: End,
        commands: &mut Vec<Command>,
    ) {
        let hook = self.rule().name().to_owned();
        let retries = self.rule().recipe.retries;
        let tells = !self.rule().recipe.on_failure.is_empty();
        let claim = self.claim(around).filter(|claim| claim.run == number);
        let events = claim.map(|claim| claim.events.len() as u64);
        let Some(run) = self.run.as_mut().filter(|run| run.number == number) else { return };
        let Some(events) = events else {
            self.run = None;
            commands.push(Command::Report(Report::LostRun { hook, run: number }));
            return;
        };
        let at_ms = around.now.unix_ms;
        if end.ok {
            run.step = Step::Over { at_ms, end };
            commands.push(Command::Report(Report::Done { hook, run: number, events }));
            return;
        }
        let problem = match end.output.trim_end() {
            "" => end.how.clone(),
            output => format!("{}: {output}", end.how),
        };
        let gives_up = retries.give_up_after.is_some_and(|most| run.tries >= u64::from(most));
        if tells && (gives_up || run.tries == 1) {
            let (hook, problem) = (hook.clone(), problem.clone());
            commands.push(Command::Tell { hook, problem, gave_up: gives_up });
        }
        if gives_up {
            run.step = Step::Over { at_ms, end };
            commands.push(Command::Report(Report::GaveUp { hook, run: number, problem }));
            return;
        }
        let doubled = 2_u64.saturating_pow(u32::try_from(run.tries - 1).unwrap_or(32).min(32));
        let most = retries.first_ms.saturating_mul(doubled).min(retries.longest_ms);
        let again_ms = around.draw(most);
        run.step = Step::Waiting { at_ms: around.now.ms.saturating_add(again_ms), how: end.how };
        commands.push(Command::Report(Report::Failed { hook, run: number, problem, again_ms }));
    }
}
