//! `[hook.NAME]` tables of a registry's configuration, made into rules.
//!
//! Owns the names of keys, their defaults and their ranges; those about the program are the same as an
//! agent's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lathe_topology::Code;
use lathe_topology::document::Reader;
use serde::Serialize;

use super::event::Kind;
use super::record::EVENTS_MAX;
use super::rule::{Alarm, Filter, Rule};
use crate::config::{named_hooks, read_program};
use crate::recipe::Recipe;

/// Hooks of one registry: each has its picture in the store.
const HOOKS_MAX: usize = 64;
/// Tasks, or tags, of one hook.
const NAMES_MAX: usize = 256;
const DAY_MS: u64 = 86_400_000;

/// Reads all hooks below the key `hook`. What is wrong is told by the reader.
pub fn read(reader: &mut Reader) -> Vec<Rule> {
    let tables = named_hooks(reader, HOOKS_MAX);
    tables.into_iter().map(|(name, mut table)| read_rule(&name, &mut table)).collect()
}

fn read_rule(name: &str, table: &mut Reader) -> Rule {
    let filter = Filter {
        on: read_kinds(table),
        tasks: names(table, "tasks"),
        tags: names(table, "tags"),
        topology: table.optional_string("topology"),
        deliberate: table.bool("deliberate", false),
    };
    let alarm = read_alarm(table);
    let mut recipe = Recipe::new(name, &[]);
    read_program(table, &mut recipe);
    if !recipe.runs() {
        let message = format!("the hook `{name}` has no command");
        let help = "add `command = [\"PROGRAM\", …]`, or `shell`";
        table.refuse_with_help(Code::CONFIG_MISSING_KEY, "command", message, help);
    }
    Rule { recipe: Arc::new(recipe), filter, alarm }
}

fn read_kinds(table: &mut Reader) -> BTreeSet<Kind> {
    let words = table.list("on");
    let known = || Kind::ALL.map(Kind::as_str).join(", ");
    if words.is_empty() {
        let message = "`on` names nothing that the hook is told of";
        let help = format!("as in `on = [\"died\"]`; known are {}", known());
        table.refuse_with_help(Code::CONFIG_MISSING_KEY, "on", message, help);
    }
    let mut kinds = BTreeSet::new();
    for word in &words {
        match Kind::ALL.into_iter().find(|kind| kind.as_str() == word) {
            Some(kind) => _ = kinds.insert(kind),
            None => {
                let message = format!("`on` has {word:?}; known are {}", known());
                table.refuse(Code::CONFIG_WRONG_VALUE, "on", message);
            }
        }
    }
    kinds
}

fn names(table: &mut Reader, key: &'static str) -> BTreeSet<String> {
    let names = table.list(key);
    if names.len() > NAMES_MAX {
        let message = format!("`{key}` has {} names; {NAMES_MAX} are allowed", names.len());
        table.refuse(Code::CONFIG_WRONG_VALUE, key, message);
    }
    if names.iter().any(|name| name.is_empty() || name.len() > 256) {
        let message = format!("`{key}` has a name that is empty or too long");
        table.refuse(Code::CONFIG_WRONG_VALUE, key, message);
    }
    names.iter().map(|name| name.strip_prefix("task.").unwrap_or(name).to_owned()).collect()
}

/// A number and its window; one is nothing without the other.
fn read_alarm(table: &mut Reader) -> Option<Alarm> {
    let (has_count, has_window) = (table.has("count"), table.has("window"));
    let count = table.optional_u64_within("count", 1..=EVENTS_MAX as u64);
    let window_ms = table.duration_ms_within("window", DAY_MS, 1000..=30 * DAY_MS);
    if has_count != has_window {
        let key = if has_count { "window" } else { "count" };
        let message = "`count` and `window` belong together";
        let help =
            "as in `count = 5` and `window = \"1h\"`: the fifth within an hour runs the hook";
        table.refuse_with_help(Code::CONFIG_MISSING_KEY, key, message, help);
    }
    Some(Alarm { count: count?, window_ms })
}

