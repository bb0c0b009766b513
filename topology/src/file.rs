//! From the text of a topology file to a checked value, or to everything that is wrong with it.
//!
//! Owns the order of the steps and the tables at the top of a file. It must not know what a task's
//! keys mean (`keys` and its neighbours) nor how tasks bear on one another (`rules`).

mod bias;
mod check;
mod findings;
mod health;
mod keys;
mod own;
mod place;
mod resources;
mod rules;
mod source;
mod tasks;
mod unreachable;
mod update;

use serde::{Deserialize, Serialize};

use self::findings::Findings;
use self::keys::{KNOWN, Keys};
pub use self::place::place_of;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::limits::LIST;
use crate::model::Topology;
use crate::names::TaskPath;
use crate::near;
use crate::tree::{self, Entry, Node, Table};

/// Where crates are looked for when a file does not say it.
const DEFAULT_CRATES: &str = "tasks/*";

/// A topology without errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    /// What the file says.
    pub topology: Topology,
    /// What its author may have meant otherwise, in the file's order.
    pub warnings: Vec<Diagnostic>,
}

/// Reads a topology file. `name` is the file's stem, `source` its text (at most 512 KiB).
///
/// # Errors
/// Everything that is wrong, warnings included, in the file's order.
pub fn parse(name: &str, source: &str) -> Result<Checked, Vec<Diagnostic>> {
    let root = tree::read(source)?;
    let mut findings = Findings::default();
    let topology = read_root(name, &root, &mut findings);
    if findings.allow_rules() {
        rules::check(&topology.tasks, &mut findings);
    }
    let has_errors = findings.has_errors();
    let list = findings.into_sorted();
    if has_errors { Err(list) } else { Ok(Checked { topology, warnings: list }) }
}

/// Whether a task's key means something to Lathe, so that it cannot be an author's own.
#[must_use]
pub fn is_known_key(key: &str) -> bool {
    KNOWN.contains(&key)
}

fn read_root(stem: &str, root: &Table, findings: &mut Findings) -> Topology {
    let tops = ["topology", "crates", "defaults", "task"];
    for (key, entry) in root {
        if !tops.contains(&key.as_str()) {
            unknown_key(key, entry, "at the top of the file", &tops, findings);
        }
    }
    let name = read_name(stem, table_at(root, "topology", findings), findings);
    let crates_paths = read_crates(table_at(root, "crates", findings), findings);
    let defaults = match table_at(root, "defaults", findings) {
        Some(table) => read_defaults(table, findings),
        None => Keys::default(),
    };
    let tasks = match table_at(root, "task", findings) {
        Some(table) => tasks::read(table, &defaults, findings),
        None => Vec::new(),
    };
    if tasks.is_empty() && !findings.has_errors() {
        let finding = Diagnostic::error(Code::NO_TASKS, 0..0, "the file has no task")
            .help("add a table such as `[task.web]` with `crate`, `version`, `task` and `tasks`; to end a topology, remove it by name");
        findings.add(finding);
    }
    Topology { name, crates_paths, tasks }
}

/// A table at the top; something else there is an error.
fn table_at<'t>(root: &'t Table, key: &str, findings: &mut Findings) -> Option<&'t Table> {
    let entry = root.get(key)?;
    match &entry.item.node {
        Node::Table(table) => Some(table),
        other => {
            let message = format!("`{key}` must be a table, not {}", other.type_name());
            findings.add(
                Diagnostic::error(Code::WRONG_TYPE, entry.item.span.clone(), message)
                    .party(key)
                    .help(format!("write `[{key}]` on a line of its own")),
            );
            None
        }
    }
}

fn unknown_key(key: &str, entry: &Entry, place: &str, known: &[&str], findings: &mut Findings) {
    let message = format!("`{key}` means nothing {place}");
    let finding = Diagnostic::error(Code::UNKNOWN_KEY, entry.key_span.clone(), message).party(key);
    findings.add(finding.help(match near::nearest(key, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known here: {}", known.join(", ")),
    }));
}

fn read_name(stem: &str, table: Option<&Table>, findings: &mut Findings) -> String {
    let mut named = None;
    for (key, entry) in table.into_iter().flatten() {
        if key == "name" {
            named = Some(entry);
        } else {
            unknown_key(key, entry, "in `[topology]`", &["name"], findings);
        }
    }
    let (name, span) = match named {
        Some(entry) => match check::text("name", "`[topology]`", &entry.item, findings) {
            Some(text) => (text, entry.item.span.clone()),
            None => return stem.to_owned(),
        },
        None => (stem.to_owned(), 0..0),
    };
    if let Err(error) = name.parse::<TaskPath>() {
        let message = format!("{name:?} cannot be a topology's name: {error}");
        findings.add(
            Diagnostic::error(Code::BAD_NAME, span, message)
                .party(name.clone())
                .help("letters, digits, `_`, `-` and single dots; write it as `name` below `[topology]` when the file's name should not be it"),
        );
    }
    name
}

fn read_crates(table: Option<&Table>, findings: &mut Findings) -> Vec<String> {
    let mut paths = vec![DEFAULT_CRATES.to_owned()];
    for (key, entry) in table.into_iter().flatten() {
        if key == "paths" {
            if let Some(found) = check::texts("paths", "`[crates]`", &entry.item, LIST, findings) {
                paths = found;
            }
        } else {
            unknown_key(key, entry, "in `[crates]`", &["paths"], findings);
        }
    }
    paths
}

fn read_defaults(table: &Table, findings: &mut Findings) -> Keys {
    for (key, entry) in table {
        if !KNOWN.contains(&key.as_str()) {
            let message = format!("`{key}` means nothing in `[defaults]`");
            let finding =
                Diagnostic::error(Code::UNKNOWN_KEY, entry.key_span.clone(), message).party(key);
            findings.add(finding.help(match near::misspelt(key, &KNOWN) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "only known keys have defaults; put your own into each task".to_owned(),
            }));
        }
    }
    keys::read(table, "`[defaults]`", findings)
}

#[cfg(test)]
mod tests;
