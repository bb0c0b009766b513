//! A topology as the text of a file.
//!
//! Owns the plain form that `parse` reads back to the same value. It must not know defaults of a
//! file: every task is written out in full.

use crate::model::Topology;

/// The text of a file that says the same.
#[must_use]
pub fn print(topology: &Topology) -> String {
    topology.name.clone()
}
