//! What is asked of the scheduler: a command's words, the question they make, and its answers.
//!
//! Owns how a drill's command becomes a question. Must not know what befalls the cluster.

use std::collections::BTreeSet;

use lathe_scheduler::framework::command::Answer;
use lathe_scheduler::framework::event::{Edit, Question, Submission};
use lathe_scheduler::framework::records::ArtifactRecord;
use lathe_topology::{TaskSpec, Topology};

use super::{MOMENT_MS, Session, duration};
use crate::drill::fleet::Fleet;
use crate::drill::shown::{self, End};
use crate::spec::{Source, findings};

/// A command's words apart from its options.
pub(super) struct Words<'w> {
    pub(super) plain: Vec<&'w str>,
    yes: bool,
    max_moves: u32,
    wait_ms: u64,
    /// Whether room is waited for too: where a wait is said.
    queue: bool,
    /// Whether the caller goes as soon as it was accepted.
    leave: bool,
}

impl<'w> Words<'w> {
    pub(super) fn read(text: &'w str) -> Result<Self, String> {
        let mut words = Self {
            plain: Vec::new(),
            yes: false,
            max_moves: 0,
            wait_ms: 0,
            queue: false,
            leave: false,
        };
        let mut all = text.split_whitespace();
        while let Some(word) = all.next() {
            let mut value = || all.next().ok_or_else(|| format!("{word} wants a value"));
            match word {
                "--yes" => words.yes = true,
                "--leave" => words.leave = true,
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

impl Session {
    pub(super) fn ask(&mut self, words: &Words<'_>, command: &str) -> Result<Vec<String>, String> {
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
            answer if answer.is_last() => true,
            Answer::Planned(_) => plan,
            Answer::Committed { .. } => words.leave,
            _ => false,
        };
        let plan = words.plain.first() == Some(&"plan");
        let over = |fleet: &Fleet| {
            let answers = fleet.answers.get(&ask).into_iter().flatten();
            !fleet.scheduler_lives() || answers.into_iter().any(|one| is_last(one, plan))
        };
        self.pass_until(over);
        if words.leave {
            self.fleet.leave(ask);
        }
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
        let of_it = |task: &&TaskSpec| task.crate_name == name && task.version == version;
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
