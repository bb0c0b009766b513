//! Callers' questions: taken one after another, checked, accepted by one durable write, followed
//! until the wanted state is reached.

use std::collections::{BTreeMap, BTreeSet};

use lathe_catalog::TaskRecord;
use lathe_placement::{Reason, Refusal};
use lathe_topology::{Code, TaskPath, TaskSpec};

use super::command::{Answer, Command, Refused};
use super::event::{Question, Submission};
use super::ids::{AskId, Time};
use super::persist::Then;
use super::records::{ArtifactRecord, Phase, TopologyRecord, Write};
use super::wanted::Accepted;
use super::{EventDraft, Framework, QUESTIONS_MAX};

/// A caller that waits for its topology to be as wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Watcher {
    pub(super) ask: AskId,
    pub(super) topology: String,
    pub(super) revision: u64,
    /// Whether its own submission made that revision.
    pub(super) changed: bool,
    /// What was accepted before, to go back to where the new revision cannot be carried out.
    pub(super) before: Option<TopologyRecord>,
}

/// A revision on its way to the store.
#[derive(Debug)]
pub(super) struct Accepting {
    /// The new revision; none means that the topology is removed.
    pub(super) accepted: Option<Accepted>,
    pub(super) name: String,
    pub(super) ask: AskId,
    /// Why the revision before this one is given up; none where a caller asked for this one.
    pub(super) reverting: Option<Refusal>,
}

/// So many early ends of one slot end the caller's waiting.
const HOPELESS_ENDS: u32 = 3;

impl Framework {
    pub(super) fn asked(
        &mut self,
        now: Time,
        ask: AskId,
        question: Question,
        out: &mut Vec<Command>,
    ) {
        if !self.recovered || self.questions.len() >= QUESTIONS_MAX {
            let sentence = if self.recovered {
                "too many submissions wait already"
            } else {
                "the scheduler has not read its store yet"
            };
            refuse(
                ask,
                "busy",
                plain(Code::CANNOT_ACT_NOW, sentence, "try again in a moment"),
                out,
            );
            return;
        }
        self.questions.push_back((ask, question, now));
    }

    /// Checks what needs no host. The error is the refusal.
    pub(super) fn read_submission(&self, submission: &Submission) -> Result<Accepted, Refusal> {
        let old = self.wanted.topologies.get(&submission.name);
        let record = TopologyRecord {
            name: submission.name.clone(),
            revision: old.map_or(0, |old| old.record.revision) + 1,
            source: submission.source.clone(),
            artifacts: same_bytes_same_source(&submission.artifacts, old),
            submitted_ms: 0,
            submission_id: String::new(),
            slots: BTreeMap::new(),
        };
        let accepted = Accepted::read(record).map_err(|problems| {
            let reasons = problems.iter().map(|problem| Reason {
                code: problem.code,
                task: None,
                statement: problem.message.clone(),
                span: problem.labels.first().map(|label| label.span.clone()),
                topology: Some(submission.name.clone()),
            });
            Refusal {
                reasons: reasons.collect(),
                sentence: "the topology file is not valid".to_owned(),
                hint: "lathe check FILE shows each place".to_owned(),
            }
        })?;
        if accepted.topology.name != submission.name {
            let sentence = format!(
                "the file names its topology `{}`, and it was submitted as `{}`",
                accepted.topology.name, submission.name
            );
            return Err(plain(Code::UNKNOWN_TOPOLOGY, &sentence, "submit it under its own name"));
        }
        for task in &accepted.topology.tasks {
            self.check_owner(&accepted, task)?;
            check_artifact(&accepted, task)?;
        }
        Ok(accepted)
    }

    fn check_owner(&self, accepted: &Accepted, task: &TaskSpec) -> Result<(), Refusal> {
        match self.wanted.owner(&task.path) {
            Some(owner) if owner != accepted.record.name => Err(at_task(
                Code::TASK_OWNED_ELSEWHERE,
                task,
                &format!("task `{}` belongs to topology `{owner}`", task.path),
                &format!("rename the task, or remove topology `{owner}` first"),
            )),
            _ => Ok(()),
        }
    }

    /// Writes the revision whose end state is planned; instances follow from it.
    pub(super) fn accept(
        &mut self,
        ask: AskId,
        accepted: Accepted,
        more: Vec<Write>,
        reverting: Option<Refusal>,
        out: &mut Vec<Command>,
    ) {
        let name = accepted.record.name.clone();
        let mut writes = vec![Write::Topology(accepted.record.clone())];
        writes.extend(more);
        writes.extend(self.task_writes(&accepted));
        let accepting = Accepting { accepted: Some(accepted), name, ask, reverting };
        self.persist(writes, Then::Accept(Box::new(accepting)), out);
    }

