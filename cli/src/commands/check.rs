//! `lathe check FILE`: the file alone, without a cluster.

use serde_json::json;

use super::source::Source;
use crate::args::Check;
use crate::failure::{Failure, OK};
use crate::printer::Printer;
use crate::problem::Problem;

pub(crate) fn run(asked: &Check, printer: &Printer) -> Result<u8, Failure> {
    let source = Source::read(&asked.file, printer)?;
    let tasks = source.topology.tasks.len() as u64;
    let instances: u64 = source.topology.tasks.iter().map(|task| u64::from(task.count)).sum();
    if asked.json {
        let warnings: Vec<_> = source.warnings.iter().map(Problem::shape).collect();
        let whole = json!({
            "ok": true,
            "exit": OK,
            "topology": source.topology.name,
            "tasks": tasks,
            "instances": instances,
            "problems": warnings,
        });
        printer.data(&whole.to_string());
    }
    printer.say(&format!(
        "{}: {} ({}, {})",
        asked.file.display(),
        match source.warnings.len() {
            0 => "no problems".to_owned(),
            number => counted(number as u64, "warning"),
        },
        counted(tasks, "task"),
        counted(instances, "instance")
    ));
    Ok(OK)
}

fn counted(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
