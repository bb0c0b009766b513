//! The machine of the agent: which registry is followed, when it is asked, what counts as news.
//!
//! Owns every decision about what is believed and how old it is. Pure: no I/O, no clock, no hash order. News
//! come by a stream, by asking and by other agents; the same copy judges all of them.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod exchange;
mod passed;

pub use exchange::{Command, Event, Kept, Point, Report, Told};

use crate::copy::{Alarm, Copy, News, Selection, Taken, Wish};
use passed::Others;

/// Registries that are remembered.
const REGISTRIES_MAX: usize = 64;
/// What belongs together comes within this time; it is shown together, in milliseconds.
const TOGETHER_MS: u64 = 50;
/// The copy is put on disk at most so often, in milliseconds.
const SAVE_MS: u64 = 1000;

/// What the machine is told to hold to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A registry is asked once in this time, or up to a half later, in milliseconds.
    pub poll_ms: u64,
    /// The longest wait before the second try to follow, in milliseconds; it doubles with each.
    pub first_ms: u64,
    /// The longest wait at all, in milliseconds.
    pub longest_ms: u64,
    /// So long may nobody be heard before that is told, in milliseconds: a reconnect is no loss.
    pub lost_after_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { poll_ms: 30_000, first_ms: 100, longest_ms: 10_000, lost_after_ms: 5000 }
    }
}

/// Where the stream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    /// There is none until this time.
    Waiting(u64),
    /// It was asked for, and its first state is not complete.
    Opening,
    /// It says what changes.
    Following,
}

/// The machine.
#[derive(Debug)]
pub struct Follower {
    limits: Limits,
    selection: Selection,
    /// Those of the configuration; they are never forgotten.
    configured: Vec<String>,
    registries: Vec<String>,
    /// Which one is followed, or tried next.
    at: usize,
    link: Link,
    failures: u32,
    copy: Copy,
    /// What a stream tells of another history, until it is complete.
    fresh: Option<Copy>,
    resume: Option<Point>,
    point: u64,
    /// Since when the copy is another one than the one that is shown.
    dirty_ms: Option<u64>,
    unsaved_ms: Option<u64>,
    saving: bool,
    /// When somebody was heard last, and how old the state was then; with the time 0, how old it was at the
    /// start.
    heard_ms: u64,
    heard_age_ms: u64,
    lost: bool,
    /// What a registry says of its own ignorance: when, and for how long.
    ignorant: Option<(u64, u64)>,
    poll_at_ms: u64,
    polling: Option<usize>,
    asked_ms: Option<u64>,
    /// What came by other agents.
    others: Others,
    dice: u64,
}

impl Follower {
    /// A machine that begins with what was kept, which is so old, in milliseconds; nothing where there is none.
    #[must_use]
    pub fn new(
        (limits, selection): (Limits, Selection),
        configured: &[String],
        kept: Kept,
        age_ms: u64,
        seed: u64,
    ) -> Self {
        let Kept { mut copy, resume, registries } = kept;
        let resume = resume.filter(|_| copy.has_all(&selection));
        copy.keep(&selection);
        let mut follower = Self {
            limits,
            selection,
            configured: configured.to_vec(),
            registries: configured.to_vec(),
            at: 0,
            link: Link::Waiting(0),
            failures: 0,
            copy,
            fresh: None,
            resume,
            point: 0,
            dirty_ms: None,
            unsaved_ms: None,
            saving: false,
            heard_ms: 0,
            heard_age_ms: age_ms,
            lost: true,
            ignorant: None,
            poll_at_ms: 0,
            polling: None,
            asked_ms: None,
            others: Others::default(),
            dice: seed,
        };
        if configured.is_empty() {
            // There are other agents alone.
            (follower.link, follower.poll_at_ms) = (Link::Waiting(u64::MAX), u64::MAX);
            return follower;
        }
        follower.remember(registries);
        // Not everybody at the first one.
        let most = (follower.registries.len() as u64).saturating_sub(1);
        follower.at = usize::try_from(follower.draw(most)).unwrap_or(0);
        follower.poll_at_ms = follower.next_poll(0);
        follower
    }

