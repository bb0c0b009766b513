//! `[task.X.health]`, as a file says it.
//!
//! Owns its keys, which of them go together, and their bounds. It must not know who looks.

use std::ops::{Range, RangeInclusive};

use super::check::{complaint, integer, table, text, texts, wrong_type};
use super::findings::Findings;
use super::unknown_key;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::limits::LIST;
use crate::model::{
    BEAT_INTERVAL_MS, BEAT_TIMEOUT_MS, Health, PROBE_FAILURES, PROBE_GRACE_MS, PROBE_INTERVAL_MS,
    PROBE_TIMEOUT_MS, Port, Probe,
};
use crate::near;
use crate::tree::{Item, Node, Table};
use crate::units::parse_duration_ms;

const KINDS: [&str; 5] = ["http", "tcp", "command", "beat", "none"];
const KEYS: [&str; 8] =
    ["kind", "path", "port", "command", "interval", "timeout", "failures", "grace"];
/// The keys that each kind takes besides `kind`.
const TAKEN: [(&str, &[&str]); 5] = [
    ("http", &["path", "port", "interval", "timeout", "failures", "grace"]),
    ("tcp", &["port", "interval", "timeout", "failures", "grace"]),
    ("command", &["command", "interval", "timeout", "failures", "grace"]),
    ("beat", &["interval", "timeout"]),
    ("none", &[]),
];

/// From 100 ms to an hour, for intervals and times given to one check.
const SPAN: RangeInclusive<u64> = 100..=3_600_000;
/// At most a day.
const GRACE: RangeInclusive<u64> = 0..=24 * 3_600_000;
const FAILURES: RangeInclusive<i64> = 1..=100;
/// What else a path and a query may have.
const PATH_SIGNS: &str = "/?&=%:@!$'()*+,;-._~";
/// Bytes of the path of a probe.
const PATH_BYTES: usize = 2_048;

/// The table, right in itself; which port is meant depends on the task.
#[derive(Debug, Clone)]
pub(super) struct Written {
    kind: String,
    path: String,
    port: Option<(String, Range<usize>)>,
    command: Vec<String>,
    interval_ms: Option<u64>,
    timeout_ms: Option<u64>,
    failures: Option<u32>,
    grace_ms: Option<u64>,
    span: Range<usize>,
}

pub(super) fn read(item: &Item, owner: &str, findings: &mut Findings) -> Option<Written> {
    let entries = table("health", owner, item, findings)?;
    let place = format!("in `health` of {owner}");
    for (key, entry) in entries {
        if !KEYS.contains(&key.as_str()) {
            unknown_key(key, entry, &place, &KEYS, findings);
        }
    }
    let kind = kind(entries, item, owner, findings)?;
    let taken = TAKEN.iter().find(|(name, _)| *name == kind).map_or(&[][..], |(_, keys)| keys);
    for (key, entry) in entries {
        let known = KEYS.contains(&key.as_str());
        if known && key != "kind" && !taken.contains(&key.as_str()) {
            let message = format!("`{key}` means nothing {place}, which is of the kind `{kind}`");
            let finding = Diagnostic::error(Code::UNKNOWN_KEY, entry.key_span.clone(), message);
            findings.add(finding.party(owner.trim_matches('`')).party(key).help(
                if taken.is_empty() {
                    "take it out".to_owned()
                } else {
                    format!("`{kind}` takes {}", taken.join(", "))
                },
            ));
        }
    }
    let needed = match kind.as_str() {
        "http" => Some("path"),
        "command" => Some("command"),
        _ => None,
    };
    if let Some(key) = needed.filter(|key| !entries.contains_key(*key)) {
        findings.add(lacks(key, &kind, item, owner));
        return None;
    }
    let at = |key: &str| {
        let item = entries.get(key).map(|entry| &entry.item);
        item.filter(|_| taken.contains(&key))
    };
    let spans = |key: &'static str, range, findings: &mut Findings| {
        at(key).and_then(|item| duration(key, range, item, owner, findings))
    };
    let written = Written {
        path: match at("path") {
            Some(item) => path(item, owner, findings)?,
            None => String::new(),
        },
        port: at("port").and_then(|item| {
            let name = text("health.port", owner, item, findings)?;
            Some((name, item.span.clone()))
        }),
        command: match at("command") {
            Some(item) => command(item, owner, findings)?,
            None => Vec::new(),
        },
        interval_ms: spans("interval", SPAN, findings),
        timeout_ms: spans("timeout", SPAN, findings),
        failures: at("failures").and_then(|item| {
            let number = integer("health.failures", owner, item, FAILURES, findings)?;
            u32::try_from(number).ok()
        }),
        grace_ms: spans("grace", GRACE, findings),
        kind,
        span: item.span.clone(),
    };
    check_silence(&written, at("timeout").unwrap_or(item), owner, findings);
    Some(written)
}

