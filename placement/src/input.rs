//! The input in one fixed order: sorted, doubles dropped, running instances told apart.
//!
//! Owns the order that makes a plan independent of how the caller listed things. Must not know
//! rules or capacities.

use std::collections::{BTreeMap, BTreeSet};

use lathe_topology::{TaskPath, TaskSpec, Topology};

use crate::{Cluster, Host, Options, Running, RunningInstance};

/// A host as the solver sees it: known, or only named by something that runs on it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HostRow<'a> {
    pub(crate) name: &'a str,
    /// `None`: not among the known hosts; what runs there may stay, nothing new goes there.
    pub(crate) known: Option<&'a Host>,
}

/// A given task and the running instances of it that may be kept.
#[derive(Debug, Clone)]
pub(crate) struct Wanted<'a> {
    pub(crate) topology: &'a str,
    pub(crate) spec: &'a TaskSpec,
    /// Slot and host index, sorted by slot.
    pub(crate) runs: Vec<(u32, usize, &'a RunningInstance)>,
}

/// Everything that placement looks at, in a fixed order.
#[derive(Debug)]
pub(crate) struct Input<'a> {
    pub(crate) hosts: Vec<HostRow<'a>>,
    pub(crate) wanted: Vec<Wanted<'a>>,
    /// Instances that stay whatever happens: of other topologies, and those that are ending.
    pub(crate) fixed: Vec<(usize, &'a RunningInstance)>,
    /// Instances that are stopped whatever happens.
    pub(crate) unwanted: Vec<&'a RunningInstance>,
    /// Tags that live instances carry now, those being removed left out: per host index.
    pub(crate) before: Vec<(usize, &'a RunningInstance)>,
    pub(crate) options: &'a Options,
}

impl<'a> Input<'a> {
    pub(crate) fn new(
        cluster: &'a Cluster,
        topologies: &'a [Topology],
        running: &'a Running,
        options: &'a Options,
    ) -> Self {
        let hosts = host_rows(cluster, running);
        let index: BTreeMap<&str, usize> =
            hosts.iter().enumerate().map(|(at, row)| (row.name, at)).collect();
        let given: BTreeSet<&str> = topologies.iter().map(|one| one.name.as_str()).collect();
        let mut wanted = wanted_rows(topologies, options);
        let by_task: BTreeMap<(&str, &TaskPath), usize> = wanted
            .iter()
            .enumerate()
            .map(|(at, row)| ((row.topology, &row.spec.path), at))
            .collect();
        let mut input = Self {
            hosts,
            wanted: Vec::new(),
            fixed: Vec::new(),
            unwanted: Vec::new(),
            before: Vec::new(),
            options,
        };
        // Instances of a task stand in a row, so each task is looked up once.
        let mut last: Option<(&RunningInstance, Option<usize>)> = None;
        for one in instances(running) {
            let host = index[one.host.as_str()];
            let row = match last {
                Some((before, row)) if same_task(before, one) => row,
                _ => by_task.get(&(one.topology.as_str(), &one.task)).copied(),
            };
            last = Some((one, row));
            let removed = options.removing.contains(&one.topology);
            if one.keep && !removed {
                input.before.push((host, one));
            }
            if !one.keep {
                input.fixed.push((host, one));
            } else if removed {
                input.unwanted.push(one);
            } else if !given.contains(one.topology.as_str()) {
                input.fixed.push((host, one));
            } else {
                let known = |at: usize| wanted[at].runs.last().map(|(slot, _, _)| *slot);
                match row.filter(|&at| known(at) != Some(one.slot)) {
                    Some(at) => wanted[at].runs.push((one.slot, host, one)),
                    None => input.unwanted.push(one),
                }
            }
        }
        input.wanted = wanted;
        input
    }
}

impl<'a> Input<'a> {
    /// The same input with only some of its tasks, by index.
    pub(crate) fn only(&self, kinds: &BTreeSet<usize>) -> Self {
        Self {
            hosts: self.hosts.clone(),
            wanted: kinds.iter().map(|&at| self.wanted[at].clone()).collect(),
            fixed: self.fixed.clone(),
            unwanted: Vec::new(),
            before: self.before.clone(),
            options: self.options,
        }
    }
}

fn host_rows<'a>(cluster: &'a Cluster, running: &'a Running) -> Vec<HostRow<'a>> {
    let mut rows: BTreeMap<&str, Option<&Host>> = BTreeMap::new();
    for host in &cluster.hosts {
        rows.entry(host.name.as_str()).or_insert(Some(host));
    }
    for one in &running.instances {
        rows.entry(one.host.as_str()).or_insert(None);
    }
    rows.into_iter().map(|(name, known)| HostRow { name, known }).collect()
}

fn wanted_rows<'a>(topologies: &'a [Topology], options: &Options) -> Vec<Wanted<'a>> {
    let mut rows: BTreeMap<(&str, &TaskPath), &TaskSpec> = BTreeMap::new();
    for topology in topologies {
        if options.removing.contains(&topology.name) {
            continue;
        }
        for spec in &topology.tasks {
            rows.entry((topology.name.as_str(), &spec.path)).or_insert(spec);
        }
    }
    rows.into_iter()
        .map(|((topology, _), spec)| Wanted { topology, spec, runs: Vec::new() })
        .collect()
}

fn same_task(one: &RunningInstance, other: &RunningInstance) -> bool {
    one.task == other.task && one.topology == other.topology
}

/// Running instances sorted; of two with the same topology, task, slot, host and state the first is
/// taken.
fn instances(running: &Running) -> Vec<&RunningInstance> {
    let key = |one: &RunningInstance| (one.slot, one.keep);
    let mut sorted: Vec<&RunningInstance> = running.instances.iter().collect();
    sorted.sort_by(|one, other| {
        (one.topology.cmp(&other.topology))
            .then_with(|| one.task.cmp(&other.task))
            .then_with(|| one.slot.cmp(&other.slot))
            .then_with(|| one.host.cmp(&other.host))
            .then_with(|| one.keep.cmp(&other.keep))
    });
    sorted.dedup_by(|one, before| {
        key(one) == key(before) && one.host == before.host && same_task(one, before)
    });
    sorted
}
