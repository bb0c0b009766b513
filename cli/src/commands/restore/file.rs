//! The backup's file: read line by line, checked, its binaries put where the scheduler has them.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use lathe_api::backup::{Head, LINE_BYTES_MAX, Line, Reader};
use sha2::{Digest as _, Sha256};

use crate::failure::{BAD_INPUT, Failure};
use crate::home::write_whole;

/// Largest binary that is taken in.
const BINARY_BYTES_MAX: u64 = lathe_api::rest::ARTIFACT_BYTES_MAX;

/// Hands out every line; the end of a whole file is demanded.
pub(super) fn each(
    path: &Path,
    mut take: impl FnMut(Line) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let shown = path.display();
    let wrong = |error| {
        Failure::new(format!("{shown}: {error}; nothing was changed"))
            .with_code(BAD_INPUT)
            .with_hint("take another backup; `lathe restore --check FILE` looks at one")
    };
    let failed = |error: &std::io::Error| Failure::io(&shown, error).with_code(BAD_INPUT);
    let mut file = BufReader::with_capacity(256 * 1024, File::open(path).map_err(|e| failed(&e))?);
    let mut reader = Reader::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut limited = file.by_ref().take(LINE_BYTES_MAX as u64 + 1);
        let length = limited.read_until(b'\n', &mut line).map_err(|error| failed(&error))?;
        if length == 0 {
            return reader.finish().map_err(wrong);
        }
        if length > LINE_BYTES_MAX {
            let text = format!("{shown} has a line of more than {LINE_BYTES_MAX} bytes");
            return Err(Failure::new(text).with_code(BAD_INPUT));
        }
        take(reader.line(&line).map_err(wrong)?)?;
    }
}

/// Looks at all of it; nothing is kept.
pub(super) fn check(path: &Path) -> Result<Head, Failure> {
    let mut head = None;
    let mut sizes: BTreeMap<String, u64> = BTreeMap::new();
    each(path, |line| {
        match line {
            Line::Head(first) => head = Some(first),
            Line::Piece(piece) => {
                let bytes = piece.bytes().ok_or_else(|| damaged(path, "a piece is no Base64"))?;
                *sizes.entry(piece.sha256).or_default() += bytes.len() as u64;
            }
            Line::Record(_) | Line::End(_) => {}
        }
        Ok(())
    })?;
    let head = head.ok_or_else(|| damaged(path, "it has no head"))?;
    let named = head.artifacts.iter().map(|one| (one.sha256.clone(), one.size)).collect();
    if sizes != named {
        return Err(damaged(path, "its binaries are not those that its head names"));
    }
    Ok(head)
}

pub(super) fn damaged(path: &Path, what: &str) -> Failure {
    let text = format!("{} is damaged: {what}; nothing was changed", path.display());
    Failure::new(text).with_code(BAD_INPUT)
}

/// Puts the binaries into the folder, each under its digest, which is checked.
pub(super) fn binaries(path: &Path, head: &Head, folder: &Path) -> Result<(), Failure> {
    if head.artifacts.is_empty() {
        return Ok(());
    }
    if head.artifacts.iter().any(|one| one.size > BINARY_BYTES_MAX) {
        return Err(damaged(path, "a binary is larger than any that is taken"));
    }
    std::fs::create_dir_all(folder)
        .map_err(|error| Failure::io(format!("making {}", folder.display()), &error))?;
    let mut now: Option<(String, Vec<u8>)> = None;
    each(path, |line| {
        match line {
            Line::Piece(piece) => {
                let bytes = piece.bytes().ok_or_else(|| damaged(path, "a piece is no Base64"))?;
                match &mut now {
                    Some((sha256, whole)) if *sha256 == piece.sha256 => whole.extend(bytes),
                    _ => {
                        keep(path, folder, now.take())?;
                        now = Some((piece.sha256, bytes));
                    }
                }
            }
            Line::End(_) => keep(path, folder, now.take())?,
            Line::Head(_) | Line::Record(_) => {}
        }
        Ok(())
    })
}

fn keep(path: &Path, folder: &Path, binary: Option<(String, Vec<u8>)>) -> Result<(), Failure> {
    let Some((sha256, bytes)) = binary else { return Ok(()) };
    let found: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    if found != sha256 {
        return Err(damaged(path, "a binary is not what its digest says"));
    }
    write_whole(&folder.join(&sha256), &bytes)
}
