//! A topology file on its way to the scheduler: read, checked, built, uploaded.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use lathe_api::v1;
use lathe_topology::limits::SOURCE_BYTES;
use lathe_topology::{Code, Topology, place_of};

use crate::build::{Built, build_all};
use crate::client::Client;
use crate::failure::{BAD_INPUT, Failure, More};
use crate::printer::Printer;
use crate::problem::{Label, Place, Problem};
use crate::report::{self, Sent};

/// Tasks whose places are shown for one crate.
const TASKS_SHOWN: usize = 3;
/// Files that are named where a folder was given, or a file that is not there.
const FILES_NAMED: usize = 5;

/// A file that parses.
pub(crate) struct Source {
    pub path: PathBuf,
    pub text: String,
    pub topology: Topology,
    /// What its author may have meant otherwise.
    pub warnings: Vec<Problem>,
}

impl Source {
    /// Reads and checks; problems are printed, warnings too.
    pub(crate) fn read(path: &Path, printer: &Printer) -> Result<Self, Failure> {
        let shown = path.display().to_string();
        let text = String::from_utf8(
            bytes_of(path, SOURCE_BYTES).map_err(|failure| failure.of_file(&shown))?,
        )
        .map_err(|error| not_utf8(&shown, &error, printer))?;
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("topology");
        let problems = |found: &[lathe_topology::Diagnostic]| -> Vec<Problem> {
            found.iter().map(|one| Problem::of(&shown, &text, one)).collect()
        };
        match lathe_topology::parse(stem, &text) {
            Ok(checked) => {
                let warnings = problems(&checked.warnings);
                if !warnings.is_empty() {
                    printer.say(&report::render(printer, &text, &warnings));
                }
                Ok(Self { path: path.to_owned(), text, topology: checked.topology, warnings })
            }
            Err(found) => Err(invalid(&shown, &text, problems(&found), printer)),
        }
    }

    /// Builds the crates that it names; what is wrong with them is printed at their tasks.
    pub(crate) async fn build(&self, printer: &Printer) -> Result<Vec<Built>, Failure> {
        let failures = match build_all(printer, &self.topology, &self.path).await {
            Ok(built) => return Ok(built),
            Err(failures) => failures,
        };
        let mut problems = Vec::new();
        for failure in failures {
            if failure.more.finding.is_none() {
                return Err(failure);
            }
            problems.push(self.problem(failure));
        }
        problems.sort_by_key(Problem::start);
        printer.say(&report::render(printer, &self.text, &problems));
        let count = counted(problems.len());
        let text = format!("{}: {count}; nothing was changed", self.path.display());
        Err(Failure::new(text).with_code(BAD_INPUT).with_shown(problems))
    }

    /// A failure of a crate, at the keys of the tasks that want it.
    fn problem(&self, failure: Failure) -> Problem {
        let mut labels: Vec<Label> = Vec::new();
        let More { finding, tasks, key, output, .. } = *failure.more;
        for task in tasks.iter().take(TASKS_SHOWN) {
            let key = key.unwrap_or("crate");
            let Some(span) = place_of(&self.text, task.as_str(), key) else { continue };
            let place = Some(Place::new(&self.text, span));
            // Tasks that have it from the defaults have one place.
            match labels.iter_mut().find(|label| label.place == place) {
                Some(label) => label.text.push_str(&format!(", `{task}`")),
                None => labels.push(Label { text: format!("wanted by `{task}`"), place }),
            }
        }
        Problem {
            file: Some(self.path.display().to_string()),
            labels,
            parties: tasks.iter().map(ToString::to_string).collect(),
            hint: failure.hint,
            output,
            ..Problem::error(finding, failure.text)
        }
    }

    /// What the scheduler is sent.
    pub(crate) fn submission(&self, built: &[Built]) -> v1::Submission {
        let artifacts = built.iter().map(|one| v1::Artifact {
            crate_name: one.meta.crate_name.clone(),
            version: one.meta.version.clone(),
            sha256: one.meta.sha256.clone(),
            size: one.meta.size,
            source_key: one.meta.source_key.clone(),
            tasks: one.meta.tasks.clone(),
            sdk: one.meta.sdk,
        });
        v1::Submission {
            name: self.topology.name.clone(),
            source: self.text.clone(),
            artifacts: artifacts.collect(),
        }
    }

    /// A refusal with the lines of this file.
    pub(crate) fn refusal(&self, printer: &Printer, refused: &v1::Refusal) -> Failure {
        let file = self.path.display().to_string();
        let (topology, text) = (self.topology.name.as_str(), self.text.as_str());
        report::refuse(printer, Some(Sent { file: &file, topology, text }), refused)
    }
}

