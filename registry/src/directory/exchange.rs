//! What the machine is told and what it says: events, commands, and what they carry.
//!
//! Owns the words alone; what follows from an event is the machine's.

use std::collections::BTreeSet;

use lathe_catalog::{Beat, Node, Passed};

use super::{Batch, Delta, Resume, Selection, WatcherId, Wish};

/// The time of an event, by two clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds of a clock that never goes back.
    pub ms: u64,
    /// Milliseconds since the Unix epoch.
    pub unix_ms: u64,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The store listed the whole catalog at one commit.
    Listed { history: String, commit: u64, nodes: Vec<Node> },
    /// The store made one commit; all its nodes are here.
    Committed { commit: u64, nodes: Vec<Node> },
    /// The store made several commits, which are only whole together.
    CommittedTogether { commits: Vec<(u64, Vec<Node>)> },
    /// The registries that are alive, by their URLs.
    RegistriesListed { urls: Vec<String> },
    /// The store cannot be heard.
    StoreLost,
    /// The store can be heard again.
    StoreFound,
    /// An incarnation said that it lives; its secret was checked.
    Beaten { incarnation: String, beat: Beat },
    /// The connection is closed by which an incarnation said so last.
    Closed { incarnation: String },
    /// Another registry has passed beats on, or has nothing to pass on and is there. `view` is which
    /// registries it knows; none while it cannot judge.
    PassedHere { from: String, view: Option<String>, beats: Vec<Passed> },
    /// Another registry took what was passed on to it, and knows these.
    PassedOn { to: String, view: Option<String> },
    /// It did not take this, as far as is known. `gone` says that nobody listens at its address.
    NotPassedOn { to: String, gone: bool, beats: Vec<Passed> },
    /// A write ended.
    Written { outcome: Outcome },
    /// Somebody wants to be told of changes.
    Subscribed { watcher: WatcherId, selection: Selection, resume: Option<Resume> },
    /// Somebody keeps a copy of these groups, or of everything where none is named.
    Followed { watcher: WatcherId, groups: BTreeSet<String>, resume: Option<Resume> },
    /// Somebody who has seen this waits for one change.
    Awaited { watcher: WatcherId, wish: Wish, seen: Resume },
    /// A watcher took the batch that was sent last.
    Drained { watcher: WatcherId },
    /// A watcher, or one who waits, went away.
    Left { watcher: WatcherId },
    /// The time that was asked for has come.
    Woken,
    /// The process is to end.
    Ending,
}

/// How a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is durable at this commit.
    Durable { commit: u64 },
    /// Nothing was written, or nobody knows: look again.
    Failed,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Write these nodes, all or none. One write is under way at a time.
    Write { sets: Vec<Set> },
    /// Pass these beats on to another registry, with the registries that are known here. One batch is
    /// under way to each at a time; the answer is to come within one beat, or counts as none.
    PassOn { to: String, view: Option<String>, beats: Vec<Passed> },
    /// Hand this to a watcher. No more is sent until it was `Drained`.
    Send { watcher: WatcherId, batch: Batch },
    /// Hand this to a follower. No more is sent until it was `Drained`.
    Tell { watcher: WatcherId, delta: Delta },
    /// What was waited for has come.
    Release { watcher: WatcherId },
    /// End a watcher's stream, or a wait.
    Close { watcher: WatcherId, why: Why },
    /// Wake the machine at this time (`Now::ms`); replaces what was asked before.
    WakeAt { ms: u64 },
    /// Say so in the log.
    Report(Report),
}

/// One node to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// Where it stands.
    pub path: String,
    /// Its new content.
    pub data: Vec<u8>,
    /// The version that it must have.
    pub expect: u64,
}

/// Why a stream ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// There are as many watchers as there may be.
    Full,
    /// It took nothing for too long.
    Stuck,
    /// The process ends.
    Ending,
}

/// Something worth a line in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// A node cannot be read; what was known at its path is kept.
    Unreadable { problem: String },
    /// The store listed an older commit than is known; the listing was refused.
    Stale { known: u64, offered: u64 },
    /// The store lives another life: everything was listed again.
    AnotherHistory { history: String },
    /// Too many fell silent at once; nobody is made suspect.
    BrakeHolds { would: u64, of: u64 },
    /// The brake was let go.
    BrakeLetGo,
    /// The process was stopped or starved for so long.
    WasDeaf { ms: u64 },
}
