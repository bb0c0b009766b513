//! What virtual hosts have: from a flag, from the file, or by default.
//!
//! Owns the defaults and the check of names and ports.

use std::collections::{BTreeMap, BTreeSet};

use lathe_topology::document::Reader;
use lathe_topology::parse_bytes;

const GIB: u64 = 1024 * 1024 * 1024;
/// Longest name of a host and of an attribute, in bytes.
const LONGEST_NAME: usize = 128;

/// One virtual host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostConfig {
    pub name: String,
    pub cpus_milli: u64,
    pub mem_bytes: u64,
    pub disk_bytes: u64,
    /// Ranges of ports, inclusive; none given means a thousand that nobody else has.
    pub ports: Vec<(u16, u16)>,
    pub attributes: BTreeMap<String, String>,
}

/// Why ports are no ranges.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no list of port ranges such as 31000-31999")]
pub struct PortsError {
    text: String,
}

impl HostConfig {
    /// The host at this place of the list, counted from 0, with everything by default.
    pub(crate) fn numbered(at: usize) -> Self {
        Self {
            name: format!("host-{}", at + 1),
            cpus_milli: 4_000,
            mem_bytes: 8 * GIB,
            disk_bytes: 16 * GIB,
            ports: Vec::new(),
            attributes: BTreeMap::new(),
        }
    }
}

/// Reads `name=h1,rack=r1,cpus=4,mem=8GiB,disk=10GiB,ports=31000-31999`.
pub(super) fn from_text(text: &str, at: usize) -> Result<HostConfig, String> {
    let mut host = HostConfig::numbered(at);
    let mut seen = BTreeSet::new();
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').ok_or(format!("`{part}` is no `name=value`"))?;
        let (key, value) = (key.trim(), value.trim());
        if !seen.insert(key) {
            return Err(format!("`{key}` is given twice"));
        }
        let bytes = |value: &str| parse_bytes(value).map_err(|why| format!("`{key}`: {why}"));
        match key {
            "name" => host.name = value.to_owned(),
            "cpus" => host.cpus_milli = parse_cpus(value).map_err(|why| format!("`cpus` {why}"))?,
            "mem" => host.mem_bytes = bytes(value)?,
            "disk" => host.disk_bytes = bytes(value)?,
            // A list's comma would end the part, so several ranges are joined by `+`.
            "ports" => {
                host.ports =
                    parse_ports(&value.replace('+', ",")).map_err(|why| why.to_string())?;
            }
            _ => {
                host.attributes.insert(key.to_owned(), value.to_owned());
            }
        }
    }
    Ok(host)
}

/// Reads a `[[host]]` table of the file.
pub(super) fn from_table(table: &mut Reader, at: usize) -> HostConfig {
    let default = HostConfig::numbered(at);
    let cpus = table.optional_string("cpus").map(|text| parse_cpus(&text));
    let ports = table.optional_string("ports").map(|text| parse_ports(&text));
    let host = HostConfig {
        name: table.string("name", &default.name),
        cpus_milli: match &cpus {
            Some(Ok(milli)) => *milli,
            _ => default.cpus_milli,
        },
        mem_bytes: table.bytes("mem", default.mem_bytes),
        disk_bytes: table.bytes("disk", default.disk_bytes),
        ports: match &ports {
            Some(Ok(ranges)) => ranges.clone(),
            _ => Vec::new(),
        },
        attributes: table.map("attributes"),
    };
    if let Some(Err(why)) = cpus {
        super::wrong(table, "cpus", format!("`cpus` {why}"));
    }
    if let Some(Err(why)) = ports {
        super::wrong(table, "ports", why.to_string());
    }
    host
}

fn parse_cpus(text: &str) -> Result<u64, String> {
    let bad = || format!("is {text:?}, not a number such as 4 or 0.5");
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.len() <= 6 && part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || fraction.len() > 3 || !digits(whole) || !digits(fraction) {
        return Err(bad());
    }
    let thousandths = format!("{whole}{fraction:0<3}");
    thousandths.parse().map_err(|_| bad())
}

fn parse_ports(text: &str) -> Result<Vec<(u16, u16)>, PortsError> {
    let bad = || PortsError { text: text.to_owned() };
    let mut ranges = Vec::new();
    for part in text.split(',').map(str::trim) {
        let (begin, end) = part.split_once('-').unwrap_or((part, part));
        let begin: u16 = begin.trim().parse().map_err(|_| bad())?;
        let end: u16 = end.trim().parse().map_err(|_| bad())?;
        if begin == 0 || begin > end {
            return Err(bad());
        }
        ranges.push((begin, end));
    }
    Ok(ranges)
}

/// What is wrong with the hosts together.
pub(super) fn check(hosts: &[HostConfig]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut names = BTreeSet::new();
    let mut taken: Vec<(u16, u16, &str)> = Vec::new();
    for host in hosts {
        let name = host.name.as_str();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_' || c == '.';
        let fits = !name.is_empty() && name.len() <= LONGEST_NAME && !name.starts_with('.');
        if !fits || !name.chars().all(plain) {
            problems.push(format!("{name:?} cannot be the name of a host"));
        }
        if !names.insert(name) {
            problems.push(format!("two hosts have the name {name:?}"));
        }
        for (key, value) in &host.attributes {
            if key.is_empty() || key.len() > LONGEST_NAME || value.len() > LONGEST_NAME {
                problems.push(format!("host {name:?}: the attribute {key:?} is empty or too long"));
            }
        }
        for (begin, end) in &host.ports {
            if let Some((_, _, other)) = taken.iter().find(|(b, e, _)| b <= end && begin <= e) {
                problems.push(format!(
                    "the ports {begin}-{end} of {name:?} are also those of {other:?}"
                ));
            }
            taken.push((*begin, *end, name));
        }
    }
    problems
}
