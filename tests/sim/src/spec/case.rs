//! One case of a page: the blocks that hold where an outcome stands.
//!
//! Owns which block replaces which, and the question to placement. Must not know wording.

use std::collections::{BTreeMap, BTreeSet};

use lathe_placement::{
    Assignment, Change, Cluster, Options, Plan, Running, RunningInstance, Verdict, place, verify,
    weigh,
};
use lathe_scheduler::framework::Config;
use lathe_scheduler::framework::command::PlanInput;
use lathe_scheduler::planner;
use lathe_topology::{Checked, Diagnostic, Resources, TaskSpec, Topology, parse};

use super::blocks::{self, Ask, Named, Runs};
use super::outcome;

/// The name of a topology that a page gives none.
const UNNAMED: &str = "page";

/// What stands before a topology without `[defaults]`, in one line, so that pages can leave it out.
const PRELUDE: &str = "defaults = { version = \"1.0.0\", task = \"my::Task\" }\n";

/// What one text of a topology came to.
pub(crate) struct Source {
    pub(crate) name: String,
    /// What the block's first line counts as: 0 where a line stands before it.
    pub(super) first_line: usize,
    pub(crate) text: String,
    pub(crate) read: Result<Checked, Vec<Diagnostic>>,
}

impl Source {
    /// Reads a topology that may go without `[defaults]`.
    pub(crate) fn new(name: &str, lines: &[&str]) -> Self {
        let bare = lines.join("\n") + "\n";
        let whole = lines.iter().any(|line| line.trim() == "[defaults]");
        let text = if whole { bare } else { format!("{PRELUDE}{bare}") };
        let read = parse(name, &text);
        Self { name: name.to_owned(), first_line: usize::from(whole), text, read }
    }
}

/// The blocks that hold now.
#[derive(Default)]
pub(super) struct Case {
    cluster: Cluster,
    /// What is asked for, by name.
    wanted: BTreeMap<String, Source>,
    /// What instances that run were started from, where that is something else.
    before: BTreeMap<String, Source>,
    running: Option<Runs>,
    ask: Ask,
    /// What would run once the last plan was carried out.
    after: Option<Running>,
}

impl Case {
    /// A heading: topologies and what runs are forgotten, hosts stay.
    pub(super) fn next_section(&mut self) {
        let cluster = std::mem::take(&mut self.cluster);
        *self = Self { cluster, ..Self::default() };
    }

    pub(super) fn block(&mut self, info: &str, body: &[&str]) -> Result<(), String> {
        let words: Vec<&str> = info.split_whitespace().collect();
        match words.as_slice() {
            ["hosts"] => self.cluster.hosts = blocks::hosts(body)?,
            ["running"] => self.running = Some(blocks::running(body)?),
            ["ask"] => self.ask = blocks::ask(body)?,
            ["toml"] => self.topology(UNNAMED, body, false),
            ["toml", "before"] => self.topology(UNNAMED, body, true),
            ["toml", name] => self.topology(name, body, false),
            ["toml", name, "before"] => self.topology(name, body, true),
            _ => return Err(format!("`{info}` is no block of a page")),
        }
        Ok(())
    }

    fn topology(&mut self, name: &str, body: &[&str], before: bool) {
        let source = Source::new(name, body);
        let place = if before { &mut self.before } else { &mut self.wanted };
        place.insert(name.to_owned(), source);
    }

    /// The lines that must stand in the outcome block.
    pub(super) fn outcome(&mut self) -> Result<Vec<String>, String> {
        let mut lines: Vec<String> = Vec::new();
        for source in self.wanted.values() {
            lines.extend(outcome::findings(source));
        }
        let ask = std::mem::take(&mut self.ask);
        let runs = self.running.take();
        let topologies: Option<Vec<Topology>> = self
            .wanted
            .values()
            .map(|source| source.read.as_ref().ok().map(|checked| checked.topology.clone()))
            .collect();
        let Some(topologies) = topologies else { return Ok(lines) };
        if !ask.show.is_empty() {
            for path in &ask.show {
                let task = topologies.iter().find_map(|topology| topology.task(path));
                lines.extend(outcome::task(task.ok_or_else(|| format!("no task {path}"))?));
            }
            return Ok(lines);
        }
        let running = self.running(runs)?;
        let options = options(&ask);
        if ask.repair {
            let input = PlanInput {
                cluster: self.cluster.clone(),
                topologies,
                running,
                options,
                piecemeal: true,
            };
            lines.extend(self.mended(&input)?);
            return Ok(lines);
        }
        if ask.weigh.is_empty() {
            let verdict = place(&self.cluster, &topologies, &running, &options);
            if let Verdict::Placed(plan) = &verdict {
                verify(&self.cluster, &topologies, &running, &options, plan)
                    .map_err(|breaches| format!("the plan is not valid: {breaches:?}"))?;
                self.after = Some(carried_out(&topologies, &running, plan, &options));
            }
            let sources = self.wanted.values().chain(self.before.values());
            let sources: Vec<&Source> = sources.collect();
            lines.extend(outcome::verdict(&self.cluster, &running, &verdict, &sources));
        }
        for (task, slot) in &ask.weigh {
            let topology = topologies.iter().find(|topology| topology.task(task).is_some());
            let topology = topology.ok_or_else(|| format!("no task {task}"))?;
            let weighed = weigh(&self.cluster, topology, &running, &options, (task, *slot));
            lines.extend(outcome::weighed(&weighed));
        }
        Ok(lines)
    }

