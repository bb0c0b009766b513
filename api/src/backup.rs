//! A backup: the whole store at one commit and the binaries that it names, as lines of JSON between a
//! head and an end that says how many lines there were and what they hash to.
//!
//! Owns the form, its checks, and what of the store's records is worth bringing back. Pure: it must
//! not know files, sockets or stores.

mod records;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use lathe_catalog::format;
pub use records::{INCARNATIONS_SKIPPED, Restoring, is_instance};

/// The form that is written, and the newest that is read.
pub const FORMAT: u32 = 1;
/// Longest line: a record of a mebibyte, however much of it has to be escaped.
pub const LINE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of a binary in one line.
pub const PIECE_BYTES: usize = 192 * 1024;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Line {
    Head(Head),
    Record(Record),
    Piece(Piece),
    End(End),
}

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    pub format: u32,
    /// Of the Lathe that wrote it.
    pub version: String,
    /// Id of the store's life.
    pub history: String,
    /// The last commit that it contains.
    pub commit: u64,
    /// Milliseconds since 1970.
    pub at_ms: u64,
    pub records: u64,
    /// The binaries whose pieces follow the records.
    pub artifacts: Vec<Artifact>,
}

/// A binary.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Lower-case hex.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

/// One record of the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub path: String,
    /// Base64, where it is no text.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub binary: bool,
    pub data: String,
    /// It belonged to somebody's session.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ephemeral: bool,
}

impl Record {
    #[must_use]
    pub fn new(path: &str, data: &[u8], ephemeral: bool) -> Self {
        let (binary, data) = match std::str::from_utf8(data) {
            Ok(text) => (false, text.to_owned()),
            Err(_) => (true, STANDARD.encode(data)),
        };
        Self { path: path.to_owned(), binary, data, ephemeral }
    }

    /// What stood in the store; none where the text is no Base64.
    #[must_use]
    pub fn bytes(&self) -> Option<Vec<u8>> {
        if self.binary {
            STANDARD.decode(&self.data).ok()
        } else {
            Some(self.data.clone().into_bytes())
        }
    }
}

/// Some bytes of a binary; those of one follow each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    pub sha256: String,
    /// Base64.
    pub data: String,
}

impl Piece {
    #[must_use]
    pub fn new(sha256: &str, bytes: &[u8]) -> Self {
        Self { sha256: sha256.to_owned(), data: STANDARD.encode(bytes) }
    }

    /// The bytes; none where the text is no Base64.
    #[must_use]
    pub fn bytes(&self) -> Option<Vec<u8>> {
        STANDARD.decode(&self.data).ok()
    }
}

/// The last line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Lines before this one.
    pub lines: u64,
    /// SHA-256 of everything before this line, lower-case hex.
    pub sha256: String,
}

/// Why a file is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    #[error("it is no backup of Lathe")]
    NoBackup,
    #[error("it is of format {found}; this version reads up to format {FORMAT}")]
    Newer { found: u32 },
    #[error("it is damaged: line {line} {what}")]
    Damaged { line: u64, what: &'static str },
    #[error("it is cut off after line {line}")]
    CutOff { line: u64 },
    #[error("it is damaged: its lines do not have the checksum that its end names")]
    Checksum,
}

/// Makes lines and remembers what they hash to.
#[derive(Debug, Default)]
pub struct Writer {
    hash: Sha256,
    lines: u64,
}

impl Writer {
    /// The next line, with its end.
    #[must_use]
    pub fn line(&mut self, line: &Line) -> Vec<u8> {
        let mut text = serde_json::to_vec(line).expect("plain values always serialise");
        text.push(b'\n');
        self.hash.update(&text);
        self.lines += 1;
        text
    }

    /// The last line.
    #[must_use]
    pub fn end(self) -> Vec<u8> {
        let sha256 = hex(&self.hash.finalize());
        let end = Line::End(End { lines: self.lines, sha256 });
        let mut text = serde_json::to_vec(&end).expect("plain values always serialise");
        text.push(b'\n');
        text
    }
}

/// Checks lines as they come.
#[derive(Debug, Default)]
pub struct Reader {
    hash: Sha256,
    lines: u64,
    records_left: u64,
    ended: bool,
}

impl Reader {
    /// Takes the next line, its end included where it has one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn line(&mut self, text: &[u8]) -> Result<Line, BackupError> {
        let line = self.lines + 1;
        let damaged = |what| BackupError::Damaged { line, what };
        if self.ended {
            return Err(damaged("stands behind the end"));
        }
        let whole = text.ends_with(b"\n");
        let parsed = match self.lines {
            0 => first(text)?,
            _ if !whole => return Err(BackupError::CutOff { line: self.lines }),
            _ => serde_json::from_slice(text).map_err(|_| damaged("is no line of a backup"))?,
        };
        match &parsed {
            Line::Head(head) if self.lines == 0 => self.records_left = head.records,
            Line::Head(_) => return Err(damaged("is a second head")),
            Line::Record(_) => {
                let left = self.records_left.checked_sub(1);
                self.records_left = left.ok_or_else(|| damaged("is one record too many"))?;
            }
            Line::Piece(_) => {}
            Line::End(end) => {
                if end.lines != self.lines || self.records_left > 0 {
                    return Err(damaged("ends a backup of another length"));
                }
                if end.sha256 != hex(&std::mem::take(&mut self.hash).finalize()) {
                    return Err(BackupError::Checksum);
                }
                self.ended = true;
                return Ok(parsed);
            }
        }
        self.hash.update(text);
        self.lines += 1;
        Ok(parsed)
    }

    /// Demands that the end was there.
    ///
    /// # Errors
    /// `CutOff`, or `NoBackup` for an empty file.
    pub fn finish(&self) -> Result<(), BackupError> {
        match (self.ended, self.lines) {
            (true, _) => Ok(()),
            (false, 0) => Err(BackupError::NoBackup),
            (false, line) => Err(BackupError::CutOff { line }),
        }
    }
}

/// The head, read so that a newer one is told from what is none.
fn first(text: &[u8]) -> Result<Line, BackupError> {
    let value: serde_json::Value =
        serde_json::from_slice(text).map_err(|_| BackupError::NoBackup)?;
    if value["kind"] != "head" {
        return Err(BackupError::NoBackup);
    }
    let format = value["format"].as_u64().ok_or(BackupError::NoBackup)?;
    let format = u32::try_from(format).unwrap_or(u32::MAX);
    if format > FORMAT {
        return Err(BackupError::Newer { found: format });
    }
    serde_json::from_value(value)
        .map_err(|_| BackupError::Damaged { line: 1, what: "is no head of a backup" })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