    /// What is known now.
    #[must_use]
    pub fn copy(&self) -> &Copy {
        &self.copy
    }

    /// How old that may be, in milliseconds; 0 while a registry is followed that hears the store.
    #[must_use]
    pub fn age_ms(&self, now_ms: u64) -> u64 {
        let own_ms = self.own_age_ms(now_ms);
        self.others.age_ms(now_ms).map_or(own_ms, |age_ms| age_ms.min(own_ms))
    }

    /// The same by registries alone.
    fn own_age_ms(&self, now_ms: u64) -> u64 {
        let ignorant = self
            .ignorant
            .map_or(0, |(since, age)| now_ms.saturating_sub(since).saturating_add(age));
        match self.link {
            Link::Following => ignorant,
            _ => {
                let silent = now_ms.saturating_sub(self.heard_ms);
                silent.saturating_add(self.heard_age_ms).max(ignorant)
            }
        }
    }

    /// Whether nobody is heard.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// The registry that is followed.
    #[must_use]
    pub fn followed(&self) -> Option<&str> {
        let following = self.link == Link::Following;
        following.then(|| self.registries.get(self.at).map(String::as_str)).flatten()
    }

    /// All registries that are known.
    #[must_use]
    pub fn registries(&self) -> &[String] {
        &self.registries
    }

    /// The first commands: what is known is shown at once, with its age.
    pub fn start(&mut self, now_ms: u64, commands: &mut Vec<Command>) {
        commands.push(Command::Lost { age_ms: self.age_ms(now_ms) });
        if !self.copy.history().is_empty() {
            commands.push(Command::Show(self.copy.clone()));
        }
        self.step(now_ms, Event::Woken, commands);
    }

    /// Takes an event, appends what is to be done.
    pub fn step(&mut self, now_ms: u64, event: Event, commands: &mut Vec<Command>) {
        match event {
            Event::Told(told) => self.told(now_ms, told, commands),
            Event::Broken { problem } => self.broken(now_ms, problem, commands),
            Event::Polled { news, age_ms } => self.polled(now_ms, news, age_ms, commands),
            Event::PollEnded { problem } => self.poll_ended(now_ms, problem, commands),
            Event::Passed { whole, news, age_ms } => {
                self.passed(now_ms, (whole, news, age_ms), commands);
            }
            Event::Saved => self.saving = false,
            Event::Woken => {}
        }
        self.go_on(now_ms, commands);
    }

    fn told(&mut self, now_ms: u64, told: Told, commands: &mut Vec<Command>) {
        match told {
            Told::News(news, _) if self.others.has_left(news.history()) => {
                commands.push(Command::Close);
                let problem = "the registry tells of a history that is over".to_owned();
                self.broken(now_ms, problem, commands);
            }
            Told::News(news, point) => {
                // A stream of another history is collected until it is complete.
                if news.history() != self.copy.history() {
                    let history = news.history().to_owned();
                    if self.fresh.as_ref().is_none_or(|fresh| fresh.history() != history) {
                        self.fresh = Some(Copy::of(&history));
                    }
                    if self.link == Link::Following {
                        self.link = Link::Opening;
                        self.resume = None;
                    }
                }
                self.take(now_ms, news, commands);
                self.reach(now_ms, point, commands);
            }
            Told::Registries(urls) => self.remember(urls),
            Told::Synced(point) => {
                if let Some(fresh) = self.fresh.take() {
                    if !self.copy.history().is_empty() {
                        let history = fresh.history().to_owned();
                        commands.push(Command::Report(Report::AnotherHistory { history }));
                    }
                    self.copy = fresh;
                    self.others.forget();
                    self.dirty_ms = Some(now_ms);
                }
                self.link = Link::Following;
                self.failures = 0;
                self.heard(now_ms, 0);
                self.resume = Some(point.clone());
                self.point = point.commit;
                self.dirty_ms = self.dirty_ms.or(Some(now_ms));
                self.show(now_ms, commands);
                let registry = self.registries[self.at].clone();
                commands.push(Command::Report(Report::Followed { registry }));
            }
        }
    }

