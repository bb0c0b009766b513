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

/// Where the instances of a task belong.
#[derive(Clone, Copy)]
struct Of {
    row: Option<usize>,
    removed: bool,
    given: bool,
}

impl<'a> Input<'a> {
    pub(crate) fn new(
        cluster: &'a Cluster,
        topologies: &'a [Topology],
        running: &'a Running,
        options: &'a Options,
    ) -> Self {
        let instances = instances(running);
        let (hosts, places) = host_rows(cluster, &instances);
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
        let mut last: Option<(&RunningInstance, Of)> = None;
        for (one, host) in instances.into_iter().zip(places) {
            let of = match last {
                Some((before, of)) if same_task(before, one) => of,
                _ => Of {
                    row: by_task.get(&(one.topology.as_str(), &one.task)).copied(),
                    removed: options.removing.contains(&one.topology),
                    given: given.contains(one.topology.as_str()),
                },
            };
            last = Some((one, of));
            if one.keep && !of.removed {
                input.before.push((host, one));
            }
            if !one.keep {
                input.fixed.push((host, one));
            } else if of.removed {
                input.unwanted.push(one);
            } else if !of.given {
                input.fixed.push((host, one));
            } else {
                let known = |at: usize| wanted[at].runs.last().map(|(slot, _, _)| *slot);
                match of.row.filter(|&at| known(at) != Some(one.slot)) {
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

impl Input<'_> {
    /// The same as if what runs of the given tasks were somebody else's.
    pub(crate) fn with_running_fixed(&self) -> Self {
        let mut fixed = self.fixed.clone();
        let mut wanted = self.wanted.clone();
        for row in &mut wanted {
            fixed.extend(row.runs.drain(..).map(|(_, host, one)| (host, one)));
        }
        Self {
            hosts: self.hosts.clone(),
            wanted,
            fixed,
            unwanted: Vec::new(),
            before: self.before.clone(),
            options: self.options,
        }
    }
}

/// Every host in order of names, and where among them each instance is.
fn host_rows<'a>(
    cluster: &'a Cluster,
    instances: &[&'a RunningInstance],
) -> (Vec<HostRow<'a>>, Vec<usize>) {
    let known = cluster.hosts.iter();
    let mut rows: Vec<HostRow<'_>> =
        known.map(|host| HostRow { name: host.name.as_str(), known: Some(host) }).collect();
    // Of two with one name the first stays.
    rows.sort_by_key(|row| row.name);
    rows.dedup_by_key(|row| row.name);
    let index = Index::new(&rows);
    let strangers: BTreeSet<&str> = instances
        .iter()
        .map(|one| one.host.as_str())
        .filter(|name| index.find(name).is_none())
        .collect();
    let index = if strangers.is_empty() {
        index
    } else {
        rows.extend(strangers.into_iter().map(|name| HostRow { name, known: None }));
        rows.sort_by_key(|row| row.name);
        Index::new(&rows)
    };
    let place = |one: &&RunningInstance| index.find(&one.host).expect("every host has a row");
    let places = instances.iter().map(place).collect();
    (rows, places)
}

/// Where a host stands, by its name. Names are only looked up here, and never walked through.
#[expect(clippy::disallowed_types, reason = "no order comes of it, and hosts are looked up often")]
struct Index<'a>(std::collections::HashMap<&'a str, usize, Hashing>);

type Hashing = std::hash::BuildHasherDefault<std::hash::DefaultHasher>;

impl<'a> Index<'a> {
    fn new(rows: &[HostRow<'a>]) -> Self {
        Self(rows.iter().enumerate().map(|(at, row)| (row.name, at)).collect())
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.0.get(name).copied()
    }
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
    let order = |one: &&RunningInstance, other: &&RunningInstance| {
        (one.topology.cmp(&other.topology))
            .then_with(|| one.task.cmp(&other.task))
            .then_with(|| one.slot.cmp(&other.slot))
            .then_with(|| one.host.cmp(&other.host))
            .then_with(|| one.keep.cmp(&other.keep))
    };
    let mut sorted: Vec<&RunningInstance> = running.instances.iter().collect();
    sorted.sort_by(order);
    sorted.dedup_by(|one, before| {
        key(one) == key(before) && one.host == before.host && same_task(one, before)
    });
    sorted
}
