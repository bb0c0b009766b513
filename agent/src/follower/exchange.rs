//! What the machine is told and what it says: events, commands, and what they carry.
//!
//! Owns the words alone; what follows from an event is the machine's.

use crate::copy::{Alarm, Copy, News, Wish};

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The stream that was asked for said something.
    Told(Told),
    /// The stream is over, or never was.
    Broken {
        /// Why, in words.
        problem: String,
    },
    /// A registry was asked for one thing.
    Polled {
        /// What it said; nothing where it has what is known.
        news: Option<News>,
        /// For how long it had not heard the store, in milliseconds.
        age_ms: u64,
    },
    /// Everything that was to be asked was asked, or one answer did not come.
    PollEnded {
        /// Why not, in words.
        problem: Option<String>,
    },
    /// Other agents have passed this on: registries have signed it.
    Passed {
        /// It is everything that is followed, of a history that a registry has heard later than what is known.
        whole: bool,
        /// What they have said.
        news: Vec<News>,
        /// How old all that is followed may be, in milliseconds, where that can be said.
        age_ms: Option<u64>,
    },
    /// The copy is on disk, or cannot be.
    Saved,
    /// The time that was asked for has come.
    Woken,
}

/// One event of a stream.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// Something that is followed, and the point up to which everything was told then.
    News(News, Point),
    /// The addresses of all registries.
    Registries(Vec<String>),
    /// The first state is complete.
    Synced(Point),
}

/// A point of a stream: `history.commit`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// Id of the store's life.
    pub history: String,
    /// Everything up to this commit was told.
    pub commit: u64,
}

impl Point {
    /// Reads the id of an event.
    #[must_use]
    pub fn read(id: &str) -> Option<Self> {
        let (history, commit) = id.trim().rsplit_once('.')?;
        let commit = commit.parse().ok()?;
        (!history.is_empty()).then(|| Self { history: history.to_owned(), commit })
    }
}

impl std::fmt::Display for Point {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.history, self.commit)
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Open a stream at this registry; there is none.
    Open {
        /// Its address.
        registry: String,
        /// From where it is to go on.
        resume: Option<Point>,
    },
    /// End the stream.
    Close,
    /// Ask this registry for these, one after the other, naming the versions that are known.
    Poll {
        /// Its address.
        registry: String,
        /// In which history.
        history: String,
        /// What, and the version that is known.
        wishes: Vec<(Wish, Option<u64>)>,
    },
    /// Show this from now on; hooks see it.
    Show(Copy),
    /// Nobody was heard for so long, in milliseconds.
    Lost {
        /// In milliseconds.
        age_ms: u64,
    },
    /// Somebody is heard.
    Fresh,
    /// Put the copy on disk.
    Save(Kept),
    /// Wake the machine at this time, in milliseconds; replaces what was asked before.
    WakeAt {
        /// In milliseconds.
        ms: u64,
    },
    /// Say so in the log.
    Report(Report),
}

/// What outlives the process.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kept {
    /// The copy.
    pub copy: Copy,
    /// From where a stream can go on.
    pub resume: Option<Point>,
    /// Registries that were told of.
    pub registries: Vec<String>,
}

/// Something worth a line in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// A registry is followed.
    Followed {
        /// Its address.
        registry: String,
    },
    /// A stream is over; another one is tried so much later, in milliseconds.
    Broken {
        /// Whose.
        registry: String,
        /// Why.
        problem: String,
        /// In milliseconds.
        again_ms: u64,
    },
    /// A registry does not answer what it is asked.
    NotPolled {
        /// Its address.
        registry: String,
        /// Why.
        problem: String,
    },
    /// A registry says something older than what is known: nothing of it was taken.
    Older(Alarm),
    /// A registry says something else of a version that is known: nothing of it was taken.
    Contradiction(Alarm),
    /// The store lives another life: everything was taken anew.
    AnotherHistory {
        /// The new one.
        history: String,
    },
}
