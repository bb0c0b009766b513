//! What of a stream of events does not depend on time.

use std::collections::BTreeMap;

use lathe_mesos::v1::scheduler::Event;
use lathe_mesos::v1::{self, TaskState};

pub(crate) fn offers_in(events: &[Event]) -> Vec<v1::Offer> {
    events.iter().filter_map(|event| event.offers.clone()).flat_map(|list| list.offers).collect()
}

pub(crate) fn rack_of(offer: &v1::Offer) -> String {
    let rack = offer.attributes.iter().find(|attribute| attribute.name == "rack");
    rack.and_then(|rack| rack.text.clone()).map_or("r1".to_owned(), |text| text.value)
}

pub(crate) fn cpus(offer: &v1::Offer) -> f64 {
    let cpus = offer.resources.iter().find(|resource| resource.name == "cpus");
    cpus.and_then(|cpus| cpus.scalar).map_or(0.0, |scalar| scalar.value)
}

/// What was said of each task: state, reason, source, whether it is to be acknowledged. An update
/// that came again is counted once.
pub(crate) fn said_of_tasks(events: &[Event]) -> BTreeMap<String, Vec<String>> {
    let mut said: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut seen = Vec::new();
    for status in events.iter().filter_map(|event| event.update.as_ref()).map(|u| &u.status) {
        if let Some(uuid) = &status.uuid {
            if seen.contains(uuid) {
                continue;
            }
            seen.push(uuid.clone());
        }
        let text = format!(
            "{:?} {:?} {:?} {} {}",
            status.state(),
            status.reason.map(|_| status.reason()),
            status.source(),
            status.uuid.is_some(),
            // Amounts are in this one's text.
            if status.state() == TaskState::TaskError { "" } else { without_ids(status.message()) },
        );
        said.entry(status.task_id.value.clone()).or_default().push(text);
    }
    said
}

/// A message up to the first id in it.
fn without_ids(message: &str) -> &str {
    message.split(" Offer ").next().unwrap_or_default()
}

/// The failures: of which executor, or of an agent as a whole.
pub(crate) fn failures(events: &[Event]) -> Vec<Option<String>> {
    let failures = events.iter().filter_map(|event| event.failure.as_ref());
    failures.map(|failure| failure.executor_id.clone().map(|id| id.value)).collect()
}
