//! What changed between two topologies, as data.
//!
//! Owns the comparison of two values. It must not know what runs: `placement` and the scheduler
//! decide what a change does.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::{TaskSpec, Topology};
use crate::names::TaskPath;

/// What became of one task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskChange {
    /// The task.
    pub task: TaskPath,
    /// What became of it.
    pub change: Change,
}

/// A task came, went, or is another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Change {
    /// It is new.
    Added {
        /// Instances wanted.
        count: u32,
    },
    /// It is gone.
    Removed {
        /// Instances that were wanted.
        count: u32,
    },
    /// It is in both and differs.
    Changed {
        /// Instances wanted before and now, if that differs.
        count: Option<(u32, u32)>,
        /// Keys of what runs that differ (crate, version, env, …): running instances are replaced.
        contents: Vec<String>,
        /// Keys of the rules that differ (tags, biases, grace, restart, update, unreachable): nothing is replaced for it.
        rules: Vec<String>,
        /// The author's own keys that came, went or differ: running instances are told.
        own: Vec<String>,
    },
}

impl Change {
    /// Whether the count is all that differs.
    #[must_use]
    pub fn is_count_only(&self) -> bool {
        match self {
            Self::Changed { count, contents, rules, own } => {
                count.is_some() && contents.is_empty() && rules.is_empty() && own.is_empty()
            }
            _ => false,
        }
    }

    /// Whether only the author's own keys differ: no instance is started, stopped or moved.
    #[must_use]
    pub fn is_own_only(&self) -> bool {
        match self {
            Self::Changed { count, contents, rules, own } => {
                count.is_none() && contents.is_empty() && rules.is_empty() && !own.is_empty()
            }
            _ => false,
        }
    }

    /// Whether instances that run are replaced for it.
    #[must_use]
    pub fn replaces_instances(&self) -> bool {
        matches!(self, Self::Changed { contents, .. } if !contents.is_empty())
    }
}

impl fmt::Display for TaskChange {
    /// One line: `http.lb: tasks 3 → 5; own keys differ (backend_distribution)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.task, self.change)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let instances = |count: u32| {
            if count == 1 { "1 instance".to_owned() } else { format!("{count} instances") }
        };
        match self {
            Self::Added { count } => write!(f, "new, {}", instances(*count)),
            Self::Removed { count } => write!(f, "removed, {}", instances(*count)),
            Self::Changed { count, contents, rules, own } => {
                let mut parts = Vec::new();
                if let Some((before, after)) = count {
                    parts.push(format!("tasks {before} → {after}"));
                }
                let groups = [
                    ("contents differ", contents),
                    ("rules differ", rules),
                    ("own keys differ", own),
                ];
                for (what, keys) in groups {
                    if !keys.is_empty() {
                        parts.push(format!("{what} ({})", keys.join(", ")));
                    }
                }
                f.write_str(&parts.join("; "))
            }
        }
    }
}

/// Every task that differs, sorted by path. Places in the file do not count.
#[must_use]
pub fn diff(before: &Topology, after: &Topology) -> Vec<TaskChange> {
    let mut tasks: BTreeMap<&TaskPath, (Option<&TaskSpec>, Option<&TaskSpec>)> = BTreeMap::new();
    for task in &before.tasks {
        tasks.entry(&task.path).or_default().0 = Some(task);
    }
    for task in &after.tasks {
        tasks.entry(&task.path).or_default().1 = Some(task);
    }
    let changes = tasks.into_iter().filter_map(|(path, pair)| {
        let change = match pair {
            (None, Some(new)) => Change::Added { count: new.count },
            (Some(old), None) => Change::Removed { count: old.count },
            (Some(old), Some(new)) => changed(old, new)?,
            (None, None) => return None,
        };
        Some(TaskChange { task: path.clone(), change })
    });
    changes.collect()
}

fn changed(old: &TaskSpec, new: &TaskSpec) -> Option<Change> {
    let contents = [
        ("crate", old.crate_name != new.crate_name),
        ("version", old.version != new.version),
        ("task", old.task != new.task),
        ("resources", old.resources != new.resources),
        ("path", old.source.path != new.source.path),
        ("git", old.source.git != new.source.git),
        ("rev", old.source.rev != new.source.rev),
        ("registry", old.source.registry != new.source.registry),
        ("features", old.source.features != new.source.features),
        ("env", old.env != new.env),
        ("args", old.args != new.args),
        ("user", old.user != new.user),
        ("health", old.health != new.health),
    ];
    let said = |task: &TaskSpec| {
        let of = task.biases.iter();
        of.map(|one| (one.target.clone(), one.word, one.weight, one.domain.clone()))
            .collect::<Vec<_>>()
    };
    let rules = [
        ("tags", old.tags != new.tags),
        ("biases", said(old) != said(new)),
        ("grace", old.grace_ms != new.grace_ms),
        ("restart", old.restart != new.restart),
        ("update", old.update != new.update),
        ("unreachable", old.unreachable != new.unreachable),
    ];
    let count = (old.count != new.count).then_some((old.count, new.count));
    let contents = differing(&contents);
    let rules = differing(&rules);
    let own = differing_own(&old.own, &new.own);
    if count.is_none() && contents.is_empty() && rules.is_empty() && own.is_empty() {
        return None;
    }
    Some(Change::Changed { count, contents, rules, own })
}

fn differing(keys: &[(&str, bool)]) -> Vec<String> {
    keys.iter().filter(|(_, differs)| *differs).map(|(key, _)| (*key).to_owned()).collect()
}

fn differing_own(old: &Map<String, Value>, new: &Map<String, Value>) -> Vec<String> {
    let mut keys: Vec<String> = old
        .keys()
        .chain(new.keys())
        .filter(|key| old.get(*key) != new.get(*key))
        .cloned()
        .collect();
    keys.sort();
    keys.dedup();
    keys
}

#[cfg(test)]
mod tests;
