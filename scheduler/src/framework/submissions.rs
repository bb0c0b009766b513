//! Submissions: checked, and accepted by one durable write. What follows from them is elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use lathe_catalog::TaskRecord;
use lathe_placement::{Reason, Refusal};
use lathe_topology::{Code, TaskPath, TaskSpec};

use super::command::{Answer, Command, Refused};
use super::event::Submission;
use super::ids::{AskId, JobId, Time};
use super::persist::Then;
use super::records::{ArtifactRecord, ByHand, TopologyRecord, Write};
use super::wanted::Accepted;
use super::watchers::Watcher;
use super::{EventDraft, Framework};

/// A revision on its way to the store.
#[derive(Debug)]
pub(super) struct Accepting {
    /// The new revision; none means that the topology is removed.
    pub(super) accepted: Option<Accepted>,
    pub(super) name: String,
    pub(super) ask: AskId,
    /// Why the revision before this one is given up; none where a caller asked for this one.
    pub(super) reverting: Option<Refusal>,
    /// The job that ends with it.
    pub(super) job: Option<JobId>,
}

/// A record must fit into the store, its slots and some growth included.
const RECORD_BYTES_MAX: usize = 768 * 1024;

impl Framework {
    /// Checks what needs no host. The error is the refusal.
    pub(super) fn read_submission(&self, submission: &Submission) -> Result<Accepted, Refusal> {
        let old = self.wanted.get(&submission.name);
        let record = TopologyRecord {
            name: submission.name.clone(),
            revision: old.map_or(0, |old| old.record.revision) + 1,
            source: submission.source.clone(),
            artifacts: same_bytes_same_source(&submission.artifacts, old),
            submitted_ms: 0,
            submission_id: String::new(),
            slots: BTreeMap::new(),
            by_hand: ByHand::default(),
            paused: old.is_some_and(|old| old.record.paused),
            cause: String::new(),
            rollout: None,
        };
        let accepted = self.read_record(record)?;
        if accepted.topology.name != submission.name {
            let sentence = format!(
                "the file names its topology `{}`, and it was submitted as `{}`",
                accepted.topology.name, submission.name
            );
            return Err(plain(Code::UNKNOWN_TOPOLOGY, &sentence, "submit it under its own name"));
        }
        Ok(accepted)
    }

    /// A record that may become a revision: it can be read, it fits into the store, its tasks are
    /// free or its own, and their binaries were sent.
    pub(super) fn read_record(&self, record: TopologyRecord) -> Result<Accepted, Refusal> {
        let name = record.name.clone();
        let accepted = Accepted::read(record).map_err(|problems| {
            let reasons = problems.iter().map(|problem| Reason {
                code: problem.code,
                task: None,
                statement: problem.message.clone(),
                span: problem.labels.first().map(|label| label.span.clone()),
                topology: Some(name.clone()),
            });
            Refusal {
                reasons: reasons.collect(),
                sentence: "the topology file is not valid".to_owned(),
                hint: "lathe check FILE shows each place".to_owned(),
                repairs: Vec::new(),
            }
        })?;
        let size = serde_json::to_vec(&accepted.record).map_or(usize::MAX, |bytes| bytes.len());
        if size > RECORD_BYTES_MAX {
            let sentence = format!(
                "the topology's record would have {size} bytes; {RECORD_BYTES_MAX} are taken"
            );
            return Err(plain(Code::LIMIT, &sentence, "split it into several topologies"));
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
        self.keep_revision(&name, out);
        let mut writes = vec![Write::Topology(accepted.record.clone())];
        writes.extend(more);
        writes.extend(self.task_writes(&accepted));
        let job = self.job.as_ref().map(|job| job.id).filter(|_| reverting.is_none());
        let accepting = Accepting { accepted: Some(accepted), name, ask, reverting, job };
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
        if let Err(refusal) = self.topology_named(name) {
            return refuse(ask, "unknown topology", refusal, out);
        }
        self.forget(ask, name, None, out);
    }

    pub(super) fn forget(
        &mut self,
        ask: AskId,
        name: &str,
        reverting: Option<Refusal>,
        out: &mut Vec<Command>,
    ) {
        let mut writes = vec![Write::TopologyRemoved(name.to_owned())];
        writes.extend(self.forget_history(name));
        let paths: Vec<TaskPath> = self
            .tasks
            .iter()
            .filter(|(_, record)| record.topology == name && !record.removed)
            .map(|(path, _)| path.clone())
            .collect();
        for path in paths {
            writes.extend(self.bury(&path));
        }
        let name = name.to_owned();
        let accepting = Accepting { accepted: None, name, ask, reverting, job: None };
        self.persist(writes, Then::Accept(Box::new(accepting)), out);
    }

    pub(super) fn accept_committed(
        &mut self,
        now: Time,
        accepting: Accepting,
        out: &mut Vec<Command>,
    ) {
        let Accepting { accepted, name, ask, reverting, job } = accepting;
        let before = self.wanted.get(&name).map(|old| old.record.clone());
        let revision = match accepted {
            Some(accepted) => {
                let revision = accepted.record.revision;
                let draft = EventDraft::new("submitted", accepted_text(&accepted.record));
                self.adopt(accepted);
                self.publish(now, draft.of_topology(&name), out);
                revision
            }
            None => {
                let old = self.wanted.remove(&name);
                self.no_way_back.remove(&name);
                self.instances.mark_all_of(&name);
                let draft = EventDraft::new("removed", String::new()).of_topology(&name);
                self.publish(now, draft, out);
                old.map_or(0, |old| old.record.revision)
            }
        };
        self.job_ended(job);
        self.repair_not_before_ms = now;
        self.room_may_have_come(now);
        if let Some(refusal) = reverting {
            return refuse(ask, "reverted", refusal, out);
        }
        out.push(Command::Answer { ask, answer: Answer::Committed { revision } });
        self.undo.entry(name.clone()).or_insert(before);
        self.watchers.push(Watcher { ask, topology: name, revision, changed: true });
    }

    /// The revision counts from now on: its slots exist, and back-offs of old contents end.
    pub(super) fn adopt(&mut self, accepted: Accepted) {
        let name = accepted.record.name.clone();
        for id in accepted.instances() {
            let record = self.instances.of(id, &name);
            record.topology.clone_from(&name);
            record.early_ends = 0;
            record.not_before_ms = 0;
        }
        self.wanted.insert(accepted);
        self.instances.mark_all_of(&name);
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

/// What an accepted revision is told as.
pub(super) fn accepted_text(record: &TopologyRecord) -> String {
    let revision = record.revision;
    if record.cause.is_empty() {
        format!("revision {revision}")
    } else {
        format!("revision {revision}: {}", record.cause)
    }
}

pub(crate) fn plain(code: Code, sentence: &str, hint: &str) -> Refusal {
    let reason =
        Reason { code, task: None, statement: sentence.to_owned(), span: None, topology: None };
    Refusal {
        reasons: vec![reason],
        sentence: sentence.to_owned(),
        hint: hint.to_owned(),
        repairs: Vec::new(),
    }
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
