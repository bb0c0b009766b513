//! A stream of server-sent events, read by a thread of its own.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use http_body_util::BodyExt as _;
use serde_json::Value;

use crate::http::{Connection, Request, runtime};

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub id: String,
    pub kind: String,
    pub data: Value,
}

/// The stream; dropping it closes the connection.
#[derive(Debug)]
pub struct Events {
    received: Receiver<Event>,
    _close: tokio::sync::oneshot::Sender<()>,
}

impl Events {
    /// Opens it; `last` is the id to go on after.
    #[must_use]
    pub fn open(url: &str, last: Option<&str>) -> Self {
        let mut request = Request::get(url).header("accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let (sender, received) = channel();
        let (close, closed) = tokio::sync::oneshot::channel::<()>();
        let url = url.to_owned();
        std::thread::spawn(move || {
            runtime().block_on(async {
                let read = async {
                    let mut connection = Connection::open(&url).await?;
                    let mut body = connection.start(&request).await?.into_body();
                    let mut parser = Parser::default();
                    while let Some(frame) = body.frame().await {
                        let bytes = frame?.into_data().unwrap_or_default();
                        for event in parser.take(&bytes) {
                            if sender.send(event).is_err() {
                                return Ok(());
                            }
                        }
                    }
                    Ok::<(), crate::http::Failed>(())
                };
                tokio::select! {
                    // However it ends, the receiver sees the end.
                    _ = read => {}
                    _ = closed => {}
                }
            });
        });
        Self { received, _close: close }
    }

    /// The next event; None when the stream has ended.
    ///
    /// # Panics
    /// When none comes in time.
    #[must_use]
    pub fn next(&self, limit: Duration) -> Option<Event> {
        match self.received.recv_timeout(limit) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => panic!("no event within {} s", limit.as_secs()),
        }
    }
}

/// Lines to events. Comments and `retry` are passed over.
#[derive(Default)]
struct Parser {
    rest: Vec<u8>,
    id: String,
    kind: String,
    data: String,
}

impl Parser {
    fn take(&mut self, bytes: &[u8]) -> Vec<Event> {
        self.rest.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if line.is_empty() {
                events.extend(self.dispatch());
                continue;
            }
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "id" => value.clone_into(&mut self.id),
                "event" => value.clone_into(&mut self.kind),
                "data" => self.data.push_str(value),
                _ => {}
            }
        }
        events
    }

    fn dispatch(&mut self) -> Option<Event> {
        let (kind, data) = (std::mem::take(&mut self.kind), std::mem::take(&mut self.data));
        if kind.is_empty() && data.is_empty() {
            return None;
        }
        let data = serde_json::from_str(&data).unwrap_or(Value::Null);
        Some(Event { id: self.id.clone(), kind, data })
    }
}