/// What the table says; a `path` and a `command` say it too.
fn kind(table: &Table, item: &Item, owner: &str, findings: &mut Findings) -> Option<String> {
    let Some(entry) = table.get("kind") else {
        let implied = [("command", "command"), ("path", "http")];
        let found = implied.iter().find(|(key, _)| table.contains_key(*key));
        if found.is_none() {
            let what = "does not say its `kind`";
            findings.add(
                complaint(Code::MISSING_KEY, "health", owner, item, what)
                    .party("kind")
                    .help(format!("it can be one of {}", KINDS.join(", "))),
            );
        }
        return found.map(|(_, kind)| (*kind).to_owned());
    };
    let word = text("health.kind", owner, &entry.item, findings)?;
    if !KINDS.contains(&word.as_str()) {
        let what = format!("is {word:?}, which is not a known word");
        let finding = complaint(Code::UNKNOWN_WORD, "health.kind", owner, &entry.item, &what);
        findings.add(finding.help(match near::nearest(&word, &KINDS) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it can be one of {}", KINDS.join(", ")),
        }));
        return None;
    }
    Some(word)
}

fn lacks(key: &str, kind: &str, item: &Item, owner: &str) -> Diagnostic {
    let what = format!("is of the kind `{kind}` and lacks `{key}`");
    let help = if key == "path" {
        "name what is asked for, as in `path = \"/healthz\"`; tasks of the SDK answer at \"/.lathe/healthz\""
    } else {
        "name a program and its arguments, as in `command = [\"./check\", \"--quick\"]`"
    };
    complaint(Code::MISSING_KEY, "health", owner, item, &what).party(key).help(help)
}

fn path(item: &Item, owner: &str, findings: &mut Findings) -> Option<String> {
    let path = text("health.path", owner, item, findings)?;
    let plain = path.chars().all(|c| c.is_ascii_alphanumeric() || PATH_SIGNS.contains(c));
    if !path.starts_with('/') || !plain || path.len() > PATH_BYTES {
        let what = format!("is {path:?}, which is not the path of a request");
        findings.add(
            complaint(Code::OUT_OF_RANGE, "health.path", owner, item, &what)
                .help("begin with `/`, and write blanks and other signs as in `%20`"),
        );
        return None;
    }
    Some(path)
}

fn command(item: &Item, owner: &str, findings: &mut Findings) -> Option<Vec<String>> {
    let command = texts("health.command", owner, item, LIST, findings)?;
    if command.is_empty() {
        let finding = complaint(Code::OUT_OF_RANGE, "health.command", owner, item, "is empty");
        findings.add(finding.help("name a program and its arguments, a string each"));
        return None;
    }
    Some(command)
}

