//! Server-sent events, followed over breaks of the connection.

use std::time::Duration;

use http::header::HeaderName;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::Instant;

use super::Client;
use crate::failure::{Failure, UNREACHABLE};

/// Largest event.
const EVENT_BYTES_MAX: usize = 64 * 1024 * 1024;
/// A stream that is quiet sends comments; one that does not even do that is broken.
const SILENCE_MAX: Duration = Duration::from_secs(35);
/// How long a stream that broke off is tried again.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(300);
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    pub name: String,
    pub id: Option<String>,
    pub data: String,
}

/// Bytes into events.
#[derive(Debug, Default)]
struct Reader {
    bytes: Vec<u8>,
    event: Event,
}

impl Reader {
    fn feed(&mut self, bytes: &[u8]) -> bool {
        self.bytes.extend_from_slice(bytes);
        self.bytes.len() + self.event.data.len() <= EVENT_BYTES_MAX
    }

    /// The next event that is whole.
    fn next(&mut self) -> Option<Event> {
        let mut from = 0;
        let mut found = None;
        while let Some(length) = self.bytes[from..].iter().position(|byte| *byte == b'\n') {
            let line = self.bytes[from..from + length].trim_ascii_end();
            from += length + 1;
            if line.is_empty() {
                let event = std::mem::take(&mut self.event);
                if !event.data.is_empty() {
                    found = Some(event);
                    break;
                }
                continue;
            }
            let line = String::from_utf8_lossy(line);
            let (field, value) = line.split_once(':').unwrap_or((&line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => value.clone_into(&mut self.event.name),
                "id" => self.event.id = Some(value.to_owned()),
                "data" => {
                    if !self.event.data.is_empty() {
                        self.event.data.push('\n');
                    }
                    self.event.data.push_str(value);
                }
                _ => {}
            }
        }
        self.bytes.drain(..from);
        found
    }
}

/// A path's events. Where the connection breaks off it is made again and goes on behind the last
/// event.
pub(crate) struct Followed<'a> {
    client: &'a Client,
    path: String,
    last: Option<String>,
    body: Option<Incoming>,
    reader: Reader,
    /// Whether the end of the stream is the end of it all.
    ends: bool,
    /// Whether there ever was a connection: where there was none, nothing broke off.
    opened: bool,
}

impl<'a> Followed<'a> {
    /// From `last` on, or from where the server begins.
    pub(crate) fn new(client: &'a Client, path: impl Into<String>, last: Option<String>) -> Self {
        let reader = Reader::default();
        Self { client, path: path.into(), last, body: None, reader, ends: false, opened: false }
    }

    /// A stream that the server ends by itself.
    pub(crate) fn once(client: &'a Client, path: impl Into<String>) -> Self {
        Self { ends: true, ..Self::new(client, path, None) }
    }

    /// The next event; none at the end of a stream that ends. Cancelling the wait loses nothing.
    pub(crate) async fn next(&mut self) -> Result<Option<Event>, Failure> {
        let mut broken_since: Option<Instant> = None;
        loop {
            if let Some(event) = self.reader.next() {
                if event.id.is_some() {
                    self.last.clone_from(&event.id);
                }
                return Ok(Some(event));
            }
            if self.body.is_none() {
                let headers = self.last.iter().map(|id| (LAST_EVENT_ID, id.as_str()));
                match self.client.open(&self.path, &headers.collect::<Vec<_>>()).await {
                    Ok(body) => {
                        self.body = Some(body);
                        self.opened = true;
                        self.reader = Reader::default();
                    }
                    Err(failure) if failure.code == UNREACHABLE => {
                        let since = *broken_since.get_or_insert_with(Instant::now);
                        if !self.opened || since.elapsed() > PATIENCE {
                            return Err(failure);
                        }
                        tokio::time::sleep(PAUSE).await;
                        self.client.find_again();
                        continue;
                    }
                    Err(failure) => return Err(failure),
                }
            }
            let Some(body) = &mut self.body else { continue };
            match tokio::time::timeout(SILENCE_MAX, body.frame()).await {
                Ok(Some(Ok(frame))) => {
                    let data = frame.into_data().unwrap_or_default();
                    if !self.reader.feed(&data) {
                        return Err(Failure::new("an event without an end came"));
                    }
                }
                Ok(None) if self.ends => return Ok(None),
                Ok(None | Some(Err(_))) | Err(_) => {
                    self.body = None;
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
