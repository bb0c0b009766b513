//! The events of one subscription: read without a pause from their connection, watched for
//! silence, held until they are taken. Knows records and time; what an event means is for its
//! users.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use thiserror::Error;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::connection::Connection;
use crate::limits::Limits;
use crate::recordio::{Decoder, FrameError};

/// Why a subscription is over. Every one of them is cured by subscribing again.
#[derive(Debug, Error)]
pub enum StreamError {
    /// The other side ended the stream between two events.
    #[error("the stream was closed by the other side")]
    Closed,
    /// The other side ended the stream within an event.
    #[error("the stream ended in the middle of an event")]
    Truncated,
    /// Nothing came for too long: the heartbeats stopped, or there was no first event.
    #[error("nothing was heard for {} ms", after.as_millis())]
    Silent { after: Duration },
    #[error("the connection of the stream broke")]
    Broken(#[source] hyper::Error),
    #[error("the stream is malformed")]
    Frame(#[source] FrameError),
    #[error("an event cannot be read")]
    Decode(#[source] prost::DecodeError),
    /// The events were not taken as fast as they came.
    #[error("too many events wait to be taken ({events} of {bytes} bytes)")]
    Overflow { events: usize, bytes: usize },
    /// The connection for calls broke; Mesos treats that as a disconnection, and so do we.
    #[error("the connection for calls broke: {what}")]
    Calls { what: String },
}

/// Whether a subscription goes on. Shared by its stream, its calls and its owner: the first of
/// them to end ends all.
#[derive(Debug)]
pub(crate) struct Fate {
    over: watch::Sender<bool>,
    why: Mutex<Option<StreamError>>,
}

impl Fate {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { over: watch::Sender::new(false), why: Mutex::new(None) })
    }

    /// Ends the subscription; only the first reason is kept.
    pub(crate) fn end(&self, why: Option<StreamError>) {
        self.over.send_if_modified(|over| {
            if *over {
                return false;
            }
            *self.why.lock().unwrap_or_else(PoisonError::into_inner) = why;
            *over = true;
            true
        });
    }

    /// Waits until the subscription is over.
    pub(crate) async fn ended(&self) {
        let mut over = self.over.subscribe();
        // The sender lives as long as self, so that waiting cannot fail.
        let _ = over.wait_for(|over| *over).await;
    }

    fn take_reason(&self) -> Option<StreamError> {
        self.why.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What the reader must be told about the events of one API.
pub(crate) trait Event: prost::Message + Default + 'static {
    /// How often the other side will be heard, if this event says so.
    fn heartbeat_interval(&self) -> Option<Duration>;
    /// How long the other side may be silent once the first event has come.
    fn silence(interval: Option<Duration>) -> Option<Duration>;
}

/// The events that came and were not taken yet.
#[derive(Debug)]
pub(crate) struct Events<E> {
    queue: mpsc::Receiver<(E, usize)>,
    waiting: Arc<AtomicUsize>,
    fate: Arc<Fate>,
    reader: JoinHandle<()>,
}

impl<E> Drop for Events<E> {
    fn drop(&mut self) {
        self.fate.end(None);
        self.reader.abort();
    }
}

impl<E: Event> Events<E> {
    /// Starts to read. The connection must live as long as its stream, so it is taken, too.
    pub(crate) fn start(
        connection: Connection,
        body: Incoming,
        limits: &Limits,
        fate: Arc<Fate>,
    ) -> Self {
        let (sender, queue) = mpsc::channel(limits.backlog.max(1));
        let waiting = Arc::new(AtomicUsize::new(0));
        let reader = Reader {
            decoder: Decoder::new(limits.record),
            silence: Some(limits.subscribe),
            limit_bytes: limits.backlog_bytes,
            heard: false,
            interval: None,
            sender,
            waiting: Arc::clone(&waiting),
        };
        let reader_fate = Arc::clone(&fate);
        let reader = tokio::spawn(async move {
            tokio::select! {
                () = reader_fate.ended() => {}
                why = reader.run(body) => reader_fate.end(Some(why)),
            }
            drop(connection);
        });
        Self { queue, waiting, fate, reader }
    }

    /// Waits until the subscription is over, taking nothing.
    #[cfg(test)]
    pub(crate) async fn ended(&self) {
        self.fate.ended().await;
    }

    /// The next event. May be dropped while it waits: no event is lost.
    pub(crate) async fn next(&mut self) -> Result<E, StreamError> {
        match self.queue.recv().await {
            Some((event, size)) => {
                self.waiting.fetch_sub(size, Ordering::Relaxed);
                Ok(event)
            }
            None => {
                // The queue closes a moment before the reason is written down.
                self.fate.ended().await;
                Err(self.fate.take_reason().unwrap_or(StreamError::Closed))
            }
        }
    }
}

struct Reader<E> {
    decoder: Decoder,
    silence: Option<Duration>,
    limit_bytes: usize,
    heard: bool,
    interval: Option<Duration>,
    sender: mpsc::Sender<(E, usize)>,
    waiting: Arc<AtomicUsize>,
}

impl<E: Event> Reader<E> {
    async fn run(mut self, mut body: Incoming) -> StreamError {
        loop {
            let frame = match self.silence {
                None => body.frame().await,
                Some(after) => match timeout(after, body.frame()).await {
                    Ok(frame) => frame,
                    Err(_) => return StreamError::Silent { after },
                },
            };
            match frame {
                None if self.decoder.is_between_records() => return StreamError::Closed,
                None => return StreamError::Truncated,
                Some(Err(source)) => return StreamError::Broken(source),
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    let pushed = self.decoder.push(&data);
                    while let Some(record) = self.decoder.next() {
                        if let Err(error) = self.deliver(record) {
                            return error;
                        }
                    }
                    if let Err(error) = pushed {
                        return StreamError::Frame(error);
                    }
                }
            }
        }
    }

    fn deliver(&mut self, record: Bytes) -> Result<(), StreamError> {
        let size = record.len();
        let event = E::decode(record).map_err(StreamError::Decode)?;
        let interval = event.heartbeat_interval();
        if !self.heard || interval.is_some() {
            self.heard = true;
            self.interval = interval.or(self.interval);
            self.silence = E::silence(self.interval);
        }
        let bytes = self.waiting.fetch_add(size, Ordering::Relaxed) + size;
        let overflow = |events| StreamError::Overflow { events, bytes };
        // One event alone is always taken: it was within the limit of records.
        if bytes > self.limit_bytes && bytes > size {
            return Err(overflow(self.sender.max_capacity() - self.sender.capacity()));
        }
        self.sender.try_send((event, size)).map_err(|_| overflow(self.sender.max_capacity()))
    }
}