fn duration(
    key: &str,
    range: RangeInclusive<u64>,
    item: &Item,
    owner: &str,
    findings: &mut Findings,
) -> Option<u64> {
    let name = format!("health.{key}");
    let help = format!("write it with its unit, as in `{key} = \"2s\"`");
    let Node::String(written) = &item.node else {
        findings.add(wrong_type(&name, owner, item, "a duration").help(help));
        return None;
    };
    match parse_duration_ms(written) {
        Ok(ms) if range.contains(&ms) => Some(ms),
        Ok(_) => {
            let what =
                if range == GRACE { "must be at most a day" } else { "must be from 100ms to 1h" };
            let finding = complaint(Code::OUT_OF_RANGE, &name, owner, item, what);
            findings.add(finding.help("write it with its unit, as in \"5s\""));
            None
        }
        Err(error) => {
            let what = format!("is not a duration: {error}");
            findings.add(complaint(Code::BAD_UNIT, &name, owner, item, &what).help(help));
            None
        }
    }
}

/// One beat that is late is no silence.
fn check_silence(written: &Written, item: &Item, owner: &str, findings: &mut Findings) {
    let interval_ms = written.interval_ms.unwrap_or(BEAT_INTERVAL_MS);
    let timeout_ms = written.timeout_ms.unwrap_or(BEAT_TIMEOUT_MS);
    if written.kind == "beat" && timeout_ms < interval_ms.saturating_mul(2) {
        let what = format!(
            "is {timeout_ms} ms, which is less than two beats of {interval_ms} ms: a beat that is late would end the instance"
        );
        findings.add(
            complaint(Code::OUT_OF_RANGE, "health.timeout", owner, item, &what)
                .help("make it several times the `interval`"),
        );
    }
}

/// The check of a task that has these ports.
pub(super) fn settle(
    written: &Written,
    ports: &[Port],
    owner: &str,
    findings: &mut Findings,
) -> Option<Health> {
    let probe = match written.kind.as_str() {
        "none" => return Some(Health::None),
        "beat" => {
            return Some(Health::Beat {
                interval_ms: written.interval_ms.unwrap_or(BEAT_INTERVAL_MS),
                timeout_ms: written.timeout_ms.unwrap_or(BEAT_TIMEOUT_MS),
            });
        }
        "http" => {
            Probe::Http { port: port(written, ports, owner, findings)?, path: written.path.clone() }
        }
        "tcp" => Probe::Tcp { port: port(written, ports, owner, findings)? },
        _ => Probe::Command { command: written.command.clone() },
    };
    Some(Health::Probe {
        probe,
        interval_ms: written.interval_ms.unwrap_or(PROBE_INTERVAL_MS),
        timeout_ms: written.timeout_ms.unwrap_or(PROBE_TIMEOUT_MS),
        failures: written.failures.unwrap_or(PROBE_FAILURES),
        grace_ms: written.grace_ms.unwrap_or(PROBE_GRACE_MS),
    })
}

/// The port that is named; otherwise `http`, or the only one.
fn port(written: &Written, ports: &[Port], owner: &str, findings: &mut Findings) -> Option<String> {
    let names: Vec<&str> = ports.iter().map(|port| port.name.as_str()).collect();
    let (what, span) = match &written.port {
        Some((name, _)) if names.contains(&name.as_str()) => return Some(name.clone()),
        Some((name, span)) => {
            (format!("`health.port` of {owner} is {name:?}, which is no port of it"), span)
        }
        None if names.contains(&"http") => return Some("http".to_owned()),
        None => match names.as_slice() {
            [only] => return Some((*only).to_owned()),
            _ => (format!("`health` of {owner} does not say which `port` it asks"), &written.span),
        },
    };
    let help = match (&written.port, names.is_empty()) {
        (_, true) => "it has none: add one to `ports` of its `resources`".to_owned(),
        (Some((name, _)), false) => match near::nearest(name, &names) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("its ports are {}", names.join(", ")),
        },
        (None, false) => format!("its ports are {}", names.join(", ")),
    };
    let code = if written.port.is_some() { Code::UNKNOWN_WORD } else { Code::MISSING_KEY };
    let finding = Diagnostic::error(code, span.clone(), what);
    findings.add(finding.party(owner.trim_matches('`')).party("health.port").help(help));
    None
}
