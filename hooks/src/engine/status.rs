//! How a hook stands, for people and programs that ask.
//!
//! Owns the words for why a hook does not run now.

use serde::Serialize;

use super::exchange::{End, Why};
use super::hook::{Hook, Step};
use crate::recipe::OnStale;

/// Runs that are remembered of a hook.
pub(super) const PAST_MAX: usize = 16;
/// Bytes of output that are kept of each but the last.
const OUTPUT_BYTES_KEPT: usize = 2048;

/// One run that has ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Past {
    /// When, in milliseconds of the machine's clock.
    #[serde(skip)]
    pub at_ms: u64,
    /// Why it ran.
    pub why: Why,
    /// The version that it was to follow.
    pub version: u64,
    /// How it ended.
    #[serde(flatten)]
    pub end: End,
}

impl Past {
    pub(super) fn shorten(&mut self) {
        let output = &mut self.end.output;
        let from = output.len().saturating_sub(OUTPUT_BYTES_KEPT);
        let from = (from..output.len()).find(|at| output.is_char_boundary(*at)).unwrap_or(0);
        if from > 0 {
            output.replace_range(..from, "");
            output.shrink_to_fit();
        }
    }
}

/// What a hook is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Nothing is known of its groups yet.
    Unseen,
    /// Everything that was seen is acknowledged.
    Idle,
    /// A change waits for its time.
    Settling,
    /// A change is held up.
    Held,
    /// Others of its fleet are at it.
    Waiting,
    /// A run is under way.
    Running,
    /// The last try failed, and the next one waits for its time.
    Failing,
    /// The state was given up.
    Refused,
}

/// How one hook stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HookStatus {
    /// Its name.
    pub hook: String,
    /// What it is at.
    pub standing: Standing,
    /// The same in a sentence: why it runs, or why it does not.
    pub because: String,
    /// The version that was acknowledged last.
    pub acknowledged: Option<u64>,
    /// The version that is known.
    pub known: Option<u64>,
    /// A run is announced in the journal and not acknowledged.
    pub pending: bool,
    /// Failures since the last success.
    pub failures: u32,
    /// The last runs, oldest first, with how long ago each ended, in milliseconds.
    pub past: Vec<Ago>,
}

/// A run, and how long ago it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ago {
    /// In milliseconds.
    pub ago_ms: u64,
    /// The run.
    #[serde(flatten)]
    pub run: Past,
}

impl Hook {
    pub(super) fn status(&self, now_ms: u64, age_ms: u64) -> HookStatus {
        let (standing, because) = self.standing(now_ms, age_ms);
        let ago = |run: &Past| Ago { ago_ms: now_ms.saturating_sub(run.at_ms), run: run.clone() };
        HookStatus {
            hook: self.recipe.name.clone(),
            standing,
            because,
            acknowledged: self.record.done.as_ref().map(|done| done.version),
            known: self.newest.as_ref().map(|newest| newest.version),
            pending: self.record.pending.is_some(),
            failures: self.failures,
            past: self.past.iter().map(ago).collect(),
        }
    }

    fn standing(&self, now_ms: u64, age_ms: u64) -> (Standing, String) {
        let Some(input) = &self.newest else {
            return (Standing::Unseen, "not all of its groups are known yet".to_owned());
        };
        if let (Some(run), true) = (&self.run, self.step != Step::Resting) {
            let (why, since) = (run.why.as_str(), now_ms.saturating_sub(run.began_ms));
            let because = format!("{} since {since} ms, because of: {why}", self.doing());
            return (Standing::Running, because);
        }
        if let Some(because) = self.turn.because() {
            return (Standing::Waiting, because.to_owned());
        }
        let Some(why) = self.cause(input) else {
            if self.record.refused.as_ref() == Some(&input.hash) {
                let because = "this state was given up; the next change is tried".to_owned();
                return (Standing::Refused, because);
            }
            let because = "what is seen is what was acknowledged".to_owned();
            return (Standing::Idle, because);
        };
        let why = why.as_str();
        if let Some(retry) = self.retry.as_ref().filter(|retry| retry.hash == input.hash) {
            let left = retry.at_ms.saturating_sub(now_ms);
            return (Standing::Failing, format!("tried again in {left} ms ({why})"));
        }
        if self.recipe.on_stale == OnStale::Keep && age_ms > self.recipe.max_age_ms {
            let because = format!("no registry was heard for {age_ms} ms ({why})");
            return (Standing::Held, because);
        }
        if self.numbers.is_held() {
            let because =
                format!("more than {} % would go at once ({why})", self.recipe.brake.percent);
            return (Standing::Held, because);
        }
        (Standing::Settling, format!("waits for more changes ({why})"))
    }

    fn doing(&self) -> &'static str {
        match self.step {
            Step::Resting => "rests",
            Step::Asking => "asks for its turn",
            Step::Staging => "renders and checks",
            Step::Announcing | Step::NotingReplaced | Step::Closing(_) => "writes the journal",
            Step::AnnouncingRestore | Step::NotingRestored => "writes the journal",
            Step::Replacing => "replaces files",
            Step::Running => "runs its program",
            Step::Restoring => "puts files back",
            Step::RunningBack => "runs its program on the files of before",
            Step::Unclosed(..) => "cannot write the journal",
        }
    }
}
