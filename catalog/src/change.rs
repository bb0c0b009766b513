//! What the store says has changed, read into the catalog's words.
//!
//! Owns the reading of nodes; must not know how nodes arrive.

use std::fmt;

use crate::{Entry, TaskRecord, paths};

/// One node of the catalog with its new content; `None` where it was deleted.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// An incarnation's entry.
    Entry {
        /// Which one.
        incarnation: String,
        /// What it says now.
        entry: Option<Box<Entry>>,
    },
    /// A task's record.
    Task {
        /// Which one.
        task: String,
        /// What it says now.
        record: Option<Box<TaskRecord>>,
    },
}

/// A node below `/lathe/catalog` that cannot be read.
#[derive(Debug)]
pub struct DecodeError {
    /// Where it stands.
    pub path: String,
    problem: Problem,
}

#[derive(Debug)]
enum Problem {
    Json(serde_json::Error),
    Name(String),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            Problem::Json(_) => write!(f, "cannot read the catalog's node {}", self.path),
            Problem::Name(name) => write!(f, "the catalog's node {} is about {name}", self.path),
        }
    }
}

impl std::error::Error for DecodeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            Problem::Json(error) => Some(error),
            Problem::Name(_) => None,
        }
    }
}

impl Change {
    /// Reads a node; `None` for a path that is not the catalog's.
    ///
    /// # Errors
    /// When the content is not what stands at such a path, or is about another name.
    pub fn decode(path: &str, data: Option<&[u8]>) -> Result<Option<Self>, DecodeError> {
        let failed = |problem| DecodeError { path: path.to_owned(), problem };
        if let Some(incarnation) = paths::entry_of(path) {
            let entry: Option<Box<Entry>> = data
                .map(serde_json::from_slice)
                .transpose()
                .map_err(Problem::Json)
                .map_err(failed)?;
            match &entry {
                Some(entry) if entry.incarnation != incarnation => {
                    Err(failed(Problem::Name(entry.incarnation.clone())))
                }
                _ => Ok(Some(Self::Entry { incarnation: incarnation.to_owned(), entry })),
            }
        } else if let Some(task) = paths::task_of(path) {
            let record: Option<Box<TaskRecord>> = data
                .map(serde_json::from_slice)
                .transpose()
                .map_err(Problem::Json)
                .map_err(failed)?;
            match &record {
                Some(record) if record.task != task => {
                    Err(failed(Problem::Name(record.task.clone())))
                }
                _ => Ok(Some(Self::Task { task: task.to_owned(), record })),
            }
        } else {
            Ok(None)
        }
    }
}
