//! What one instance needs, as a file says it.
//!
//! Owns the keys of `resources` and their bounds. It must not know which hosts there are.

use std::collections::BTreeMap;

use super::check::{complaint, integer, list, table, text, wrong_type};
use super::findings::Findings;
use super::unknown_key;
use crate::code::Code;
use crate::limits::PORTS;
use crate::model::{Port, Resources};
use crate::tree::{Entry, Item, Node};
use crate::units::{UnitError, parse_bytes, parse_cpus_milli};

const KNOWN: [&str; 5] = ["cpus", "mem", "disk", "gpus", "ports"];
/// Ten thousand cpus: beyond any host.
const MOST_CPUS_MILLI: u64 = 10_000_000;
/// 1 PiB of memory and 1024 of disk: beyond any host.
const MOST_MEM: u64 = 1 << 50;
const MOST_DISK: u64 = 1 << 60;
/// A task with less was given in the wrong unit.
const LEAST_MEM: u64 = 1 << 20;

/// The resources that a table names; what is wrong or absent is `None`.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    cpus_milli: Option<u64>,
    mem_bytes: Option<u64>,
    disk_bytes: Option<u64>,
    ports: Option<Vec<Port>>,
}

impl Wanted {
    /// What is named here, else there, else by default.
    pub(super) fn or(&self, other: &Self) -> Resources {
        let usual = Resources::default();
        Resources {
            cpus_milli: self.cpus_milli.or(other.cpus_milli).unwrap_or(usual.cpus_milli),
            mem_bytes: self.mem_bytes.or(other.mem_bytes).unwrap_or(usual.mem_bytes),
            disk_bytes: self.disk_bytes.or(other.disk_bytes).unwrap_or(usual.disk_bytes),
            ports: match (&self.ports, &other.ports) {
                (Some(ports), _) | (None, Some(ports)) => ports.clone(),
                (None, None) => usual.ports,
            },
        }
    }
}

pub(super) fn read(item: &Item, owner: &str, findings: &mut Findings) -> Wanted {
    let mut wanted = Wanted::default();
    let Some(entries) = table("resources", owner, item, findings) else {
        return wanted;
    };
    for (key, entry) in entries {
        let item = &entry.item;
        match key.as_str() {
            "cpus" => wanted.cpus_milli = cpus(item, owner, findings),
            "mem" => wanted.mem_bytes = size("mem", LEAST_MEM..=MOST_MEM, item, owner, findings),
            "disk" => wanted.disk_bytes = size("disk", 0..=MOST_DISK, item, owner, findings),
            "ports" => wanted.ports = ports(item, owner, findings),
            "gpus" => {
                let what = "is known, but this version of Lathe does not carry it out";
                let finding = complaint(Code::NOT_CARRIED_OUT, "gpus", owner, item, what);
                findings.add(finding.help("take `gpus` out"));
            }
            _ => {
                let place = format!("in `resources` of {owner}");
                unknown_key(key, entry, &place, &KNOWN, findings);
            }
        }
    }
    wanted
}

fn cpus(item: &Item, owner: &str, findings: &mut Findings) -> Option<u64> {
    let read = match &item.node {
        Node::Float(text) => parse_cpus_milli(text),
        Node::Integer(Some(number)) => parse_cpus_milli(&number.to_string()),
        Node::Integer(None) => Err(UnitError::TooLarge { text: "it".to_owned() }),
        _ => {
            findings.add(wrong_type("cpus", owner, item, "a number"));
            return None;
        }
    };
    let what = match read {
        Ok(milli) if milli <= MOST_CPUS_MILLI => return Some(milli),
        Err(UnitError::NotWhole { .. }) => "must have at most three digits after the dot",
        _ => "must be a number from 0 to 10000",
    };
    let finding = complaint(Code::OUT_OF_RANGE, "cpus", owner, item, what);
    findings.add(finding.help("write it as in `cpus = 0.5`"));
    None
}

