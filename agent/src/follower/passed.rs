//! What other agents pass on: judged as what registries say, which it is.
//!
//! Owns how it differs: it may come before a registry has said so here, it may be of a newer history than the
//! registry that is followed, and it has an age.

use std::collections::{BTreeMap, VecDeque};

use super::{Command, Follower, Link, Report};
use crate::copy::{Copy, News, Taken, Wish};

/// Histories that are over and remembered.
const LEFT_MAX: usize = 16;

/// What is remembered of what others have passed on.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// Versions that no registry has told here.
    versions: BTreeMap<Wish, u64>,
    /// When others said last how old everything is, and how old it was.
    heard: Option<(u64, u64)>,
    /// Histories after which a registry has heard another one.
    left: VecDeque<String>,
}

impl Others {
    pub(super) fn age_ms(&self, now_ms: u64) -> Option<u64> {
        self.heard.map(|(at, age_ms)| now_ms.saturating_sub(at).saturating_add(age_ms))
    }

    /// Whether this version came by others.
    pub(super) fn brought(&self, wish: &Wish, version: u64) -> bool {
        self.versions.get(wish) == Some(&version)
    }

    /// A registry has told something newer.
    pub(super) fn overtaken(&mut self, wish: &Wish) {
        self.versions.remove(wish);
    }

    /// A registry has told everything.
    pub(super) fn forget(&mut self) {
        self.versions.clear();
        self.heard = None;
    }

    pub(super) fn has_left(&self, history: &str) -> bool {
        self.left.iter().any(|left| left == history)
    }

    fn leave(&mut self, history: &str, next: &str) {
        self.left.retain(|left| left != history && left != next);
        self.left.push_back(history.to_owned());
        while self.left.len() > LEFT_MAX {
            self.left.pop_front();
        }
    }
}

impl Follower {
    pub(super) fn passed(
        &mut self,
        now_ms: u64,
        (whole, news, age_ms): (bool, Vec<News>, Option<u64>),
        commands: &mut Vec<Command>,
    ) {
        let history = news.first().map(|first| first.history().to_owned()).unwrap_or_default();
        if whole && history != self.copy.history() {
            self.change_history(now_ms, &history, news, commands);
        } else {
            for news in news {
                // Where nothing is known, a part is better than nothing.
                if self.copy.history().is_empty() {
                    self.copy = Copy::of(news.history());
                }
                self.take_passed(now_ms, news, commands);
            }
        }
        if let Some(age_ms) = age_ms.filter(|_| self.copy.has_all(&self.selection)) {
            let known = self.others.age_ms(now_ms);
            if known.is_none_or(|known| age_ms < known) {
                self.others.heard = Some((now_ms, age_ms));
            }
        }
    }

    fn take_passed(&mut self, now_ms: u64, news: News, commands: &mut Vec<Command>) {
        let (wish, version) = (news.wish(), news.version());
        match self.copy.take(news, &self.selection) {
            Taken::New => {
                self.others.versions.insert(wish, version);
                self.dirty_ms = self.dirty_ms.or(Some(now_ms));
            }
            // A registry was faster.
            Taken::Known | Taken::Foreign | Taken::Older(_) => {}
            Taken::Contradiction(alarm) => {
                commands.push(Command::Report(Report::Contradiction(alarm)));
            }
        }
    }

    /// Everything is of another history, which a registry has heard after this one.
    fn change_history(
        &mut self,
        now_ms: u64,
        history: &str,
        news: Vec<News>,
        commands: &mut Vec<Command>,
    ) {
        let mut copy = Copy::of(history);
        for news in news {
            copy.take(news, &self.selection);
        }
        if !copy.has_all(&self.selection) {
            return;
        }
        let before = std::mem::replace(&mut self.copy, copy);
        if !before.history().is_empty() {
            let history = history.to_owned();
            commands.push(Command::Report(Report::AnotherHistory { history }));
            self.others.leave(before.history(), self.copy.history());
        }
        self.others.forget();
        (self.fresh, self.resume, self.point) = (None, None, 0);
        self.dirty_ms = Some(now_ms);
        if !matches!(self.link, Link::Waiting(_)) {
            // It may be cut off from the store; whoever is not says the same as others do.
            commands.push(Command::Close);
            let problem = "others have heard of a newer history".to_owned();
            self.broken(now_ms, problem, commands);
        }
    }
}
