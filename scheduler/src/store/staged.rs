//! A write that is too large for one multi of the store, and is done whole or not at all all the same.
//!
//! Owns the steps and their order, and what the next leader makes of those that were done. It is pure:
//! each step is one multi, and whoever carries it out adds the check of the term. It must not know what
//! the records mean.
//!
//! ```text
//! stage the records, one multi after the other    nothing has happened: the next leader removes them
//! count: one record says how many there are       from here on it has happened
//! put each of them in its place                   the next leader does it again, from the first one
//! uncount, remove                                 what is left of this the next leader removes
//! ```
//! Readers of the places may see some of the records before the others while they are put there, as
//! they would of several writes.

use std::collections::BTreeMap;

use bytes::Bytes;
use lathe_coordination::limits::Limits;
use lathe_coordination::{Op, Record};
use serde::{Deserialize, Serialize};

/// Everything of such a write stands below this path until it is done.
pub const STAGED: &str = "/lathe/staged";
/// The record that makes the others count.
pub(super) const COUNT: &str = "/lathe/staged/count";
/// Before the paths of records that are to be put.
const PUTS: &str = "/lathe/staged/put";
/// Before the paths of records that are to be deleted.
const DELETES: &str = "/lathe/staged/delete";

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Count {
    records: usize,
}

/// Why what is staged cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum StagedError {
    #[error("{COUNT} cannot be read by this version")]
    Count(#[source] serde_json::Error),
    #[error("{COUNT} says that {said} records are staged, and there are {found}")]
    Missing { said: usize, found: usize },
}

/// Whether the operations are more than one multi takes.
pub(super) fn is_needed(ops: &[Op], check: &Op, limits: &Limits) -> bool {
    let costs = ops.iter().map(|op| limits.cost(op)).sum::<usize>() + limits.cost(check);
    costs > limits.multi_bytes || ops.len() >= limits.multi_ops
}

/// The multis that do it all, in their order. Only puts and deletes, each path once.
pub(super) fn steps(ops: &[Op], limits: &Limits) -> Vec<Vec<Op>> {
    let staged: Vec<Op> = ops.iter().map(stage).collect();
    let count = serde_json::to_vec(&Count { records: staged.len() }).expect("a number");
    let paths = staged.iter().map(|op| op.path().to_owned()).collect();
    let mut steps = limits.pieces(staged);
    steps.push(vec![Op::put(COUNT, count)]);
    steps.extend(limits.pieces(ops.to_vec()));
    steps.extend(removal(true, paths, limits));
    steps
}

/// The multis that bring to an end what a leader before left, from what stands below [`STAGED`].
pub(super) fn rest(
    found: &BTreeMap<String, Record>,
    limits: &Limits,
) -> Result<Vec<Vec<Op>>, StagedError> {
    let staged: Vec<(&String, &Record)> = found.iter().filter(|(path, _)| *path != COUNT).collect();
    let paths: Vec<String> = staged.iter().map(|(path, _)| (*path).clone()).collect();
    let Some(count) = found.get(COUNT) else { return Ok(removal(false, paths, limits)) };
    let count: Count = serde_json::from_slice(&count.data).map_err(StagedError::Count)?;
    if count.records != staged.len() {
        return Err(StagedError::Missing { said: count.records, found: staged.len() });
    }
    let ops = staged.into_iter().filter_map(|(path, record)| unstage(path, &record.data)).collect();
    let mut steps = limits.pieces(ops);
    steps.extend(removal(true, paths, limits));
    Ok(steps)
}

fn stage(op: &Op) -> Op {
    match op {
        Op::Delete { path, .. } => Op::put(format!("{DELETES}{path}"), Bytes::new()),
        op => Op::put(format!("{PUTS}{}", op.path()), Bytes::copy_from_slice(op.data())),
    }
}

fn unstage(path: &str, data: &Bytes) -> Option<Op> {
    match (path.strip_prefix(PUTS), path.strip_prefix(DELETES)) {
        (Some(path), _) => Some(Op::put(path, data.clone())),
        (None, Some(path)) => Some(Op::delete(path)),
        (None, None) => None,
    }
}

/// The count goes first: what is left without it is of no meaning.
fn removal(counted: bool, paths: Vec<String>, limits: &Limits) -> Vec<Vec<Op>> {
    let count = counted.then(|| vec![Op::delete(COUNT)]);
    let paths = paths.into_iter().map(Op::delete).collect();
    count.into_iter().chain(limits.pieces(paths)).collect()
}

#[cfg(test)]
mod tests;
