//! How a hook of registries stands, for people and programs that ask.
//!
//! Owns the words. Every registry says the same of what is durable; why nothing happens now is said by
//! the one whose turn it is.

use serde::Serialize;

use super::around::Around;
use super::event::Kind;
use super::hook::{Hook, Step};
use super::record::Past;

/// What a hook is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// The store was not heard yet, or is not heard now.
    Blind,
    /// Everything that was seen is taken up.
    Idle,
    /// Something has happened that is not taken up yet.
    Waiting,
    /// A run is under way.
    Running,
    /// The last try failed, and the next one waits for its time.
    Failing,
}

/// How one hook stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Its name.
    pub hook: String,
    /// What it is told of.
    pub on: Vec<Kind>,
    /// The registry whose turn it is.
    pub owner: Option<String>,
    /// What it is at.
    pub standing: Standing,
    /// The same in a sentence.
    pub because: String,
    /// Runs that were ever claimed.
    pub runs: u64,
    /// Events that this registry has seen and nobody has taken up.
    pub waiting: u64,
    /// Events within the window of an alarm.
    pub counted: Option<u64>,
    /// Tries of the run under way here that have failed.
    pub failures: u64,
    /// The last runs, oldest first, by whichever registry.
    pub past: Vec<Past>,
}

impl Hook {
    pub(super) fn status(&self, around: &Around<'_>, begun: bool) -> Status {
        let rule = &self.lookout.rule;
        let record = self.record(around.world);
        let window = record.map_or(0, |record| record.window.len() as u64 + record.left_out);
        let (standing, because) = self.standing(around, begun);
        Status {
            hook: rule.name().to_owned(),
            on: rule.filter.on.iter().copied().collect(),
            owner: around.owner(rule.name()).map(|owner| owner.url.clone()),
            standing,
            because,
            runs: record.map_or(0, |record| record.runs),
            waiting: self.lookout.waiting() as u64,
            counted: rule.alarm.map(|_| window),
            failures: self.failures(),
            past: record.map(|record| record.past.clone()).unwrap_or_default(),
        }
    }

    fn standing(&self, around: &Around<'_>, begun: bool) -> (Standing, String) {
        if !begun || !around.able {
            let because = "the store is not heard, or does not list this registry".to_owned();
            return (Standing::Blind, because);
        }
        let claim = self.record(around.world).and_then(|record| record.claim.as_ref());
        if let Some(claim) = claim {
            let (run, events, url) = (claim.run, claim.events.len(), &claim.url);
            return match self.run.as_ref().map(|run| &run.step) {
                Some(Step::Waiting { at_ms, how }) if claim.by == around.by => {
                    let left = at_ms.saturating_sub(around.now.ms);
                    (Standing::Failing, format!("run {run} is tried again in {left} ms: {how}"))
                }
                _ => (Standing::Running, format!("run {run}, about {events} events, at {url}")),
            };
        }
        match self.lookout.waiting() {
            0 => (Standing::Idle, "all that was seen is taken up".to_owned()),
            count => (Standing::Waiting, format!("{count} events are not taken up yet")),
        }
    }

    fn failures(&self) -> u64 {
        self.run.as_ref().map_or(0, |run| run.failures())
    }
}
