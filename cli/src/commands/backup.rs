//! `lathe backup FILE`: the whole store and its binaries in one file, taken while all of it runs.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use lathe_api::backup::{Head, LINE_BYTES_MAX, Line, Reader};

use super::hosts::bytes;
use crate::args::{Backup, Find};
use crate::client::Client;
use crate::failure::{BAD_INPUT, Failure, OK};
use crate::printer::Printer;

pub(crate) async fn run(find: &Find, asked: &Backup, printer: &Printer) -> Result<u8, Failure> {
    let file = &asked.file;
    let shown = file.display();
    if file.exists() && !asked.force {
        let text = format!("{shown} is there already");
        let hint = "name another file, or --force to overwrite it";
        return Err(Failure::new(text).with_code(BAD_INPUT).with_hint(hint));
    }
    let client = Client::find(find)?;
    let progress = printer.progress(&format!("writing {shown}"));
    let part = Part::new(file)?;
    let kept = receive(&client, asked.no_artifacts, part).await;
    let (head, size) = match kept {
        Ok(kept) => kept,
        Err(failure) => {
            progress.clear();
            return Err(failure);
        }
    };
    let with = match head.artifacts.len() {
        0 => "no binaries".to_owned(),
        1 => "1 binary".to_owned(),
        more => format!("{more} binaries"),
    };
    progress.done(&format!(
        "{shown}: commit {}, {} records, {with}, {}",
        head.commit,
        head.records,
        bytes(size)
    ));
    Ok(OK)
}

/// A file that is whole or not there: written beside its place, for its owner alone.
struct Part {
    file: File,
    beside: PathBuf,
    place: PathBuf,
}

impl Part {
    fn new(place: &Path) -> Result<Self, Failure> {
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let beside = place.with_file_name(format!("{name}.{}.part", std::process::id()));
        let opened =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&beside);
        let file =
            opened.map_err(|error| Failure::io(format!("writing {}", beside.display()), &error))?;
        Ok(Self { file, beside, place: place.to_owned() })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.file
            .write_all(bytes)
            .map_err(|error| Failure::io(format!("writing {}", self.beside.display()), &error))
    }

    fn keep(self) -> Result<(), Failure> {
        self.file
            .sync_all()
            .and_then(|()| std::fs::rename(&self.beside, &self.place))
            .map_err(|error| Failure::io(format!("writing {}", self.place.display()), &error))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Where it was kept there is nothing there any more.
        let _ = std::fs::remove_file(&self.beside);
    }
}

/// Checks what comes as a restore would, so that a bad backup is known at once.
async fn receive(
    client: &Client,
    no_artifacts: bool,
    mut part: Part,
) -> Result<(Head, u64), Failure> {
    let path = if no_artifacts { "/v1/backup?artifacts=false" } else { "/v1/backup" };
    let mut body = client.download(path).await?;
    let wrong =
        |error| Failure::new(format!("the backup that the scheduler sends is not whole: {error}"));
    let mut reader = Reader::default();
    let (mut head, mut size, mut line) = (None, 0, Vec::new());
    while let Some(chunk) = body.next().await? {
        part.write(&chunk)?;
        size += chunk.len() as u64;
        for piece in chunk.split_inclusive(|byte| *byte == b'\n') {
            line.extend_from_slice(piece);
            if line.ends_with(b"\n") {
                if let Line::Head(first) = reader.line(&line).map_err(wrong)? {
                    head = Some(first);
                }
                line.clear();
            } else if line.len() > LINE_BYTES_MAX {
                return Err(Failure::new("the scheduler sends a line without an end"));
            }
        }
    }
    reader.finish().map_err(wrong)?;
    part.keep()?;
    let head = head.ok_or_else(|| Failure::new("the backup has no head"))?;
    Ok((head, size))
}
