//! From a run that breaks an invariant to a smaller one that breaks the same: fewer steps, then
//! fewer decisions.

use std::collections::BTreeSet;

use crate::oracle::Breach;
use crate::settings::Settings;
use crate::world::{Failure, Outcome, run};

/// Runs that one shrinking may take.
const RUNS_MAX: u32 = 400;

/// A smaller run, and what it comes to.
#[derive(Debug)]
pub struct Shrunk {
    pub settings: Settings,
    pub outcome: Outcome,
    /// Decisions before and after.
    pub decisions: (usize, usize),
    pub runs: u32,
}

/// Makes a failing run smaller. None when it does not fail.
#[must_use]
pub fn shrink(settings: &Settings) -> Option<Shrunk> {
    let outcome = run(settings);
    let breach = outcome.failure.as_ref()?.breach.clone();
    let before = outcome.decisions.len();
    let mut best = Best { settings: settings.clone(), outcome, breach, runs: 1 };
    best.fewer_steps();
    best.fewer_decisions();
    best.fewer_steps();
    let Best { settings, outcome, runs, .. } = best;
    let decisions = (before, outcome.decisions.len());
    Some(Shrunk { settings, outcome, decisions, runs })
}

struct Best {
    settings: Settings,
    outcome: Outcome,
    breach: Breach,
    runs: u32,
}

impl Best {
    /// Takes the smaller run if it breaks the same invariant.
    fn try_out(&mut self, settings: Settings) -> bool {
        if self.runs >= RUNS_MAX {
            return false;
        }
        self.runs += 1;
        let outcome = run(&settings);
        let same = outcome
            .failure
            .as_ref()
            .is_some_and(|failure| failure.breach.invariant == self.breach.invariant);
        if same {
            (self.settings, self.outcome) = (settings, outcome);
        }
        same
    }

    fn fewer_steps(&mut self) {
        if let Some(Failure { step: Some(step), .. }) = self.outcome.failure {
            let steps = step.min(self.settings.steps);
            self.try_out(Settings { steps, ..self.settings.clone() });
            return;
        }
        // What shows in the healing began somewhere: as early as it can be had.
        let mut cut = self.settings.steps / 2;
        while cut > 0 {
            let steps = self.settings.steps.saturating_sub(cut);
            if !self.try_out(Settings { steps, ..self.settings.clone() }) {
                cut /= 2;
            }
        }
    }

    fn fewer_decisions(&mut self) {
        let mut size = self.outcome.decisions.len().div_ceil(2);
        while size > 0 {
            let mut made: Vec<u64> = self.outcome.decisions.keys().copied().collect();
            // The last first: what came after the fault is easily left out.
            made.reverse();
            for chunk in made.chunks(size) {
                let mut without: BTreeSet<u64> = self.settings.without.clone();
                without.extend(chunk);
                self.try_out(Settings { without, ..self.settings.clone() });
            }
            size /= 2;
        }
    }
}
