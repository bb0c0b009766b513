//! Hosts out of their file (`docs/json.md`), the short way: what is wrong is an error with its place.

use std::collections::{BTreeMap, BTreeSet};

use lathe_topology::parse_bytes;
use serde_json::Value;

/// A host: what it has, which ports, its attributes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Host {
    /// Millicpus, bytes of memory and of disk.
    pub(crate) sizes: [u64; 3],
    /// Inclusive ranges, apart from each other and sorted.
    pub(crate) ports: Vec<(u16, u16)>,
    pub(crate) attributes: BTreeMap<String, String>,
}

impl Host {
    pub(crate) fn offers(&self, port: u16) -> bool {
        self.ports.iter().any(|(from, to)| (*from..=*to).contains(&port))
    }

    /// The sizes and the number of ports.
    pub(crate) fn capacity(&self) -> [u64; 4] {
        let ports = self.ports.iter().map(|(from, to)| u64::from(to - from) + 1).sum();
        let [cpus, mem, disk] = self.sizes;
        [cpus, mem, disk, ports]
    }
}

/// States of hosts that take nothing new: a plan is not for them.
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

pub(crate) fn read(text: &str) -> Result<BTreeMap<String, Host>, String> {
    let list = list(text, "hosts").map_err(|error| format!("the hosts: {error}"))?;
    let mut hosts = BTreeMap::new();
    for (at, value) in list.iter().enumerate() {
        let name = value["name"].as_str().ok_or_else(|| format!("host {at} has no name"))?;
        let host = host(value).map_err(|what| format!("host {name}: {what}"))?;
        let open = !value["state"].as_str().is_some_and(|state| CLOSED.contains(&state));
        if open && hosts.insert(name.to_owned(), host).is_some() {
            return Err(format!("two hosts are called {name}"));
        }
    }
    Ok(hosts)
}

/// The elements of a list, or of the list of that name in an object; a mark of the byte order before it
/// means nothing.
pub(crate) fn list(text: &str, name: &str) -> Result<Vec<Value>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let list = match value {
        Value::Object(mut entries) => entries.remove(name),
        other => Some(other),
    };
    match list {
        Some(Value::Array(list)) => Ok(list),
        _ => Err("no list".to_owned()),
    }
}

/// What a host has is written in `resources`, or beside its name as `lathe hosts --json` prints it.
fn host(value: &Value) -> Result<Host, String> {
    let said = |keys: [&'static str; 2]| {
        let stands = |key: &'static str| {
            let within = value["resources"].get(key).map(|one| (key, one, false));
            within.or_else(|| value.get(key).map(|one| (key, one, true)))
        };
        keys.into_iter().find_map(stands)
    };
    let cpus = match said(["cpus", "cpus_milli"]) {
        None => 4_000,
        Some(("cpus", value, _)) => milli(value).ok_or("its cpus are no number of thousandths")?,
        Some((_, value, _)) => bytes(value).ok_or("its cpus are no whole thousandths")?,
    };
    let size = |keys: [&'static str; 2], usual: u64| match said(keys) {
        None => Ok(usual),
        Some((_, Value::String(text), _)) => parse_bytes(text).map_err(|error| error.to_string()),
        Some((key, value, _)) => {
            bytes(value).ok_or_else(|| format!("its {key} is no number of bytes"))
        }
    };
    let ports = match said(["ports", "ports"]) {
        None => vec![(31_000, 31_999)],
        Some((_, value, true)) if value.is_number() => {
            counted(value).ok_or("its ports are no number of ports")?
        }
        Some((_, value, _)) => ports(value).ok_or("its ports are no ranges")?,
    };
    let mut attributes = BTreeMap::new();
    for (key, value) in value["attributes"].as_object().into_iter().flatten() {
        let text = match value {
            Value::String(text) => text.clone(),
            // A fraction that is none is written as the whole number.
            Value::Number(number) if number.is_f64() => {
                number.as_f64().map_or_else(String::new, |number| number.to_string())
            }
            other => other.to_string(),
        };
        attributes.insert(key.clone(), text);
    }
    let mem = size(["mem", "mem_bytes"], 8 << 30)?;
    let disk = size(["disk", "disk_bytes"], 16 << 30)?;
    Ok(Host { sizes: [cpus, mem, disk], ports: apart(ports), attributes })
}

/// A whole number, also where it is written with a fraction of zero.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
fn bytes(value: &Value) -> Option<u64> {
    let whole = |number: &f64| number.fract() == 0.0 && (0.0..=9.1e15).contains(number);
    value.as_u64().or_else(|| value.as_f64().filter(whole).map(|number| number as u64))
}

/// So many ports: from 31000 on as far as there are so many above it, else the last ones.
fn counted(value: &Value) -> Option<Vec<(u16, u16)>> {
    let count = u16::try_from(bytes(value)?).ok()?;
    match count {
        0 => Some(Vec::new()),
        1..=34_536 => Some(vec![(31_000, 30_999 + count)]),
        _ => Some(vec![(65_535 - (count - 1), 65_535)]),
    }
}

/// Whole thousandths, by the decimal digits; what is less than one is not there.
fn milli(value: &Value) -> Option<u64> {
    let number = value.as_f64().filter(|number| (0.0..=10_000.0).contains(number))?;
    let (whole, rest) = format!("{number:.9}").split_once('.').map(|(whole, rest)| {
        (whole.parse::<u64>().ok(), rest.get(..3).and_then(|rest| rest.parse::<u64>().ok()))
    })?;
    Some(whole? * 1_000 + rest?)
}

fn ports(value: &Value) -> Option<Vec<(u16, u16)>> {
    if let Some(list) = value.as_array() {
        let port = |value: &Value| value.as_u64().and_then(|port| u16::try_from(port).ok());
        let part = |part: &Value| match part.as_array().map(Vec::as_slice) {
            Some([from, to]) => Some(vec![(port(from)?, port(to)?)]),
            _ => ports(part),
        };
        let parts: Option<Vec<_>> = list.iter().map(part).collect();
        return parts.map(|parts| parts.concat());
    }
    if let Some(number) = value.as_u64() {
        return u16::try_from(number).ok().map(|port| vec![(port, port)]);
    }
    let text = value.as_str()?.trim().trim_matches(['[', ']']);
    let ranges = text.split(',').map(str::trim).filter(|range| !range.is_empty());
    let range = |text: &str| {
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        Some((from.trim().parse().ok()?, to.trim().parse().ok()?))
    };
    ranges.map(range).collect()
}

fn apart(ranges: Vec<(u16, u16)>) -> Vec<(u16, u16)> {
    let sorted: BTreeSet<(u16, u16)> = ranges.into_iter().collect();
    let mut joined: Vec<(u16, u16)> = Vec::new();
    for (from, to) in sorted {
        match joined.last_mut() {
            Some((_, end)) if u32::from(from) <= u32::from(*end) + 1 => *end = to.max(*end),
            _ => joined.push((from, to)),
        }
    }
    joined
}
