//! Names below the zone, and the instances that they stand for.
//!
//! Owns the spelling: a group is its name, dots and all (`http.lb`, `web`); an instance is its slot
//! before its task (`2.http.lb`); a port of either is `_PORT._tcp` before it. Letters count alike, great
//! or small. Only those that are ready are shown.

use lathe_catalog::{Entry, State};

/// What names are looked up in.
pub trait Known {
    /// Whether anything is known at all; where nothing is, nothing can be said of any name.
    fn is_known(&self) -> bool;
    /// For how long nobody was heard who knows better, in milliseconds.
    fn age_ms(&self) -> u64;
    /// Rises with each change.
    fn version(&self) -> u64;
    /// The names of all groups.
    fn groups(&self) -> Box<dyn Iterator<Item = &str> + '_>;
    /// Those who belong to a group of exactly this name; none where there is no such group.
    fn members(&self, group: &str) -> Option<Vec<&Entry>>;
}

/// What a name stands for.
#[derive(Debug, PartialEq)]
pub(crate) enum Found<'a> {
    /// The zone itself.
    Apex,
    /// There is no such name, and none below it.
    Unknown,
    /// There is such a name, and nothing at it.
    Empty,
    /// Those that are ready; the port, if the name has one.
    Entries { entries: Vec<&'a Entry>, port: Option<&'a str> },
}

/// Finds what the labels stand for, from the left to the zone.
pub(crate) fn find<'a>(known: &'a dyn Known, labels: &[String]) -> Found<'a> {
    match labels {
        [] => Found::Apex,
        // A dot within a label is none between two.
        labels if labels.iter().any(|label| label.contains('.')) => Found::Unknown,
        [port, protocol, rest @ ..] if is_service(port) && is_protocol(protocol) => {
            let Some(members) = members(known, rest) else { return Found::Unknown };
            let name = members.iter().copied().find_map(|entry| port_name(entry, &port[1..]));
            match name {
                Some(name) => Found::Entries { entries: ready(members), port: Some(name) },
                // Nobody is there who could say which ports there are.
                None if members.is_empty() && !rest.is_empty() => Found::Empty,
                None => Found::Unknown,
            }
        }
        [protocol, rest @ ..] if is_protocol(protocol) => match members(known, rest) {
            Some(_) => Found::Empty,
            None => Found::Unknown,
        },
        labels => match members(known, labels) {
            Some(members) => Found::Entries { entries: ready(members), port: None },
            None if has_names_below(known, labels) => Found::Empty,
            None => Found::Unknown,
        },
    }
}

/// The number of a port, by its name in any letters.
pub(crate) fn port(entry: &Entry, name: &str) -> Option<u16> {
    entry.ports.get(port_name(entry, name)?).copied()
}

fn port_name<'a>(entry: &'a Entry, name: &str) -> Option<&'a str> {
    let mut names = entry.ports.keys().map(String::as_str);
    names.find(|own| own.eq_ignore_ascii_case(name))
}

fn is_service(label: &str) -> bool {
    label.len() > 1 && label.starts_with('_')
}

/// Ports say nothing of their protocol, so both are taken.
fn is_protocol(label: &str) -> bool {
    label.eq_ignore_ascii_case("_tcp") || label.eq_ignore_ascii_case("_udp")
}

fn ready(members: Vec<&Entry>) -> Vec<&Entry> {
    members.into_iter().filter(|entry| entry.state == State::Ready).collect()
}

/// Those who belong to a group, or are an instance; `None` if the name is of neither.
fn members<'a>(known: &'a dyn Known, labels: &[String]) -> Option<Vec<&'a Entry>> {
    if let Some((_, members)) = group(known, &labels.join(".")) {
        return Some(members);
    }
    let (slot, task) = labels.split_first()?;
    let slot: u32 = slot.parse().ok().filter(|number: &u32| number.to_string() == *slot)?;
    let (task, members) = group(known, &task.join("."))?;
    let lives = members.into_iter().filter(|entry| entry.task == task && entry.slot == slot);
    let lives: Vec<&Entry> = lives.collect();
    (!lives.is_empty()).then_some(lives)
}

/// The group of this name, in these letters or else in any, and its members.
fn group<'a>(known: &'a dyn Known, name: &str) -> Option<(String, Vec<&'a Entry>)> {
    let lower = name.to_ascii_lowercase();
    let exact = [name, &lower].into_iter().find_map(|name| Some((name, known.members(name)?)));
    if let Some((name, members)) = exact {
        return Some((name.to_owned(), members));
    }
    let found = known.groups().find(|group| group.eq_ignore_ascii_case(name))?;
    Some((found.to_owned(), known.members(found)?))
}

/// Whether a group's name ends with this one. A resolver that is told that a name is not there takes
/// it that there is none below it either (RFC 8020).
fn has_names_below(known: &dyn Known, labels: &[String]) -> bool {
    let end = format!(".{}", labels.join("."));
    known.groups().any(|group| {
        let at = group.len().checked_sub(end.len());
        let tail = at.and_then(|at| group.get(at..));
        tail.is_some_and(|tail| tail.eq_ignore_ascii_case(&end))
    })
}
