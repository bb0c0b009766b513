//! One watcher's stream, as server-sent events or as lines of JSON.
//!
//! Owns what keeps a quiet stream alive. It takes
//! one batch at a time and says so when the connection has taken it.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use futures_util::stream;
use lathe_api::events::{self, ALIVE_AFTER, Form};
use tokio::sync::mpsc;

use crate::directory::{Batch, Event, Resume, WatcherId};
use crate::driver::Input;
use crate::rest::Place;

/// The events of a batch.
fn text(form: Form, batch: &Batch) -> String {
    let length: usize = batch.frames.iter().map(|frame| frame.data.len() + 96).sum();
    batch.frames.iter().fold(String::with_capacity(length), |mut text, frame| {
        form.event(&mut text, frame.kind.as_str(), (&batch.history, frame.commit), &frame.data);
        text
    })
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
                Ok(Some(batch)) => Some((chunk(text(stream.form, &batch)), (stream, Said::Batch))),
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
    events::point(id).map(|(history, commit)| Resume { history: history.to_owned(), commit })
}

#[cfg(test)]
mod tests;
