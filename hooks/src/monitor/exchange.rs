//! What the machine is told and what it says.
//!
//! Owns the words alone; what follows from an input is the machine's.

use lathe_catalog::Node;
use serde::Serialize;

use super::event::Event;
use crate::engine::End;

/// The time of an input, by two clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds of a clock that never goes back.
    pub ms: u64,
    /// Milliseconds since the Unix epoch.
    pub unix_ms: u64,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The store listed the whole catalog at one commit.
    Listed { history: String, commit: u64, nodes: Vec<Node> },
    /// The store made a commit in the catalog.
    Committed { commit: u64, nodes: Vec<Node> },
    /// The store listed everything of hooks at one commit.
    HooksListed { commit: u64, nodes: Vec<Node> },
    /// A node of hooks is another one. Those of one commit come in the order of their paths.
    HookChanged { node: Node },
    /// The store cannot be heard.
    Lost,
    /// It can be heard again, and nothing was missed.
    Found,
    /// A write ended: durable at a commit; or nothing was written, or nobody knows.
    Written { hook: String, durable: Option<u64> },
    /// A program ended.
    Ended { hook: String, run: u64, end: End },
    /// The time that was asked for has come.
    Woken,
    /// Nothing new is begun any more.
    Ending,
}

/// What is to be done. Of one hook one write and one program are under way at a time.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Write these nodes, all or none.
    Write { hook: String, puts: Vec<Put> },
    /// Run the hook's program.
    Run { told: Box<Told> },
    /// Tell the program of `on_failure`; nobody waits for it.
    Tell { hook: String, problem: String, gave_up: bool },
    /// Wake the machine at this time (`Now::ms`); replaces what was asked before.
    WakeAt { ms: u64 },
    /// Say so in the log.
    Report(Report),
}

/// One node to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// Where it stands.
    pub path: String,
    /// Its new content; none deletes it.
    pub data: Option<Vec<u8>>,
    /// What has to stand there.
    pub expect: Expect,
}

/// What has to stand where something is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Whatever does: another node of the same write is expected.
    Any,
    /// Nothing.
    Absent,
    /// What was set so often.
    Version(u64),
}

/// Why a hook runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Something happened.
    Events,
    /// Enough has happened within the window.
    Alarm,
    /// The registry that had claimed this run is gone; its program may have run.
    TakenOver,
    /// The last try failed.
    Retry,
}

impl Why {
    /// The word as programs see it in `LATHE_REASON`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Alarm => "alarm",
            Self::TakenOver => "taken_over",
            Self::Retry => "retry",
        }
    }
}

/// What a program is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// The hook.
    pub hook: String,
    /// Why it runs.
    pub reason: Why,
    /// The number of the run: the same each time that it is tried, wherever.
    pub run: u64,
    /// Id of the store's life; with the number, the run's name for ever.
    pub history: String,
    /// The registry that runs it.
    pub registry: String,
    /// Events of this run, those that are left out included.
    pub count: u64,
    /// Events that belong to the alarm's window and are not here for want of room.
    pub left_out: u64,
    /// Events that wait for the next run.
    pub waiting: u64,
    /// The window of the alarm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window_ms: Option<u64>,
    /// What happened, in the order in which it was seen.
    pub events: Vec<Event>,
}

/// Something worth a line in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// A node cannot be read, and counts as not there.
    Unreadable { path: String },
    /// A run ended well.
    Done { hook: String, run: u64, events: u64 },
    /// A try failed; the next one comes in so many milliseconds.
    Failed { hook: String, run: u64, problem: String, again_ms: u64 },
    /// A run is given up.
    GaveUp { hook: String, run: u64, problem: String },
    /// The registry that had claimed a run is gone, and this one has it now.
    TookOver { hook: String, run: u64 },
    /// Another registry has taken a run over that is under way here.
    LostRun { hook: String, run: u64 },
    /// So many events wait that others are left to be found later.
    Full { hook: String },
}