fn size(
    key: &str,
    range: std::ops::RangeInclusive<u64>,
    item: &Item,
    owner: &str,
    findings: &mut Findings,
) -> Option<u64> {
    let help = format!("write it with its unit, as in `{key} = \"64MiB\"`");
    let bytes = match &item.node {
        Node::String(written) => match parse_bytes(written) {
            Ok(bytes) => bytes,
            Err(error) => {
                let what = format!("is not a size: {error}");
                findings.add(complaint(Code::BAD_UNIT, key, owner, item, &what).help(help));
                return None;
            }
        },
        Node::Integer(number) => match number.and_then(|number| u64::try_from(number).ok()) {
            Some(bytes) => bytes,
            None => {
                let what = "is not a number of bytes";
                findings.add(complaint(Code::OUT_OF_RANGE, key, owner, item, what).help(help));
                return None;
            }
        },
        _ => {
            findings.add(wrong_type(key, owner, item, "a size").help(help));
            return None;
        }
    };
    if !range.contains(&bytes) {
        let least = crate::units::format_bytes(*range.start());
        let most = crate::units::format_bytes(*range.end());
        let what = format!("is {bytes} bytes; it must be from {least} to {most}");
        findings.add(complaint(Code::OUT_OF_RANGE, key, owner, item, &what).help(help));
        return None;
    }
    Some(bytes)
}

/// `["http", "admin"]`, or `{ http = 8080, admin = "any" }` where numbers are fixed.
fn ports(item: &Item, owner: &str, findings: &mut Findings) -> Option<Vec<Port>> {
    let named: Vec<(Port, &Item)> = match &item.node {
        Node::Array(_) => {
            let items = list("ports", owner, item, PORTS, findings)?;
            let port = |item| {
                let name = text("ports", owner, item, findings)?;
                Some((Port { name, fixed: None }, item))
            };
            items.iter().map(port).collect::<Option<_>>()?
        }
        Node::Table(entries) if entries.len() > PORTS => {
            let what = format!("has {} entries; at most {PORTS} are allowed", entries.len());
            let finding = complaint(Code::LIMIT, "ports", owner, item, &what);
            findings.add(finding.help("take out the ones that are not needed"));
            return None;
        }
        Node::Table(entries) => {
            let port = |(name, entry): (&String, &'_ Entry)| {
                let fixed = fixed(name, &entry.item, owner, findings)?;
                Some(Port { name: name.clone(), fixed })
            };
            let ports = entries.iter().map(port).collect::<Option<Vec<_>>>()?;
            ports.into_iter().zip(entries.values().map(|entry| &entry.item)).collect()
        }
        _ => {
            findings.add(wrong_type("ports", owner, item, "a list of names or a table"));
            return None;
        }
    };
    check_ports(&named, owner, findings)?;
    Some(named.into_iter().map(|(port, _)| port).collect())
}

/// The number of a fixed port; `Some(None)` for `"any"`.
fn fixed(name: &str, item: &Item, owner: &str, findings: &mut Findings) -> Option<Option<u16>> {
    let key = format!("ports.{name}");
    if matches!(&item.node, Node::String(word) if word == "any") {
        return Some(None);
    }
    if !matches!(item.node, Node::Integer(_)) {
        let finding = wrong_type(&key, owner, item, "a port number or \"any\"");
        findings.add(finding.help("write it as in `ports = { http = 8080, admin = \"any\" }`"));
        return None;
    }
    let number = integer(&key, owner, item, 1..=65_535, findings)?;
    Some(u16::try_from(number).ok())
}

/// Names must differ even as variables (`LATHE_PORT_HTTP`), and numbers must differ.
fn check_ports(named: &[(Port, &Item)], owner: &str, findings: &mut Findings) -> Option<()> {
    let mut names: BTreeMap<String, &str> = BTreeMap::new();
    let mut numbers: BTreeMap<u16, &str> = BTreeMap::new();
    for (port, item) in named {
        let name = port.name.as_str();
        let fits = name.len() <= 32
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(crate::names::is_part_character);
        if !fits {
            let what = format!("has {name:?}, which no port can be called");
            let finding = complaint(Code::BAD_NAME, "ports", owner, item, &what);
            findings.add(finding.help("letters, digits, `_` and `-`, a letter first, at most 32"));
            return None;
        }
        let variable = name.to_ascii_uppercase().replace('-', "_");
        let twice = match (names.insert(variable, name), port.fixed) {
            (Some(before), _) if before == name => Some(format!("has the name `{name}` twice")),
            (Some(before), _) => {
                Some(format!("has `{before}` and `{name}`, which are one name to a task"))
            }
            (None, Some(number)) => numbers
                .insert(number, name)
                .map(|before| format!("gives port {number} to both `{before}` and `{name}`")),
            (None, None) => None,
        };
        if let Some(what) = twice {
            let finding = complaint(Code::LISTED_TWICE, "ports", owner, item, &what);
            findings.add(finding.help("take one of the two out, or name it otherwise"));
            return None;
        }
    }
    Some(())
}
