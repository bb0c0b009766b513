//! `lathe plan FILE --hosts hosts.json`: a plan without a scheduler, for hosts out of a file.
//!
//! Owns reading the files and what an answer's exit code is. Crates are not looked up. It must not
//! know how a plan is found.

mod answer;
mod picture;
mod shown;

use std::collections::BTreeMap;
use std::path::Path;

use lathe_api::convert::refused_to_wire;
use lathe_api::inventory::{self, Finding, Read};
use lathe_placement::{Options, Refusal, Running, Verdict, place_proved};
use lathe_topology::{Code, Resources, TaskPath, Topology, position};

use picture::Picture;

use super::source::{Source, bytes_of};
use crate::args::Plan as Asked;
use crate::failure::{BAD_INPUT, Failure, OK, REFUSED, UNKNOWN};
use crate::printer::Printer;
use crate::problem::Problem;
use crate::report::{self, Sent};

/// Instances of all files together.
const INSTANCES: u64 = 1_000_000;

pub(crate) fn run(asked: &Asked, hosts: &Path, printer: &Printer) -> Result<u8, Failure> {
    let sources = sources(asked, printer)?;
    let topologies: Vec<Topology> = sources.iter().map(|one| one.topology.clone()).collect();
    let cluster = read(hosts, inventory::HOSTS_BYTES, printer, inventory::hosts)?;
    let running = match &asked.running {
        None => Running::default(),
        Some(file) => read(file, inventory::RUNNING_BYTES, printer, |bytes| {
            inventory::running(bytes, &topologies)
        })?,
    };
    let (verdict, proof) = place_proved(&cluster, &topologies, &running, &options(asked));
    if let Some(file) = &asked.certificate {
        match &proof {
            Some(proof) => {
                let text = serde_json::to_string(proof).expect("plain values always serialise");
                write(file, &text)?;
            }
            None => printer.say(&format!(
                "there is no certificate of this answer; {} is not written",
                file.display()
            )),
        }
    }
    let scene = Scene { sources: &sources };
    if asked.json {
        printer.json(&answer::of(&scene, &verdict), true);
    }
    match &verdict {
        Verdict::Placed(plan) => {
            let picture = || Picture::new(&cluster, &topologies, &running, plan);
            if let Some(file) = &asked.svg {
                write(file, &picture::svg(&picture()))?;
            }
            if !asked.json {
                let told = shown::plan(&scene, plan, asked.all, printer);
                printer.data(&if asked.picture {
                    picture::text(&picture(), printer.width())
                } else {
                    told
                });
            }
            Ok(OK)
        }
        Verdict::Unknown { .. } if asked.json => Ok(UNKNOWN),
        _ if asked.json => Ok(REFUSED),
        Verdict::Blocked(refusal) => Err(scene.refuse("blocked", refusal, printer)),
        Verdict::Impossible(refusal) => Err(scene.refuse("impossible", refusal, printer)),
        Verdict::Unknown { refusal, best, .. } => {
            if let Some(file) = &asked.svg {
                write(file, &picture::svg(&Picture::new(&cluster, &topologies, &running, best)))?;
            }
            printer.data(&shown::part(&scene, best, asked.all, printer));
            Err(scene.refuse("unknown", refusal, printer))
        }
    }
}

/// What was asked about.
struct Scene<'a> {
    sources: &'a [Source],
}

