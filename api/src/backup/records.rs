//! What of the store comes back, and how: what was known of running processes does not.
//!
//! Owns the few paths and fields that a restore has to know. That they are those of the framework and
//! the catalog is a test of the scheduler.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Record;

/// So many numbers of each instance's lives are passed over, for lives that came after the backup.
pub const INCARNATIONS_SKIPPED: u64 = 1_000_000;
/// The same of the leader's terms.
const TERMS_SKIPPED: u64 = 1_000;

const TERM: &str = "/lathe/term";
const FRAMEWORK: &str = "/lathe/framework";
const INSTANCES: &str = "/lathe/instances/";
/// What says who runs: nobody does after a restore.
const RUNTIME: [&str; 5] = [
    FRAMEWORK,
    "/lathe/history",
    "/lathe/registries/",
    "/lathe/catalog/entries/",
    "/lathe/catalog/acks/",
];

/// Whether an instance's record stands at this path.
#[must_use]
pub fn is_instance(path: &str) -> bool {
    path.starts_with(INSTANCES)
}

/// Turns records of a backup into those that are written.
#[derive(Debug, Default)]
pub struct Restoring {
    /// Counters of the store that gives way.
    counters: BTreeMap<String, u64>,
    term: u64,
    /// The framework of the backup, or of the store that gives way, goes on.
    same_framework: bool,
}

impl Restoring {
    /// For a cluster whose masters and agents were not lost with the store: under the same id, what
    /// still runs there is found and ended.
    #[must_use]
    pub fn into_a_cluster() -> Self {
        Self { same_framework: true, ..Self::default() }
    }

    /// Takes in a record of the store that gives way: what it has counted is not counted again.
    pub fn replaces(&mut self, path: &str, data: &[u8]) {
        if path == TERM {
            self.term = number(data).unwrap_or(0);
        } else if is_instance(path)
            && let Ok(value) = serde_json::from_slice::<Value>(data)
            && let Some(counter) = value["counter"].as_u64()
        {
            self.counters.insert(path.to_owned(), counter);
        }
    }

    /// What is written at the record's path; none where nothing is. The error says what is wrong
    /// with the record.
    ///
    /// # Errors
    /// For a record that is not as its path says.
    pub fn restored(&self, record: &Record) -> Result<Option<Vec<u8>>, &'static str> {
        let path = record.path.as_str();
        if path == FRAMEWORK && self.same_framework {
            return record.bytes().ok_or("is no Base64").map(Some);
        }
        let runtime = |one: &str| path == one.trim_end_matches('/') || path.starts_with(one);
        if record.ephemeral || RUNTIME.into_iter().any(runtime) {
            return Ok(None);
        }
        let data = record.bytes().ok_or("is no Base64")?;
        if path == TERM {
            let term = number(&data).ok_or("is no term")?.max(self.term);
            let term = term.checked_add(TERMS_SKIPPED).ok_or("has no higher number")?;
            return Ok(Some(term.to_string().into_bytes()));
        }
        if !is_instance(path) {
            return Ok(Some(data));
        }
        let mut value: Value = serde_json::from_slice(&data).map_err(|_| "is no instance")?;
        let counter = value["counter"].as_u64().ok_or("is an instance without a counter")?;
        let counter = counter.max(self.counters.get(path).copied().unwrap_or(0));
        let counter = counter.checked_add(INCARNATIONS_SKIPPED).ok_or("has no higher number")?;
        value["counter"] = counter.into();
        value["lives"] = Value::Array(Vec::new());
        value["early_ends"] = 0.into();
        value["not_before_ms"] = 0.into();
        Ok(Some(value.to_string().into_bytes()))
    }
}

fn number(data: &[u8]) -> Option<u64> {
    std::str::from_utf8(data).ok()?.trim().parse().ok()
}
