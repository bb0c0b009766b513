//! Finds the tasks below `task` and makes each a value.
//!
//! Owns which table is a task, which a group of tasks, and which an own key; and how the defaults
//! go into a task. It must not know how tasks bear on one another.

use std::ops::Range;

use serde_json::Map;

use super::findings::Findings;
use super::keys::{self, KNOWN, Keys, REQUIRED};
use super::{health, own, source, update};
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::limits::{EXPANDED_BYTES, INSTANCES, TASKS};
use crate::model::{DEFAULT_GRACE_MS, Health, Probe, Restart, TaskSpec};
use crate::names::{TaskPath, check_part};
use crate::near;
use crate::tree::{Entry, Node, Table};

/// Every task of the `task` table, sorted by path.
pub(super) fn read(root: &Table, defaults: &Keys, findings: &mut Findings) -> Vec<TaskSpec> {
    let mut walk = Walk { defaults, findings, tasks: Vec::new(), expanded: 0, full: false };
    walk.group(root, "");
    let Walk { mut tasks, .. } = walk;
    tasks.sort_by(|left, right| left.path.cmp(&right.path));
    let total: u64 = tasks.iter().map(|task| u64::from(task.count)).sum();
    if total > INSTANCES
        && let Some(most) = tasks.iter().max_by_key(|task| task.count)
    {
        let message =
            format!("the file wants {total} instances in all; at most {INSTANCES} are allowed");
        let finding = Diagnostic::error(Code::LIMIT, most.span.clone(), message)
            .here(format!("{} of them here", most.count))
            .party(most.path.as_str());
        findings.add(finding.help("split the file into several topologies"));
    }
    tasks
}

/// Whether a table is a task: it has a `crate` that is not itself a table.
fn is_task(table: &Table) -> bool {
    table.get("crate").is_some_and(|entry| !matches!(entry.item.node, Node::Table(_)))
}

/// Whether there is a task in it or below it.
fn holds_task(table: &Table) -> bool {
    is_task(table)
        || table.values().any(|entry| match &entry.item.node {
            Node::Table(inner) => holds_task(inner),
            _ => false,
        })
}

struct Walk<'a> {
    defaults: &'a Keys,
    findings: &'a mut Findings,
    tasks: Vec<TaskSpec>,
    /// Bytes that the tasks take so far.
    expanded: usize,
    /// A limit was met: nothing more is read.
    full: bool,
}

