//! The known keys of a task, read once from a task and once from `[defaults]`.
//!
//! Owns which keys are known and what each may say. It must not know the author's own keys, nor
//! where a task stands.

use std::collections::BTreeMap;
use std::ops::Range;

use super::bias;
use super::check::{UNFIT_HELP, complaint, integer, list, table, text, texts, unfit, wrong_type};
use super::findings::Findings;
use super::health;
use super::resources::{self, Wanted};
use super::unreachable;
use super::update;
use crate::code::Code;
use crate::diagnostic::Diagnostic;
use crate::limits::{INSTANCES, LIST, TAGS};
use crate::model::{Bias, ReplaceAfter, Restart};
use crate::names::Tag;
use crate::near;
use crate::tree::{Item, Node, Table};
use crate::units::parse_duration_ms;

/// Every key that is not the author's own.
pub(super) const KNOWN: [&str; 26] = [
    "crate",
    "version",
    "task",
    "tasks",
    "tags",
    "biases",
    "resources",
    "env",
    "args",
    "user",
    "grace",
    "restart",
    "path",
    "git",
    "rev",
    "registry",
    "features",
    "health",
    "update",
    "unreachable",
    "connections",
    "state",
    "cache",
    "stream",
    "engine",
    "drivers",
];

/// Known, but nothing carries them out yet.
const NOT_YET: [&str; 6] = ["connections", "state", "cache", "stream", "engine", "drivers"];

/// What every task must have, itself or by the defaults.
pub(super) const REQUIRED: [&str; 4] = ["crate", "version", "task", "tasks"];

/// The longest grace: a day.
const LONGEST_GRACE_MS: u64 = 24 * 3_600_000;

/// The known keys that a table has; what is wrong or absent is `None`.
#[derive(Debug, Clone, Default)]
pub(super) struct Keys {
    pub(super) crate_name: Option<String>,
    pub(super) version: Option<String>,
    pub(super) task: Option<String>,
    pub(super) count: Option<u32>,
    pub(super) tags: Option<Vec<Tag>>,
    pub(super) biases: Option<Vec<Bias>>,
    pub(super) resources: Wanted,
    pub(super) env: BTreeMap<String, String>,
    pub(super) args: Option<Vec<String>>,
    pub(super) user: Option<String>,
    pub(super) grace_ms: Option<u64>,
    pub(super) restart: Option<Restart>,
    pub(super) health: Option<health::Written>,
    pub(super) update: Option<update::Written>,
    pub(super) unreachable: Option<ReplaceAfter>,
    pub(super) path: Option<String>,
    pub(super) git: Option<String>,
    pub(super) rev: Option<String>,
    pub(super) registry: Option<String>,
    pub(super) features: Option<Vec<String>>,
    /// The known keys that are there, right or wrong, with their places.
    pub(super) places: BTreeMap<String, Range<usize>>,
}

impl Keys {
    pub(super) fn has(&self, key: &str) -> bool {
        self.places.contains_key(key)
    }
}

/// Reads the known keys of a table; the others are left to the caller. `owner` is how findings
/// name the table.
pub(super) fn read(from: &Table, owner: &str, findings: &mut Findings) -> Keys {
    let mut keys = Keys::default();
    for (key, entry) in from {
        if !KNOWN.contains(&key.as_str()) {
            continue;
        }
        keys.places.insert(key.clone(), entry.key_span.clone());
        read_key(key, &entry.item, owner, &mut keys, findings);
    }
    keys
}

fn read_key(key: &str, item: &Item, owner: &str, keys: &mut Keys, findings: &mut Findings) {
    match key {
        "crate" => keys.crate_name = crate_name(item, owner, findings),
        "version" => keys.version = version(item, owner, findings),
        "task" => keys.task = task(item, owner, findings),
        "tasks" => {
            let most = i64::try_from(INSTANCES).unwrap_or(i64::MAX);
            let count = integer(key, owner, item, 0..=most, findings);
            keys.count = count.and_then(|count| u32::try_from(count).ok());
        }
        "tags" => keys.tags = tags(item, owner, findings),
        "biases" => keys.biases = bias::read(item, owner, findings),
        "resources" => keys.resources = resources::read(item, owner, findings),
        "env" => keys.env = env(item, owner, findings).unwrap_or_default(),
        "args" => keys.args = arguments(item, owner, findings),
        "user" => keys.user = plain_name(key, item, owner, findings),
        "grace" => keys.grace_ms = grace(item, owner, findings),
        "restart" => keys.restart = restart(item, owner, findings),
        "health" => keys.health = health::read(item, owner, findings),
        "update" => keys.update = update::read(item, owner, findings),
        "unreachable" => keys.unreachable = unreachable::read(item, owner, findings),
        "path" => keys.path = text(key, owner, item, findings),
        "git" => keys.git = text(key, owner, item, findings),
        "rev" => keys.rev = plain_name(key, item, owner, findings),
        "registry" => keys.registry = plain_name(key, item, owner, findings),
        "features" => keys.features = features(item, owner, findings),
        _ => {
            debug_assert!(NOT_YET.contains(&key), "{key} has no reader");
            let what = "is known, but this version of Lathe does not carry it out";
            findings.add(
                complaint(Code::NOT_CARRIED_OUT, key, owner, item, what)
                    .help(format!("take `{key}` out, or name your own key otherwise")),
            );
        }
    }
}

