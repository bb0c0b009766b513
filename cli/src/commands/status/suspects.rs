//! Who is suspect: registries hear heartbeats and write it into the catalog, which the scheduler does
//! not read. Best effort: when no registry answers at once, nobody is said to be suspect.

use std::collections::BTreeMap;
use std::time::Duration;

use lathe_api::rest::{Entry, InstanceView, StatusView};

use crate::client::Client;

/// How long registries may take, all together.
const PATIENCE: Duration = Duration::from_secs(1);
/// The only state in which the scheduler and a registry may differ for long.
const READY: &str = "ready";

/// Suspect incarnations with what is known of them.
pub(crate) type Suspects = BTreeMap<String, Entry>;

/// Asks a registry that the scheduler names, where anybody could be suspect.
pub(crate) async fn heard(client: &Client, instances: &[InstanceView]) -> Suspects {
    if instances.iter().all(|one| one.state != READY) {
        return Suspects::new();
    }
    tokio::time::timeout(PATIENCE, ask(client)).await.unwrap_or_default()
}

async fn ask(client: &Client) -> Suspects {
    let urls: Vec<String> = client.read("/v1/registries").await.unwrap_or_default();
    for url in urls {
        let Ok(registry) = client.named(url) else { continue };
        if let Ok(entries) = registry.read::<Vec<Entry>>("/v1/instances?state=suspect").await {
            let named = entries.into_iter().map(|entry| (entry.incarnation.clone(), entry));
            return named.collect();
        }
    }
    Suspects::new()
}

/// Shows them as suspect, and counts them as not ready.
pub(crate) fn mark(status: &mut StatusView, suspects: &Suspects) {
    for instance in &mut status.instances {
        if !mark_one(instance, suspects) {
            continue;
        }
        let tasks = status.topologies.iter_mut().flat_map(|topology| &mut topology.tasks);
        for task in tasks.filter(|task| task.task == instance.task) {
            task.ready = task.ready.saturating_sub(1);
        }
    }
}

/// Whether this one is suspect; then it is shown so.
pub(crate) fn mark_one(instance: &mut InstanceView, suspects: &Suspects) -> bool {
    let entry = instance.incarnation.as_ref().and_then(|incarnation| suspects.get(incarnation));
    let Some(entry) = entry.filter(|_| instance.state == READY) else { return false };
    entry.state.as_str().clone_into(&mut instance.state);
    instance.reason.clone_from(&entry.reason);
    instance.since_ms = entry.since_ms;
    true
}

#[cfg(test)]
mod tests;
