//! One host of a list: its name, what it has, its attributes.
//!
//! Owns the keys, their bounds and what stands for a key that is left out. It must not know JSON's
//! syntax.

use std::collections::{BTreeMap, BTreeSet};

use lathe_placement::{Capacity, Host};
use lathe_topology::limits::NAME_BYTES;
use lathe_topology::{Code, parse_bytes};

use super::findings::Findings;
use super::json::Json;

/// Bytes of a host's name.
const HOST_NAME_BYTES: usize = 255;
const MOST_CPUS: f64 = 10_000.0;
const MOST_MEM: u64 = 1 << 50;
const MOST_DISK: u64 = 1 << 60;
/// Ranges of ports of one host.
const PORT_RANGES: usize = 1_000;
const SHAPE: &str = "write hosts as `{\"name\": \"h1\", \"resources\": {\"cpus\": 4.0, \"mem\": \
    \"8GiB\", \"disk\": \"16GiB\", \"ports\": \"31000-31999\"}, \"attributes\": {\"rack\": \"r1\"}}`";

/// What a host has that does not say it: what one of `lathe up` has.
fn usual() -> Capacity {
    Capacity {
        cpus_milli: 4_000,
        mem_bytes: 8 << 30,
        disk_bytes: 16 << 30,
        ports: vec![(31_000, 31_999)],
    }
}

#[derive(Debug, Default)]
pub(super) struct List {
    pub(super) hosts: Vec<Host>,
    names: BTreeMap<String, usize>,
}

impl List {
    pub(super) fn add(&mut self, at: usize, value: Json, findings: &mut Findings) {
        let place = format!("host {at}");
        let known = ["name", "resources", "attributes"];
        let Some(entries) = table(value, &place, &known, findings) else { return };
        let mut host = Host { capacity: usual(), ..Host::default() };
        let mut named = false;
        for (key, value) in entries {
            match key.as_str() {
                "name" => {
                    named = true;
                    host.name = name(value, &place, HOST_NAME_BYTES, findings);
                }
                "resources" => capacity(value, &place, &mut host.capacity, findings),
                _ => host.attributes = attributes(value, &place, findings),
            }
        }
        if !named {
            findings.add(Code::MISSING_KEY, format!("{place} has no `name`"), SHAPE);
            return;
        }
        if let Some(first) = self.names.insert(host.name.clone(), at) {
            let text = format!("{place} has the name {:?} of host {first}", host.name);
            findings.add(Code::LISTED_TWICE, text, "give each host a name of its own");
        }
        self.hosts.push(host);
    }
}

/// The entries of an object whose keys are known ones, each once. Unknown ones are left out with a
/// warning.
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
            findings.warn(|| format!("{place}: {key:?} means nothing here and is left out"));
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

fn capacity(value: Json, place: &str, capacity: &mut Capacity, findings: &mut Findings) {
    let place = format!("{place}: resources");
    let known = ["cpus", "mem", "disk", "ports"];
    for (key, value) in table(value, &place, &known, findings).unwrap_or_default() {
        let place = format!("{place}.{key}");
        match key.as_str() {
            "cpus" => capacity.cpus_milli = cpus(&value, &place, findings),
            "mem" => capacity.mem_bytes = size(&value, &place, MOST_MEM, findings),
            "disk" => capacity.disk_bytes = size(&value, &place, MOST_DISK, findings),
            _ => capacity.ports = ports(&value, &place, findings),
        }
    }
}

/// Thousandths; what is less than one is not there.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "the range is checked before, and a thousandth is far above a double's precision"
)]
fn cpus(value: &Json, place: &str, findings: &mut Findings) -> u64 {
    let number = match value {
        Json::Whole(number) => *number as f64,
        Json::Decimal(number) => *number,
        _ => {
            wrong_type(place, "a number", value, findings);
            return 0;
        }
    };
    if !(0.0..=MOST_CPUS).contains(&number) {
        let text = format!("{place} has to be from 0 to 10000, and is {number}");
        findings.add(Code::OUT_OF_RANGE, text, "write it as in `\"cpus\": 4.0`");
        return 0;
    }
    let milli = number * 1_000.0;
    let near = milli.round();
    if (milli - near).abs() < 1e-6 { near as u64 } else { milli.floor() as u64 }
}

fn size(value: &Json, place: &str, most: u64, findings: &mut Findings) -> u64 {
    let hint = "write it with its unit, as in `\"mem\": \"8GiB\"`; a plain number is in bytes";
    let bytes = match value {
        Json::Text(text) => match parse_bytes(text) {
            Ok(bytes) => Some(bytes),
            Err(error) => {
                findings.add(Code::BAD_UNIT, format!("{place} is not a size: {error}"), hint);
                return 0;
            }
        },
        Json::Whole(number) => u64::try_from(*number).ok(),
        Json::Decimal(_) => None,
        _ => {
            wrong_type(place, "a size", value, findings);
            return 0;
        }
    };
    match bytes {
        Some(bytes) if bytes <= most => bytes,
        _ => {
            let text = format!("{place} has to be from 0 to {most} whole bytes");
            findings.add(Code::OUT_OF_RANGE, text, hint);
            0
        }
    }
}

/// `"31000-31999"`, `"31000-31010, 31080"`, a number, or a list of these.
fn ports(value: &Json, place: &str, findings: &mut Findings) -> Vec<(u16, u16)> {
    let mut ranges = Vec::new();
    let parts = match value {
        Json::List(parts) => parts.as_slice(),
        one => std::slice::from_ref(one),
    };
    for part in parts {
        let good = match part {
            Json::Whole(number) => u16::try_from(*number)
                .ok()
                .filter(|number| *number > 0)
                .map(|number| ranges.push((number, number))),
            Json::Text(text) => text
                .trim()
                .trim_start_matches('[')
                .trim_end_matches(']')
                .split(',')
                .map(str::trim)
                .filter(|range| !range.is_empty())
                .try_for_each(|text| range(text).map(|range| ranges.push(range))),
            _ => {
                wrong_type(place, "ranges of ports", part, findings);
                return Vec::new();
            }
        };
        if good.is_none() {
            let text = format!("{place} has something that is no range of ports from 1 to 65535");
            findings.add(Code::OUT_OF_RANGE, text, "write it as in `\"ports\": \"31000-31999\"`");
            return Vec::new();
        }
        if ranges.len() > PORT_RANGES {
            let text = format!("{place} has more than {PORT_RANGES} ranges");
            findings.add(Code::LIMIT, text, "join ranges that lie side by side");
            return Vec::new();
        }
    }
    ranges
}

fn range(text: &str) -> Option<(u16, u16)> {
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let digits = |text: &str| {
        let text = text.trim();
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u16>().ok())?
    };
    let (from, to) = (digits(from)?, digits(to)?);
    (from > 0 && from <= to).then_some((from, to))
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
