//! `[hook.NAME]` tables of a configuration file, made into recipes.
//!
//! Owns the names of keys, their defaults and their ranges. Reading a file of a template is the caller's, by
//! a function, so that a place can be named where it fails.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use lathe_catalog::State;
use lathe_topology::Code;
use lathe_topology::document::Reader;

use crate::haproxy::{self, Backend};
use crate::recipe::{Brake, FileRecipe, Fleet, OnStale, OnStart, Pace, Recipe, Retries};
use crate::render::Template;

/// Hooks of one process.
const HOOKS_MAX: usize = 256;
/// Groups of one hook; one stream can follow as many.
const GROUPS_MAX: usize = 256;
/// Files of one hook.
const FILES_MAX: usize = 64;
const HOUR_MS: u64 = 3_600_000;
/// So long is waited for somebody who grants turns, in milliseconds.
const TURN_WAIT_MS: u64 = 60_000;
/// Hosts of a fleet that follow at the same time; registries grant no more.
const MOST_MAX: u64 = 1000;

/// Reads the text of a template.
pub type Load<'a> = &'a mut dyn FnMut(&Path) -> io::Result<String>;

/// Reads all hooks below the key `hook`. What is wrong is told by the reader.
pub fn read(reader: &mut Reader, load: Load<'_>) -> Vec<Recipe> {
    let tables = named_hooks(reader, HOOKS_MAX).into_iter();
    let recipes: Vec<Recipe> =
        tables.map(|(name, mut table)| read_hook(&name, &mut table, load)).collect();
    let mut places = BTreeSet::new();
    for file in recipes.iter().flat_map(|recipe| &recipe.files) {
        if !places.insert(&file.path) {
            let message = format!("two hooks write {}", file.path.display());
            reader.refuse(Code::CONFIG_WRONG_VALUE, "hook", message);
        }
    }
    recipes
}

/// The tables below the key `hook`, at most so many.
pub(crate) fn named_hooks(reader: &mut Reader, max: usize) -> Vec<(String, Reader)> {
    let tables = reader.named_tables("hook");
    if tables.len() > max {
        let message = format!("there are {} hooks; {max} are allowed", tables.len());
        reader.refuse(Code::CONFIG_WRONG_VALUE, "hook", message);
        return Vec::new();
    }
    for (name, _) in tables.iter().filter(|(name, _)| !is_name(name)) {
        let message = format!("{name:?} is no name of a hook");
        let help = "letters, digits, `-` and `_`, at most 64";
        reader.refuse_with_help(Code::CONFIG_WRONG_VALUE, "hook", message, help);
    }
    tables
}

/// A name is one of a folder, too.
fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    !name.is_empty() && name.len() <= 64 && name.bytes().all(plain)
}

fn read_hook(name: &str, table: &mut Reader, load: Load<'_>) -> Recipe {
    let mut recipe = Recipe::new(name, &[]);
    recipe.groups = read_groups(table);
    recipe.states = read_states(table);
    recipe.topology = table.optional_string("topology");
    recipe.files = read_files(table, load);
    recipe.haproxy = read_haproxy(table);
    read_program(table, &mut recipe);
    recipe.retries.rollback = table.bool("rollback", recipe.retries.rollback);
    recipe.pace = read_pace(table);
    recipe.on_start =
        match table.one_of("on_start", "if_changed", &["always", "if_changed", "never"]) {
            "always" => OnStart::Always,
            "never" => OnStart::Never,
            _ => OnStart::IfChanged,
        };
    recipe.fleet = read_fleet(name, table);
    recipe.brake = Brake {
        percent: table.u64_within("brake", recipe.brake.percent, 1..=100),
        hold_ms: table.duration_ms_within("brake_hold", recipe.brake.hold_ms, 0..=24 * HOUR_MS),
    };
    recipe.max_age_ms = table.duration_ms_within("max_age", recipe.max_age_ms, 0..=24 * HOUR_MS);
    recipe.on_stale = match table.one_of("on_stale", "run", &["keep", "run"]) {
        "keep" => OnStale::Keep,
        _ => OnStale::Run,
    };
    let keep = table.u64_within("keep", recipe.keep as u64, 1..=100);
    recipe.keep = usize::try_from(keep).unwrap_or(recipe.keep);
    read_nginx(table, &mut recipe);
    if recipe.files.is_empty() && !recipe.runs() {
        let message = format!("the hook `{name}` has neither a file nor a command");
        let help = "add `command = [\"PROGRAM\", …]`, `[[hook.NAME.file]]`, or a table `nginx` or `haproxy`";
        table.refuse_with_help(Code::CONFIG_MISSING_KEY, "command", message, help);
    }
    recipe
}