/// A rule as it stands in a file, with its defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    on: BTreeSet<Kind>,
    tasks: BTreeSet<String>,
    tags: BTreeSet<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topology: Option<String>,
    deliberate: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window: Option<String>,
    command: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    timeout: String,
    kill_after: String,
    retry: String,
    retry_max: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    give_up_after: Option<u32>,
    on_failure: Vec<String>,
    env: BTreeMap<String, String>,
}

impl Shown {
    /// Of this rule.
    #[must_use]
    pub fn of(rule: &Rule) -> Self {
        let ms = |ms: u64| format!("{ms}ms");
        let (recipe, filter) = (&rule.recipe, rule.filter.clone());
        Self {
            on: filter.on,
            tasks: filter.tasks,
            tags: filter.tags,
            topology: filter.topology,
            deliberate: filter.deliberate,
            count: rule.alarm.map(|alarm| alarm.count),
            window: rule.alarm.map(|alarm| ms(alarm.window_ms)),
            command: recipe.command.clone(),
            user: recipe.user.clone(),
            timeout: ms(recipe.timeout_ms),
            kill_after: ms(recipe.kill_after_ms),
            retry: ms(recipe.retries.first_ms),
            retry_max: ms(recipe.retries.longest_ms),
            give_up_after: recipe.retries.give_up_after,
            on_failure: recipe.on_failure.clone(),
            env: recipe.env.clone(),
        }
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name() && Shown::of(self) == Shown::of(other)
    }
}

impl Eq for Rule {}

#[cfg(test)]
mod tests {
    //! What a file says, and what it must not.

    use lathe_topology::document::Document;

    use super::*;

    fn from(text: &str) -> Result<Vec<Rule>, String> {
        let mut reader = Document::parse(text).unwrap().reader();
        let rules = read(&mut reader);
        let told = |problems: Vec<lathe_topology::Diagnostic>| {
            let told = problems.iter().map(|one| format!("{} {}", one.code, one.message));
            told.collect::<Vec<String>>().join("\n")
        };
        reader.finish().map(|()| rules).map_err(told)
    }

    #[test]
    fn a_hook_is_told_of_what_it_names() {
        let rules = from(
            "[hook.series]\non = [\"died\"]\ntasks = [\"task.http.lb\"]\ncommand = [\"note\"]\n\
             user = \"nobody\"\ntimeout = \"2s\"\ngive_up_after = 3\n[hook.alarm]\non = [\"died\", \
             \"unhealthy\"]\ncount = 5\nwindow = \"1h\"\nshell = \"mail ops\"",
        )
        .unwrap();
        let [alarm, series] = rules.as_slice() else { panic!("{rules:?}") };
        assert_eq!(alarm.alarm, Some(Alarm { count: 5, window_ms: 3_600_000 }));
        assert_eq!(alarm.recipe.command[0], "/bin/sh");
        assert_eq!(series.filter.tasks, BTreeSet::from(["http.lb".to_owned()]));
        assert_eq!(series.recipe.retries.give_up_after, Some(3));
        assert_eq!((series.recipe.timeout_ms, series.alarm), (2000, None));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_code() {
        for (text, part) in [
            ("[hook.a]\ncommand = [\"x\"]", "`on` names nothing"),
            ("[hook.a]\non = [\"dead\"]\ncommand = [\"x\"]", "known are started, unhealthy, died"),
            ("[hook.a]\non = [\"died\"]", "no command"),
            ("[hook.a]\non = [\"died\"]\ncommand = [\"x\"]\ncount = 5", "belong together"),
            ("[hook.a]\non = [\"died\"]\ncommand = [\"x\"]\nwindow = \"1h\"", "belong together"),
            (
                "[hook.a]\non = [\"died\"]\ncommand = [\"x\"]\ncount = 999\nwindow = \"1h\"",
                "hook.a.count",
            ),
            ("[hook.a]\non = [\"died\"]\ncommand = [\"x\"]\ngroups = [\"g\"]", "groups"),
            ("[hook.a]\non = [\"died\"]\ncommand = [\"x\"]\ntags = [\"\"]", "`tags` has a name"),
            ("[hook.\"a.b\"]\non = [\"died\"]\ncommand = [\"x\"]", "is no name of a hook"),
        ] {
            let problems = from(text).unwrap_err();
            assert!(problems.contains(part) && problems.contains("LT05"), "{text}: {problems}");
        }
    }
}
