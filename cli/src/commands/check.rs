//! `lathe check FILE`: the file alone, without a cluster.

use std::path::Path;

use super::source::Source;
use crate::failure::{Failure, OK};
use crate::printer::Printer;

pub(crate) fn run(file: &Path, printer: &Printer) -> Result<u8, Failure> {
    let source = Source::read(file, printer)?;
    let instances: u64 = source.topology.tasks.iter().map(|task| u64::from(task.count)).sum();
    printer.say(&format!(
        "{}: no problems ({}, {})",
        file.display(),
        counted(source.topology.tasks.len() as u64, "task"),
        counted(instances, "instance")
    ));
    Ok(OK)
}

fn counted(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
