//! When faults have ended: everything wanted runs once, nothing else runs, and the catalog agrees.

use std::collections::{BTreeMap, BTreeSet};

use lathe_catalog::State;
use lathe_mesos::v1::TaskState;

use super::{Breach, Check};
use crate::hosts::Hosts;
use crate::store::Store;

pub(crate) fn healed(store: &Store, hosts: &Hosts) -> Check {
    let not_yet = |what: String| Err(Breach::new("all heals", what));
    let mut wanted = BTreeSet::new();
    for topology in store.topologies() {
        if topology.rollout.is_some() {
            return not_yet(format!("the update of {} is not over", topology.name));
        }
        for (path, slots) in &topology.slots {
            wanted.extend(slots.iter().map(|slot| format!("{path}#{slot}")));
        }
    }
    let mut running = BTreeMap::new();
    for at in 0..hosts.hosts.len() {
        for id in hosts.alive(at) {
            let (instance, _) = id.rsplit_once('.').unwrap_or((id, ""));
            if let Some(other) = running.insert(instance.to_owned(), id.to_owned()) {
                return not_yet(format!("{other} and {id} run both"));
            }
        }
    }
    let finished = finished(store, hosts);
    let missing = wanted.iter().find(|id| !running.contains_key(*id) && !finished.contains(*id));
    if let Some(missing) = missing {
        return not_yet(format!("{missing} is wanted and does not run"));
    }
    if let Some(stray) = running.keys().find(|id| !wanted.contains(*id)) {
        return not_yet(format!("{stray} runs and is not wanted"));
    }
    let entries: BTreeSet<String> = store
        .entries()
        .into_iter()
        .filter(|entry| entry.state == State::Ready)
        .map(|entry| entry.incarnation)
        .collect();
    let alive: BTreeSet<String> = running.into_values().collect();
    if entries != alive {
        let odd: Vec<&String> = entries.symmetric_difference(&alive).collect();
        return not_yet(format!("catalog and hosts differ: {odd:?}"));
    }
    Ok(())
}

/// Instances whose work is done: by the newest life; or by one that was lost sight of, came back
/// when the life in its place had failed, and is durably what finished.
fn finished(store: &Store, hosts: &Hosts) -> BTreeSet<String> {
    let mut newest: BTreeMap<&str, (u64, bool)> = BTreeMap::new();
    let mut came_back = BTreeSet::new();
    for (id, birth) in &hosts.journal {
        let Some((instance, counter)) = id.rsplit_once('.') else { continue };
        let counter = counter.parse().unwrap_or(0);
        let done = birth.ended == Some(TaskState::TaskFinished);
        let known = newest.entry(instance).or_insert((counter, done));
        if counter > known.0 {
            *known = (counter, done);
        }
        let is_durable = || store.instance_of(id).is_some_and(|record| record.finished.is_some());
        if done && birth.lost_sight_of && is_durable() {
            came_back.insert(instance.to_owned());
        }
    }
    let done = newest.into_iter().filter(|(_, (_, done))| *done);
    done.map(|(id, _)| id.to_owned()).chain(came_back).collect()
}
