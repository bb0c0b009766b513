//! A topology file on its way to the scheduler: read, checked, built, uploaded.

use std::path::{Path, PathBuf};

use lathe_api::v1;
use lathe_topology::Topology;

use crate::build::{Built, build_all};
use crate::client::Client;
use crate::failure::{BAD_INPUT, Failure};
use crate::printer::Printer;
use crate::report;

/// Larger files are refused before they are read.
const FILE_BYTES_MAX: u64 = 512 * 1024;

/// A file that parses.
pub(crate) struct Source {
    pub path: PathBuf,
    pub text: String,
    pub topology: Topology,
}

impl Source {
    /// Reads and checks; problems are printed, warnings too.
    pub(crate) fn read(path: &Path, printer: &Printer) -> Result<Self, Failure> {
        let shown = path.display().to_string();
        let meta = std::fs::metadata(path)
            .map_err(|error| Failure::io(&shown, &error).with_code(BAD_INPUT))?;
        if meta.len() > FILE_BYTES_MAX {
            let text =
                format!("[LT0103] {shown} has {} bytes; {FILE_BYTES_MAX} are allowed", meta.len());
            return Err(Failure::new(text).with_code(BAD_INPUT));
        }
        let bytes = std::fs::read(path)
            .map_err(|error| Failure::io(&shown, &error).with_code(BAD_INPUT))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let at = error.utf8_error().valid_up_to();
            let text = format!("[LT0101] {shown} is not UTF-8: see byte {at}");
            Failure::new(text).with_code(BAD_INPUT)
        })?;
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("topology");
        match lathe_topology::parse(stem, &text) {
            Ok(checked) => {
                if !checked.warnings.is_empty() {
                    printer
                        .say(report::render(printer, &shown, &text, &checked.warnings).trim_end());
                }
                Ok(Self { path: path.to_owned(), text, topology: checked.topology })
            }
            Err(problems) => {
                printer.say(report::render(printer, &shown, &text, &problems).trim_end());
                let number = problems.len();
                let s = if number == 1 { "" } else { "s" };
                let text = format!("{shown}: {number} problem{s}; nothing was changed");
                Err(Failure::new(text).with_code(BAD_INPUT))
            }
        }
    }

    /// Builds the crates that it names.
    pub(crate) async fn build(&self, printer: &Printer) -> Result<Vec<Built>, Failure> {
        build_all(printer, &self.topology, &self.path).await
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
        printer.say(&report::refusal(printer, &file, &self.text, refused));
        Failure::new("").with_code(crate::failure::REFUSED)
    }
}

/// Sends the binaries that the scheduler does not have yet.
pub(crate) async fn upload(client: &Client, built: &[Built]) -> Result<(), Failure> {
    for one in built {
        client.upload(&one.meta.sha256, &one.file).await?;
    }
    Ok(())
}
