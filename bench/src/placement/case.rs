//! A case: topology, hosts, what runs, and what is known of the answer.
//!
//! Owns the names of cases, which say everything of them: the same name is the same case.

use lathe_placement::{Capacity, Cluster, Host, Running};

use super::tables::Table;
use super::{bundles, flat, impossible, mixed, planted, racked};

/// What a case is known to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// A valid placement.
    Feasible,
    /// One with so many points, and none with more.
    Optimum(i64),
    /// None; so many statements are enough to say why.
    Impossible(usize),
    /// None while something else runs.
    Blocked(usize),
}

#[derive(Debug, Clone)]
pub(super) struct Case {
    pub(super) tables: Vec<Table>,
    pub(super) cluster: Cluster,
    pub(super) running: Running,
    pub(super) known: Known,
}

/// The case of a name such as `mixed:40:1000:100:70:1`.
pub(super) fn made(name: &str) -> Option<Case> {
    let mut parts = name.split(':');
    let family = parts.next()?;
    match family {
        "flat" => {
            let kind = parts.next()?;
            let [tasks, hosts, seed] = rest(parts)?;
            Some(flat::made(kind, tasks, hosts, seed))
        }
        "racked" => {
            let [kinds, tasks, hosts, full, seed] = rest(parts)?;
            Some(racked::made([kinds, tasks, hosts], full, seed))
        }
        "mixed" | "churn" => {
            let numbers: Vec<usize> = parts.map(str::parse).collect::<Result<_, _>>().ok()?;
            let [kinds, tasks, hosts] = numbers.get(..3)?.try_into().ok()?;
            let [full, seed] = match numbers[3..] {
                [full, seed] => [full, seed],
                [seed] => [70, seed],
                _ => return None,
            };
            Some(mixed::made([kinds, tasks, hosts], full, seed))
        }
        "planted" => {
            let [tasks, hosts, slack, seed] = rest(parts)?;
            Some(planted::made(tasks, hosts, slack, seed))
        }
        "bundles" => {
            let [tasks, full, seed] = rest(parts)?;
            Some(bundles::made(tasks, full, seed))
        }
        "impossible" => {
            let (kind, twin) = (parts.next()?, parts.next()?);
            let [hosts, seed] = rest(parts)?;
            impossible::made(kind, twin == "bad", hosts, seed)
        }
        _ => None,
    }
}

fn rest<const N: usize>(parts: std::str::Split<'_, char>) -> Option<[usize; N]> {
    let numbers: Vec<usize> = parts.map(str::parse).collect::<Result<_, _>>().ok()?;
    numbers.try_into().ok()
}

/// Hosts of these sizes: thousandths of a cpu and MiB each.
pub(super) fn hosts(sizes: impl IntoIterator<Item = (u64, u64)>) -> Cluster {
    let host = |(at, (cpus, mem)): (usize, (u64, u64))| Host {
        name: format!("h{at:05}"),
        capacity: Capacity {
            cpus_milli: cpus,
            mem_bytes: mem << 20,
            disk_bytes: 16 << 30,
            ports: vec![(8_000, 9_000)],
        },
        ..Host::default()
    };
    Cluster { hosts: sizes.into_iter().enumerate().map(host).collect() }
}

#[cfg(test)]
mod tests;