/// What is about the program alone.
pub(crate) fn read_program(table: &mut Reader, recipe: &mut Recipe) {
    recipe.command = read_command(table);
    recipe.env = table.map("env");
    if recipe
        .env
        .keys()
        .any(|name| name.is_empty() || name.starts_with("LATHE_") || name.contains('='))
    {
        let message = "`env` has a name that is empty, has a `=` or begins with `LATHE_`";
        table.refuse(Code::CONFIG_WRONG_VALUE, "env", message);
    }
    recipe.user = table.optional_string("user");
    recipe.timeout_ms = table.duration_ms_within("timeout", recipe.timeout_ms, 1..=24 * HOUR_MS);
    recipe.kill_after_ms =
        table.duration_ms_within("kill_after", recipe.kill_after_ms, 0..=HOUR_MS);
    recipe.retries = read_retries(table);
    recipe.on_failure = table.list("on_failure");
}

/// Hosts that wait for each other; without `max_parallel` nobody waits.
fn read_fleet(hook: &str, table: &mut Reader) -> Option<Fleet> {
    let most = table.optional_u64_within("max_parallel", 1..=MOST_MAX);
    let name = table.optional_string("fleet");
    let patience_ms = table.duration_ms_within("turn_wait", TURN_WAIT_MS, 0..=24 * HOUR_MS);
    if name.as_deref().is_some_and(|name| !is_name(name)) {
        let message = "`fleet` is no name of a fleet";
        let help = "letters, digits, `-` and `_`, at most 64";
        table.refuse_with_help(Code::CONFIG_WRONG_VALUE, "fleet", message, help);
    }
    if most.is_none() && name.is_some() {
        let message = "a fleet whose hosts do not wait for each other is none";
        let help = "say how many follow at the same time, as in `max_parallel = 1`";
        table.refuse_with_help(Code::CONFIG_MISSING_KEY, "fleet", message, help);
    }
    let name = name.unwrap_or_else(|| hook.to_owned());
    let most = most.map(|most| u32::try_from(most).unwrap_or(u32::MAX));
    most.map(|most| Fleet { name, most, patience_ms })
}

fn read_groups(table: &mut Reader) -> BTreeSet<String> {
    let groups = table.list("groups");
    if groups.is_empty() || groups.len() > GROUPS_MAX {
        let message =
            format!("`groups` names {} groups; 1 to {GROUPS_MAX} are allowed", groups.len());
        let help = "task paths or tags, as in `groups = [\"web.cache\"]`";
        table.refuse_with_help(Code::CONFIG_WRONG_VALUE, "groups", message, help);
    }
    if groups.iter().any(|group| group.is_empty() || group.len() > 256) {
        table.refuse(
            Code::CONFIG_WRONG_VALUE,
            "groups",
            "`groups` has a name that is empty or too long",
        );
    }
    groups.iter().map(|group| group.strip_prefix("task.").unwrap_or(group).to_owned()).collect()
}

fn read_states(table: &mut Reader) -> BTreeSet<State> {
    const STATES: [State; 5] =
        [State::Starting, State::Ready, State::Suspect, State::Draining, State::Gone];
    let Some(words) = table.optional_list("states") else { return BTreeSet::from([State::Ready]) };
    let mut states = BTreeSet::new();
    for word in &words {
        match STATES.into_iter().find(|state| state.as_str() == word) {
            Some(state) => _ = states.insert(state),
            None => {
                let known = STATES.map(State::as_str).join(", ");
                let message = format!("`states` has {word:?}; known are {known}");
                table.refuse(Code::CONFIG_WRONG_VALUE, "states", message);
            }
        }
    }
    if words.is_empty() {
        table.refuse(
            Code::CONFIG_WRONG_VALUE,
            "states",
            "`states` is empty: nothing would be seen",
        );
    }
    states
}

