//! The commands of a drill: what a person does at the command line, and what befalls the cluster.
//!
//! Owns their words. Must not know how a transcript is written.

mod asking;

use std::collections::BTreeMap;

use lathe_placement::weigh;
use lathe_topology::parse_duration_ms;

use super::fleet::Fleet;
use super::hosts::Fault;
use super::shown;
use crate::spec::{Source, hosts, weighed};
use asking::Words;

/// No command waits longer than this, in the drill's own time.
const PATIENCE_MS: u64 = 600_000;
/// Longer than anything that is on its way when all is as wanted.
const SETTLE_MS: u64 = 1_000;

/// What a person needs at the least between two commands.
const MOMENT_MS: u64 = 20;

fn duration(text: &str) -> Result<u64, String> {
    parse_duration_ms(text).map_err(|error| error.to_string())
}

/// One transcript's cluster, files, and how far its events were shown.
pub(super) struct Session {
    fleet: Fleet,
    files: BTreeMap<String, Source>,
    events_shown: usize,
    submissions: u64,
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
            Some(status) => shown::status(&status, only, self.fleet.now),
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
}
