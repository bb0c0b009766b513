//! What topologies said before: kept with each new revision, up to a bound, for people to look at
//! and to go back to.

use std::collections::BTreeMap;

use lathe_api::rest::{RevisionTask, RevisionView};

use super::Framework;
use super::command::Command;
use super::persist::Then;
use super::records::{REVISIONS_KEPT, TopologyRecord, Write};
use super::wanted::Accepted;

/// Earlier revisions of each topology by their numbers.
pub(super) type History = BTreeMap<String, BTreeMap<u64, TopologyRecord>>;

pub(super) fn history_of(records: Vec<TopologyRecord>) -> History {
    let mut history = History::new();
    for record in records {
        history.entry(record.name.clone()).or_default().insert(record.revision, record);
    }
    history
}

impl Framework {
    /// What counts now becomes history; what is too old goes. Written before the revision that
    /// takes its place, so that no single write has to carry both.
    pub(super) fn keep_revision(&mut self, name: &str, out: &mut Vec<Command>) {
        let Some(accepted) = self.wanted.get(name) else { return };
        let mut record = accepted.record.clone();
        // The plan of that time means nothing any more.
        record.slots.clear();
        record.rollout = None;
        let good = accepted.record.rollout.as_ref().map(|rollout| rollout.good);
        let kept = self.history.entry(name.to_owned()).or_default();
        kept.insert(record.revision, record.clone());
        let mut writes = vec![Write::Revision(record)];
        while kept.len() >= REVISIONS_KEPT {
            // What a failed update goes back to stays.
            let oldest = kept.keys().copied().find(|revision| Some(*revision) != good);
            let Some(revision) = oldest else { break };
            kept.remove(&revision);
            writes.push(Write::RevisionRemoved { name: name.to_owned(), revision });
        }
        self.persist(writes, Then::Do(Vec::new()), out);
    }

    pub(super) fn forget_history(&mut self, name: &str) -> Vec<Write> {
        let kept = self.history.remove(name).unwrap_or_default();
        kept.into_keys()
            .map(|revision| Write::RevisionRemoved { name: name.to_owned(), revision })
            .collect()
    }

    /// The present revision of a topology and those before it, the newest first; none where there
    /// is no such topology.
    #[must_use]
    pub fn revisions(&self, name: &str) -> Option<Vec<RevisionView>> {
        let present = self.wanted.get(name)?;
        let mut views = vec![view_of(&present.record, true)];
        let before = self.history.get(name).into_iter().flatten().rev();
        let older = before.filter(|(revision, _)| **revision < present.record.revision);
        views.extend(older.map(|(_, record)| view_of(record, false)));
        Some(views)
    }
}

fn view_of(record: &TopologyRecord, present: bool) -> RevisionView {
    let tasks = Accepted::read(record.clone()).map_or_else(
        |_| Vec::new(),
        |read| {
            let tasks = read.topology.tasks.iter().map(|task| RevisionTask {
                task: task.path.to_string(),
                crate_name: task.crate_name.clone(),
                version: task.version.clone(),
                wanted: task.count,
            });
            tasks.collect()
        },
    );
    RevisionView {
        revision: record.revision,
        present,
        submitted_ms: record.submitted_ms,
        submission_id: record.submission_id.clone(),
        cause: if record.cause.is_empty() { "submitted".to_owned() } else { record.cause.clone() },
        tasks,
    }
}
