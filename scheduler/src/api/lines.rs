//! Lines of what a refusal points at, in topologies whose file the caller has not sent.
//!
//! Owns the look into their records. It must not know why something is refused.

use std::collections::BTreeMap;
use std::time::Duration;

use lathe_api::v1;
use lathe_coordination::Store;
use lathe_topology::position;

use crate::framework::event::Edit;
use crate::framework::records::{TopologyRecord, topology_path};

/// How long the store may take: a refusal without lines is better than none.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is not looked up, and where the rest is.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    store: Option<Store>,
    /// The topology whose text is not the one that is stored: sent just now, or an earlier one.
    other_text: Option<String>,
}

impl Lines {
    pub(super) fn of(store: Option<&Store>, edit: Option<&Edit>) -> Self {
        let other_text = match edit {
            Some(Edit::Source(submission)) => Some(submission.name.clone()),
            Some(Edit::Rollback { topology, .. }) => Some(topology.clone()),
            _ => None,
        };
        Self { store: store.cloned(), other_text }
    }

    /// The refusal with lines where they are known.
    pub(super) async fn fill(&self, mut refusal: v1::Refusal) -> v1::Refusal {
        let Some(store) = &self.store else { return refusal };
        let found = tokio::time::timeout(PATIENCE, self.sources(store, &refusal)).await;
        let sources = found.unwrap_or_default();
        for reason in refusal.reasons.iter_mut().filter(|reason| reason.start < reason.end) {
            let start = reason.start as usize;
            let source = sources.get(&reason.topology).filter(|text| start < text.len());
            let line = source.map_or(0, |text| position(text, start).line);
            reason.line = u32::try_from(line).unwrap_or(0);
        }
        refusal
    }

    async fn sources(&self, store: &Store, refusal: &v1::Refusal) -> BTreeMap<String, String> {
        let mut sources = BTreeMap::new();
        for reason in refusal.reasons.iter().filter(|reason| reason.start < reason.end) {
            let name = &reason.topology;
            let skipped = name.is_empty() || self.other_text.as_ref() == Some(name);
            if skipped || sources.contains_key(name) {
                continue;
            }
            let Ok(Some(record)) = store.get(&topology_path(name)).await else { continue };
            if let Ok(topology) = serde_json::from_slice::<TopologyRecord>(&record.data) {
                sources.insert(name.clone(), topology.source);
            }
        }
        sources
    }
}
