//! The commands of a drill: what a person does at the command line, and what befalls the cluster.
//!
//! Owns their words. Must not know how a transcript is written.

use std::collections::{BTreeMap, BTreeSet};

use lathe_placement::weigh;
use lathe_scheduler::framework::command::Answer;
use lathe_scheduler::framework::event::{Edit, Question, Submission};
use lathe_scheduler::framework::records::ArtifactRecord;
use lathe_topology::{Topology, parse_duration_ms};

use super::fleet::Fleet;
use super::hosts::Fault;
use super::shown::{self, End};
use crate::spec::{Source, findings, hosts, weighed};

/// No command waits longer than this, in the drill's own time.
const PATIENCE_MS: u64 = 600_000;
/// Longer than anything that is on its way when all is as wanted.
const SETTLE_MS: u64 = 1_000;

/// What a person needs at the least between two commands.
const MOMENT_MS: u64 = 20;

/// One transcript's cluster, files, and how far its events were shown.
pub(super) struct Session {
    fleet: Fleet,
    files: BTreeMap<String, Source>,
    events_shown: usize,
    submissions: u64,
}

/// A command's words apart from its options.
struct Words<'w> {
    plain: Vec<&'w str>,
    yes: bool,
    max_moves: u32,
    wait_ms: u64,
    /// Whether room is waited for too: where a wait is said.
    queue: bool,
}

impl<'w> Words<'w> {
    fn read(text: &'w str) -> Result<Self, String> {
        let mut words =
            Self { plain: Vec::new(), yes: false, max_moves: 0, wait_ms: 0, queue: false };
        let mut all = text.split_whitespace();
        while let Some(word) = all.next() {
            let mut value = || all.next().ok_or_else(|| format!("{word} wants a value"));
            match word {
                "--yes" => words.yes = true,
                "--max-moves" => {
                    words.max_moves = value()?.parse().map_err(|_| format!("{word}: no number"))?;
                }
                "--wait" => {
                    words.wait_ms = duration(value()?)?;
                    words.queue = true;
                }
                _ => words.plain.push(word),
            }
        }
        Ok(words)
    }
}

fn duration(text: &str) -> Result<u64, String> {
    parse_duration_ms(text).map_err(|error| error.to_string())
}

impl Session {
    pub(super) fn new() -> Self {
        let fleet = Fleet::new();
        Self { fleet, files: BTreeMap::new(), events_shown: 0, submissions: 0 }
    }

    /// Carries one command out; the lines that it shows.
    pub(super) fn run(&mut self, command: &str, given: &str) -> Result<Vec<String>, String> {
        if let Some(rest) = command.strip_prefix("hosts ") {
            return self.add_hosts(rest);
        }
        if let Some(rest) = command.strip_prefix("later ") {
            let (after, command) = rest.split_once(' ').ok_or("later 1s COMMAND")?;
            self.fleet.remind(duration(after)?, command);
            return Ok(Vec::new());
        }
        if let Some(command) = command.strip_prefix("once offers are held: ") {
            self.fleet.once_offered = Some(command.to_owned());
            return Ok(Vec::new());
        }
        if let Some(command) = command.strip_prefix("once launches are written: ") {
            self.fleet.once_written = Some(command.to_owned());
            return Ok(Vec::new());
        }
        let words = Words::read(command)?;
        match words.plain.as_slice() {
            ["write", name] => {
                self.write(name, given);
                Ok(Vec::new())
            }
            ["wait"] => Ok(self.wait_until_calm()),
            ["wait", time] => {
                self.pass(duration(time)?);
                Ok(Vec::new())
            }
            ["status"] => Ok(self.status(None)),
            ["status", name] => Ok(self.status(Some(name))),
            ["events"] => Ok(self.events(false)),
            ["events", "with", "times"] => Ok(self.events(true)),
            ["history", name] => self.history(name),
            ["own", task] => self.own_keys(task),
            ["explain", instance] => self.explain(instance),
            ["host", what, name] => self.host(what, name),
            ["scheduler", rest @ ..] => self.scheduler(&rest.join(" ")),
            ["kill", instance] => self.kill(instance, false),
            ["kill", "executor", "of", instance] => self.kill(instance, true),
            ["break", name, version, "after", time] => {
                let fault = Fault { after_ms: duration(time)? };
                self.fleet.faults.insert(((*name).to_owned(), (*version).to_owned()), fault);
                Ok(Vec::new())
            }
            ["mend", name, version] => {
                self.fleet.faults.remove(&((*name).to_owned(), (*version).to_owned()));
                Ok(Vec::new())
            }
            _ => self.ask(&words, command),
        }
    }