impl Walk<'_> {
    /// A table that only holds tasks and groups.
    fn group(&mut self, table: &Table, path: &str) {
        for (key, entry) in table {
            match &entry.item.node {
                Node::Table(inner) => self.below(path, key, entry, inner),
                _ => self.loose_key(path, key, entry),
            }
        }
    }

    fn loose_key(&mut self, path: &str, key: &str, entry: &Entry) {
        let (place, help) = if path.is_empty() {
            ("[task]".to_owned(), "give the task a name, as in `[task.web]`".to_owned())
        } else {
            let help =
                "give the table a `crate` if it is a task; keys for all tasks go into `[defaults]`";
            (format!("[task.{path}]"), help.to_owned())
        };
        let message = format!("`{key}` stands in `{place}`, which is no task");
        let finding = Diagnostic::error(Code::KEYS_OUTSIDE_TASK, entry.key_span.clone(), message);
        self.findings.add(finding.party(key).help(help));
    }

    /// A table below a group or a task that is not an own key.
    fn below(&mut self, path: &str, key: &str, entry: &Entry, table: &Table) {
        if let Err(error) = check_part(key) {
            let message = format!("{key:?} cannot be a part of a task's name: {error}");
            self.findings.add(
                Diagnostic::error(Code::BAD_NAME, entry.key_span.clone(), message)
                    .party(key)
                    .help("letters, digits, `_` and `-`"),
            );
            return;
        }
        let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        let is_group = |table: &Table| {
            let only_tables = table.values().all(|entry| matches!(entry.item.node, Node::Table(_)));
            let has_own_tables = table.keys().any(|key| KNOWN.contains(&key.as_str()));
            !table.is_empty() && only_tables && !has_own_tables
        };
        if is_task(table) || !(holds_task(table) || is_group(table)) {
            self.task(table, &path, &entry.item.span);
        } else {
            self.group(table, &path);
        }
    }

    fn task(&mut self, table: &Table, path: &str, span: &Range<usize>) {
        if self.full {
            return;
        }
        if self.tasks.len() >= TASKS {
            self.full = true;
            let message = format!("the file has more than {TASKS} tasks");
            let finding = Diagnostic::error(Code::LIMIT, span.clone(), message);
            self.findings.add(finding.help("split the file into several topologies"));
            return;
        }
        let owner = format!("`{path}`");
        let keys = keys::read(table, &owner, self.findings);
        let mut own = Map::new();
        for (key, entry) in table {
            match &entry.item.node {
                _ if KNOWN.contains(&key.as_str()) => {}
                Node::Table(inner) if holds_task(inner) => self.below(path, key, entry, inner),
                _ => own::take(key, entry, &owner, &mut own, self.findings),
            }
        }
        self.missing(&keys, table, path, span);
        match path.parse::<TaskPath>() {
            Ok(checked) => {
                let task = self.merge(checked, &keys, own, span);
                self.admit(task);
            }
            Err(error) => {
                let message = format!("{path:?} cannot be a task's name: {error}");
                let finding = Diagnostic::error(Code::BAD_NAME, span.clone(), message);
                self.findings.add(finding.party(path).help("choose shorter parts"));
            }
        }
    }

    fn missing(&mut self, keys: &Keys, table: &Table, path: &str, span: &Range<usize>) {
        let absent = REQUIRED.iter().filter(|key| !keys.has(key) && !self.defaults.has(key));
        let absent: Vec<&str> = absent.copied().collect();
        if absent.is_empty() {
            return;
        }
        let named = absent.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
        let message = format!("`{path}` lacks {named}");
        let slip = table.keys().filter(|key| !KNOWN.contains(&key.as_str())).find_map(|key| {
            let meant = near::nearest(key, &absent)?;
            Some(format!("did you mean `{meant}` where it says `{key}`?"))
        });
        let mut finding = Diagnostic::error(Code::MISSING_KEY, span.clone(), message).party(path);
        finding.parties.extend(absent.iter().map(|key| (*key).to_owned()));
        finding.help = Some(slip.unwrap_or_else(|| {
            "every task has `crate`, `version`, `task` (its name in the crate) and `tasks` (how many)"
                .to_owned()
        }));
        self.findings.add(finding);
    }

    /// The task with the defaults put in. What is missing is an error already and stays empty.
    fn merge(
        &mut self,
        path: TaskPath,
        keys: &Keys,
        own: Map<String, serde_json::Value>,
        span: &Range<usize>,
    ) -> TaskSpec {
        let from = self.defaults;
        let owner = format!("`{path}`");
        let mut env = from.env.clone();
        env.extend(keys.env.clone());
        let list = |own: &Option<Vec<String>>, usual: &Option<Vec<String>>| {
            own.clone().or_else(|| usual.clone()).unwrap_or_default()
        };
        let text = |own: &Option<String>, usual: &Option<String>| {
            own.clone().or_else(|| usual.clone()).unwrap_or_default()
        };
        let resources = keys.resources.or(&from.resources);
        let health =
            keys.health.as_ref().or(from.health.as_ref()).and_then(|written| {
                health::settle(written, &resources.ports, &owner, self.findings)
            });
        let count = keys.count.or(from.count).unwrap_or(1);
        let update = keys
            .update
            .as_ref()
            .or(from.update.as_ref())
            .map(|written| update::settle(written, count, &owner, self.findings));
        TaskSpec {
            path,
            crate_name: text(&keys.crate_name, &from.crate_name),
            version: text(&keys.version, &from.version),
            task: text(&keys.task, &from.task),
            count,
            tags: keys.tags.clone().or_else(|| from.tags.clone()).unwrap_or_default(),
            biases: keys.biases.clone().or_else(|| from.biases.clone()).unwrap_or_default(),
            resources,
            source: source::merge(keys, from, &owner, self.findings),
            env,
            args: list(&keys.args, &from.args),
            user: keys.user.clone().or_else(|| from.user.clone()),
            grace_ms: keys.grace_ms.or(from.grace_ms).unwrap_or(DEFAULT_GRACE_MS),
            restart: keys.restart.or(from.restart).unwrap_or(Restart::Always),
            health,
            update,
            unreachable: keys.unreachable.or(from.unreachable),
            own,
            span: span.clone(),
        }
    }

    /// Keeps the task unless the defaults, put into each, have grown beyond the limit.
    fn admit(&mut self, task: TaskSpec) {
        let texts = task.args.iter().map(String::len).sum::<usize>()
            + task.env.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>()
            + task.source.features.iter().map(String::len).sum::<usize>()
            + match &task.health {
                Some(Health::Probe { probe: Probe::Http { path, .. }, .. }) => path.len(),
                Some(Health::Probe { probe: Probe::Command { command }, .. }) => {
                    command.iter().map(String::len).sum()
                }
                _ => 0,
            };
        let lists = task.tags.len() + task.biases.len() + task.resources.ports.len();
        self.expanded += texts + lists * 128;
        if self.expanded > EXPANDED_BYTES {
            self.full = true;
            let message = "the tasks are too large together once `[defaults]` stands in each";
            let finding = Diagnostic::error(Code::LIMIT, task.span, message);
            self.findings.add(finding.help("make `[defaults]` smaller"));
            return;
        }
        self.tasks.push(task);
    }
}
