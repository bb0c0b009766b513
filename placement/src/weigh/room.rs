//! Room and fixed ports: what is short on a host, and by how much.
//!
//! Owns the sums of what the others use. Must not know rules.

use std::collections::{BTreeMap, BTreeSet};

use lathe_topology::{Code, Resources, format_bytes, format_cpus};

use super::scene::Scene;
use super::{Cause, Objection};
use crate::Host;
use crate::model::port_count;
use crate::parties::Parties;

type Sums = [u128; 4];

/// What is used on each host without the weighed instance.
pub(super) struct Ledger {
    used: Vec<Sums>,
    /// Users of each fixed port number.
    ports: Vec<BTreeMap<u16, Parties>>,
    need: Sums,
    /// Numbers of the instance's own fixed ports.
    fixed: BTreeSet<u16>,
}

fn amounts(resources: &Resources) -> Sums {
    [
        u128::from(resources.cpus_milli),
        u128::from(resources.mem_bytes),
        u128::from(resources.disk_bytes),
        resources.ports.len() as u128,
    ]
}

fn plus(one: Sums, other: Sums) -> Sums {
    std::array::from_fn(|at| one[at] + other[at])
}

fn fixed_ports(resources: &Resources) -> impl Iterator<Item = u16> + '_ {
    resources.ports.iter().filter_map(|port| port.fixed)
}

fn offered(host: &Host) -> Sums {
    let capacity = &host.capacity;
    [
        u128::from(capacity.cpus_milli),
        u128::from(capacity.mem_bytes),
        u128::from(capacity.disk_bytes),
        u128::from(port_count(&capacity.ports)),
    ]
}

fn amount(resource: usize, value: u128) -> String {
    let value = u64::try_from(value).unwrap_or(u64::MAX);
    match resource {
        0 => format!("{} cpus", format_cpus(value)),
        1 => format!("{} of memory", format_bytes(value)),
        2 => format!("{} of disk", format_bytes(value)),
        _ => format!("{value} port{}", if value == 1 { "" } else { "s" }),
    }
}

impl Ledger {
    pub(super) fn new(scene: &Scene<'_, '_>) -> Self {
        let overhead = amounts(&scene.input.options.overhead);
        let hosts = scene.input.hosts.len();
        let mut ledger = Self {
            used: vec![[0; 4]; hosts],
            ports: vec![BTreeMap::new(); hosts],
            need: plus(amounts(&scene.spec.resources), overhead),
            fixed: fixed_ports(&scene.spec.resources)
                .chain(fixed_ports(&scene.input.options.overhead))
                .collect(),
        };
        for other in &scene.others {
            let resources = scene.profile(other).resources;
            let sums = &mut ledger.used[other.host];
            *sums = plus(plus(*sums, amounts(resources)), overhead);
            let overhead = fixed_ports(&scene.input.options.overhead);
            let numbers: BTreeSet<u16> = fixed_ports(resources).chain(overhead).collect();
            for number in numbers {
                ledger.ports[other.host].entry(number).or_default().add(|| scene.name(other));
            }
        }
        ledger
    }

    /// Whether it would take more there than it takes now.
    fn is_new(&self, scene: &Scene<'_, '_>, at: usize) -> bool {
        let Some(now) = scene.running.filter(|_| scene.now == Some(at)) else { return true };
        let overhead = &scene.input.options.overhead;
        let had = plus(amounts(&now.resources), amounts(overhead));
        let numbers: BTreeSet<u16> =
            fixed_ports(&now.resources).chain(fixed_ports(overhead)).collect();
        self.need.iter().zip(had).any(|(need, had)| *need > had) || !self.fixed.is_subset(&numbers)
    }

    pub(super) fn objections(
        &self,
        scene: &Scene<'_, '_>,
        at: usize,
        host: &Host,
    ) -> Vec<Objection> {
        let is_new = self.is_new(scene, at);
        let mut found = Vec::new();
        if is_new {
            let has = offered(host);
            let short =
                (0..has.len()).filter(|&one| self.used[at][one] + self.need[one] > has[one]);
            found.extend(short.map(|one| self.short(scene, at, one, has[one])));
        }
        let ranges = &host.capacity.ports;
        for number in &self.fixed {
            let told = |sentence| self.objection(scene, Cause::Port, sentence);
            if !ranges.iter().any(|(from, to)| from <= number && number <= to) {
                found.push(told(format!(
                    "it needs port {number}, which is not this host's to give"
                )));
            }
            if let Some(users) = self.ports[at].get(number).filter(|_| is_new) {
                let has = users.verb("has", "have");
                found.push(told(format!("it needs port {number}, which {} {has}", users.listed())));
            }
        }
        found
    }

    fn short(&self, scene: &Scene<'_, '_>, at: usize, one: usize, has: u128) -> Objection {
        let need = self.need[one];
        let free = has.saturating_sub(self.used[at][one]);
        let needs = format!("with its executor it needs {}", amount(one, need));
        if need > has {
            let sentence = format!("{needs}, and the host has {} in all", amount(one, has));
            return self.objection(scene, Cause::Size, sentence);
        }
        let missing = amount(one, need - free);
        let sentence = match free {
            0 => format!("{needs}, and nothing is free of {}", amount(one, has)),
            _ => format!("{needs}, and {} are free: {missing} short", amount(one, free)),
        };
        self.objection(scene, Cause::Room, sentence)
    }

    fn objection(&self, scene: &Scene<'_, '_>, cause: Cause, sentence: String) -> Objection {
        let code = match cause {
            Cause::Size => Code::TOO_LARGE_FOR_ANY_HOST,
            _ => Code::BLOCKED,
        };
        Objection {
            cause,
            code,
            topology: scene.topology.to_owned(),
            task: scene.spec.path.clone(),
            statement: crate::wording::resources_text(&scene.spec.resources),
            span: scene.spec.span.clone(),
            sentence,
        }
    }
}
