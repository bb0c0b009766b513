//! What templates walk through: the input itself, not a copy of it, however many entries it has.
//!
//! Owns the names of an entry's fields in templates: those of its JSON, and `port`.

use std::collections::BTreeMap;
use std::sync::Arc;

use lathe_catalog::Entry;
use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr};

use crate::snapshot::Input;

pub(super) const FIELDS: &[&str] = &[
    "topology",
    "task",
    "slot",
    "incarnation",
    "host",
    "address",
    "ports",
    "tags",
    "crate_name",
    "version",
    "state",
    "reason",
    "since_ms",
    "port",
];

/// Some entries of an input, by their group and their place in it.
#[derive(Debug)]
struct List {
    input: Arc<Input>,
    places: Vec<(usize, usize)>,
}

#[derive(Debug)]
struct One {
    input: Arc<Input>,
    place: (usize, usize),
}

fn at(input: &Input, (group, place): (usize, usize)) -> Option<&Entry> {
    input.groups.values().nth(group)?.get(place)
}

/// Entries of all groups, each once.
pub(super) fn entries(input: &Arc<Input>) -> Value {
    let mut places = BTreeMap::new();
    for (group, entries) in input.groups.values().enumerate() {
        for (place, entry) in entries.iter().enumerate() {
            // As in `Input::entries`, the last group counts.
            places.insert(entry.incarnation.as_str(), (group, place));
        }
    }
    let places = places.into_values().collect();
    Value::from_object(List { input: Arc::clone(input), places })
}

/// Entries by group.
pub(super) fn groups(input: &Arc<Input>) -> Value {
    let lists = input.groups.iter().enumerate().map(|(group, (name, entries))| {
        let places = (0..entries.len()).map(|place| (group, place)).collect();
        (name.clone(), Value::from_object(List { input: Arc::clone(input), places }))
    });
    Value::from_pairs(lists)
}

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let place = *self.places.get(key.as_usize()?)?;
        Some(Value::from_object(One { input: Arc::clone(&self.input), place }))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.places.len())
    }
}

impl Object for One {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        field(at(&self.input, self.place)?, key.as_str()?)
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(FIELDS)
    }
}

fn field(entry: &Entry, name: &str) -> Option<Value> {
    Some(match name {
        "topology" => Value::from(entry.topology.as_str()),
        "task" => Value::from(entry.task.as_str()),
        "slot" => Value::from(entry.slot),
        "incarnation" => Value::from(entry.incarnation.as_str()),
        "host" => Value::from(entry.host.as_str()),
        "address" => Value::from(entry.address.as_str()),
        "ports" => Value::from_pairs(entry.ports.iter().map(|(name, port)| (name.clone(), *port))),
        "tags" => entry.tags.iter().map(|tag| Value::from(tag.as_str())).collect(),
        "crate_name" => Value::from(entry.crate_name.as_str()),
        "version" => Value::from(entry.version.as_str()),
        "state" => Value::from(entry.state.as_str()),
        "reason" => Value::from(entry.reason.as_deref()),
        "since_ms" => Value::from(entry.since_ms),
        "port" => Value::from(entry.main_port()),
        _ => return None,
    })
}
