//! One watcher's stream of server-sent events.
//!
//! Owns the form of events on the wire and the comments that keep a quiet stream alive. It takes
//! one batch at a time and says so when the connection has taken it.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::stream;
use tokio::sync::mpsc;

use crate::directory::{Batch, Event, Resume, WatcherId};
use crate::driver::Input;

/// A comment is sent after so much silence.
const COMMENT_AFTER: Duration = Duration::from_secs(10);
const COMMENT: &str = ":\n\n";

/// What a stream is made from.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) watcher: WatcherId,
    pub(crate) batches: mpsc::Receiver<Batch>,
    pub(crate) inputs: mpsc::Sender<Input>,
}

/// The first thing on a stream: how soon a client should come again, in milliseconds.
const OPENING: &str = "retry: 500\n\n";

enum Said {
    Nothing,
    Opening,
    Batch,
}

impl Stream {
    /// The body of the answer. It ends when the machine closes the watcher.
    pub(crate) fn into_body(self) -> Body {
        let start = (self, Said::Nothing);
        Body::from_stream(stream::unfold(start, |(mut stream, said)| async move {
            if matches!(said, Said::Nothing) {
                return Some((chunk(OPENING.to_owned()), (stream, Said::Opening)));
            }
            if matches!(said, Said::Batch) {
                // Asked for more: the connection has room again.
                let drained = Event::Drained { watcher: stream.watcher };
                stream.inputs.send(Input::Event(drained)).await.ok()?;
            }
            match tokio::time::timeout(COMMENT_AFTER, stream.batches.recv()).await {
                Ok(Some(batch)) => Some((chunk(text(&batch)), (stream, Said::Batch))),
                Ok(None) => None,
                Err(_) => Some((chunk(COMMENT.to_owned()), (stream, Said::Opening))),
            }
        }))
    }
}

fn chunk(text: String) -> Result<Bytes, Infallible> {
    Ok(Bytes::from(text))
}

/// The events of a batch as they go over the wire.
fn text(batch: &Batch) -> String {
    let length: usize = batch.frames.iter().map(|frame| frame.data.len() + 96).sum();
    batch.frames.iter().fold(String::with_capacity(length), |mut text, frame| {
        let (kind, history) = (frame.kind.as_str(), &batch.history);
        let id = frame.commit;
        write!(text, "event: {kind}\nid: {history}.{id}\ndata: {}\n\n", frame.data)
            .expect("a string takes text");
        text
    })
}

/// Reads `Last-Event-ID`. One that is not ours is no resume: everything is sent.
pub(crate) fn resume(id: &str) -> Option<Resume> {
    let (history, commit) = id.trim().rsplit_once('.')?;
    let commit = commit.parse().ok().filter(|commit| *commit > 0)?;
    (!history.is_empty()).then(|| Resume { history: history.to_owned(), commit })
}

#[cfg(test)]
mod tests;
