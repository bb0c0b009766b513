//! What the machine is told and what it says: events, commands, and what they carry.
//!
//! Owns the words alone; what follows from an event is the machine's.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::record::Record;
use crate::snapshot::{Input, Snapshot};

use super::turn::{TurnAnswer, TurnAsk};

/// Names one run of one hook; used once in the life of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct RunId(pub u64);

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The groups are like this now.
    Seen { snapshot: Arc<Snapshot> },
    /// Nobody is heard who knows the groups; what is known is already so old, in milliseconds.
    Lost { age_ms: u64 },
    /// Somebody is heard again.
    Fresh,
    /// The files of a run stand beside their places, and their checks have passed.
    Staged { hook: String, run: RunId, outcome: Result<Staged, String> },
    /// A record is durable, or nobody knows.
    Journaled { hook: String, run: RunId, outcome: Result<(), String> },
    /// The files are in their places.
    Replaced { hook: String, run: RunId, outcome: Result<(), String> },
    /// The files of before are in their places.
    Restored { hook: String, run: RunId, outcome: Result<(), String> },
    /// What was said of a turn.
    Answered { hook: String, ask: RunId, answer: TurnAnswer },
    /// A turn has been given back, or nobody answers.
    GivenBack { hook: String },
    /// The program ended.
    Ended { hook: String, run: RunId, end: End },
    /// Somebody wants this hook to run now, whatever holds it up.
    Forced { hook: String },
    /// The time that was asked for has come.
    Woken,
    /// Nothing new is begun any more.
    Ending,
}

/// What staging found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staged {
    /// Digest of the files as rendered; empty where there are none.
    pub files: String,
    /// They stand in their places already, byte for byte.
    pub same: bool,
}

/// How a program ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct End {
    /// It did what it was to do.
    pub ok: bool,
    /// In words: `exit status 1`, `no end within 30000 ms`.
    pub how: String,
    /// The last of what it wrote.
    pub output: String,
    /// How long it ran, in milliseconds.
    pub took_ms: u64,
}

/// Why a hook runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Why {
    /// The state differs from what was acknowledged.
    Changed,
    /// The process has started, and the hook wants to run then.
    Start,
    /// A run of an earlier life of this process came to no end that is known.
    Resume,
    /// The last try failed.
    Retry,
    /// Somebody asked for it.
    Forced,
    /// The files of before were put back.
    Rollback,
}

impl Why {
    /// The word as programs see it in `LATHE_REASON`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Start => "start",
            Self::Resume => "resume",
            Self::Retry => "retry",
            Self::Forced => "forced",
            Self::Rollback => "rollback",
        }
    }
}

/// What is to be done. Of one hook, one command at a time is under way, but for `Tell` and `GiveBack`.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Keep the input, render, write beside the places, check.
    Stage(Stage),
    /// Make the record durable. One without `pending` ends the run: its input is the last one then.
    Journal { hook: String, run: RunId, record: Box<Record> },
    /// Put the staged files in their places.
    Replace { hook: String, run: RunId },
    /// Put the files of before back.
    Restore { hook: String, run: RunId },
    /// Run the program.
    Run { hook: String, run: RunId, start: Start },
    /// Ask whether it is this hook's turn.
    Ask { hook: String, ask: RunId, turn: TurnAsk },
    /// The turn is over. Until that is known no other one is asked for.
    GiveBack { hook: String, fleet: String },
    /// Tell the program of `on_failure`; nobody waits for it.
    Tell { hook: String, problem: String, gave_up: bool },
    /// Wake the machine at this time, in milliseconds; replaces what was asked before.
    WakeAt { ms: u64 },
    /// Say so in the log.
    Report(Report),
}

/// What is staged.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// The hook.
    pub hook: String,
    /// The run.
    pub run: RunId,
    /// What it sees.
    pub input: Arc<Input>,
    /// The files that are in place are good, and kept.
    pub keep: bool,
    /// Nobody is heard who knows the groups.
    pub stale: bool,
    /// For so long, in milliseconds.
    pub age_ms: u64,
}

/// What a program is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Start {
    /// Why it runs.
    pub why: Why,
    /// The version that was acknowledged before.
    pub from_version: u64,
    /// The version that it is to follow.
    pub version: u64,
    /// Id of the store's life.
    pub history: String,
    /// Nobody is heard who knows the groups.
    pub stale: bool,
}

/// Something worth a line in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// State that is older than what the hook has followed; it is not looked at.
    Older { hook: String, known: u64, offered: u64 },
    /// A try failed; the next one comes in so many milliseconds.
    Failed { hook: String, problem: String, again_ms: u64 },
    /// The state is given up until it changes.
    GaveUp { hook: String, problem: String },
    /// Many would go at once: it is waited whether that stays so.
    Braked { hook: String, from: u64, to: u64 },
    /// Nobody could say for too long whether it is the hook's turn: it goes without.
    WithoutTurn { hook: String, problem: String },
    /// A state was followed to its end.
    Done { hook: String, version: u64, why: Why },
}
