//! A stream of server-sent events.

use std::collections::VecDeque;
use std::time::Duration;

use serde_json::Value;

use crate::http::Request;
use crate::stream::Stream;

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
    stream: Stream,
    parser: Parser,
    parsed: VecDeque<Event>,
}

impl Events {
    /// Opens it; `last` is the id to go on after.
    #[must_use]
    pub fn open(url: &str, last: Option<&str>) -> Self {
        let mut request = Request::get(url);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        Self::of(request)
    }

    /// What answers this request, which may have headers of its own.
    #[must_use]
    pub fn of(request: Request) -> Self {
        let stream = Stream::open(request.header("accept", "text/event-stream"));
        Self { stream, parser: Parser::default(), parsed: VecDeque::new() }
    }

    /// The next event; None when the stream has ended.
    ///
    /// # Panics
    /// When nothing at all comes in time; comments count as something.
    #[must_use]
    pub fn next(&mut self, limit: Duration) -> Option<Event> {
        self.try_next(limit).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same, for whom a broken stream is no surprise.
    ///
    /// # Errors
    /// When nothing at all comes in time, and when the stream breaks off.
    pub fn try_next(&mut self, limit: Duration) -> Result<Option<Event>, String> {
        while self.parsed.is_empty() {
            let Some(bytes) = self.stream.try_next(limit)? else { return Ok(None) };
            self.parsed.extend(self.parser.take(&bytes));
        }
        Ok(self.parsed.pop_front())
    }
}

/// Lines to events. Comments and `retry` are passed over.
#[derive(Debug, Default)]
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