    /// What the scheduler does of its own accord about what is missing.
    fn mended(&mut self, input: &PlanInput) -> Result<Vec<String>, String> {
        let PlanInput { cluster, topologies, running, options, .. } = input;
        let sources: Vec<&Source> = self.wanted.values().chain(self.before.values()).collect();
        let Verdict::Placed(mut plan) = planner::plan(input) else {
            return Ok(vec!["nothing to do".to_owned()]);
        };
        let all: u32 = topologies.iter().flat_map(|one| &one.tasks).map(|task| task.count).sum();
        if plan.assignments.len() == usize::try_from(all).unwrap_or(usize::MAX) {
            verify(cluster, topologies, running, options, &plan)
                .map_err(|breaches| format!("the plan is not valid: {breaches:?}"))?;
            self.after = Some(carried_out(topologies, running, &plan, options));
            return Ok(outcome::verdict(cluster, running, &Verdict::Placed(plan), &sources));
        }
        plan.assignments.extend(stays(topologies, running));
        self.after = Some(carried_out(topologies, running, &plan, options));
        Ok(outcome::in_part(cluster, topologies, running, &plan))
    }

    fn running(&self, runs: Option<Runs>) -> Result<Running, String> {
        let named = match runs {
            None => Vec::new(),
            Some(Runs::These(named)) => named,
            Some(Runs::PlanAbove) => {
                return self.after.clone().ok_or_else(|| "there is no plan above".to_owned());
            }
        };
        let instances = named.iter().map(|one| self.instance(one)).collect::<Result<_, _>>()?;
        Ok(Running { instances })
    }

    fn instance(&self, named: &Named) -> Result<RunningInstance, String> {
        let fits = |source: &&Source| named.topology.as_ref().is_none_or(|one| *one == source.name);
        let sources = self.before.values().chain(self.wanted.values()).filter(fits);
        let found = sources.into_iter().find_map(|source| {
            let spec = source.read.as_ref().ok()?.topology.task(&named.task)?;
            Some((source.name.as_str(), spec))
        });
        let (topology, spec) = found.ok_or_else(|| format!("nothing has a task {}", named.task))?;
        let mut one = instance(topology, spec, named.slot, &named.host);
        one.keep = !named.ending;
        Ok(one)
    }
}

fn instance(topology: &str, spec: &TaskSpec, slot: u32, host: &str) -> RunningInstance {
    RunningInstance {
        topology: topology.to_owned(),
        task: spec.path.clone(),
        slot,
        host: host.to_owned(),
        tags: spec.carried_tags(),
        biases: spec.biases.clone(),
        resources: spec.resources.clone(),
        keep: true,
    }
}

/// What runs of these topologies, as a plan that touches nothing of it has it.
fn stays(topologies: &[Topology], running: &Running) -> Vec<Assignment> {
    let given = |one: &&RunningInstance| {
        one.keep && topologies.iter().any(|topology| topology.name == one.topology)
    };
    let stays = |one: &RunningInstance| Assignment {
        topology: one.topology.clone(),
        task: one.task.clone(),
        slot: one.slot,
        host: one.host.clone(),
        change: Change::Keep,
    };
    running.instances.iter().filter(given).map(stays).collect()
}

fn options(ask: &Ask) -> Options {
    let overhead = Config::default().overhead;
    let mut options = Options {
        overhead: Resources {
            cpus_milli: overhead.cpus_milli,
            mem_bytes: overhead.mem_bytes,
            disk_bytes: overhead.disk_bytes,
            ports: Vec::new(),
        },
        max_moves: ask.max_moves,
        removing: ask.removing.iter().cloned().collect(),
        ..Options::default()
    };
    options.budget_steps = ask.steps.unwrap_or(options.budget_steps);
    for one in &ask.previous {
        options.previous.insert((one.task.clone(), one.slot), one.host.clone());
    }
    options
}

/// What runs once a plan was carried out.
fn carried_out(
    topologies: &[Topology],
    running: &Running,
    plan: &Plan,
    options: &Options,
) -> Running {
    let given: BTreeSet<&str> = topologies.iter().map(|one| one.name.as_str()).collect();
    let mut after = running.clone();
    after.instances.retain(|one| {
        !given.contains(one.topology.as_str()) && !options.removing.contains(&one.topology)
    });
    for one in &plan.assignments {
        let topology = topologies.iter().find(|topology| topology.name == one.topology);
        if let Some(spec) = topology.and_then(|topology| topology.task(&one.task)) {
            after.instances.push(instance(&one.topology, spec, one.slot, &one.host));
        }
    }
    after
}
