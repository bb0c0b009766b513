//! One running instance of a list, described by a given topology or by itself.
//!
//! Owns the keys, and whose word counts. It must not know JSON's syntax, nor how biases are read.

use std::collections::{BTreeMap, BTreeSet};

use lathe_placement::RunningInstance;
use lathe_topology::limits::NAME_BYTES;
use lathe_topology::{Code, TaskPath, TaskSpec, Topology};

use super::findings::Findings;
use super::host::{name, table, wrong_type};
use super::json::Json;
use super::stated::{Stated, Statements};

const KEYS: [&str; 7] = ["topology", "task", "slot", "host", "tags", "biases", "resources"];
const SHAPE: &str = "write what runs as `{\"topology\": \"shop\", \"task\": \"http.lb\", \"slot\": \
    0, \"host\": \"h1\"}`";

pub(super) struct List<'t> {
    pub(super) instances: Vec<RunningInstance>,
    given: BTreeMap<&'t str, BTreeMap<&'t TaskPath, &'t TaskSpec>>,
    slots: BTreeSet<(String, TaskPath, u32)>,
    statements: Statements,
}

/// The keys that say who it is.
#[derive(Default)]
struct Who {
    topology: Option<String>,
    task: Option<TaskPath>,
    slot: Option<u32>,
    host: Option<String>,
}

impl<'t> List<'t> {
    pub(super) fn new(topologies: &'t [Topology]) -> Self {
        let tasks = |topology: &'t Topology| {
            topology.tasks.iter().map(|spec| (&spec.path, spec)).collect::<BTreeMap<_, _>>()
        };
        let given = topologies.iter().map(|one| (one.name.as_str(), tasks(one))).collect();
        Self {
            instances: Vec::new(),
            given,
            slots: BTreeSet::new(),
            statements: Statements::default(),
        }
    }

    pub(super) fn add(&mut self, at: usize, value: Json, findings: &mut Findings) {
        let place = format!("instance {at}");
        let Some(entries) = table(value, &place, &KEYS, findings) else { return };
        let mut who = Who::default();
        let mut said = Vec::new();
        for (key, value) in entries {
            match key.as_str() {
                "topology" => who.topology = Some(name(value, &place, NAME_BYTES, findings)),
                "host" => who.host = Some(name(value, &place, 255, findings)),
                "task" => who.task = path(&value, &place, findings),
                "slot" => who.slot = slot(&value, &place, findings),
                _ => said.push((key, value)),
            }
        }
        // A single file leaves no doubt.
        if who.topology.is_none() && self.given.len() == 1 {
            who.topology = self.given.keys().next().map(|name| (*name).to_owned());
        }
        let Who { topology: Some(topology), task: Some(task), slot: Some(slot), host: Some(host) } =
            who
        else {
            let missing = format!("{place} lacks `topology`, `task`, `slot` or `host`");
            findings.add(Code::MISSING_KEY, missing, SHAPE);
            return;
        };
        if !self.slots.insert((topology.clone(), task.clone(), slot)) {
            let text =
                format!("{place} is {task}#{slot} of {topology}, which stands there already");
            findings.add(Code::LISTED_TWICE, text, "a slot runs once");
            return;
        }
        let spec = self.given.get(topology.as_str()).and_then(|tasks| tasks.get(&task)).copied();
        let stated = self.statements.read(&task, said, spec, &place, findings);
        let Some(Stated { tags, biases, resources }) = stated else { return };
        let keep = true;
        let one = RunningInstance { topology, task, slot, host, tags, biases, resources, keep };
        self.instances.push(one);
    }
}

fn path(value: &Json, place: &str, findings: &mut Findings) -> Option<TaskPath> {
    let Json::Text(text) = value else {
        wrong_type(&format!("{place}: task"), "a text", value, findings);
        return None;
    };
    match text.strip_prefix("task.").unwrap_or(text).parse() {
        Ok(path) => Some(path),
        Err(error) => {
            findings.add(Code::BAD_NAME, format!("{place}: task: {error}"), SHAPE);
            None
        }
    }
}

fn slot(value: &Json, place: &str, findings: &mut Findings) -> Option<u32> {
    match value {
        Json::Whole(number) => {
            let slot = u32::try_from(*number).ok();
            if slot.is_none() {
                let text = format!("{place}: slot has to be from 0 to {}", u32::MAX);
                findings.add(Code::OUT_OF_RANGE, text, "slots are counted from 0");
            }
            slot
        }
        other => {
            wrong_type(&format!("{place}: slot"), "a whole number", other, findings);
            None
        }
    }
}
