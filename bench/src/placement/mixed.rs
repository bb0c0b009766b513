//! Rules of all words between tasks of all sizes, around a placement that was there first: a hard rule
//! is written only where that placement keeps it.

use std::collections::BTreeSet;

use super::case::{Case, Known, hosts};
use super::draw::Draw;
use super::tables::Table;

const CPUS: [u64; 6] = [100, 200, 250, 500, 1_000, 2_000];
const MEM: [u64; 6] = [128, 256, 512, 1_024, 2_048, 4_096];
const TAGS_MOST: usize = 3;
const RULES_MOST: usize = 7;

pub(super) fn made([kinds, tasks, number]: [usize; 3], full: usize, seed: usize) -> Case {
    let mut draw = Draw::new(seed as u64 + 1_000 * full as u64);
    let shared = (kinds / 2).max(4);
    let mut tables: Vec<Table> = counts(kinds, tasks, &mut draw)
        .into_iter()
        .enumerate()
        .map(|(at, count)| {
            let tags: BTreeSet<usize> =
                (0..draw.below(TAGS_MOST)).map(|_| draw.below(shared)).collect();
            Table {
                name: format!("t{at}"),
                count: u32::try_from(count).unwrap_or(u32::MAX),
                cpus: *draw.of(&CPUS),
                mem: *draw.of(&MEM),
                tags: tags.into_iter().map(|tag| format!("g{tag}")).collect(),
                ..Table::default()
            }
        })
        .collect();
    let sum = |of: fn(&Table) -> u64| -> u64 {
        tables.iter().map(|table| of(table) * u64::from(table.count)).sum()
    };
    let (cpus, mem) = (sum(|one| one.cpus), sum(|one| one.mem));
    // Half of the hosts are twice as large as the other half.
    let size =
        |all: u64, least: u64| (all * 100 * 2 / (full as u64 * 3 * number as u64) + 1).max(least);
    let mut small = (size(cpus, 2_000), size(mem, 4_096));
    let (cluster, plant) = loop {
        let sizes =
            (0..number).map(|at| if at % 2 == 0 { small } else { (small.0 * 2, small.1 * 2) });
        let sizes: Vec<(u64, u64)> = sizes.collect();
        if let Some(plant) = planted(&tables, &sizes, &mut draw) {
            break (hosts(sizes), plant);
        }
        small = (small.0 + small.0 / 50 + 1, small.1 + small.1 / 50 + 1);
    };
    for at in 0..tables.len() {
        tables[at].biases = rules(at, &tables, &plant, shared, &mut draw);
    }
    Case { tables, cluster, running: Default::default(), known: Known::Feasible }
}

/// Few tasks with many instances, many with few: Pareto with exponent 1.2.
fn counts(kinds: usize, tasks: usize, draw: &mut Draw) -> Vec<usize> {
    let weights: Vec<f64> =
        (0..kinds).map(|_| (1.0 - draw.share()).powf(-1.0 / 1.2).min(50.0)).collect();
    let all: f64 = weights.iter().sum();
    let share = |weight: f64| ((tasks as f64 * weight / all).round() as usize).max(1);
    let mut counts: Vec<usize> = weights.iter().map(|weight| share(*weight)).collect();
    while counts.iter().sum::<usize>() < tasks {
        let at = draw.below(kinds);
        counts[at] += 1;
    }
    while counts.iter().sum::<usize>() > tasks.max(kinds) {
        let at = draw.below(kinds);
        counts[at] = (counts[at] - 1).max(1);
    }
    counts
}

/// How many of each task are on each host, the largest placed first; none if they do not fit.
fn planted(tables: &[Table], sizes: &[(u64, u64)], draw: &mut Draw) -> Option<Vec<Vec<u32>>> {
    let mut order: Vec<usize> = (0..tables.len())
        .flat_map(|at| std::iter::repeat_n(at, tables[at].count as usize))
        .collect();
    draw.shuffle(&mut order);
    order.sort_by_key(|at| std::cmp::Reverse(tables[*at].cpus * 2 + tables[*at].mem));
    let mut left = sizes.to_vec();
    let mut plant = vec![vec![0; tables.len()]; sizes.len()];
    for at in order {
        let table = &tables[at];
        let fits = |left: &(u64, u64)| left.0 >= table.cpus && left.1 >= table.mem;
        let tried = (0..8).map(|_| draw.below(left.len())).find(|host| fits(&left[*host]));
        let host = tried.or_else(|| {
            let room = (0..left.len()).filter(|host| fits(&left[*host]));
            room.max_by_key(|host| left[*host].0 * 2 + left[*host].1)
        })?;
        left[host].0 -= table.cpus;
        left[host].1 -= table.mem;
        plant[host][at] += 1;
    }
    Some(plant)
}

fn rules(
    at: usize,
    tables: &[Table],
    plant: &[Vec<u32>],
    shared: usize,
    draw: &mut Draw,
) -> Vec<String> {
    let mut targets = BTreeSet::new();
    let mut rules = Vec::new();
    for _ in 0..draw.below(RULES_MOST) {
        let target = match draw.below(10) {
            0..3 => format!("t{}", draw.below(tables.len())),
            _ => format!("g{}", draw.below(shared)),
        };
        let weight = 1 + draw.below(100);
        let word = draw.below(4);
        if !targets.insert(target.clone()) {
            continue;
        }
        let carries = |table: &Table| table.name == target || table.tags.contains(&target);
        let others = plant.iter().filter(|host| host[at] > 0).map(|host| {
            let all: u32 = tables
                .iter()
                .zip(host.iter())
                .filter(|(table, _)| carries(table))
                .map(|(_, n)| n)
                .sum();
            all - u32::from(carries(&tables[at]))
        });
        let others: Vec<u32> = others.collect();
        rules.push(match word {
            0 if others.iter().all(|others| *others == 0) => format!("{target:?}, \"never\""),
            1 if others.iter().all(|others| *others > 0) => format!("{target:?}, \"always\""),
            0 | 2 => format!("{target:?}, \"avoid\", {weight}"),
            _ => format!("{target:?}, \"prefer\", {weight}"),
        });
    }
    rules
}
