//! Answers that were given lately: a repair that waits for room asks the same again every two seconds, and is
//! answered by a comparison as long as nothing has changed that could matter.
//!
//! Owns which questions are kept, and how many. Must not know what makes two different questions alike: an
//! answer is given again to the very same question, so that it is what planning anew would say.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lathe_placement::Verdict;

use super::plan;
use crate::framework::command::PlanInput;

/// A repair, a trial of what has to leave, and what is asked between.
const KEPT: usize = 4;
/// So many running instances in all questions that are kept.
const INSTANCES_KEPT: usize = 400_000;

/// Questions and their answers, the newest last.
type Answered = VecDeque<(Box<PlanInput>, Verdict)>;

/// Plans one question after the other, or several at once.
#[derive(Debug, Default)]
pub struct Session {
    answered: Mutex<Answered>,
}

impl Session {
    /// Makes a plan, or gives the one that was made of the same question: the verdict is [`plan`]'s.
    pub fn plan(&self, input: Box<PlanInput>) -> Verdict {
        let known = {
            let mut answered = self.answered();
            let at = answered.iter().position(|(asked, _)| *asked == input);
            at.and_then(|at| answered.remove(at))
        };
        // Nobody waits for the lock while a plan is made.
        let (input, verdict) = known.unwrap_or_else(|| {
            let verdict = plan(&input);
            (input, verdict)
        });
        let mut answered = self.answered();
        answered.push_back((input, verdict.clone()));
        let instances = |answered: &Answered| -> usize {
            answered.iter().map(|(asked, _)| asked.running.instances.len()).sum()
        };
        while answered.len() > KEPT || instances(&answered) > INSTANCES_KEPT {
            answered.pop_front();
        }
        verdict
    }

    /// How many answers are kept.
    #[cfg(test)]
    pub(super) fn questions(&self) -> usize {
        self.answered().len()
    }

    fn answered(&self) -> MutexGuard<'_, Answered> {
        // A question is in or out: what a panic leaves is good.
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
