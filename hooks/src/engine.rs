//! The machine of hooks: what is known and what has ended in, what to do next out.
//!
//! Owns every decision: when a hook runs and why not, in which order its steps come, what a failure means.
//! Pure: no I/O, no clock, no hash order. Two rules run through it: nothing that others can see happens
//! before the record that announces it is durable, and what is announced is followed to its end with the
//! newest state, whatever dies meanwhile.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod exchange;
mod hook;
mod pace;
mod status;
mod steps;
mod turn;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use exchange::{Command, End, Event, Report, RunId, Stage, Staged, Start, Why};
use hook::Hook;
pub use status::{HookStatus, Past, Standing};
pub use turn::{TurnAnswer, TurnAsk};

use crate::recipe::Recipe;
use crate::record::Record;
use crate::snapshot::Input;

/// What the machine knows of a hook from before it started.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Remembered {
    /// The last record that is durable.
    pub record: Record,
    /// What the run saw that is under way in it.
    pub input: Option<Input>,
}

/// What belongs to all hooks.
#[derive(Debug)]
struct Surroundings {
    /// Since when nobody is heard, and how old the state was then, in milliseconds.
    lost: Option<(u64, u64)>,
    ending: bool,
    dice: u64,
    runs: u64,
    /// When a hook wants to be looked at next.
    wake_ms: Option<u64>,
}

impl Surroundings {
    fn age_ms(&self, now_ms: u64) -> u64 {
        self.lost.map_or(0, |(since, age)| now_ms.saturating_sub(since).saturating_add(age))
    }

    fn next_run(&mut self) -> RunId {
        self.runs += 1;
        RunId(self.runs)
    }

    /// A number from 0 to the bound, which is among them (SplitMix64).
    fn draw(&mut self, bound: u64) -> u64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.dice;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.saturating_add(1)
    }

    fn wake_at(&mut self, ms: u64) {
        self.wake_ms = Some(self.wake_ms.map_or(ms, |before| before.min(ms)));
    }
}

/// The machine.
#[derive(Debug)]
pub struct Engine {
    hooks: BTreeMap<String, Hook>,
    around: Surroundings,
    asked_ms: Option<u64>,
}

impl Engine {
    /// A machine of these hooks, which remembers what is said of them. `host` spreads hosts over their
    /// splay; `seed` is of its dice.
    #[must_use]
    pub fn new(
        recipes: &[Arc<Recipe>],
        mut remembered: BTreeMap<String, Remembered>,
        host: &str,
        seed: u64,
    ) -> Self {
        let hooks = recipes.iter().map(|recipe| {
            let known = remembered.remove(&recipe.name).unwrap_or_default();
            (recipe.name.clone(), Hook::new(Arc::clone(recipe), known, host))
        });
        let around = Surroundings { lost: None, ending: false, dice: seed, runs: 0, wake_ms: None };
        Self { hooks: hooks.collect(), around, asked_ms: None }
    }

    /// Takes an event, appends what is to be done.
    pub fn step(&mut self, now_ms: u64, event: Event, commands: &mut Vec<Command>) {
        let around = &mut self.around;
        match event {
            Event::Seen { snapshot } => {
                for hook in self.hooks.values_mut() {
                    hook.see(now_ms, &snapshot, around, commands);
                }
            }
            Event::Lost { age_ms } => {
                around.lost.get_or_insert((now_ms, age_ms));
            }
            Event::Fresh => around.lost = None,
            Event::Ending => around.ending = true,
            Event::Woken => {}
            Event::Forced { hook } => {
                if let Some(hook) = self.hooks.get_mut(&hook) {
                    hook.force();
                }
            }
            Event::Staged { hook, run, outcome } => {
                if let Some(hook) = self.hooks.get_mut(&hook) {
                    hook.staged(now_ms, run, outcome, around, commands);
                }
            }
            Event::Journaled { hook, run, outcome } => {
                if let Some(hook) = self.hooks.get_mut(&hook) {
                    hook.journaled(now_ms, run, outcome, around, commands);
                }
            }
            Event::Replaced { hook, run, outcome } => {
                if let Some(hook) = self.hooks.get_mut(&hook) {
                    hook.replaced(now_ms, run, outcome, around, commands);
                }
            }
            Event::Restored { hook, run, outcome } => {
                if let Some(hook) = self.hooks.get_mut(&hook) {
                    hook.restored(now_ms, run, outcome, around, commands);
                }
            }
            Event::Answered { hook, ask, answer } => {
                if let Some(hook) = self.hooks.get_mut(&hook) {
                    hook.answered(now_ms, ask, answer, around, commands);
                }
            }
            Event::GivenBack { hook } => {
                self.hooks.get_mut(&hook).into_iter().for_each(Hook::given_back);
            }
            Event::Ended { hook, run, end } => {
                if let Some(hook) = self.hooks.get_mut(&hook) {
                    hook.ended(now_ms, run, &end, around, commands);
                }
            }
        }
        self.around.wake_ms = None;
        for hook in self.hooks.values_mut() {
            hook.decide(now_ms, &mut self.around, commands);
        }
        if let Some(ms) = self.around.wake_ms
            && self.asked_ms.is_none_or(|asked| asked != ms)
        {
            commands.push(Command::WakeAt { ms });
        }
        self.asked_ms = self.around.wake_ms;
    }

    /// How every hook stands, by name.
    #[must_use]
    pub fn status(&self, now_ms: u64) -> Vec<HookStatus> {
        self.hooks.values().map(|hook| hook.status(now_ms, self.around.age_ms(now_ms))).collect()
    }

    /// Whether there is a hook of this name.
    #[must_use]
    pub fn has(&self, hook: &str) -> bool {
        self.hooks.contains_key(hook)
    }

    /// Whether no hook has anything to do: none is under way, and none has a cause.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.hooks.values().all(Hook::is_idle)
    }
}

#[cfg(test)]
mod tests;
