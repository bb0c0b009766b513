//! One host of a list: its name, what it has, its attributes, and whether it takes anything.
//!
//! Owns the keys of a host. Two forms are read: the one that `docs/json.md` describes, and what `lathe hosts
//! --json` prints. It must not know JSON's syntax.

use std::collections::{BTreeMap, BTreeSet};

use lathe_placement::Host;
use lathe_topology::limits::NAME_BYTES;
use lathe_topology::{Code, nearest};

use super::amounts::{self, Amounts};
use super::findings::Findings;
use super::json::Json;

/// Bytes of a host's name.
const HOST_NAME_BYTES: usize = 255;
const SHAPE: &str = "write hosts as `{\"name\": \"h1\", \"resources\": {\"cpus\": 4.0, \"mem\": \
    \"8GiB\", \"disk\": \"16GiB\", \"ports\": \"31000-31999\"}, \"attributes\": {\"rack\": \"r1\"}}`";
const KEYS: [&str; 13] = [
    "name",
    "resources",
    "attributes",
    "state",
    "instances",
    "maintenance",
    "cpus",
    "cpus_milli",
    "mem",
    "mem_bytes",
    "disk",
    "disk_bytes",
    "ports",
];
/// States of hosts that take work. `listed` is what a scheduler of old says of all.
const OPEN: [&str; 2] = ["active", "listed"];
/// States of hosts that take nothing new.
const CLOSED: [&str; 10] = [
    "leaving",
    "draining",
    "drained",
    "deactivated",
    "unreachable",
    "silent",
    "gone",
    "paused",
    "starting",
    "dead",
];
/// What others call an amount or a key. Left out, it would be planned for what the host has not.
const MEANT: [(&str, &str); 13] = [
    ("memory", "mem"),
    ("ram", "mem"),
    ("mem_mb", "mem"),
    ("mem_mib", "mem"),
    ("memory_bytes", "mem_bytes"),
    ("cores", "cpus"),
    ("vcpus", "cpus"),
    ("storage", "disk"),
    ("disk_mb", "disk"),
    ("hostname", "name"),
    ("host", "name"),
    ("attrs", "attributes"),
    ("labels", "attributes"),
];

#[derive(Debug, Default)]
pub(super) struct List {
    pub(super) hosts: Vec<Host>,
    names: BTreeMap<String, usize>,
}

impl List {
    pub(super) fn add(&mut self, at: usize, value: Json, findings: &mut Findings) {
        let place = place_of(at, &value);
        let Some(entries) = table(value, &place, &KEYS, findings) else { return };
        let (mut host, mut amounts) = (Host::default(), Amounts::usual());
        let mut named = false;
        let mut takes = true;
        for (key, value) in entries {
            match key.as_str() {
                "name" => {
                    named = true;
                    host.name = name(value, &format!("host {at}"), HOST_NAME_BYTES, findings);
                }
                "resources" => {
                    let within = format!("{place}: resources");
                    let told = table(value, &within, &amounts::KEYS, findings).unwrap_or_default();
                    for (key, value) in told {
                        amounts.read((&key, &value), false, &place, findings);
                    }
                }
                "attributes" => host.attributes = attributes(value, &place, findings),
                "state" => takes = is_open(&value, &place, findings),
                "instances" => runs(&value, &place, findings),
                "maintenance" => {}
                _ => amounts.read((&key, &value), true, &place, findings),
            }
        }
        if !named {
            findings.add(Code::MISSING_KEY, format!("{place} has no `name`"), SHAPE);
            return;
        }
        if let Some(first) = self.names.insert(host.name.clone(), at) {
            let text = format!("host {at} has the name {:?} of host {first}", host.name);
            findings.add(Code::LISTED_TWICE, text, "give each host a name of its own");
        }
        host.capacity = amounts.capacity;
        if takes {
            self.hosts.push(host);
        }
    }
}

/// `host 3 "h3"`, so that a place can be found in a file of many lines and in one of a single line.
fn place_of(at: usize, value: &Json) -> String {
    let Json::Table(entries) = value else { return format!("host {at}") };
    match entries.iter().find(|(key, _)| key == "name") {
        Some((_, Json::Text(name))) if name.len() <= HOST_NAME_BYTES => {
            format!("host {at} {name:?}")
        }
        _ => format!("host {at}"),
    }
}

/// Whether a host in that state takes anything new. One that does not is left out, as a scheduler does.
fn is_open(value: &Json, place: &str, findings: &mut Findings) -> bool {
    let Json::Text(state) = value else {
        wrong_type(&format!("{place}: state"), "a text", value, findings);
        return false;
    };
    if OPEN.contains(&state.as_str()) {
        return true;
    }
    if CLOSED.contains(&state.as_str()) {
        findings
            .warn("state", || format!("{place} is {state}: it takes nothing new and is left out"));
        return false;
    }
    let shown: String = state.chars().take(40).collect();
    let text = format!("{place}: state {shown:?} is none that `lathe hosts --json` prints");
    let hint = "write `active` for a host that takes work, or leave `state` out";
    findings.add(Code::UNKNOWN_WORD, text, hint);
    false
}