fn counted(problems: usize) -> String {
    format!("{problems} problem{}", if problems == 1 { "" } else { "s" })
}

fn invalid(file: &str, text: &str, problems: Vec<Problem>, printer: &Printer) -> Failure {
    printer.say(&report::render(printer, text, &problems));
    let text = format!("{file}: {}; nothing was changed", counted(problems.len()));
    Failure::new(text).with_code(BAD_INPUT).with_shown(problems)
}

/// A plain file's bytes, no more than it may have.
pub(crate) fn bytes_of(path: &Path, at_most: usize) -> Result<Vec<u8>, Failure> {
    let shown = path.display();
    let io = |error: std::io::Error| unreadable(path, &error);
    // Asked before it is opened: opening a pipe waits for its writer.
    let meta = std::fs::metadata(path).map_err(io)?;
    if meta.is_dir() {
        let failure = Failure::coded(Code::UNREADABLE_FILE, format!("`{shown}` is a folder"));
        return Err(match topologies_in(path).as_slice() {
            [] => failure.with_hint("give the path of a topology file"),
            files => failure.with_hint(format!("files in it: {}", files.join(", "))),
        });
    }
    if !meta.is_file() {
        let text = format!("`{shown}` is no plain file");
        let hint = "write what a pipe or a device gives into a file first";
        return Err(Failure::coded(Code::UNREADABLE_FILE, text).with_hint(hint));
    }
    let most = at_most as u64;
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes)).map_err(io)?;
    if bytes.len() > at_most {
        let size = meta.len().max(most + 1);
        let (number, unit) = match most >> 20 {
            0 => (most >> 10, "KiB"),
            mebibytes => (mebibytes, "MiB"),
        };
        let text = format!("`{shown}` has {size} bytes; at most {most} ({number} {unit}) are read");
        let hint = match at_most {
            SOURCE_BYTES => "split the file into several topologies",
            _ => "plan for fewer at a time",
        };
        return Err(Failure::coded(Code::LIMIT, text).with_hint(hint));
    }
    Ok(bytes)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let shown = path.display();
    let coded = |text: String| Failure::coded(Code::UNREADABLE_FILE, text);
    match error.kind() {
        ErrorKind::NotFound => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or_else(|| Path::new("."));
            let failure = coded(format!("there is no file `{shown}`"));
            match topologies_in(folder).as_slice() {
                [] if folder.is_dir() => failure.with_hint("no topology is in that folder"),
                [] => failure.with_hint(format!("there is no folder `{}`", folder.display())),
                files => failure.with_hint(format!("files there: {}", files.join(", "))),
            }
        }
        ErrorKind::PermissionDenied => coded(format!("`{shown}` may not be read by this user"))
            .with_hint("`ls -l` shows who may"),
        _ => coded(format!("`{shown}` cannot be read: {error}"))
            .with_hint("try to read it with another program"),
    }
}

/// Some of the files of a folder that may be topologies, by name.
fn topologies_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let fits = |name: &String| name.ends_with(".toml") && name != "Cargo.toml";
    let mut names: Vec<String> = names.filter(fits).collect();
    names.sort();
    names.truncate(FILES_NAMED);
    names
}

/// Where a text stops being UTF-8.
fn not_utf8(file: &str, error: &std::string::FromUtf8Error, printer: &Printer) -> Failure {
    let bytes = error.as_bytes();
    let at = error.utf8_error().valid_up_to();
    let text = String::from_utf8_lossy(bytes);
    let found = bytes.get(at).copied().unwrap_or_default();
    let message = format!("the file is not UTF-8: byte {at} (0x{found:02x}) begins no character");
    let hint = match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "it looks like UTF-16; save it as UTF-8",
        _ => "save the file as UTF-8",
    };
    let length = error.utf8_error().error_len().unwrap_or(bytes.len() - at);
    let place = Place::new(&text, at..at + length);
    let problem = Problem {
        file: Some(file.to_owned()),
        labels: vec![Label { text: String::new(), place: Some(place) }],
        hint: Some(hint.to_owned()),
        ..Problem::error(Some(Code::SYNTAX), message)
    };
    invalid(file, &text, vec![problem], printer)
}

/// Sends the binaries that the scheduler does not have yet.
pub(crate) async fn upload(client: &Client, built: &[Built]) -> Result<(), Failure> {
    for one in built {
        client.upload(&one.meta.sha256, &one.file).await?;
    }
    Ok(())
}
