//! The file in which records of hooks become durable.
//!
//! Owns its form: one line a record, a digest before it, the last line of a hook counts. A record is durable
//! when `append` has come back; a line that was cut off by the end of the machine never was.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::record::{Pending, Phase, Record};
use crate::snapshot::hex;

/// Beyond so many bytes the file is written anew with the last record of each hook.
const BYTES_MAX: u64 = 1 << 20;
/// A file of more bytes is none of ours.
const BYTES_READ_MAX: u64 = 64 << 20;
/// Digits of the digest that a line has.
const DIGITS: usize = 16;

/// Why the journal cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("the journal {} cannot be {doing}", path.display())]
pub struct JournalError {
    /// Where it is.
    pub path: PathBuf,
    doing: &'static str,
    #[source]
    source: io::Error,
}

/// The journal of one process.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    bytes: u64,
    records: BTreeMap<String, Record>,
    /// What the file holds is not known: it is written anew first.
    torn: bool,
}

/// A journal, with what was found in it.
#[derive(Debug)]
pub struct Opened {
    /// The journal.
    pub journal: Journal,
    /// Whether a line in its midst cannot be read: every hook is pending then, to be safe.
    pub damaged: bool,
}

#[derive(Serialize, Deserialize)]
struct Line {
    hook: String,
    record: Record,
}

impl Journal {
    /// Opens the journal at this path, or begins one. Its last line may have been cut off.
    ///
    /// # Errors
    /// The system refuses it.
    pub fn open(path: &Path) -> Result<Opened, JournalError> {
        let failed = |doing| move |source| JournalError { path: path.to_owned(), doing, source };
        let found = match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(failed("read")(error)),
            Ok(about) if about.len() > BYTES_READ_MAX => {
                return Err(failed("read")(io::Error::other("it is too large to be a journal")));
            }
            Ok(_) => fs::read(path).map_err(failed("read"))?,
        };
        let (records, damaged) = read(&found);
        let (file, bytes) = write_anew(path, &records).map_err(failed("written"))?;
        let journal = Self { path: path.to_owned(), file, bytes, records, torn: false };
        Ok(Opened { journal, damaged })
    }

    /// The last record of each hook.
    #[must_use]
    pub fn records(&self) -> &BTreeMap<String, Record> {
        &self.records
    }

    /// Makes a record durable.
    ///
    /// # Errors
    /// The system refuses it; whether it is durable is not known then.
    pub fn append(&mut self, hook: &str, record: Record) -> Result<(), JournalError> {
        let line = line(hook, &record);
        let before = self.records.insert(hook.to_owned(), record);
        let done = if self.torn || self.bytes + line.len() as u64 > BYTES_MAX {
            write_anew(&self.path, &self.records).map(|(file, bytes)| {
                (self.file, self.bytes, self.torn) = (file, bytes, false);
            })
        } else {
            self.bytes += line.len() as u64;
            self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data())
        };
        done.map_err(|source| {
            self.torn = true;
            // What is written next says again what was known before.
            match before {
                Some(before) => self.records.insert(hook.to_owned(), before),
                None => self.records.remove(hook),
            };
            JournalError { path: self.path.clone(), doing: "written", source }
        })
    }
}

fn line(hook: &str, record: &Record) -> String {
    let line = Line { hook: hook.to_owned(), record: record.clone() };
    let text = serde_json::to_string(&line).expect("a record has text keys only");
    format!("{} {text}\n", digest(text.as_bytes()))
}

fn digest(text: &[u8]) -> String {
    let mut digits = hex(&Sha256::digest(text));
    digits.truncate(DIGITS);
    digits
}

/// The last record of each hook, and whether one in the midst of others is not what was written.
fn read(bytes: &[u8]) -> (BTreeMap<String, Record>, bool) {
    let mut records = BTreeMap::new();
    let mut bad = false;
    let mut damaged = false;
    for text in bytes.split_inclusive(|byte| *byte == b'\n') {
        match read_line(text) {
            Some(Line { hook, record }) => {
                // A bad line that another follows was durable once.
                damaged |= bad;
                records.insert(hook, record);
            }
            None => bad = true,
        }
    }
    if damaged {
        for record in records.values_mut() {
            doubt(record);
        }
    }
    (records, damaged)
}

fn read_line(text: &[u8]) -> Option<Line> {
    let text = text.strip_suffix(b"\n")?;
    let (digits, rest) = text.split_at_checked(DIGITS)?;
    let json = rest.strip_prefix(b" ")?;
    (digest(json).as_bytes() == digits).then(|| serde_json::from_slice(json).ok())?
}

/// A later record of this hook may be lost: its files and its program may be anywhere.
fn doubt(record: &mut Record) {
    let to = record.done.clone().unwrap_or_default();
    record.refused = None;
    if record.pending.is_none() {
        let phase = Phase::Rendered;
        record.pending = Some(Pending { from_version: to.version, to, phase });
    }
}

/// A file with these records alone takes the place of what is there.
fn write_anew(path: &Path, records: &BTreeMap<String, Record>) -> io::Result<(File, u64)> {
    let text: String = records.iter().map(|(hook, record)| line(hook, record)).collect();
    let beside = path.with_extension("new");
    let mut file =
        OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    sync_folder(path)?;
    Ok((file, text.len() as u64))
}

/// Makes durable what was named, renamed or removed beside this path.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests;
