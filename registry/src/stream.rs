//! One watcher's stream, as server-sent events or as lines of JSON.
//!
//! Owns the form of events on the wire and what keeps a quiet stream alive. It takes
//! one batch at a time and says so when the connection has taken it.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::stream;
use tokio::sync::mpsc;

use crate::directory::{Batch, Event, Resume, WatcherId};
use crate::driver::Input;
use crate::rest::Place;

/// A sign of life is sent after so much silence.
const ALIVE_AFTER: Duration = Duration::from_secs(10);

/// How events stand on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Server-sent events.
    Events,
    /// One object a line.
    Lines,
}

impl Form {
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Events => "text/event-stream",
            Self::Lines => "application/x-ndjson",
        }
    }

    /// The first thing on a stream: how soon a client should come again, in milliseconds.
    fn opening(self) -> &'static str {
        match self {
            Self::Events => "retry: 500\n\n",
            Self::Lines => "",
        }
    }

    fn alive(self) -> &'static str {
        match self {
            Self::Events => ":\n\n",
            Self::Lines => "{\"event\":\"alive\"}\n",
        }
    }

    /// The events of a batch.
    fn text(self, batch: &Batch) -> String {
        let length: usize = batch.frames.iter().map(|frame| frame.data.len() + 96).sum();
        batch.frames.iter().fold(String::with_capacity(length), |mut text, frame| {
            let (kind, data, history, commit) =
                (frame.kind.as_str(), &frame.data, &batch.history, frame.commit);
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
            text
        })
    }
}

/// What a stream is made from.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) watcher: WatcherId,
    pub(crate) batches: mpsc::Receiver<Batch>,
    pub(crate) inputs: mpsc::Sender<Input>,
    pub(crate) form: Form,
    /// Its place among those of its address.
    #[expect(dead_code, reason = "it is held until the stream ends")]
    pub(crate) place: Place,
}

enum Said {
    Nothing,
    Opening,
    Batch,
}

impl Stream {
    /// The body of the answer. It ends when the machine closes the watcher.
    pub(crate) fn into_body(self) -> Body {
        let said = if self.form.opening().is_empty() { Said::Opening } else { Said::Nothing };
        let start = (self, said);
        Body::from_stream(stream::unfold(start, |(mut stream, said)| async move {
            if matches!(said, Said::Nothing) {
                return Some((chunk(stream.form.opening()), (stream, Said::Opening)));
            }
            if matches!(said, Said::Batch) {
                // Asked for more: the connection has room again.
                let drained = Event::Drained { watcher: stream.watcher };
                stream.inputs.send(Input::Event(drained)).await.ok()?;
            }
            match tokio::time::timeout(ALIVE_AFTER, stream.batches.recv()).await {
                Ok(Some(batch)) => Some((chunk(stream.form.text(&batch)), (stream, Said::Batch))),
                Ok(None) => None,
                Err(_) => Some((chunk(stream.form.alive()), (stream, Said::Opening))),
            }
        }))
    }
}

fn chunk(text: impl Into<Bytes>) -> Result<Bytes, Infallible> {
    Ok(text.into())
}

/// Reads `Last-Event-ID`. One that is not ours is no resume: everything is sent.
pub(crate) fn resume(id: &str) -> Option<Resume> {
    let (history, commit) = id.trim().rsplit_once('.')?;
    let commit = commit.parse().ok().filter(|commit| *commit > 0)?;
    (!history.is_empty()).then(|| Resume { history: history.to_owned(), commit })
}

#[cfg(test)]
mod tests;
