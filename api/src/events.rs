//! The form of streams of changes, as server-sent events or as lines of JSON; the same from registries and agents.

use std::fmt::Write as _;
use std::time::Duration;

/// A sign of life is sent after so much silence.
pub const ALIVE_AFTER: Duration = Duration::from_secs(10);

/// How events stand on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Server-sent events.
    Events,
    /// One object a line.
    Lines,
}

impl Form {
    /// As `Accept` and `Content-Type` have it.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Events => "text/event-stream",
            Self::Lines => "application/x-ndjson",
        }
    }

    /// The first thing on a stream: how soon a client should come again, in milliseconds.
    #[must_use]
    pub fn opening(self) -> &'static str {
        match self {
            Self::Events => "retry: 500\n\n",
            Self::Lines => "",
        }
    }

    /// What is said when there is nothing to say.
    #[must_use]
    pub fn alive(self) -> &'static str {
        match self {
            Self::Events => ":\n\n",
            Self::Lines => "{\"event\":\"alive\"}\n",
        }
    }

    /// Puts one event at the end of a text: what it is of, the point that it brings its reader to (the history and
    /// its commit), and its data as JSON on one line.
    pub fn event(self, text: &mut String, kind: &str, (history, commit): (&str, u64), data: &str) {
        match self {
            Self::Events => {
                write!(text, "event: {kind}\nid: {history}.{commit}\ndata: {data}\n\n")
            }
            Self::Lines => {
                let id = serde_json::Value::from(format!("{history}.{commit}"));
                writeln!(text, "{{\"event\":\"{kind}\",\"id\":{id},\"data\":{data}}}")
            }
        }
        .expect("a string takes text");
    }
}

/// Reads `Last-Event-ID`: the history and the commit that were reached. Nothing for one that is not ours.
#[must_use]
pub fn point(id: &str) -> Option<(&str, u64)> {
    let (history, commit) = id.trim().rsplit_once('.')?;
    let commit = commit.parse().ok().filter(|commit| *commit > 0)?;
    (!history.is_empty()).then_some((history, commit))
}
