//! Whose turn it is: of the hosts of a fleet only so many follow at the same time.
//!
//! Owns when a turn is asked for, how long an answer is waited for, and when the turn is given back. Who grants
//! turns is not known here. Whoever grants one lets it lapse by itself, for the case that its holder dies.

use super::Surroundings;
use super::exchange::{Command, Report, RunId, Why};
use super::hook::{Hook, Step};

/// Between two questions, at the least, and what is drawn on top of it, in milliseconds.
const AGAIN_MS: u64 = 500;
const AGAIN_MORE_MS: u64 = 1000;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnAsk {
    /// Those who wait for each other.
    pub fleet: String,
    /// So many of them follow at the same time.
    pub most: u32,
    /// Nobody keeps a turn for longer, in milliseconds.
    pub lease_ms: u64,
}

/// What was said to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TurnAnswer {
    /// It is this host's turn.
    Granted,
    /// Others are at it.
    Taken {
        /// Who, in words.
        by: String,
    },
    /// Nobody could say.
    Unheard {
        /// Why.
        problem: String,
    },
}

/// What a hook has of a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Leave {
    #[default]
    None,
    Granted,
    /// Nobody could say for so long that it goes without.
    Without,
}

/// How a hook stands with its fleet.
#[derive(Clone, Debug, Default)]
pub(super) struct Turn {
    leave: Leave,
    /// A run has begun by this leave.
    used: bool,
    /// It is on its way back. What is asked for before that has come would be given back with it.
    on_its_way_back: bool,
    asked: Option<RunId>,
    again_ms: Option<u64>,
    unheard_since_ms: Option<u64>,
    /// Why it is not its turn, in words.
    because: Option<String>,
}

impl Turn {
    /// Why it waits for its turn, if it does.
    pub(super) fn because(&self) -> Option<&str> {
        self.because.as_deref()
    }

    /// There is nothing to be done in a turn. One that was granted is given back by who looks next.
    pub(super) fn let_go(&mut self) {
        if self.leave == Leave::None {
            *self = Self { on_its_way_back: self.on_its_way_back, ..Self::default() };
        }
    }

    pub(super) fn begun(&mut self) {
        self.used = self.leave != Leave::None;
    }
}

impl Hook {
    /// Whether a run may begin; where it may not, a turn is asked for.
    pub(super) fn has_turn(
        &mut self,
        now_ms: u64,
        why: Why,
        around: &mut Surroundings,
        commands: &mut Vec<Command>,
    ) -> bool {
        let Some(fleet) = &self.recipe.fleet else { return true };
        if why == Why::Forced || self.turn.leave != Leave::None {
            return true;
        }
        if self.turn.on_its_way_back {
            self.turn.because.get_or_insert_with(|| "gives its last turn back".to_owned());
            return false;
        }
        if let Some(at_ms) = self.turn.again_ms.filter(|at_ms| now_ms < *at_ms) {
            around.wake_at(at_ms);
            return false;
        }
        let ask = around.next_run();
        self.turn.asked = Some(ask);
        self.turn.because.get_or_insert_with(|| format!("asks {} for its turn", fleet.name));
        self.step = Step::Asking;
        let (fleet, most) = (fleet.name.clone(), fleet.most);
        let turn = TurnAsk { fleet, most, lease_ms: self.recipe.lease_ms() };
        commands.push(Command::Ask { hook: self.recipe.name.clone(), ask, turn });
        false
    }

    pub(super) fn answered(
        &mut self,
        now_ms: u64,
        ask: RunId,
        answer: TurnAnswer,
        around: &mut Surroundings,
        commands: &mut Vec<Command>,
    ) {
        let Some(fleet) = &self.recipe.fleet else { return };
        if self.step != Step::Asking || self.turn.asked != Some(ask) {
            return;
        }
        self.step = Step::Resting;
        let mut again = |turn: &mut Turn, because| {
            turn.because = Some(because);
            let pause_ms = AGAIN_MS + around.draw(AGAIN_MORE_MS);
            turn.again_ms = Some(now_ms.saturating_add(pause_ms));
        };
        let before = std::mem::take(&mut self.turn);
        match answer {
            TurnAnswer::Granted => self.turn.leave = Leave::Granted,
            TurnAnswer::Taken { by } => {
                let because =
                    format!("of {} {} may follow at a time: {by}", fleet.name, fleet.most);
                again(&mut self.turn, because);
            }
            TurnAnswer::Unheard { problem } => {
                let since = before.unheard_since_ms.unwrap_or(now_ms);
                if now_ms.saturating_sub(since) < fleet.patience_ms {
                    self.turn.unheard_since_ms = Some(since);
                    again(&mut self.turn, format!("nobody grants a turn: {problem}"));
                } else {
                    self.turn.leave = Leave::Without;
                    let hook = self.recipe.name.clone();
                    commands.push(Command::Report(Report::WithoutTurn { hook, problem }));
                }
            }
        }
    }

    /// A turn is for one try, which is over.
    pub(super) fn give_back_used(&mut self, commands: &mut Vec<Command>) {
        if self.turn.used {
            self.give_back(commands);
        }
    }

    /// A turn that nothing was begun with is not kept.
    pub(super) fn give_back(&mut self, commands: &mut Vec<Command>) {
        if self.step != Step::Resting || self.turn.leave == Leave::None {
            return;
        }
        let turn = std::mem::take(&mut self.turn);
        if let (Leave::Granted, Some(fleet)) = (turn.leave, &self.recipe.fleet) {
            let (hook, fleet) = (self.recipe.name.clone(), fleet.name.clone());
            self.turn.on_its_way_back = true;
            commands.push(Command::GiveBack { hook, fleet });
        }
    }

    /// Whoever grants turns has this one back, or does not answer.
    pub(super) fn given_back(&mut self) {
        self.turn = Turn::default();
    }
}