    /// The tasks' records as the new revision wants them, tombstones for those that it drops.
    pub(super) fn task_writes(&mut self, accepted: &Accepted) -> Vec<Write> {
        let mut writes = Vec::new();
        let kept: BTreeSet<&TaskPath> =
            accepted.topology.tasks.iter().map(|task| &task.path).collect();
        let dropped: Vec<TaskPath> = self
            .tasks
            .iter()
            .filter(|(path, record)| {
                record.topology == accepted.record.name && !record.removed && !kept.contains(path)
            })
            .map(|(path, _)| path.clone())
            .collect();
        for path in dropped {
            writes.extend(self.bury(&path));
        }
        for task in &accepted.topology.tasks {
            let old = self.tasks.get(&task.path);
            let mut groups: BTreeSet<String> =
                old.map(|old| old.groups.iter().cloned().collect()).unwrap_or_default();
            groups.insert(task.path.to_string());
            groups.extend(task.carried_tags().iter().map(ToString::to_string));
            let record = TaskRecord {
                topology: accepted.record.name.clone(),
                task: task.path.to_string(),
                groups: groups.into_iter().collect(),
                own: task.own.clone(),
                crate_name: task.crate_name.clone(),
                version: task.version.clone(),
                removed: false,
                touched: old.map_or(0, |old| old.touched) + 1,
            };
            self.tasks.insert(task.path.clone(), record.clone());
            writes.push(Write::Task(record));
        }
        writes
    }

    fn bury(&mut self, path: &TaskPath) -> Option<Write> {
        let record = self.tasks.get_mut(path)?;
        record.removed = true;
        record.touched += 1;
        Some(Write::Task(record.clone()))
    }

    pub(super) fn remove(&mut self, ask: AskId, name: &str, out: &mut Vec<Command>) {
        if !self.wanted.topologies.contains_key(name) {
            let known: Vec<&str> = self.wanted.topologies.keys().map(String::as_str).collect();
            let hint = if known.is_empty() {
                "no topology runs here".to_owned()
            } else {
                format!("topologies here: {}", known.join(", "))
            };
            let sentence = format!("there is no topology `{name}`");
            refuse(ask, "unknown topology", plain(Code::UNKNOWN_TOPOLOGY, &sentence, &hint), out);
            return;
        }
        self.forget(ask, name, None, out);
    }

    fn forget(
        &mut self,
        ask: AskId,
        name: &str,
        reverting: Option<Refusal>,
        out: &mut Vec<Command>,
    ) {
        let mut writes = vec![Write::TopologyRemoved(name.to_owned())];
        let paths: Vec<TaskPath> = self
            .tasks
            .iter()
            .filter(|(_, record)| record.topology == name && !record.removed)
            .map(|(path, _)| path.clone())
            .collect();
        for path in paths {
            writes.extend(self.bury(&path));
        }
        let accepting = Accepting { accepted: None, name: name.to_owned(), ask, reverting };
        self.persist(writes, Then::Accept(Box::new(accepting)), out);
    }

    pub(super) fn accept_committed(
        &mut self,
        now: Time,
        accepting: Accepting,
        out: &mut Vec<Command>,
    ) {
        let Accepting { accepted, name, ask, reverting } = accepting;
        let before = self.wanted.topologies.get(&name).map(|old| old.record.clone());
        let revision = match accepted {
            Some(accepted) => {
                let revision = accepted.record.revision;
                self.adopt(accepted);
                let draft = EventDraft::new("submitted", format!("revision {revision}"));
                self.publish(now, draft.of_topology(&name), out);
                revision
            }
            None => {
                let old = self.wanted.topologies.remove(&name);
                let draft = EventDraft::new("removed", String::new()).of_topology(&name);
                self.publish(now, draft, out);
                old.map_or(0, |old| old.record.revision)
            }
        };
        self.job_accepted();
        self.repair_not_before_ms = now;
        if let Some(refusal) = reverting {
            return refuse(ask, "reverted", refusal, out);
        }
        out.push(Command::Answer { ask, answer: Answer::Committed { revision } });
        self.watchers.push(Watcher { ask, topology: name, revision, changed: true, before });
    }

    /// The revision counts from now on: its slots exist, and back-offs of old contents end.
    pub(super) fn adopt(&mut self, accepted: Accepted) {
        for id in accepted.instances() {
            let fresh = super::records::InstanceRecord {
                id: id.clone(),
                topology: accepted.record.name.clone(),
                counter: 0,
                early_ends: 0,
                not_before_ms: 0,
                lives: Vec::new(),
                finished: false,
                last_host: None,
                last_end: None,
            };
            let record = self.instances.entry(id).or_insert(fresh);
            record.topology.clone_from(&accepted.record.name);
            record.early_ends = 0;
            record.not_before_ms = 0;
            record.finished = false;
        }
        self.wanted.topologies.insert(accepted.record.name.clone(), accepted);
    }