/// A name as cargo has them.
fn crate_name(item: &Item, owner: &str, findings: &mut Findings) -> Option<String> {
    let name = text("crate", owner, item, findings)?;
    let fits = name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(crate::names::is_part_character);
    if !fits {
        let what = format!("is {name:?}, which no crate can be called");
        findings.add(
            complaint(Code::BAD_NAME, "crate", owner, item, &what)
                .help("letters, digits, `_` and `-`, a letter first, at most 64"),
        );
        return None;
    }
    Some(name)
}

/// An exact version: `major.minor.patch`, perhaps with `-pre` and `+build`.
fn version(item: &Item, owner: &str, findings: &mut Findings) -> Option<String> {
    let version = text("version", owner, item, findings)?;
    if !is_exact_version(&version) {
        let what = format!("is {version:?}, which is not one exact version");
        findings.add(
            complaint(Code::INEXACT_VERSION, "version", owner, item, &what).help(
                "write all three numbers and nothing before them, as in `version = \"1.2.3\"`",
            ),
        );
        return None;
    }
    Some(version)
}

fn is_exact_version(text: &str) -> bool {
    let (rest, build) = text.split_once('+').map_or((text, None), |(a, b)| (a, Some(b)));
    let (numbers, pre) = rest.split_once('-').map_or((rest, None), |(a, b)| (a, Some(b)));
    let number = |part: &str| {
        let plain = part == "0" || !part.starts_with('0');
        plain && part.parse::<u64>().is_ok() && part.chars().all(|c| c.is_ascii_digit())
    };
    let identifiers = |text: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
        text.split('.').all(|part| !part.is_empty() && part.chars().all(fits))
    };
    text.len() <= 64
        && numbers.split('.').count() == 3
        && numbers.split('.').all(number)
        && pre.is_none_or(identifiers)
        && build.is_none_or(identifiers)
}

fn task(item: &Item, owner: &str, findings: &mut Findings) -> Option<String> {
    let task = text("task", owner, item, findings)?;
    let fits = task.len() <= 128 && !task.chars().any(|c| c.is_whitespace() || c.is_control());
    if !fits {
        let what = format!("is {task:?}, which no task can be called");
        findings.add(
            complaint(Code::BAD_NAME, "task", owner, item, &what)
                .help("the name as the crate has it in `tasks!`, such as `my::FrontPage`"),
        );
        return None;
    }
    Some(task)
}

fn tags(item: &Item, owner: &str, findings: &mut Findings) -> Option<Vec<Tag>> {
    let mut tags: Vec<Tag> = Vec::new();
    for item in list("tags", owner, item, TAGS, findings)? {
        let written = text("tags", owner, item, findings)?;
        let tag = match written.parse::<Tag>() {
            Ok(tag) if !written.starts_with("task.") => tag,
            other => {
                let why = match other {
                    Err(error) => error.to_string(),
                    Ok(_) => "`task.` at its beginning is dropped wherever a tag is named".into(),
                };
                let what = format!("has {written:?}, which cannot be a tag: {why}");
                findings.add(
                    complaint(Code::BAD_NAME, "tags", owner, item, &what)
                        .help("letters, digits and `_ - . :`, at most 128"),
                );
                return None;
            }
        };
        if tags.contains(&tag) {
            let message = format!("`tags` of {owner} has `{tag}` twice");
            let finding = Diagnostic::warning(Code::LISTED_TWICE, item.span.clone(), message);
            let finding = finding.party(owner.trim_matches('`')).party(tag.as_str());
            findings.add(finding.help("take one of the two out"));
        } else {
            tags.push(tag);
        }
    }
    Some(tags)
}