    fn add_hosts(&mut self, line: &str) -> Result<Vec<String>, String> {
        for host in hosts(&[line])? {
            self.fleet.add_host(host);
        }
        self.pass(SETTLE_MS);
        self.events_shown = self.fleet.events.len();
        Ok(Vec::new())
    }

    fn write(&mut self, name: &str, given: &str) {
        let stem = name.strip_suffix(".toml").unwrap_or(name);
        let lines: Vec<&str> = given.lines().collect();
        self.files.insert(stem.to_owned(), Source::new(stem, &lines));
    }

    /// Lets time pass, and does meanwhile what was to be done later.
    fn pass(&mut self, ms: u64) {
        let until = self.fleet.now + ms;
        while self.fleet.step(until) {
            self.reminded();
        }
    }

    fn reminded(&mut self) {
        for command in std::mem::take(&mut self.fleet.due) {
            // What befalls a cluster shows nothing itself; its consequences are seen.
            drop(self.run(&command, ""));
        }
    }

    /// Lets time pass until something holds; whether it did in time.
    fn pass_until(&mut self, holds: impl Fn(&Fleet) -> bool) -> bool {
        let until = self.fleet.now + PATIENCE_MS;
        while !holds(&self.fleet) {
            if !self.fleet.step(until) {
                return false;
            }
            self.reminded();
        }
        true
    }

    fn wait_until_calm(&mut self) -> Vec<String> {
        let begin = self.fleet.now;
        let calm = |fleet: &Fleet| {
            fleet.status().is_some_and(|status| {
                status.scheduler.connected
                    && status
                        .instances
                        .iter()
                        .all(|one| matches!(&*one.state, "ready" | "finished"))
            })
        };
        let reached = self.pass_until(calm);
        let took = shown::seconds(self.fleet.now - begin);
        self.pass(SETTLE_MS);
        let word = if reached { "all is as wanted" } else { "not all is as wanted" };
        vec![format!("{word} after {took}")]
    }

    fn status(&self, only: Option<&str>) -> Vec<String> {
        match self.fleet.status() {
            Some(status) => shown::status(&status, only),
            None => vec!["the scheduler cannot be reached".to_owned()],
        }
    }

    fn events(&mut self, times: bool) -> Vec<String> {
        let new = &self.fleet.events[self.events_shown..];
        let begin = self.fleet.now - self.fleet.age();
        let lines = new.iter().map(|event| match times {
            true => format!("{:>7}  {}", shown::seconds(event.at_ms - begin), shown::event(event)),
            false => shown::event(event),
        });
        let lines = lines.collect();
        self.events_shown = self.fleet.events.len();
        lines
    }

    fn history(&self, name: &str) -> Result<Vec<String>, String> {
        let revisions = self.fleet.framework().and_then(|one| one.revisions(name));
        Ok(shown::history(&revisions.ok_or_else(|| format!("no topology {name}"))?))
    }

    fn own_keys(&self, path: &str) -> Result<Vec<String>, String> {
        let status = self.fleet.status().ok_or("no scheduler")?;
        let mut tasks = status.topologies.iter().flat_map(|topology| &topology.tasks);
        let task = tasks.find(|task| task.task == path).ok_or_else(|| format!("no task {path}"))?;
        Ok(task.own.iter().map(|(key, value)| format!("{key} = {value}")).collect())
    }

