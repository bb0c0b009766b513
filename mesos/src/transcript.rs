//! Recorded traffic of a real Mesos 1.11.0, in `testdata/transcripts`: what a scheduler and five
//! executors and an operator said and what they were answered, byte for byte. For tests of this crate and of
//! others (feature `transcripts`); reads files, decodes no message.

use std::io;
use std::path::{Path, PathBuf};
use std::{fs, str};

use serde_json::Value;

use crate::wire;

/// The recorded sessions. `ha-protobuf` has a scheduler and an executor.
pub const SESSIONS: [&str; 5] = [
    "scheduler-protobuf",
    "executor-protobuf",
    "auth-protobuf",
    "ha-protobuf",
    "operator-protobuf",
];

/// One request with its answer.
#[derive(Debug, Clone)]
pub struct Exchange {
    pub session: String,
    /// The name of its files: a number and what it is about. Those of executors and of their wrong
    /// requests start with the executor's name or with `errors`.
    pub name: String,
    /// What the recorder said about it.
    pub note: String,
    /// The status of the answer.
    pub status: u16,
    /// All bytes of the request, in order.
    pub request: Vec<u8>,
    /// All bytes of the answer, chunk framing and all. A stream may end in the middle.
    pub response: Vec<u8>,
    /// The request's body as JSON, if it was a message.
    pub request_json: Option<Value>,
    /// The answer's body as JSON, if it was a message and no stream.
    pub response_json: Option<Value>,
    /// The events of a stream as JSON; `None` for answers that are no stream.
    pub events: Option<Vec<Value>>,
}

/// The head of a request or of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The first line.
    pub line: String,
    /// The header fields, names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Head {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(have, _)| have.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The path of a request.
    pub fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }
}

/// Which API a request was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    Scheduler,
    Executor,
    /// The operator API of a master.
    Master,
    /// The operator API of an agent.
    Agent,
    /// A page that is no v1 API.
    Other,
}

impl Exchange {
    pub fn request_head(&self) -> Head {
        parse_head(&self.request).0
    }

    pub fn request_body(&self) -> &[u8] {
        parse_head(&self.request).1
    }

    pub fn response_head(&self) -> Head {
        parse_head(&self.response).0
    }

    /// The body of the answer without its chunk framing, as far as it was recorded.
    pub fn response_body(&self) -> Vec<u8> {
        let (head, body) = parse_head(&self.response);
        match head.header("transfer-encoding") {
            Some("chunked") => dechunk(body),
            _ => body.to_vec(),
        }
    }

    pub fn api(&self) -> Api {
        let head = self.request_head();
        let path = head.path();
        if path.ends_with(wire::SCHEDULER_PATH) {
            Api::Scheduler
        } else if path.ends_with(wire::EXECUTOR_PATH) {
            Api::Executor
        } else if path == wire::OPERATOR_PATH {
            Api::Master
        } else if path.ends_with(wire::OPERATOR_PATH) {
            Api::Agent
        } else {
            Api::Other
        }
    }
}

/// All exchanges of a session, in the order of their names. Requests that found nobody to answer
/// them were not taken in.
pub fn load(session: &str) -> io::Result<Vec<Exchange>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/transcripts").join(session);
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let name = entry?.file_name().into_string();
        let name = name.map_err(|_| io::Error::other("a file name is no text"))?;
        names.extend(name.strip_suffix(".request").map(str::to_owned));
    }
    names.sort();
    let notes = read_indices(&folder)?;
    names.iter().map(|name| read_exchange(&folder, session, name, &notes)).collect()
}

fn read_exchange(
    folder: &Path,
    session: &str,
    name: &str,
    notes: &[Value],
) -> io::Result<Exchange> {
    let file = |ending: &str| folder.join(format!("{name}.{ending}"));
    let index = notes.iter().find(|row| name == row["file"]);
    let index = index.ok_or_else(|| io::Error::other(format!("{name} stands in no index")))?;
    let request_json = match read_optional(&file("request.json"))? {
        Some(text) => Some(serde_json::from_str(&text)?),
        None => None,
    };
    let response_json = match read_optional(&file("response.json"))? {
        Some(text) => Some(serde_json::from_str(&text)?),
        None => None,
    };
    let events = match read_optional(&file("events.jsonl"))? {
        Some(text) if !text.is_empty() => Some(read_events(&text)?),
        // The recorder makes an empty file for a subscription that was refused.
        _ => None,
    };
    let status = index["status"].as_u64().and_then(|status| u16::try_from(status).ok());
    Ok(Exchange {
        session: session.to_owned(),
        name: name.to_owned(),
        note: index["note"].as_str().unwrap_or_default().to_owned(),
        status: status.ok_or_else(|| io::Error::other(format!("{name} has no status")))?,
        request: fs::read(file("request"))?,
        response: fs::read(file("response"))?,
        request_json,
        response_json,
        events,
    })
}

fn read_indices(folder: &Path) -> io::Result<Vec<Value>> {
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().ends_with("index.jsonl")) {
            files.push(path);
        }
    }
    let mut rows = Vec::new();
    for path in files {
        for line in fs::read_to_string(path)?.lines() {
            rows.push(serde_json::from_str(line)?);
        }
    }
    Ok(rows)
}

fn read_events(text: &str) -> io::Result<Vec<Value>> {
    let mut events = Vec::new();
    for line in text.lines() {
        let mut row: Value = serde_json::from_str(line)?;
        events.push(row["event"].take());
    }
    Ok(events)
}

fn read_optional(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn parse_head(bytes: &[u8]) -> (Head, &[u8]) {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, body) = match end {
        Some(end) => (&bytes[..end], &bytes[end + 4..]),
        None => (bytes, &[][..]),
    };
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap_or_default().to_owned();
    let fields = lines.filter_map(|line| line.split_once(':'));
    let headers = fields.map(|(k, v)| (k.to_ascii_lowercase(), v.trim().to_owned())).collect();
    (Head { line, headers }, body)
}

fn dechunk(mut body: &[u8]) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(end) = body.windows(2).position(|two| two == b"\r\n") {
        let size = str::from_utf8(&body[..end]).ok();
        let Some(size) = size.and_then(|size| usize::from_str_radix(size, 16).ok()) else { break };
        let data = &body[end + 2..];
        all.extend_from_slice(&data[..size.min(data.len())]);
        if size == 0 || data.len() < size + 2 {
            break;
        }
        body = &data[size + 2..];
    }
    all
}

#[cfg(test)]
mod tests;
