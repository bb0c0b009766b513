//! The small blocks of a page: hosts, what runs, what is asked besides.
//!
//! Owns how they are written. It must not know topologies.

use std::collections::BTreeMap;

use lathe_placement::{Capacity, Host};
use lathe_topology::{TaskPath, parse_bytes};

/// One instance, as it is named in a block: `shop/db#0 on h1, ending`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) topology: Option<String>,
    pub(super) task: TaskPath,
    pub(super) slot: u32,
    pub(super) host: String,
    pub(super) ending: bool,
}

/// What a `running` block says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Runs {
    /// What came out above runs now.
    PlanAbove,
    These(Vec<Named>),
}

/// What an `ask` block says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) max_moves: u32,
    pub(super) steps: Option<u64>,
    pub(super) removing: Vec<String>,
    /// Whether a part will do, as when the scheduler mends what was lost.
    pub(super) repair: bool,
    /// Where slots were before.
    pub(super) previous: Vec<Named>,
    /// Instances to be weighed on every host.
    pub(super) weigh: Vec<(TaskPath, u32)>,
    /// Tasks to be shown as they were read; nothing is placed then.
    pub(super) show: Vec<TaskPath>,
}

/// `h1 @rack=r1 cpus=4`, or `h1..h9 …` for several alike. What is not said is 4 cpus, 8 GiB of
/// memory, 16 GiB of disk and a thousand ports.
pub(crate) fn hosts(body: &[&str]) -> Result<Vec<Host>, String> {
    let mut hosts = Vec::new();
    for line in body {
        let mut words = line.split_whitespace();
        let Some(names) = words.next() else { continue };
        let mut made = Host {
            name: String::new(),
            capacity: Capacity {
                cpus_milli: 4_000,
                mem_bytes: 8 << 30,
                disk_bytes: 16 << 30,
                ports: vec![(31_000, 31_999)],
            },
            attributes: BTreeMap::new(),
        };
        for word in words {
            let wrong = || format!("`{word}` is not written `name=value`");
            let (name, value) = word.split_once('=').ok_or_else(wrong)?;
            set(&mut made, name, value)
                .ok_or_else(|| format!("`{word}` says nothing of a host"))?;
        }
        hosts.extend(names_of(names)?.into_iter().map(|name| Host { name, ..made.clone() }));
    }
    Ok(hosts)
}

fn set(host: &mut Host, name: &str, value: &str) -> Option<()> {
    match name {
        "cpus" => host.capacity.cpus_milli = milli(value)?,
        "mem" => host.capacity.mem_bytes = parse_bytes(value).ok()?,
        "disk" => host.capacity.disk_bytes = parse_bytes(value).ok()?,
        "ports" => {
            let (from, to) = value.split_once('-')?;
            host.capacity.ports = vec![(from.parse().ok()?, to.parse().ok()?)];
        }
        _ => {
            let name = name.strip_prefix('@')?.to_owned();
            host.attributes.insert(name, value.to_owned());
        }
    }
    Some(())
}

fn milli(text: &str) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part = format!("{part:0<3}");
    Some(whole.parse::<u64>().ok()? * 1_000 + part.get(..3)?.parse::<u64>().ok()?)
}

fn names_of(text: &str) -> Result<Vec<String>, String> {
    let Some((first, last)) = text.split_once("..") else { return Ok(vec![text.to_owned()]) };
    let number = |name: &str| -> Option<(String, u32)> {
        let digits = name.find(|c: char| c.is_ascii_digit())?;
        Some((name[..digits].to_owned(), name[digits..].parse().ok()?))
    };
    match (number(first), number(last)) {
        (Some((stem, from)), Some((other, to))) if stem == other && from <= to && to <= 1_000 => {
            Ok((from..=to).map(|at| format!("{stem}{at}")).collect())
        }
        _ => Err(format!("`{text}` is not written like `h1..h9`")),
    }
}

pub(super) fn running(body: &[&str]) -> Result<Runs, String> {
    if body == ["the plan above"] {
        return Ok(Runs::PlanAbove);
    }
    let lines = body.iter().filter(|line| !line.trim().is_empty());
    Ok(Runs::These(lines.map(|line| named(line)).collect::<Result<_, _>>()?))
}

fn named(line: &str) -> Result<Named, String> {
    let wrong =
        || format!("`{line}` is not written like `shop/db#0 on h1` (`, ending` may follow)");
    let (who, place) = line.trim().split_once(" on ").ok_or_else(wrong)?;
    let (host, ending) = match place.split_once(", ") {
        None => (place, false),
        Some((host, "ending")) => (host, true),
        Some(_) => return Err(wrong()),
    };
    let (topology, who) =
        who.split_once('/').map_or((None, who), |(one, who)| (Some(one.to_owned()), who));
    let (task, slot) = instance(who).ok_or_else(wrong)?;
    Ok(Named { topology, task, slot, host: host.to_owned(), ending })
}

fn instance(text: &str) -> Option<(TaskPath, u32)> {
    let (task, slot) = text.trim().split_once('#')?;
    Some((task.parse().ok()?, slot.parse().ok()?))
}

pub(super) fn ask(body: &[&str]) -> Result<Ask, String> {
    let mut ask = Ask::default();
    for line in body.iter().filter(|line| !line.trim().is_empty()) {
        let wrong = || format!("`{line}` is nothing that a page can ask");
        let (key, value) = line.split_once(": ").ok_or_else(wrong)?;
        match key {
            "max-moves" => ask.max_moves = value.parse().map_err(|_| wrong())?,
            "steps" => ask.steps = Some(value.parse().map_err(|_| wrong())?),
            "repair" if value == "yes" => ask.repair = true,
            "removing" => ask.removing.push(value.to_owned()),
            "previous" => ask.previous.push(named(value)?),
            "weigh" => ask.weigh.push(instance(value).ok_or_else(wrong)?),
            "show" => ask.show.push(value.parse().map_err(|_| wrong())?),
            _ => return Err(wrong()),
        }
    }
    Ok(ask)
}
