//! The copy on disk: one file with a digest, replaced at once.
//!
//! Owns its form. What is not whole is left, and said; it is never half believed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use lathe_catalog::{ConfigView, GroupView};
use lathe_gossip::{Kind, Signature, Statement, Subject};
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
    #[serde(default)]
    signatures: Vec<Signed>,
}

/// What one thing of the copy is signed with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Signed {
    is_group: bool,
    name: String,
    version: u64,
    heard_ms: u64,
    signature: String,
}

impl Signed {
    pub(crate) fn of(statement: &Statement) -> Self {
        Self {
            is_group: statement.subject.kind == Kind::Group,
            name: statement.subject.name.clone(),
            version: statement.version,
            heard_ms: statement.heard_ms,
            signature: statement.signature.to_string(),
        }
    }

    /// The statement, with the content as registries of this version write it. Of another version's it is not the
    /// same text, its signature does not fit, and it is left.
    fn statement(&self, copy: &Copy) -> Option<Statement> {
        let (subject, content) = if self.is_group {
            let view = copy.groups().get(&self.name)?;
            (Subject::group(&self.name), serde_json::to_string(&**view))
        } else {
            let view = copy.configs().get(&self.name)?;
            (Subject::config(&self.name), serde_json::to_string(&**view))
        };
        let signature = Signature::parse(&self.signature)?;
        let stamps = (self.version, self.heard_ms);
        Some(Statement::new((subject, copy.history()), stamps, content.ok()?.into(), signature))
    }
}

#[derive(Serialize)]
struct Shown<'a> {
    history: &'a str,
    resume: Option<String>,
    registries: &'a [String],
    saved_unix_ms: u64,
    groups: Vec<&'a GroupView>,
    configs: Vec<&'a ConfigView>,
    signatures: &'a [Signed],
}

/// What was on disk, and when it was put there, in milliseconds since the Unix epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Loaded {
    pub(crate) kept: Kept,
    pub(crate) saved_unix_ms: u64,
    /// What registries have signed of it, as far as was known.
    pub(crate) statements: Vec<Statement>,
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
    let statements = found.signatures.iter().filter_map(|signed| signed.statement(&copy)).collect();
    let kept = Kept { copy, resume, registries: found.registries };
    Ok(Loaded { kept, saved_unix_ms: found.saved_unix_ms, statements })
}

/// Bytes behind the digest that they have.
pub(crate) fn with_head(json: &[u8]) -> Vec<u8> {
    let head = head_of(Sha256::new_with_prefix(json));
    [head.as_bytes(), b"\n", json].concat()
}

/// The whole file in memory, without signatures.
pub(crate) fn written(kept: &Kept, unix_ms: u64) -> Vec<u8> {
    with_head(&serde_json::to_vec(&shown((kept, &[]), unix_ms)).expect("text keys only"))
}

fn shown<'a>((kept, signatures): (&'a Kept, &'a [Signed]), unix_ms: u64) -> Shown<'a> {
    Shown {
        history: kept.copy.history(),
        resume: kept.resume.as_ref().map(ToString::to_string),
        registries: &kept.registries,
        saved_unix_ms: unix_ms,
        groups: kept.copy.groups().values().map(Arc::as_ref).collect(),
        configs: kept.copy.configs().values().map(Arc::as_ref).collect(),
        signatures,
    }
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
pub(crate) fn save(
    path: &Path,
    (kept, signatures): (&Kept, &[Signed]),
    unix_ms: u64,
) -> io::Result<()> {
    let shown = shown((kept, signatures), unix_ms);
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

    use lathe_gossip::{Signer, Trust};

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

    fn signer() -> Signer {
        Signer::from_seed(&[1; 32])
    }

    fn signed() -> Signed {
        let kept = kept();
        let content = serde_json::to_string(&*kept.copy.groups()["g"]).unwrap();
        let subject = Subject::group("g");
        let signature = signer().sign((&subject, "one"), (4, 9), &content);
        Signed::of(&Statement::new((subject, "one"), (4, 9), content.into(), signature))
    }

    #[test]
    fn what_is_saved_is_loaded_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy");
        assert_eq!(load(&path), Ok(None));
        save(&path, (&kept(), &[]), 77).unwrap();
        save(&path, (&kept(), &[signed()]), 78).unwrap();
        let loaded = load(&path).unwrap().unwrap();
        assert_eq!((loaded.kept, loaded.saved_unix_ms), (kept(), 78));
        // What was signed is signed still.
        let trust = Trust::parse(&[signer().public_key()]).unwrap();
        assert!(loaded.statements.len() == 1 && trust.believes(&loaded.statements[0]));
    }

    #[test]
    fn a_file_that_was_cut_or_spoilt_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("copy");
        save(&path, (&kept(), &[]), 77).unwrap();
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            assert!(read(&whole[..at]).is_err(), "cut at {at}");
            let mut spoilt = whole.clone();
            spoilt[at] ^= 0x20;
            assert!(read(&spoilt).is_err(), "spoilt at {at}");
        }
    }
}
