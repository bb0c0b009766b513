//! Server-sent events: bytes in, events out.
//!
//! Owns the framing (the WHATWG HTML standard, "Interpreting an event stream") and its bounds. It
//! must not know what events mean.

use std::collections::VecDeque;
use std::fmt;

/// Bytes of one event, its lines and their ends included.
const MAX_EVENT: usize = 8 << 20;

/// Bytes that are kept for the next line.
const LINE_KEPT: usize = 64 << 10;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// `message` where the stream names none.
    pub kind: String,
    /// Its lines, joined by line feeds.
    pub data: String,
    /// The last id that the stream gave.
    pub id: Option<String>,
}

/// Why a stream cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SseError {
    /// An event is longer than any that is taken.
    TooLong,
    /// It is not UTF-8.
    NotText,
}

impl fmt::Display for SseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "an event is longer than {MAX_EVENT} bytes"),
            Self::NotText => f.write_str("the stream is not utf-8"),
        }
    }
}

impl std::error::Error for SseError {}

/// Cuts a stream of bytes into events, however the bytes are split.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    /// The last byte ended a line as `\r`: a `\n` right after it belongs to it.
    after_return: bool,
    is_begun: bool,
    kind: String,
    data: String,
    has_data: bool,
    id: Option<String>,
    ready: VecDeque<Event>,
}

impl Parser {
    /// Takes bytes. After an error the stream is of no use any more.
    ///
    /// # Errors
    /// [`SseError`]
    pub fn push(&mut self, mut bytes: &[u8]) -> Result<(), SseError> {
        while let Some(first) = bytes.first() {
            if std::mem::take(&mut self.after_return) && *first == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let end = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let piece = &bytes[..end.unwrap_or(bytes.len())];
            if self.line.len() + piece.len() + self.data.len() > MAX_EVENT {
                return Err(SseError::TooLong);
            }
            self.line.extend_from_slice(piece);
            let Some(end) = end else { break };
            self.after_return = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            let line = std::mem::take(&mut self.line);
            self.take_line(std::str::from_utf8(&line).map_err(|_| SseError::NotText)?);
            // Keep what the line has grown to for the next one, unless that was a rare length.
            self.line = line;
            self.line.clear();
            self.line.shrink_to(LINE_KEPT);
        }
        Ok(())
    }

    fn take_line(&mut self, line: &str) {
        let line = if std::mem::replace(&mut self.is_begun, true) {
            line
        } else {
            line.strip_prefix('\u{feff}').unwrap_or(line)
        };
        if line.is_empty() {
            self.dispatch();
            return;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.kind),
            "data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.data.push_str(value);
                self.has_data = true;
            }
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            // Comments have an empty name; `retry` is not followed: the pauses here have bounds.
            _ => {}
        }
    }

    fn dispatch(&mut self) {
        let kind = std::mem::take(&mut self.kind);
        let data = std::mem::take(&mut self.data);
        if std::mem::take(&mut self.has_data) {
            let kind = if kind.is_empty() { "message".to_owned() } else { kind };
            self.ready.push_back(Event { kind, data, id: self.id.clone() });
        }
    }
}

impl Iterator for Parser {
    type Item = Event;

    /// The next whole event; there may be one again when more bytes were taken.
    fn next(&mut self) -> Option<Event> {
        self.ready.pop_front()
    }
}

#[cfg(test)]
mod tests;