    /// Everything up to a point was told: what came with it is whole.
    fn reach(&mut self, now_ms: u64, point: Point, commands: &mut Vec<Command>) {
        if self.link != Link::Following || point.history != self.copy.history() {
            return;
        }
        self.heard(now_ms, 0);
        if point.commit > self.point {
            self.point = point.commit;
            self.resume = Some(point);
            self.show(now_ms, commands);
        }
    }

    fn take(&mut self, now_ms: u64, news: News, commands: &mut Vec<Command>) {
        let fresh = self.fresh.as_mut().filter(|fresh| fresh.history() == news.history());
        let is_shown = fresh.is_none();
        let copy = fresh.unwrap_or(&mut self.copy);
        let wish = news.wish();
        match copy.take(news, &self.selection) {
            Taken::New if is_shown => {
                self.others.overtaken(&wish);
                self.dirty_ms = self.dirty_ms.or(Some(now_ms));
            }
            Taken::New | Taken::Known | Taken::Foreign => {}
            // Others were faster than this registry: it did not go back.
            Taken::Older(Alarm { known, .. }) if is_shown && self.others.brought(&wish, known) => {}
            Taken::Older(alarm) => commands.push(Command::Report(Report::Older(alarm))),
            Taken::Contradiction(alarm) => {
                commands.push(Command::Report(Report::Contradiction(alarm)));
            }
        }
    }

    fn broken(&mut self, now_ms: u64, problem: String, commands: &mut Vec<Command>) {
        if matches!(self.link, Link::Waiting(_)) {
            return;
        }
        if self.link == Link::Following {
            self.heard(now_ms, 0);
        } else {
            // What was resumed from may be what it does not like.
            self.resume = None;
        }
        self.fresh = None;
        self.failures = self.failures.saturating_add(1);
        let doubled = 2_u64.saturating_pow(self.failures.saturating_sub(1).min(32));
        let most = self.limits.first_ms.saturating_mul(doubled).min(self.limits.longest_ms);
        let again_ms = self.draw(most);
        let registry = self.registries[self.at].clone();
        commands.push(Command::Report(Report::Broken { registry, problem, again_ms }));
        self.link = Link::Waiting(now_ms.saturating_add(again_ms));
        self.at = (self.at + 1) % self.registries.len();
    }

    fn polled(
        &mut self,
        now_ms: u64,
        news: Option<News>,
        age_ms: u64,
        commands: &mut Vec<Command>,
    ) {
        self.ignorant = (age_ms > 0).then_some((now_ms, age_ms));
        let Some(news) = news else { return };
        if news.history() == self.copy.history() {
            return self.take(now_ms, news, commands);
        }
        // A part of another history says nothing; a stream will tell all of it.
        if self.link == Link::Following {
            commands.push(Command::Close);
            self.broken(now_ms, "another registry knows another history".to_owned(), commands);
        }
    }

    fn poll_ended(&mut self, now_ms: u64, problem: Option<String>, commands: &mut Vec<Command>) {
        let Some(at) = self.polling.take() else { return };
        self.poll_at_ms = self.next_poll(now_ms);
        match problem {
            None => {
                if self.copy.has_all(&self.selection) {
                    let age_ms = self.ignorant.map_or(0, |(_, age)| age);
                    self.heard(now_ms, age_ms);
                }
            }
            Some(problem) => {
                let registry = self.registries.get(at).cloned().unwrap_or_default();
                commands.push(Command::Report(Report::NotPolled { registry, problem }));
            }
        }
    }

    fn heard(&mut self, now_ms: u64, age_ms: u64) {
        (self.heard_ms, self.heard_age_ms) = (now_ms, age_ms);
    }