    fn explain(&self, instance: &str) -> Result<Vec<String>, String> {
        let known = self.fleet.framework().and_then(|one| one.explain(self.fleet.now, instance));
        let known = known.ok_or_else(|| format!("no instance {instance}"))?;
        let reason = known.instance.reason.map_or(String::new(), |why| format!(": {why}"));
        let mut lines = vec![format!("{instance} is {}{reason}", known.instance.state)];
        if let Some(scene) = known.scene {
            let at = (&known.task, known.slot);
            let all = weigh(&scene.cluster, &scene.topology, &scene.running, &scene.options, at);
            lines.extend(weighed(&all));
        }
        Ok(lines)
    }

    fn host(&mut self, what: &str, name: &str) -> Result<Vec<String>, String> {
        let at = self.fleet.host(name).ok_or_else(|| format!("no host {name}"))?;
        match what {
            "kill" => self.fleet.lose_host(at),
            "start" => self.fleet.bring_up(at),
            "pause" => self.fleet.pause_host(at),
            "resume" => self.fleet.resume_host(at),
            _ => return Err(format!("nobody can {what} a host")),
        }
        Ok(Vec::new())
    }

    fn scheduler(&mut self, what: &str) -> Result<Vec<String>, String> {
        match what {
            "kill" => self.fleet.kill_scheduler(),
            "start" => self.fleet.start_scheduler(),
            _ => return Err(format!("a scheduler does not `{what}`")),
        }
        Ok(Vec::new())
    }

    fn kill(&mut self, instance: &str, executor: bool) -> Result<Vec<String>, String> {
        let found = self.fleet.kill(instance, executor);
        self.pass(MOMENT_MS);
        found.then(Vec::new).ok_or_else(|| format!("nothing of {instance} runs"))
    }

    fn ask(&mut self, words: &Words<'_>, command: &str) -> Result<Vec<String>, String> {
        let mut lines = match words.plain.as_slice() {
            ["plan" | "submit", name] => {
                let source = self.files.get(*name).ok_or_else(|| format!("no file {name}"))?;
                findings(source)
            }
            _ => Vec::new(),
        };
        let Some((name, asked)) = self.question(words, command)? else { return Ok(lines) };
        self.pass(MOMENT_MS);
        let before = (self.fleet.writes(), self.fleet.events.len());
        let ask = self.fleet.ask(asked);
        let is_last = |answer: &Answer, plan: bool| match answer {
            Answer::Done { .. } | Answer::Refused(_) => true,
            Answer::Planned(_) => plan,
            _ => false,
        };
        let plan = words.plain.first() == Some(&"plan");
        let over = |fleet: &Fleet| {
            let answers = fleet.answers.get(&ask).into_iter().flatten();
            !fleet.scheduler_lives() || answers.into_iter().any(|one| is_last(one, plan))
        };
        self.pass_until(over);
        let answers = self.fleet.answers.remove(&ask).unwrap_or_default();
        let answered = answers.iter().any(|one| is_last(one, plan));
        let sources: Vec<&Source> = self.files.values().collect();
        let end = match words.plain.first() {
            Some(&"remove") => End::Word("removed"),
            Some(&"pause") => End::Word("paused"),
            Some(&"resume") => End::Word("resumed"),
            _ => End::Ready { wanted: self.wanted(&name) },
        };
        lines.extend(shown::answers(&name, &answers, &sources, end));
        if !answered {
            lines.push(
                "the scheduler has gone; `lathe status` tells what it had accepted".to_owned(),
            );
        }
        lines.dedup();
        if answers.iter().any(|answer| matches!(answer, Answer::Refused(_))) {
            let same = before == (self.fleet.writes(), self.fleet.events.len());
            let word = if same { "nothing" } else { "something" };
            lines.push(format!("({word} was written or started)"));
        }
        Ok(lines)
    }

