//! What the store says has changed, read into the catalog's words.
//!
//! Owns the reading of nodes; must not know how nodes arrive.

use std::fmt;

use serde::de::DeserializeOwned;

use crate::board::{Acks, Board};
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
    /// What is said to a group.
    Board {
        /// Which one.
        group: String,
        /// What it says now.
        board: Option<Box<Board>>,
    },
    /// What an incarnation has acknowledged.
    Acks {
        /// Which one.
        incarnation: String,
        /// What it says now.
        acks: Option<Box<Acks>>,
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
        let own = |name: &str| name.to_owned();
        if let Some(incarnation) = paths::entry_of(path) {
            let entry = read(path, data, incarnation, |entry: &Entry| &entry.incarnation)?;
            Ok(Some(Self::Entry { incarnation: own(incarnation), entry }))
        } else if let Some(task) = paths::task_of(path) {
            let record = read(path, data, task, |record: &TaskRecord| &record.task)?;
            Ok(Some(Self::Task { task: own(task), record }))
        } else if let Some(group) = paths::board_of(path) {
            let board = read(path, data, group, |board: &Board| &board.group)?;
            Ok(Some(Self::Board { group: own(group), board }))
        } else if let Some(incarnation) = paths::acks_of(path) {
            let acks = read(path, data, incarnation, |acks: &Acks| &acks.incarnation)?;
            Ok(Some(Self::Acks { incarnation: own(incarnation), acks }))
        } else {
            Ok(None)
        }
    }
}

/// The content of a node, which has to be about the name by which it stands.
fn read<T: DeserializeOwned>(
    path: &str,
    data: Option<&[u8]>,
    name: &str,
    named: impl Fn(&T) -> &String,
) -> Result<Option<Box<T>>, DecodeError> {
    let failed = |problem| DecodeError { path: path.to_owned(), problem };
    let Some(data) = data else { return Ok(None) };
    let content: Box<T> =
        serde_json::from_slice(data).map_err(|error| failed(Problem::Json(error)))?;
    let other = named(&content);
    if other == name { Ok(Some(content)) } else { Err(failed(Problem::Name(other.clone()))) }
}