/// A program and its arguments; a shell only where it is asked for.
fn read_command(table: &mut Reader) -> Vec<String> {
    let command = table.list("command");
    let shell = table.optional_string("shell");
    match shell {
        Some(_) if !command.is_empty() => {
            let message = "`shell` and `command` exclude each other";
            table.refuse(Code::CONFIG_WRONG_VALUE, "shell", message);
            command
        }
        Some(text) => vec!["/bin/sh".to_owned(), "-c".to_owned(), text],
        None => command,
    }
}

/// A backend that follows without a reload.
fn read_haproxy(table: &mut Reader) -> Option<Backend> {
    let mut own = table.optional_table("haproxy")?;
    let socket = PathBuf::from(own.required_string("socket"));
    if !socket.is_absolute() {
        let message = "`socket` is not the whole path of HAProxy's run-time socket";
        own.refuse_with_help(Code::CONFIG_WRONG_VALUE, "socket", message, "begin it with `/`");
    }
    let name = own.required_string("backend");
    if !haproxy::is_name(&name) {
        own.refuse(Code::CONFIG_WRONG_VALUE, "backend", "`backend` is no name of a backend");
    }
    Some(Backend { socket, name, port: own.optional_string("port") })
}

/// A file with an upstream, and a reload: what one would write as a file and a command, with a rollback, since
/// nginx says at the reload whether it takes the file.
fn read_nginx(table: &mut Reader, recipe: &mut Recipe) {
    let Some(mut own) = table.optional_table("nginx") else { return };
    let upstream = own.required_string("upstream");
    if !haproxy::is_name(&upstream) {
        own.refuse(Code::CONFIG_WRONG_VALUE, "upstream", "`upstream` is no name of an upstream");
        return;
    }
    let path = PathBuf::from(own.required_string("path"));
    if !path.is_absolute() || path.file_name().is_none() {
        let message = "`path` is not the whole path of a file";
        own.refuse_with_help(Code::CONFIG_WRONG_VALUE, "path", message, "begin it with `/`");
    }
    let usual = || ["nginx", "-s", "reload"].map(str::to_owned).to_vec();
    let reload = own.optional_list("reload").unwrap_or_else(usual);
    if !recipe.command.is_empty() || reload.is_empty() {
        let message = "`nginx` has a command of its own: `reload`, which is not empty";
        own.refuse(Code::CONFIG_WRONG_VALUE, "reload", message);
    }
    let template =
        Template::parse("nginx", &nginx_template(&upstream, own.optional_string("port")));
    match template {
        Ok(template) => {
            let (mode, owner, check) = (0o644, None, Vec::new());
            recipe.files.push(FileRecipe { template, path, mode, owner, check });
        }
        Err(error) => own.refuse(Code::CONFIG_TEMPLATE, "port", error.to_string()),
    }
    recipe.command = reload;
    recipe.retries.rollback = !table.has("rollback") || recipe.retries.rollback;
}

/// nginx wants at least one server in an upstream.
fn nginx_template(upstream: &str, port: Option<String>) -> String {
    let port = port.map_or("one.port".to_owned(), |name| format!("one.ports[{name:?}]"));
    format!(
        "upstream {upstream} {{\n{{% for one in entries %}}\n    server \
         {{% if ':' in one.address %}}[{{{{ one.address }}}}]{{% else %}}{{{{ one.address }}}}{{% endif %}}\
         :{{{{ {port} }}}};\n{{% else %}}\n    server 127.0.0.1:1 down;\n{{% endfor %}}\n}}\n"
    )
}

