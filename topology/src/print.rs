//! A topology as the text of a file.
//!
//! Owns the plain form that `parse` reads back to the same value. It must not know defaults of a
//! file: every task is written out in full.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use crate::model::{
    Bias, Health, Port, Probe, Resources, Restart, Share, TaskSpec, Topology, Update,
};
use crate::names::is_part_character;
use crate::units::{format_bytes, format_cpus};

/// The text of a file that says the same.
#[must_use]
pub fn print(topology: &Topology) -> String {
    let mut out = String::new();
    out.push_str("[topology]\n");
    line(&mut out, "name", &text(&topology.name));
    out.push_str("\n[crates]\n");
    line(&mut out, "paths", &texts(&topology.crates_paths));
    for task in &topology.tasks {
        print_task(&mut out, task);
    }
    out
}

fn print_task(out: &mut String, task: &TaskSpec) {
    let path: Vec<String> = task.path.as_str().split('.').map(key).collect();
    // Writing to a String cannot fail, here and below.
    let _ = writeln!(out, "\n[task.{}]", path.join("."));
    line(out, "crate", &text(&task.crate_name));
    line(out, "version", &text(&task.version));
    line(out, "task", &text(&task.task));
    line(out, "tasks", &task.count.to_string());
    if !task.tags.is_empty() {
        let tags: Vec<String> = task.tags.iter().map(ToString::to_string).collect();
        line(out, "tags", &texts(&tags));
    }
    if !task.biases.is_empty() {
        let biases: Vec<String> = task.biases.iter().map(bias).collect();
        line(out, "biases", &list(&biases));
    }
    line(out, "resources", &resources(&task.resources));
    let source = &task.source;
    let origins = [
        ("path", &source.path),
        ("git", &source.git),
        ("rev", &source.rev),
        ("registry", &source.registry),
        ("user", &task.user),
    ];
    for (name, value) in origins {
        if let Some(value) = value {
            line(out, name, &text(value));
        }
    }
    if !source.features.is_empty() {
        line(out, "features", &texts(&source.features));
    }
    if !task.env.is_empty() {
        let pairs = task.env.iter().map(|(name, value)| (key(name), text(value)));
        line(out, "env", &table(pairs));
    }
    if !task.args.is_empty() {
        line(out, "args", &texts(&task.args));
    }
    line(out, "grace", &format!("\"{}ms\"", task.grace_ms));
    if task.restart != Restart::Always {
        line(out, "restart", &text(task.restart.as_str()));
    }
    if let Some(check) = &task.health {
        line(out, "health", &health(check));
    }
    if let Some(rule) = &task.update {
        line(out, "update", &update(rule));
    }
    if let Some(after) = &task.unreachable {
        let pair = ("replace_after".to_owned(), text(&after.to_string()));
        line(out, "unreachable", &table(std::iter::once(pair)));
    }
    for (name, value) in &task.own {
        line(out, &key(name), &own(value));
    }
}

fn line(out: &mut String, name: &str, value: &str) {
    let _ = writeln!(out, "{name} = {value}");
}

fn bias(bias: &Bias) -> String {
    let mut parts = vec![text(&bias.target.to_string()), text(bias.word.as_str())];
    if !bias.word.is_hard() {
        parts.push(bias.weight.to_string());
    }
    parts.extend(bias.domain.as_deref().map(text));
    list(&parts)
}

fn health(health: &Health) -> String {
    let span = |ms: &u64| format!("\"{ms}ms\"");
    let mut said = Vec::new();
    match health {
        Health::None => said.push(("kind", text("none"))),
        Health::Beat { interval_ms, timeout_ms } => {
            said.push(("kind", text("beat")));
            said.extend([("interval", span(interval_ms)), ("timeout", span(timeout_ms))]);
        }
        Health::Probe { probe, interval_ms, timeout_ms, failures, grace_ms } => {
            match probe {
                Probe::Http { port, path } => {
                    said.extend([("kind", text("http")), ("path", text(path))]);
                    said.push(("port", text(port)));
                }
                Probe::Tcp { port } => said.extend([("kind", text("tcp")), ("port", text(port))]),
                Probe::Command { command } => {
                    said.extend([("kind", text("command")), ("command", texts(command))]);
                }
            }
            said.extend([("interval", span(interval_ms)), ("timeout", span(timeout_ms))]);
            said.extend([("failures", failures.to_string()), ("grace", span(grace_ms))]);
        }
    }
    table(said.into_iter().map(|(name, value)| (name.to_owned(), value)))
}

fn update(update: &Update) -> String {
    let share = |share: Share| match share {
        Share::Number(number) => number.to_string(),
        Share::Percent(_) => text(&share.to_string()),
    };
    let mut said =
        vec![("parallel", share(update.parallel)), ("max_surge", share(update.max_surge))];
    said.extend(update.min_healthy.map(|least| ("min_healthy", share(least))));
    said.extend([
        ("canary", share(update.canary)),
        ("bake", format!("\"{}ms\"", update.bake_ms)),
        ("auto_rollback", update.auto_rollback.to_string()),
    ]);
    table(said.into_iter().map(|(name, value)| (name.to_owned(), value)))
}

fn resources(resources: &Resources) -> String {
    let ports = if resources.ports.iter().all(|port| port.fixed.is_none()) {
        let names: Vec<String> = resources.ports.iter().map(|port| port.name.clone()).collect();
        texts(&names)
    } else {
        table(resources.ports.iter().map(|port| (key(&port.name), number(port))))
    };
    let cpus = format_cpus(resources.cpus_milli);
    let mem = text(&format_bytes(resources.mem_bytes));
    let disk = text(&format_bytes(resources.disk_bytes));
    let all = [("cpus", cpus), ("mem", mem), ("disk", disk), ("ports", ports)];
    table(all.into_iter().map(|(name, value)| (name.to_owned(), value)))
}

fn number(port: &Port) -> String {
    port.fixed.map_or_else(|| text("any"), |number| number.to_string())
}

/// JSON's `null` has no form in TOML; no file can have said it, so any text may stand for it.
fn own(value: &Value) -> String {
    match value {
        Value::Null => text(""),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(value) => text(value),
        Value::Array(values) => list(&values.iter().map(own).collect::<Vec<_>>()),
        Value::Object(values) => own_table(values),
    }
}

fn own_table(values: &Map<String, Value>) -> String {
    table(values.iter().map(|(name, value)| (key(name), own(value))))
}

fn texts(values: &[String]) -> String {
    list(&values.iter().map(|value| text(value)).collect::<Vec<_>>())
}

fn list(values: &[String]) -> String {
    format!("[{}]", values.join(", "))
}

fn table(pairs: impl Iterator<Item = (String, String)>) -> String {
    let pairs: Vec<String> = pairs.map(|(name, value)| format!("{name} = {value}")).collect();
    if pairs.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) }
}

fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(is_part_character);
    if bare { name.to_owned() } else { text(name) }
}

/// A TOML basic string.
fn text(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('"');
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\U{:08X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests;
