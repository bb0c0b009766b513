//! The copy on disk: one file with a digest, replaced at once.
//!
//! Owns its form. What is not whole is left, and said; it is never half believed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use lathe_catalog::{ConfigView, GroupView};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::copy::{Copy, News, Selection};
use crate::follower::{Kept, Point};

/// A file of more bytes is none of ours.
const BYTES_MAX: u64 = 256 << 20;
/// Its first word: another form has another one.
const FORM: &str = "lathe-agent-1";

#[derive(Deserialize)]
struct Found {
    history: String,
    resume: Option<String>,
    registries: Vec<String>,
    saved_unix_ms: u64,
    groups: Vec<GroupView>,
    configs: Vec<ConfigView>,
}

#[derive(Serialize)]
struct Shown<'a> {
    history: &'a str,
    resume: Option<String>,
    registries: &'a [String],
    saved_unix_ms: u64,
    groups: Vec<&'a GroupView>,
    configs: Vec<&'a ConfigView>,
}

/// What was on disk, and when it was put there, in milliseconds since the Unix epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Loaded {
    pub(crate) kept: Kept,
    pub(crate) saved_unix_ms: u64,
}

/// Reads the file; nothing where there is none.
///
/// # Errors
/// It is there and cannot be used, with the reason.
pub(crate) fn load(path: &Path) -> Result<Option<Loaded>, String> {
    let about = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|error| error.to_string())?,
    };
    if about.len() > BYTES_MAX {
        return Err(format!("it has {} bytes", about.len()));
    }
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    read(&bytes).map(Some)
}

/// Reads what stands in such a file.
pub(crate) fn read(bytes: &[u8]) -> Result<Loaded, String> {
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or("it has no head")?;
    let (head, rest) = bytes.split_at(end);
    let json = &rest[1..];
    if head != head_of(Sha256::new_with_prefix(json)).as_bytes() {
        return Err("its digest is another one, or its form".to_owned());
    }
    let found: Found = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let selection = Selection {
        groups: found.groups.iter().map(|view| view.group.clone()).collect(),
        configs: found.configs.iter().map(|view| view.task.clone()).collect(),
    };
    let mut copy = Copy::of(&found.history);
    let groups = found.groups.into_iter().map(News::Group);
    for news in groups.chain(found.configs.into_iter().map(News::Config)) {
        copy.take(news, &selection);
    }
    let resume = found.resume.as_deref().and_then(Point::read);
    let kept = Kept { copy, resume, registries: found.registries };
    Ok(Loaded { kept, saved_unix_ms: found.saved_unix_ms })
}

/// Takes text for its digest alone.
struct Digesting(Sha256);

impl Write for Digesting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn head_of(digest: Sha256) -> String {
    let digits: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{FORM} {digits}")
}

/// Puts the copy in place of what is there, durably.
///
/// # Errors
/// The system refuses it.
pub(crate) fn save(path: &Path, kept: &Kept, unix_ms: u64) -> io::Result<()> {
    let shown = Shown {
        history: kept.copy.history(),
        resume: kept.resume.as_ref().map(ToString::to_string),
        registries: &kept.registries,
        saved_unix_ms: unix_ms,
        groups: kept.copy.groups().values().map(Arc::as_ref).collect(),
        configs: kept.copy.configs().values().map(Arc::as_ref).collect(),
    };
    // Twice, so that the whole text is never in memory.
    let mut digest = Digesting(Sha256::new());
    serde_json::to_writer(&mut digest, &shown)?;
    let beside = path.with_extension("new");
    let file =
        OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&beside)?;
    let mut file = BufWriter::new(file);
    file.write_all(head_of(digest.0).as_bytes())?;
    file.write_all(b"\n")?;
    serde_json::to_writer(&mut file, &shown)?;
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    fs::rename(&beside, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    //! What is written is read, and nothing else.

    use super::*;

    fn kept() -> Kept {
        let selection =
            Selection { groups: ["g".to_owned()].into(), configs: ["t".to_owned()].into() };
        let mut copy = Copy::of("one");
        let view =
            serde_json::json!({ "group": "g", "history": "one", "version": 4, "entries": [] });
        copy.take(News::Group(serde_json::from_value(view).unwrap()), &selection);
        let view =
            serde_json::json!({ "task": "t", "history": "one", "version": 5, "keys": { "a": 1 } });
        copy.take(News::Config(serde_json::from_value(view).unwrap()), &selection);
        let resume = Point::read("one.9");
        Kept { copy, resume, registries: vec!["http://h:1".to_owned()] }
    }

    #[test]
    fn what_is_saved_is_loaded_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy");
        assert_eq!(load(&path), Ok(None));
        save(&path, &kept(), 77).unwrap();
        save(&path, &kept(), 78).unwrap();
        assert_eq!(load(&path), Ok(Some(Loaded { kept: kept(), saved_unix_ms: 78 })));
    }

    #[test]
    fn a_file_that_was_cut_or_spoilt_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy");
        save(&path, &kept(), 77).unwrap();
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            assert!(read(&whole[..at]).is_err(), "cut at {at}");
            let mut spoilt = whole.clone();
            spoilt[at] ^= 0x20;
            assert!(read(&spoilt).is_err(), "spoilt at {at}");
        }
    }
}
