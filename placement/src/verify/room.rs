//! The part of the check that is about capacity and ports.
//!
//! Owns the sums over a host, counted from the instances. Must not know rules.

use std::collections::{BTreeMap, BTreeSet};

use lathe_topology::{Resources, TaskSpec};

use super::{Case, Live, kept};
use crate::{Assignment, Host};

/// Whether an instance that stays would need more than it uses now.
pub(super) fn needs_more(case: &Case<'_>, one: &Assignment, spec: &TaskSpec) -> bool {
    let Some(run) = kept(case, one) else { return true };
    let (now, then) = (&run.resources, &spec.resources);
    let ports = |resources: &Resources| -> BTreeSet<u16> {
        resources.ports.iter().filter_map(|port| port.fixed).collect()
    };
    let overhead = ports(&case.options.overhead);
    let old: BTreeSet<u16> = ports(now).union(&overhead).copied().collect();
    then.cpus_milli > now.cpus_milli
        || then.mem_bytes > now.mem_bytes
        || then.disk_bytes > now.disk_bytes
        || then.ports.len() > now.ports.len()
        || !ports(then).is_subset(&old)
}

/// Every known host that gets something new has room for everything on it.
pub(super) fn check(case: &Case<'_>, end: &[Live<'_>], say: &mut impl FnMut(String)) {
    let mut by_host: BTreeMap<&str, Vec<&Live<'_>>> = BTreeMap::new();
    for one in end {
        by_host.entry(one.host).or_default().push(one);
    }
    for (name, there) in by_host {
        let Some(host) = case.hosts.get(name) else { continue };
        shared_ports(case, name, &there, say);
        if !there.iter().any(|one| one.fresh) {
            continue;
        }
        let overhead = &case.options.overhead;
        let sum = |of: fn(&Resources) -> u64| -> u128 {
            there.iter().map(|one| u128::from(of(one.resources)) + u128::from(of(overhead))).sum()
        };
        let has = &host.capacity;
        let sums = [
            ("cpus", sum(|all| all.cpus_milli), has.cpus_milli),
            ("memory", sum(|all| all.mem_bytes), has.mem_bytes),
            ("disk", sum(|all| all.disk_bytes), has.disk_bytes),
            ("ports", sum(|all| all.ports.len() as u64), port_numbers(host).len() as u64),
        ];
        for (what, used, capacity) in sums {
            if used > u128::from(capacity) {
                say(format!("{name} has {capacity} of {what}, {used} would be used"));
            }
        }
    }
}

fn port_numbers(host: &Host) -> BTreeSet<u16> {
    host.capacity.ports.iter().flat_map(|(from, to)| *from..=*to).collect()
}

/// A fixed port has one user on a host and is the host's to give.
fn shared_ports(case: &Case<'_>, name: &str, there: &[&Live<'_>], say: &mut impl FnMut(String)) {
    let mut users: BTreeMap<u16, Vec<&Live<'_>>> = BTreeMap::new();
    for one in there {
        let all = one.resources.ports.iter().chain(&case.options.overhead.ports);
        let numbers: BTreeSet<u16> = all.filter_map(|port| port.fixed).collect();
        for number in numbers {
            users.entry(number).or_default().push(one);
        }
    }
    let offered = case.hosts.get(name).map(|host| port_numbers(host)).unwrap_or_default();
    for (number, users) in users {
        if users.len() > 1 && users.iter().any(|one| one.fresh) {
            let names: Vec<&str> = users.iter().map(|one| one.name.as_str()).collect();
            say(format!("port {number} of {name} is used by {}", names.join(" and ")));
        }
        if !offered.contains(&number) && users.iter().any(|one| one.given) {
            say(format!("{name} does not offer port {number}"));
        }
    }
}
