//! What runs, out of its file (`docs/json.md`), the short way.

use std::collections::BTreeSet;

use lathe_topology::{Bias, Diagnostic, Resources, Tag, Topology, parse};
use serde_json::Value;

use crate::hosts;

/// A running instance.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) topology: String,
    pub(crate) task: String,
    pub(crate) host: String,
    pub(crate) tags: BTreeSet<Tag>,
    pub(crate) biases: Vec<Bias>,
    pub(crate) resources: Resources,
}

pub(crate) fn read(text: &str, given: &[Topology]) -> Result<Vec<Run>, String> {
    let list = hosts::list(text, "instances").map_err(|error| format!("what runs: {error}"))?;
    let one = |(at, value): (usize, &Value)| {
        run(value, given).map_err(|what| format!("running instance {at}: {what}"))
    };
    list.iter().enumerate().map(one).collect()
}

fn run(value: &Value, given: &[Topology]) -> Result<Run, String> {
    let text = |key: &str| value[key].as_str().map(str::to_owned);
    let topology = text("topology").or_else(|| match given {
        [one] => Some(one.name.clone()),
        _ => None,
    });
    let topology = topology.ok_or("no topology")?;
    let task = text("task").ok_or("no task")?;
    let task = task.strip_prefix("task.").unwrap_or(&task).to_owned();
    let host = text("host").ok_or("no host")?;
    let own = own(value, &task)?;
    let of = given.iter().find(|one| one.name == topology);
    let spec = of.and_then(|one| one.tasks.iter().find(|spec| spec.path.as_str() == task));
    let says = |key: &str| value.get(key).is_some() || spec.is_none();
    let spec = spec.unwrap_or(&own);
    let pick = |key: &str| if says(key) { &own } else { spec };
    Ok(Run {
        tags: pick("tags").carried_tags(),
        biases: pick("biases").biases.clone(),
        resources: pick("resources").resources.clone(),
        topology,
        task,
        host,
    })
}

/// What it says of itself, as the language of topologies reads it.
fn own(value: &Value, task: &str) -> Result<lathe_topology::TaskSpec, String> {
    let mut text =
        format!("[task.{task}]\ncrate = \"it\"\nversion = \"0.0.0\"\ntask = \"it\"\ntasks = 1\n");
    for key in ["tags", "biases", "resources"] {
        if let Some(value) = value.get(key) {
            text.push_str(&format!("{key} = {}\n", toml(value)));
        }
    }
    let checked = parse("it", &text).map_err(|found| {
        let first = found.into_iter().find(Diagnostic::is_error);
        first.map(|one| one.message).unwrap_or_default()
    })?;
    checked.topology.tasks.into_iter().next().ok_or_else(|| "no task".to_owned())
}

fn toml(value: &Value) -> String {
    let list = |parts: Vec<String>| parts.join(", ");
    match value {
        Value::Array(values) => format!("[{}]", list(values.iter().map(toml).collect())),
        Value::Object(entries) => {
            let entry = |(key, value): (&String, &Value)| {
                format!("{} = {}", Value::from(key.as_str()), toml(value))
            };
            format!("{{{}}}", list(entries.iter().map(entry).collect()))
        }
        // JSON may have it as it is, TOML may not.
        other => other.to_string().replace('\u{7f}', "\\u007f"),
    }
}