    /// What follows from the time alone.
    fn go_on(&mut self, now_ms: u64, commands: &mut Vec<Command>) {
        let mut wake_ms = u64::MAX;
        if let Some(since) = self.dirty_ms {
            let at = since.saturating_add(TOGETHER_MS);
            if now_ms < at { wake_ms = wake_ms.min(at) } else { self.show(now_ms, commands) }
        }
        if let (Some(since), false) = (self.unsaved_ms, self.saving) {
            let at = since.saturating_add(SAVE_MS);
            if now_ms < at {
                wake_ms = wake_ms.min(at);
            } else {
                self.unsaved_ms = None;
                self.saving = true;
                commands.push(Command::Save(self.kept()));
            }
        }
        if let Link::Waiting(at) = self.link {
            if now_ms < at {
                wake_ms = wake_ms.min(at);
            } else {
                self.link = Link::Opening;
                let registry = self.registries[self.at].clone();
                commands.push(Command::Open { registry, resume: self.resume.clone() });
            }
        }
        if self.polling.is_none() {
            if now_ms < self.poll_at_ms {
                wake_ms = wake_ms.min(self.poll_at_ms);
            } else {
                self.poll(commands);
            }
        }
        wake_ms = wake_ms.min(self.judge_loss(now_ms, commands));
        if wake_ms < u64::MAX && self.asked_ms != Some(wake_ms) {
            commands.push(Command::WakeAt { ms: wake_ms });
        }
        self.asked_ms = Some(wake_ms);
    }

    /// Tells that nobody is heard, or that somebody is again; gives the time of the next look.
    fn judge_loss(&mut self, now_ms: u64, commands: &mut Vec<Command>) -> u64 {
        let age_ms = self.age_ms(now_ms);
        let is_new = self.heard_ms == 0 && self.others.age_ms(now_ms).is_none();
        let lost = match self.link {
            Link::Following => false,
            _ => self.lost && is_new || age_ms >= self.limits.lost_after_ms,
        };
        // Hooks see what is new before they hear that it is fresh.
        if lost != self.lost && self.dirty_ms.is_none() {
            self.lost = lost;
            commands.push(if lost { Command::Lost { age_ms } } else { Command::Fresh });
        }
        if self.link == Link::Following || lost {
            return u64::MAX;
        }
        now_ms.saturating_add(self.limits.lost_after_ms.saturating_sub(age_ms).max(1))
    }

    /// Asks another registry than the one that is followed, where there is one.
    fn poll(&mut self, commands: &mut Vec<Command>) {
        let at = (self.at + 1) % self.registries.len();
        self.polling = Some(at);
        let groups = self.selection.groups.iter().cloned().map(Wish::Group);
        let wishes = groups.chain(self.selection.configs.iter().cloned().map(Wish::Config));
        let wishes = wishes.map(|wish| {
            let version = self.copy.version_of(&wish);
            (wish, version)
        });
        commands.push(Command::Poll {
            registry: self.registries[at].clone(),
            history: self.copy.history().to_owned(),
            wishes: wishes.collect(),
        });
    }

    fn next_poll(&mut self, now_ms: u64) -> u64 {
        let jitter = self.draw(self.limits.poll_ms / 2);
        now_ms.saturating_add(self.limits.poll_ms).saturating_add(jitter)
    }

    fn show(&mut self, now_ms: u64, commands: &mut Vec<Command>) {
        if self.dirty_ms.take().is_some() {
            self.unsaved_ms = self.unsaved_ms.or(Some(now_ms));
            commands.push(Command::Show(self.copy.clone()));
        }
    }

    fn kept(&self) -> Kept {
        Kept {
            copy: self.copy.clone(),
            resume: self.resume.clone(),
            registries: self.registries.clone(),
        }
    }

    /// The one that is followed stays the one that is followed.
    fn remember(&mut self, told: Vec<String>) {
        let now = self.registries.get(self.at).cloned();
        let mut all = self.configured.clone();
        all.extend(told.into_iter().filter(|url| !self.configured.contains(url)));
        // One that is followed and not told of any more is still followed.
        if let Some(now) = now.filter(|now| !all.contains(now)) {
            all.insert(self.configured.len(), now);
        }
        all.truncate(REGISTRIES_MAX.max(self.configured.len()));
        let now = self.registries.get(self.at);
        self.at = all.iter().position(|url| Some(url) == now).unwrap_or(0);
        self.registries = all;
    }

    /// A number from 0 to the bound, which is among them (SplitMix64).
    fn draw(&mut self, bound: u64) -> u64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.dice;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.saturating_add(1)
    }
}

#[cfg(test)]
mod tests;
