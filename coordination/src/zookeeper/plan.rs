//! A multi in ZooKeeper's operations. Owns what each of ours becomes, and what its failure means; must
//! not know clients.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::names;
use crate::{Mode, Op, StoreError};

/// One operation of ZooKeeper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Which operation of ours it carries out, from 0.
    pub(super) of: usize,
    pub(super) node: String,
    pub(super) action: Action,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Check { version: i32 },
    Create { data: Bytes, mode: Mode },
    Set { data: Bytes, version: Option<i32> },
    Delete { version: Option<i32> },
}

/// Why ZooKeeper refused a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    NoNode,
    NodeExists,
    BadVersion,
}

/// What a refusal means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The multi fails.
    Fails(StoreError),
    /// The record of this operation is there, or is not: the plan took it for the other.
    Otherwise { of: usize, exists: bool },
    /// A folder above this operation's record is missing.
    NoFolder { of: usize },
}

/// The operations whose plan depends on whether their record is there.
pub(super) fn questions(ops: &[Op]) -> Vec<usize> {
    let mut told = BTreeMap::new();
    let mut questions = Vec::new();
    for (of, op) in ops.iter().enumerate() {
        if matches!(op, Op::Put { .. }) && !told.contains_key(op.path()) {
            questions.push(of);
        }
        told.insert(op.path(), leaves(op));
    }
    questions
}

/// Whether an operation that succeeded leaves a record behind.
pub(super) fn leaves(op: &Op) -> bool {
    !matches!(op, Op::Delete { .. } | Op::CheckAbsent { .. })
}

/// The steps of a multi. `exists` answers the questions.
pub(super) fn steps(ops: &[Op], exists: impl Fn(usize) -> bool) -> Vec<Step> {
    let mut told = BTreeMap::new();
    let mut steps = Vec::with_capacity(ops.len());
    for (of, op) in ops.iter().enumerate() {
        let mut step = |action| steps.push(Step { of, node: names::record(op.path()), action });
        match op {
            Op::Check { version, .. } => step(Action::Check { version: exactly(*version) }),
            // There is no such operation: what can be made was not there.
            Op::CheckAbsent { .. } => {
                step(Action::Create { data: Bytes::new(), mode: Mode::Persistent });
                step(Action::Delete { version: None });
            }
            Op::Create { data, mode, .. } => {
                step(Action::Create { data: data.clone(), mode: *mode });
            }
            Op::Set { data, expect, .. } => {
                step(Action::Set { data: data.clone(), version: expect.map(exactly) });
            }
            Op::Put { data, .. } => {
                let data = data.clone();
                if told.get(op.path()).copied().unwrap_or_else(|| exists(of)) {
                    step(Action::Set { data, version: None });
                } else {
                    step(Action::Create { data, mode: Mode::Persistent });
                }
            }
            Op::Delete { expect, .. } => step(Action::Delete { version: expect.map(exactly) }),
        }
        told.insert(op.path(), leaves(op));
    }
    steps
}

/// A version that ZooKeeper can have; one that it cannot have is none that it has.
fn exactly(version: u64) -> i32 {
    i32::try_from(version).unwrap_or(i32::MAX)
}

/// What it means that `step` was refused.
pub(super) fn judge(ops: &[Op], step: &Step, cause: Cause) -> Verdict {
    let of = step.of;
    let Some(op) = ops.get(of) else { return Verdict::NoFolder { of } };
    let path = op.path().to_owned();
    let conflict = StoreError::Conflict { path: path.clone(), index: of };
    match (op, &step.action, cause) {
        (Op::Put { .. }, Action::Create { .. }, Cause::NodeExists) => {
            Verdict::Otherwise { of, exists: true }
        }
        (Op::Put { .. }, Action::Set { .. }, _) => Verdict::Otherwise { of, exists: false },
        (_, Action::Create { .. }, Cause::NoNode) => Verdict::NoFolder { of },
        (Op::Create { .. }, _, _) => Verdict::Fails(StoreError::Exists { path }),
        (Op::Set { .. } | Op::Delete { .. }, _, Cause::NoNode) => {
            Verdict::Fails(StoreError::NotFound { path })
        }
        _ => Verdict::Fails(conflict),
    }
}

#[cfg(test)]
mod tests;
