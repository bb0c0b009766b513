//! What a caller wants otherwise, turned into the topology that should count: a file, or a change by
//! hand of what was accepted. Must not know hosts or plans.

use lathe_placement::Refusal;
use lathe_topology::{Code, TaskPath, is_known_key, limits};
use serde_json::Value;

use super::Framework;
use super::event::Edit;
use super::records::TopologyRecord;
use super::submissions::plain;
use super::wanted::Accepted;

/// Lists and objects within one another in a value that is set by hand.
const VALUE_DEPTH_MAX: usize = 32;
/// Bytes of a value that is set by hand, as JSON.
const VALUE_BYTES_MAX: usize = 64 * 1024;

impl Framework {
    /// The topology that an edit asks for, checked without a host. Restarts and pauses ask for
    /// none: they are no edits of a topology. The error is the refusal.
    pub(super) fn target_of(&self, edit: &Edit) -> Result<Accepted, Refusal> {
        match edit {
            Edit::Source(submission) => self.read_submission(submission),
            Edit::Scale { task, count } => self.scaled(task, *count),
            Edit::Set { task, key, value } => self.set(task, key, value.as_ref()),
            Edit::Rollback { topology, revision } => self.rolled_back(topology, *revision),
            Edit::Restart { .. } | Edit::Pause { .. } => {
                Err(plain(Code::CANNOT_ACT_NOW, "this edit makes no revision", ""))
            }
        }
    }

    /// The topology whose answers tell of the edit; none where there is no such thing.
    pub(super) fn topology_of(&self, edit: &Edit) -> Option<String> {
        match edit {
            Edit::Source(submission) => Some(submission.name.clone()),
            Edit::Scale { task, .. } | Edit::Set { task, .. } => {
                self.wanted.owner(&task.parse().ok()?).map(str::to_owned)
            }
            Edit::Rollback { topology, .. } | Edit::Pause { topology, .. } => {
                Some(topology.clone())
            }
            Edit::Restart { what } => self.named(what).ok().map(|named| named.topology),
        }
    }

    fn scaled(&self, task: &str, count: u32) -> Result<Accepted, Refusal> {
        let (path, old) = self.task_named(task)?;
        if u64::from(count) > limits::INSTANCES {
            let sentence = format!("{count} instances; at most {} are taken", limits::INSTANCES);
            return Err(plain(Code::OUT_OF_RANGE, &sentence, "scale to fewer"));
        }
        let before = old.task(&path).map_or(0, |task| task.count);
        let mut record = old.record.clone();
        record.cause = format!("scaled {path} from {before} to {count}");
        record.by_hand.counts.insert(path, count);
        self.next_revision(record)
    }

    fn set(&self, task: &str, key: &str, value: Option<&Value>) -> Result<Accepted, Refusal> {
        let (path, old) = self.task_named(task)?;
        check_key(key)?;
        if let Some(value) = value {
            check_value(key, value)?;
        }
        let known = old.task(&path).is_some_and(|task| task.own.contains_key(key));
        if value.is_none() && !known {
            let sentence = format!("task `{path}` has no own key `{key}` to take away");
            return Err(plain(Code::NOT_AN_OWN_KEY, &sentence, "`lathe status --json` lists them"));
        }
        let mut record = old.record.clone();
        record.cause = match value {
            Some(_) => format!("set {key} of {path}"),
            None => format!("took {key} of {path} away"),
        };
        let keys = record.by_hand.keys.entry(path).or_default();
        keys.insert(key.to_owned(), value.cloned());
        self.next_revision(record)
    }

    fn rolled_back(&self, name: &str, revision: Option<u64>) -> Result<Accepted, Refusal> {
        let old = self.topology_named(name)?;
        let present = old.record.revision;
        let kept = self.history.get(name);
        let found = match revision {
            Some(wanted) => kept.and_then(|kept| kept.get(&wanted)),
            None => kept.and_then(|kept| kept.range(..present).next_back().map(|(_, one)| one)),
        };
        let Some(found) = found else {
            let numbers: Vec<String> =
                kept.into_iter().flatten().map(|(number, _)| number.to_string()).collect();
            let what =
                revision.map_or("an earlier revision".to_owned(), |n| format!("revision {n}"));
            let hint = if numbers.is_empty() {
                "there is no earlier revision yet".to_owned()
            } else {
                format!("kept are: {}", numbers.join(", "))
            };
            let sentence =
                format!("topology `{name}` has kept no {}", what.trim_start_matches("an "));
            return Err(plain(Code::NO_SUCH_REVISION, &sentence, &hint));
        };
        let mut record = found.clone();
        record.cause = format!("rolled back to revision {}", found.revision);
        record.revision = present;
        record.paused = old.record.paused;
        self.next_revision(record)
    }

    /// The record one revision later, read and checked like a submission.
    fn next_revision(&self, mut record: TopologyRecord) -> Result<Accepted, Refusal> {
        record.revision += 1;
        record.slots.clear();
        record.rollout = None;
        self.read_record(record)
    }

    pub(super) fn topology_named(&self, name: &str) -> Result<&Accepted, Refusal> {
        self.wanted.get(name).ok_or_else(|| {
            let known: Vec<&str> = self.wanted.topologies().keys().map(String::as_str).collect();
            let hint = if known.is_empty() {
                "no topology runs here".to_owned()
            } else {
                format!("topologies here: {}", known.join(", "))
            };
            plain(Code::UNKNOWN_TOPOLOGY, &format!("there is no topology `{name}`"), &hint)
        })
    }

    pub(super) fn task_named(&self, text: &str) -> Result<(TaskPath, &Accepted), Refusal> {
        let named = text.strip_prefix("task.").unwrap_or(text).parse::<TaskPath>().ok();
        let found = named.and_then(|path| {
            let owner = self.wanted.owner(&path)?;
            Some((path, self.wanted.get(owner)?))
        });
        found.ok_or_else(|| {
            let hint = "`lathe status` lists the tasks of every topology";
            plain(Code::UNKNOWN_TASK, &format!("there is no task `{text}`"), hint)
        })
    }
}

fn check_key(key: &str) -> Result<(), Refusal> {
    if is_known_key(key) {
        let sentence = format!("`{key}` is not an author's own key");
        let hint = match key {
            "tasks" => "`lathe scale TASK N` changes the number of instances",
            _ => "edit the file and submit it",
        };
        return Err(plain(Code::NOT_AN_OWN_KEY, &sentence, hint));
    }
    if key.is_empty() || key.len() > limits::NAME_BYTES {
        let sentence = format!("a key has 1 to {} bytes", limits::NAME_BYTES);
        return Err(plain(Code::BAD_NAME, &sentence, "choose a shorter key"));
    }
    Ok(())
}

fn check_value(key: &str, value: &Value) -> Result<(), Refusal> {
    let bytes = serde_json::to_vec(value).map_or(usize::MAX, |bytes| bytes.len());
    if bytes > VALUE_BYTES_MAX || depth(value) > VALUE_DEPTH_MAX {
        let sentence = format!(
            "the value of `{key}` is too large: at most {VALUE_BYTES_MAX} bytes and \
             {VALUE_DEPTH_MAX} levels are taken"
        );
        return Err(plain(Code::LIMIT, &sentence, "hand the task a file or an address instead"));
    }
    if has_null(value) {
        let sentence = format!("the value of `{key}` has a null, which a topology cannot say");
        return Err(plain(Code::UNPORTABLE_VALUE, &sentence, "leave it out"));
    }
    Ok(())
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(items) => 1 + items.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(items) => items.values().any(has_null),
        _ => false,
    }
}