    /// The rest of a submission cannot be carried out any more: a new revision says what the one
    /// before it said, and the caller is told why. Without a caller nothing is undone: it was all
    /// accepted once, and what cannot be placed waits with its reasons.
    pub(super) fn revert(&mut self, now: Time, refusal: &Refusal, out: &mut Vec<Command>) {
        let missing = self.missing(now);
        let broken: BTreeSet<String> = missing
            .iter()
            .filter_map(|id| self.wanted.owner(&id.task).map(str::to_owned))
            .collect();
        let (hit, kept): (Vec<Watcher>, Vec<Watcher>) = std::mem::take(&mut self.watchers)
            .into_iter()
            .partition(|watcher| watcher.changed && broken.contains(&watcher.topology));
        self.watchers = kept;
        for watcher in hit {
            let Watcher { ask, topology, revision, before, .. } = watcher;
            let why = Some(refusal.clone());
            let old = before.and_then(|mut record| {
                record.revision = revision + 1;
                Accepted::read(record).ok()
            });
            match old {
                Some(old) => self.accept(ask, old, Vec::new(), why, out),
                None => self.forget(ask, &topology, why, out),
            }
        }
    }

    /// Tells callers whose topology has become what they wanted, or will not soon.
    pub(super) fn tend_watchers(&mut self, _now: Time, out: &mut Vec<Command>) {
        let watchers = std::mem::take(&mut self.watchers);
        for watcher in watchers {
            match self.outcome(&watcher.topology) {
                Some(ready) => {
                    let Watcher { revision, changed, .. } = watcher;
                    let answer = Answer::Done { revision, changed, ready };
                    out.push(Command::Answer { ask: watcher.ask, answer });
                }
                None => self.watchers.push(watcher),
            }
        }
    }

    /// How many are ready, once nothing more is to be expected.
    pub(super) fn outcome(&self, name: &str) -> Option<u32> {
        let Some(accepted) = self.wanted.topologies.get(name) else {
            let left = self.instances.values().any(|r| r.topology == name && !r.lives.is_empty());
            return (!left).then_some(0);
        };
        let mut ready = 0;
        let mut open = false;
        let mut hopeless = false;
        for record in self.instances.values().filter(|record| record.topology == name) {
            let wanted = self.wanted.of(&record.id).is_some();
            let settled = match record.lives.as_slice() {
                [] => !wanted || record.finished,
                [life] => wanted && life.phase == Phase::Ready && !self.must_end(record, life),
                _ => false,
            };
            hopeless |= wanted && record.early_ends >= HOPELESS_ENDS;
            open |= !settled;
            ready += u32::from(settled && wanted && !record.lives.is_empty());
        }
        let listed = accepted.instances().all(|id| self.instances.contains_key(&id));
        (hopeless || (listed && !open)).then_some(ready)
    }
}

/// A source that gives the very binary that runs already is no other source: what stands beside
/// the code (a topology, a README) may change without a restart.
fn same_bytes_same_source(new: &[ArtifactRecord], old: Option<&Accepted>) -> Vec<ArtifactRecord> {
    let mut artifacts = new.to_vec();
    for artifact in &mut artifacts {
        let before = old.into_iter().flat_map(|old| &old.record.artifacts).find(|before| {
            before.crate_name == artifact.crate_name
                && before.version == artifact.version
                && before.sha256 == artifact.sha256
        });
        if let Some(before) = before {
            artifact.source_key.clone_from(&before.source_key);
        }
    }
    artifacts
}

fn check_artifact(accepted: &Accepted, task: &TaskSpec) -> Result<(), Refusal> {
    let Some(built) = accepted.artifact(task) else {
        let sentence =
            format!("no binary of crate `{}` {} was sent along", task.crate_name, task.version);
        return Err(at_task(Code::ARTIFACT_MISSING, task, &sentence, "submit with `lathe submit`"));
    };
    if built.sdk && !built.tasks.contains(&task.task) {
        let sentence = format!(
            "crate `{}` {} has no task `{}`; it has: {}",
            task.crate_name,
            task.version,
            task.task,
            built.tasks.join(", ")
        );
        return Err(at_task(Code::TASK_NOT_IN_BINARY, task, &sentence, "name one of these"));
    }
    Ok(())
}

pub(super) fn plain(code: Code, sentence: &str, hint: &str) -> Refusal {
    let reason =
        Reason { code, task: None, statement: sentence.to_owned(), span: None, topology: None };
    Refusal { reasons: vec![reason], sentence: sentence.to_owned(), hint: hint.to_owned() }
}

fn at_task(code: Code, task: &TaskSpec, sentence: &str, hint: &str) -> Refusal {
    let mut refusal = plain(code, sentence, hint);
    if let Some(reason) = refusal.reasons.first_mut() {
        reason.task = Some(task.path.clone());
        reason.span = Some(task.span.clone());
    }
    refusal
}

pub(super) fn refuse(ask: AskId, verdict: &str, refusal: Refusal, out: &mut Vec<Command>) {
    let refused = Refused { verdict: verdict.to_owned(), refusal };
    out.push(Command::Answer { ask, answer: Answer::Refused(refused) });
}