impl Scene<'_> {
    /// The file of a topology.
    fn source(&self, topology: &str) -> Option<&Source> {
        self.sources.iter().find(|source| source.topology.name == topology)
    }

    /// How many instances the files want.
    fn wanted(&self) -> u64 {
        let tasks = self.sources.iter().flat_map(|source| &source.topology.tasks);
        tasks.map(|task| u64::from(task.count)).sum()
    }

    /// A refusal with the lines of the first file that takes part.
    fn refuse(&self, verdict: &str, refusal: &Refusal, printer: &Printer) -> Failure {
        let mut wire = refused_to_wire(verdict, refusal);
        for reason in &mut wire.reasons {
            if let Some(source) = self.source(&reason.topology)
                && reason.start < reason.end
            {
                let line = position(&source.text, reason.start as usize).line;
                reason.line = u32::try_from(line).unwrap_or(0);
            }
        }
        let first = wire.reasons.iter().find_map(|reason| self.source(&reason.topology));
        let Some(source) = first.or(self.sources.first()) else {
            return report::refuse(printer, None, &wire);
        };
        let file = source.path.display().to_string();
        let sent = Sent { file: &file, topology: &source.topology.name, text: &source.text };
        report::refuse(printer, Some(sent), &wire)
    }
}

fn options(asked: &Asked) -> Options {
    let usual = Options::default();
    // What a scheduler adds for each executor.
    let overhead = Resources {
        cpus_milli: if asked.overhead { 10 } else { 0 },
        mem_bytes: if asked.overhead { 16 << 20 } else { 0 },
        ..usual.overhead
    };
    Options {
        overhead,
        max_moves: asked.max_moves,
        budget_steps: asked.budget.unwrap_or(usual.budget_steps),
        seed: asked.seed.unwrap_or(usual.seed),
        ..usual
    }
}

/// The topology files; no name and no task stands in two of them.
fn sources(asked: &Asked, printer: &Printer) -> Result<Vec<Source>, Failure> {
    let mut sources: Vec<Source> = Vec::new();
    let mut owners: BTreeMap<TaskPath, String> = BTreeMap::new();
    let mut instances = 0;
    for path in &asked.files {
        let source = Source::read(path, printer)?;
        let (shown, name) = (path.display().to_string(), &source.topology.name);
        if let Some(first) = sources.iter().find(|one| one.topology.name == *name) {
            let text = format!("{} and {shown} are both called {name}", first.path.display());
            let failure = Failure::coded(Code::LISTED_TWICE, text).of_file(shown);
            return Err(failure.with_hint("give one of them another `name` in `[topology]`"));
        }
        for task in &source.topology.tasks {
            instances += u64::from(task.count);
            if let Some(owner) = owners.insert(task.path.clone(), name.clone()) {
                let text = format!("the task {} of {name} belongs to {owner} already", task.path);
                let failure = Failure::coded(Code::TASK_OWNED_ELSEWHERE, text).of_file(shown);
                return Err(failure.with_hint("give one of the two tasks another path"));
            }
        }
        sources.push(source);
    }
    if instances > INSTANCES {
        let text = format!("the files want {instances} instances; at most {INSTANCES} are planned");
        return Err(Failure::coded(Code::LIMIT, text).with_hint("plan for fewer files at a time"));
    }
    Ok(sources)
}

fn write(file: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(file, text)
        .map_err(|error| Failure::io(format!("writing {}", file.display()), &error))
}

/// A file of hosts or of what runs; everything that is wrong with it is told.
fn read<T>(
    path: &Path,
    most: usize,
    printer: &Printer,
    of: impl FnOnce(&[u8]) -> Result<Read<T>, Vec<Finding>>,
) -> Result<T, Failure> {
    let file = path.display().to_string();
    let bytes = bytes_of(path, most).map_err(|failure| failure.of_file(&file))?;
    match of(&bytes) {
        Ok(read) => {
            read.warnings.iter().for_each(|one| printer.say(&format!("warning: {file}: {one}")));
            Ok(read.value)
        }
        Err(findings) => {
            let problem = |one: Finding| Problem {
                file: Some(file.clone()),
                hint: Some(one.hint),
                ..Problem::error(Some(one.code), format!("{file}: {}", one.text))
            };
            let problems: Vec<Problem> = findings.into_iter().map(problem).collect();
            printer.say(&report::render(printer, "", &problems));
            let failure = Failure::new("").with_code(BAD_INPUT);
            Err(failure.with_shown(problems))
        }
    }
}