/// What is said to run there: names alone say nothing of what it takes.
fn runs(value: &Json, place: &str, findings: &mut Findings) {
    match value {
        Json::List(named) if named.iter().all(|one| matches!(one, Json::Text(_))) => {
            if !named.is_empty() {
                findings.warn("instances", || {
                    format!(
                        "{place}: what its `instances` take counts only where --running names them"
                    )
                });
            }
        }
        other => wrong_type(&format!("{place}: instances"), "a list of names", other, findings),
    }
}

/// The entries of an object whose keys are known ones, each once. Unknown ones are left out with a
/// warning, but for those that look like a known one: what was meant must not be lost.
pub(super) fn table(
    value: Json,
    place: &str,
    known: &[&str],
    findings: &mut Findings,
) -> Option<Vec<(String, Json)>> {
    let Json::Table(entries) = value else {
        wrong_type(place, "an object", &value, findings);
        return None;
    };
    let mut seen = BTreeSet::new();
    let mut kept = Vec::new();
    for (key, value) in entries {
        if !known.is_empty() && !known.contains(&key.as_str()) {
            unknown(&key, place, known, findings);
            continue;
        }
        if !seen.insert(key.clone()) {
            let text = format!("{place}: {key:?} stands twice");
            findings.add(Code::DUPLICATE_KEY, text, "leave one of them");
            continue;
        }
        kept.push((key, value));
    }
    Some(kept)
}

fn unknown(key: &str, place: &str, known: &[&str], findings: &mut Findings) {
    let lower = key.to_ascii_lowercase();
    let other = MEANT.iter().find(|(word, meant)| *word == lower && known.contains(meant));
    // A name that is misspelt is missed anyway, and what else is called like one may be anything. Resources
    // that Mesos knows and placement does not count are no slips of the pen.
    let named = ["name", "host", "task", "slot"];
    let known: Vec<&str> = known.iter().copied().filter(|word| !named.contains(word)).collect();
    let meant = if key == "gpus" { None } else { nearest(key, &known) };
    if let Some(meant) = other.map(|(_, meant)| *meant).or(meant) {
        let text = format!("{place}: {key:?} means nothing here");
        findings.add(Code::UNKNOWN_KEY, text, format!("write `{meant}` if that is meant"));
        return;
    }
    let shown: String = key.chars().take(40).collect();
    findings.warn(&shown, || format!("{place}: {shown:?} means nothing here and is left out"));
}

pub(super) fn wrong_type(place: &str, wanted: &str, value: &Json, findings: &mut Findings) {
    let text = format!("{place} has to be {wanted}, and is {}", value.kind());
    findings.add(Code::WRONG_TYPE, text, "docs/json.md shows the form");
}

/// A name of visible characters.
pub(super) fn name(value: Json, place: &str, most: usize, findings: &mut Findings) -> String {
    let place = format!("{place}: its name");
    let Json::Text(text) = value else {
        wrong_type(&place, "a text", &value, findings);
        return String::new();
    };
    if text.is_empty() || text.len() > most || text.chars().any(char::is_control) {
        let shown: String = text.chars().take(40).collect();
        let what = format!("{place} {shown:?} is empty, too long or has control characters");
        findings.add(Code::BAD_NAME, what, format!("a name has 1 to {most} bytes"));
    }
    text
}

fn attributes(value: Json, place: &str, findings: &mut Findings) -> BTreeMap<String, String> {
    let place = format!("{place}: attributes");
    let mut read = BTreeMap::new();
    for (key, value) in table(value, &place, &[], findings).unwrap_or_default() {
        let text = match value {
            Json::Text(text) => text,
            Json::Bool(value) => value.to_string(),
            Json::Whole(number) => number.to_string(),
            Json::Decimal(number) => number.to_string(),
            other => {
                wrong_type(&format!("{place}.{key}"), "a text", &other, findings);
                continue;
            }
        };
        let long = [&key, &text].iter().any(|text| text.len() > NAME_BYTES);
        if key.is_empty() || long || key.chars().chain(text.chars()).any(char::is_control) {
            let shown: String = key.chars().take(40).collect();
            let what = format!("{place}: {shown:?} or its value is empty, too long or no text");
            let hint = format!("both have at most {NAME_BYTES} bytes");
            findings.add(Code::BAD_NAME, what, hint);
            continue;
        }
        read.insert(key, text);
    }
    read
}
