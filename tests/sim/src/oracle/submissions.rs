//! A refused submission changes nothing; what is told to be accepted is durable; revisions rise.

use std::collections::{BTreeMap, BTreeSet};

use lathe_scheduler::framework::records::TopologyRecord;

use super::{Breach, Check};
use crate::store::Store;

/// What was written of topologies.
#[derive(Debug, Default)]
pub(super) struct Submissions {
    revisions: BTreeMap<String, u64>,
    /// The highest revision of each name that a removal has ended: its next begins anew.
    ended: BTreeMap<String, u64>,
    /// Every submission that ever made a revision.
    made: BTreeSet<String>,
    refused: BTreeSet<String>,
}

impl Submissions {
    pub(super) fn written(&mut self, record: &TopologyRecord) -> Check {
        let before = self.revisions.insert(record.name.clone(), record.revision).unwrap_or(0);
        if record.revision < before {
            let what = format!("{} went back from revision {before}", record.name);
            return Err(Breach::new("a revision does not go back", what));
        }
        self.made.insert(record.submission_id.clone());
        if self.refused.contains(&record.submission_id) {
            let what = format!("{} was refused, and it is written", record.submission_id);
            return Err(Breach::new("a refusal changes nothing", what));
        }
        Ok(())
    }

    pub(super) fn removed(&mut self, name: &str) {
        let revision = self.revisions.remove(name).unwrap_or(0);
        let ended = self.ended.entry(name.to_owned()).or_insert(0);
        *ended = revision.max(*ended);
    }

    pub(super) fn accepted(&self, name: &str, revision: u64, store: &Store) -> Check {
        match store.topology(name) {
            // What was durable may have been removed before a leader of the past got to tell it.
            Some(record)
                if record.revision < revision
                    && self.ended.get(name).is_none_or(|ended| *ended < revision) =>
            {
                let what = format!("revision {revision} of {name} is told, and is not durable");
                Err(Breach::new("what is accepted is durable", what))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn sent_again(&mut self, id: &str) {
        self.refused.remove(id);
    }

    pub(super) fn refused(&mut self, id: &str) -> Check {
        if id.is_empty() {
            return Ok(());
        }
        if self.made.contains(id) {
            let what = format!("{id} is refused, and it was written");
            return Err(Breach::new("a refusal changes nothing", what));
        }
        self.refused.insert(id.to_owned());
        Ok(())
    }
}