fn read_pace(table: &mut Reader) -> Pace {
    let usual = Pace::default();
    let settle_ms = table.duration_ms_within("settle", usual.settle_ms, 0..=HOUR_MS);
    let max_wait_ms =
        table.duration_ms_within("max_wait", usual.max_wait_ms.max(settle_ms), 0..=HOUR_MS);
    let urgent = usual.urgent_settle_ms.min(settle_ms);
    let urgent_settle_ms = table.duration_ms_within("urgent_settle", urgent, 0..=HOUR_MS);
    if max_wait_ms < settle_ms {
        let message = "`max_wait` is shorter than `settle`";
        table.refuse(Code::CONFIG_WRONG_VALUE, "max_wait", message);
    }
    let splay_ms = table.duration_ms_within("splay", usual.splay_ms, 0..=HOUR_MS);
    Pace { settle_ms, max_wait_ms, urgent_settle_ms, splay_ms }
}

fn read_retries(table: &mut Reader) -> Retries {
    let usual = Retries::default();
    let give_up_after = table.optional_u64_within("give_up_after", 1..=1_000_000);
    Retries {
        first_ms: table.duration_ms_within("retry", usual.first_ms, 1..=HOUR_MS),
        longest_ms: table.duration_ms_within("retry_max", usual.longest_ms, 1..=24 * HOUR_MS),
        give_up_after: give_up_after.and_then(|most| u32::try_from(most).ok()),
        rollback: usual.rollback,
    }
}

fn read_files(table: &mut Reader, load: Load<'_>) -> Vec<FileRecipe> {
    let mut files = Vec::new();
    let tables = table.table_list("file");
    if tables.len() > FILES_MAX {
        let message = format!("a hook has at most {FILES_MAX} files");
        table.refuse(Code::CONFIG_WRONG_VALUE, "file", message);
    }
    for mut file in tables.into_iter().take(FILES_MAX) {
        let path = PathBuf::from(file.required_string("path"));
        if !path.is_absolute() || path.file_name().is_none() {
            let message = "`path` is not the whole path of a file";
            file.refuse_with_help(Code::CONFIG_WRONG_VALUE, "path", message, "begin it with `/`");
        }
        let mode = read_mode(&mut file);
        let owner = file.optional_string("owner");
        let check = file.list("check");
        if let Some(template) = read_template(&mut file, load) {
            files.push(FileRecipe { template, path, mode, owner, check });
        }
    }
    files
}

fn read_mode(file: &mut Reader) -> u32 {
    const USUAL: u32 = 0o600;
    let Some(text) = file.optional_string("mode") else { return USUAL };
    let mode = u32::from_str_radix(&text, 8).ok().filter(|mode| *mode <= 0o777);
    if mode.is_none() {
        let help = "three or four octal digits, as in `mode = \"0640\"`";
        let message = format!("`mode` is {text:?}, which is none");
        file.refuse_with_help(Code::CONFIG_WRONG_VALUE, "mode", message, help);
    }
    mode.unwrap_or(USUAL)
}

/// The template is a file, or stands in the configuration.
fn read_template(file: &mut Reader, load: Load<'_>) -> Option<Template> {
    let (path, text) = (file.optional_string("template"), file.optional_string("text"));
    let (key, name, source) = match (path, text) {
        (Some(path), None) => match load(Path::new(&path)) {
            Ok(source) => ("template", path, source),
            Err(error) => {
                let message = format!("{path} cannot be read: {error}");
                file.refuse(Code::CONFIG_TEMPLATE, "template", message);
                return None;
            }
        },
        (None, Some(text)) => ("text", "text".to_owned(), text),
        _ => {
            let message = "a file has either `template`, a path, or `text`";
            file.refuse(Code::CONFIG_MISSING_KEY, "template", message);
            return None;
        }
    };
    match Template::parse(&name, &source) {
        Ok(template) => Some(template),
        Err(error) => {
            let help = "docs/hooks.md has the words that templates know";
            file.refuse_with_help(Code::CONFIG_TEMPLATE, key, error.to_string(), help);
            None
        }
    }
}

#[cfg(test)]
mod tests;