    /// How many instances the topology wants that was named, by itself or by its task.
    fn wanted(&self, name: &str) -> u32 {
        let status = self.fleet.status();
        let topologies = status.iter().flat_map(|status| &status.topologies);
        let named = topologies.into_iter().filter(|topology| {
            topology.name == name
                || topology.tasks.iter().any(|task| {
                    task.task == name || name.split_once('#').is_some_and(|(it, _)| it == task.task)
                })
        });
        named.flat_map(|topology| &topology.tasks).map(|task| task.wanted).sum()
    }

    /// The question of a command, with the name that its answers begin with.
    fn question(
        &mut self,
        words: &Words<'_>,
        command: &str,
    ) -> Result<Option<(String, Question)>, String> {
        let max_moves = words.max_moves;
        let wrong = || format!("`{command}` is no command of a drill");
        let (name, edit) = match words.plain.as_slice() {
            ["remove", name] => {
                let id = self.next_id();
                let question = Question::Remove { name: (*name).to_owned(), id };
                return Ok(Some(((*name).to_owned(), question)));
            }
            ["plan" | "submit", name] => {
                let Some(submission) = self.submission(name) else { return Ok(None) };
                (*name, Edit::Source(submission))
            }
            ["scale", task, count] => {
                let count = count.parse().map_err(|_| wrong())?;
                (*task, Edit::Scale { task: (*task).to_owned(), count })
            }
            ["set", task, pair] => {
                let (key, value) = pair.split_once('=').ok_or_else(wrong)?;
                let value = serde_json::from_str(value).map_err(|error| error.to_string())?;
                let (task, key) = ((*task).to_owned(), key.to_owned());
                (words.plain[1], Edit::Set { task, key, value: Some(value) })
            }
            ["rollback", name] => {
                (*name, Edit::Rollback { topology: (*name).to_owned(), revision: None })
            }
            ["rollback", name, revision] => {
                let revision = Some(revision.parse().map_err(|_| wrong())?);
                (*name, Edit::Rollback { topology: (*name).to_owned(), revision })
            }
            ["restart", what] => (*what, Edit::Restart { what: (*what).to_owned() }),
            ["pause", name] => (*name, Edit::Pause { topology: (*name).to_owned(), paused: true }),
            ["resume", name] => {
                (*name, Edit::Pause { topology: (*name).to_owned(), paused: false })
            }
            _ => return Err(wrong()),
        };
        let question = if words.plain.first() == Some(&"plan") {
            Question::Plan { edit, max_moves }
        } else {
            let (id, wait_ms, may_stop) = (self.next_id(), words.wait_ms, words.yes);
            Question::Submit { edit, max_moves, wait_ms, queues: words.queue, id, may_stop }
        };
        Ok(Some((name.to_owned(), question)))
    }

    fn next_id(&mut self) -> String {
        self.submissions += 1;
        format!("drill-{}", self.submissions)
    }

    fn submission(&self, name: &str) -> Option<Submission> {
        let source = self.files.get(name)?;
        let topology = &source.read.as_ref().ok()?.topology;
        Some(Submission {
            name: name.to_owned(),
            source: source.text.clone(),
            artifacts: artifacts(topology),
        })
    }
}

/// What the crates of a topology would be built to.
fn artifacts(topology: &Topology) -> Vec<ArtifactRecord> {
    let versions: BTreeSet<(&str, &str)> =
        topology.tasks.iter().map(|task| (&*task.crate_name, &*task.version)).collect();
    let made = versions.into_iter().map(|(name, version)| {
        let of_it =
            |task: &&lathe_topology::TaskSpec| task.crate_name == name && task.version == version;
        ArtifactRecord {
            crate_name: name.to_owned(),
            version: version.to_owned(),
            sha256: "0".repeat(64),
            size: 1,
            source_key: format!("{name} {version}"),
            tasks: topology.tasks.iter().filter(of_it).map(|task| task.task.clone()).collect(),
            sdk: true,
        }
    });
    made.collect()
}