fn env(item: &Item, owner: &str, findings: &mut Findings) -> Option<BTreeMap<String, String>> {
    let entries = table("env", owner, item, findings)?;
    if entries.len() > LIST {
        let what = format!("has {} variables; at most {LIST} are allowed", entries.len());
        let finding = complaint(Code::LIMIT, "env", owner, item, &what);
        findings.add(finding.help("let the task read a file instead"));
        return None;
    }
    let mut env = BTreeMap::new();
    for (name, entry) in entries {
        let key = format!("env.{name}");
        let item = &entry.item;
        let nameless = name.is_empty() || name.len() > 128 || name.contains(['=', '\0']);
        if nameless || name.starts_with("LATHE_") {
            let what = "is not a name that a task may set";
            let finding = complaint(Code::BAD_NAME, &key, owner, item, what);
            findings.add(finding.help("not empty, no `=`, and not beginning with `LATHE_`"));
            continue;
        }
        match &item.node {
            Node::String(value) => match unfit(value) {
                None => {
                    env.insert(name.clone(), value.clone());
                }
                Some(what) => {
                    let finding = complaint(Code::OUT_OF_RANGE, &key, owner, item, what);
                    findings.add(finding.help(UNFIT_HELP));
                }
            },
            Node::Table(inner) if inner.contains_key("secret") => {
                let what = "names a secret; this version of Lathe does not carry that out";
                findings.add(
                    complaint(Code::NOT_CARRIED_OUT, &key, owner, item, what)
                        .help("let the task read the secret from a file on its host"),
                );
            }
            _ => {
                let finding = wrong_type(&key, owner, item, "a string");
                findings.add(finding.help("put the value into quotes"));
            }
        }
    }
    Some(env)
}

/// Arguments may be empty texts.
fn arguments(item: &Item, owner: &str, findings: &mut Findings) -> Option<Vec<String>> {
    let items = list("args", owner, item, LIST, findings)?;
    let read = items.iter().map(|item| match &item.node {
        Node::String(text) => match unfit(text) {
            None => Some(text.clone()),
            Some(what) => {
                let finding = complaint(Code::OUT_OF_RANGE, "args", owner, item, what);
                findings.add(finding.help(UNFIT_HELP));
                None
            }
        },
        _ => {
            let finding = wrong_type("args", owner, item, "a list of strings");
            findings.add(finding.help("put each argument into quotes"));
            None
        }
    });
    read.collect()
}

fn features(item: &Item, owner: &str, findings: &mut Findings) -> Option<Vec<String>> {
    let features = texts("features", owner, item, LIST, findings)?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-+./".contains(c);
    if let Some(wrong) = features.iter().find(|name| !name.chars().all(fits)) {
        let what = format!("has {wrong:?}, which no feature can be called");
        let finding = complaint(Code::BAD_NAME, "features", owner, item, &what);
        findings.add(finding.help("letters, digits and any of `_ - + . /`"));
        return None;
    }
    Some(features)
}

/// A name that is handed to other programs, and must not look like an option to them.
fn plain_name(key: &str, item: &Item, owner: &str, findings: &mut Findings) -> Option<String> {
    let name = text(key, owner, item, findings)?;
    // Git has branches like `team/topic`.
    let also = if key == "rev" { "_-./" } else { "_-." };
    let fits = |c: char| c.is_ascii_alphanumeric() || also.contains(c);
    if name.len() > 128 || name.starts_with('-') || !name.chars().all(fits) {
        let what = format!("is {name:?}, which is not a name");
        findings.add(
            complaint(Code::BAD_NAME, key, owner, item, &what)
                .help(format!("letters, digits and any of `{also}`, not beginning with `-`")),
        );
        return None;
    }
    Some(name)
}

fn grace(item: &Item, owner: &str, findings: &mut Findings) -> Option<u64> {
    let written = match &item.node {
        Node::String(written) => written,
        _ => {
            let finding = wrong_type("grace", owner, item, "a duration");
            findings.add(finding.help("write it with its unit, as in `grace = \"5s\"`"));
            return None;
        }
    };
    match parse_duration_ms(written) {
        Ok(ms) if ms <= LONGEST_GRACE_MS => Some(ms),
        Ok(_) => {
            let what = "must be at most a day";
            let finding = complaint(Code::OUT_OF_RANGE, "grace", owner, item, what);
            findings.add(finding.help("write it as in `grace = \"5s\"`"));
            None
        }
        Err(error) => {
            let what = format!("is not a duration: {error}");
            findings.add(
                complaint(Code::BAD_UNIT, "grace", owner, item, &what)
                    .help("write it as in `grace = \"5s\"`"),
            );
            None
        }
    }
}

fn restart(item: &Item, owner: &str, findings: &mut Findings) -> Option<Restart> {
    let word = text("restart", owner, item, findings)?;
    let all = [Restart::Always, Restart::OnFailure, Restart::Never];
    let found = all.into_iter().find(|one| one.as_str() == word);
    if found.is_none() {
        let what = format!("is {word:?}, which is not a known word");
        let finding = complaint(Code::UNKNOWN_WORD, "restart", owner, item, &what);
        findings.add(finding.help(match near::nearest(&word, &Restart::WORDS) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it can be one of {}", Restart::WORDS.join(", ")),
        }));
    }
    found
}
