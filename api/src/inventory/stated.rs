//! What a running instance says of itself: read by the language of topology files itself.
//!
//! Owns the way from JSON to a small file and back, so that tags, biases and resources mean the same
//! in both. It must not know the bounds of that language.

use std::collections::{BTreeMap, BTreeSet};

use lathe_topology::{Bias, Code, Resources, Tag, TaskPath, TaskSpec, parse};

use super::findings::Findings;
use super::host::wrong_type;
use super::json::Json;

/// Different descriptions that are remembered.
const REMEMBERED: usize = 10_000;
const HINT: &str = "they are written as in a topology file: `[\"db\", \"prefer\", 80]`";

/// What counts of an instance.
#[derive(Debug, Clone)]
pub(super) struct Stated {
    pub(super) tags: BTreeSet<Tag>,
    pub(super) biases: Vec<Bias>,
    pub(super) resources: Resources,
}

impl Stated {
    fn of(spec: &TaskSpec) -> Self {
        let (tags, mut biases) = (spec.carried_tags(), spec.biases.clone());
        biases.iter_mut().for_each(|bias| bias.span = 0..0);
        Self { tags, biases, resources: spec.resources.clone() }
    }
}

#[derive(Debug, Default)]
pub(super) struct Statements {
    read: BTreeMap<String, Stated>,
}

impl Statements {
    /// What is said, and for what is not said the given task's word.
    pub(super) fn read(
        &mut self,
        task: &TaskPath,
        said: Vec<(String, Json)>,
        spec: Option<&TaskSpec>,
        place: &str,
        findings: &mut Findings,
    ) -> Option<Stated> {
        let given = spec.map(Stated::of);
        if said.is_empty()
            && let Some(given) = given
        {
            return Some(given);
        }
        let keys: BTreeSet<String> = said.iter().map(|(key, _)| key.clone()).collect();
        let own = self.parsed(task, said, place, findings)?;
        let Some(given) = given else { return Some(own) };
        let says = |key: &str| keys.contains(key);
        Some(Stated {
            tags: if says("tags") { own.tags } else { given.tags },
            biases: if says("biases") { own.biases } else { given.biases },
            resources: if says("resources") { own.resources } else { given.resources },
        })
    }

    fn parsed(
        &mut self,
        task: &TaskPath,
        said: Vec<(String, Json)>,
        place: &str,
        findings: &mut Findings,
    ) -> Option<Stated> {
        let mut text = format!(
            "[task.{task}]\ncrate = \"it\"\nversion = \"0.0.0\"\ntask = \"it\"\ntasks = 1\n"
        );
        for (key, value) in said {
            text.push_str(&key);
            text.push_str(" = ");
            if let Err(value) = write(&value, &mut text) {
                wrong_type(&format!("{place}: {key}"), "without null", value, findings);
                return None;
            }
            text.push('\n');
        }
        if let Some(known) = self.read.get(&text) {
            return Some(known.clone());
        }
        let spec = match parse("it", &text) {
            Ok(checked) => checked.topology.tasks.into_iter().next()?,
            Err(found) => {
                // Warnings stand among the errors.
                let first = found.iter().find(|one| one.is_error());
                let code = first.map_or(Code::WRONG_TYPE, |one| one.code);
                let said = first.map(|one| one.message.as_str()).unwrap_or_default();
                findings.add(code, format!("{place}: {said}"), HINT);
                return None;
            }
        };
        let stated = Stated::of(&spec);
        if self.read.len() < REMEMBERED {
            self.read.insert(text, stated.clone());
        }
        Some(stated)
    }
}

/// A value in TOML; what TOML has no word for is given back.
fn write<'j>(value: &'j Json, text: &mut String) -> Result<(), &'j Json> {
    match value {
        Json::Null => return Err(value),
        Json::Bool(value) => text.push_str(if *value { "true" } else { "false" }),
        Json::Whole(number) => text.push_str(&number.to_string()),
        Json::Decimal(number) => text.push_str(&format!("{number:?}")),
        Json::Text(words) => quote(words, text),
        Json::List(values) => {
            text.push('[');
            for value in values {
                write(value, text)?;
                text.push(',');
            }
            text.push(']');
        }
        Json::Table(entries) => {
            text.push('{');
            for (at, (key, value)) in entries.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { "," });
                quote(key, text);
                text.push('=');
                write(value, text)?;
            }
            text.push('}');
        }
    }
    Ok(())
}

fn quote(words: &str, text: &mut String) {
    text.push('"');
    for c in words.chars() {
        match c {
            '"' | '\\' => text.extend(['\\', c]),
            c if c.is_control() => text.push_str(&format!("\\U{:08X}", u32::from(c))),
            c => text.push(c),
        }
    }
    text.push('"');
}
