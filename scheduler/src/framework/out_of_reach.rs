//! Instances whose hosts do not answer: how long each is waited for before another takes its
//! place. The task says it, or else the configuration. Must not know what replaces them.

use lathe_topology::ReplaceAfter;

use super::Framework;
use super::ids::Time;
use super::records::{Life, Phase};

impl Framework {
    /// Whether the life was waited for long enough: its place is free.
    pub(super) fn given_up(&self, now: Time, life: &Life) -> bool {
        self.gives_up_at(life).is_some_and(|at| now >= at)
    }

    /// When that is; never for what answers, or is to be waited for without end.
    pub(super) fn gives_up_at(&self, life: &Life) -> Option<Time> {
        if life.phase != Phase::Unreachable {
            return None;
        }
        let ReplaceAfter::Ms(ms) = self.replace_after(life) else { return None };
        let own = life.since_ms.saturating_add(ms);
        Some(self.losses.held_until(life).map_or(own, |held| own.max(held)))
    }

    /// What the task says today, also of what was started when it said something else.
    fn replace_after(&self, life: &Life) -> ReplaceAfter {
        let path = &life.incarnation.instance.task;
        let task = self.wanted.owned_by(path).and_then(|accepted| accepted.task(path));
        task.and_then(|task| task.unreachable)
            .unwrap_or(ReplaceAfter::Ms(self.config.replace_after_ms))
    }

    /// What is known of a life that is out of reach, and what is going to become of it.
    pub(super) fn why_out_of_reach(&self, life: &Life) -> Option<String> {
        if life.phase != Phase::Unreachable {
            return None;
        }
        let reason = life.reason.as_deref().unwrap_or("its host does not answer");
        if self.losses.held_until(life).is_some() {
            return Some(format!("{reason}; waited for, since many hosts went at once"));
        }
        Some(match self.replace_after(life) {
            ReplaceAfter::Ms(0) => reason.to_owned(),
            ReplaceAfter::Ms(ms) => format!("{reason}; replaced when away for {}", span(ms)),
            ReplaceAfter::Never => format!("{reason}; waited for until its host is given up"),
        })
    }
}

/// In the largest unit that says it in whole numbers.
fn span(ms: u64) -> String {
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    let fits = units.into_iter().find(|(_, unit)| ms >= *unit && ms.is_multiple_of(*unit));
    fits.map_or_else(|| format!("{ms}ms"), |(name, unit)| format!("{}{name}", ms / unit))
}
