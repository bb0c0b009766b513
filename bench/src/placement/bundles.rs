//! Tasks that need each other on their host: chains, stars and cycles of `always`, one of a kind a host.

use super::case::{Case, Known, hosts};
use super::draw::Draw;
use super::tables::Table;

const SHAPES: usize = 6;
const HOST: u64 = 8_000;
/// What fills the hosts up to the wanted share.
const PAD: u64 = 100;

pub(super) fn made(tasks: usize, full: usize, seed: usize) -> Case {
    let mut draw = Draw::new(seed as u64 + 100 * full as u64);
    let mut tables: Vec<Table> = Vec::new();
    let mut shapes: Vec<Vec<usize>> = Vec::new();
    for shape in 0..SHAPES {
        let length = 3 + draw.below(3);
        let name = |at: usize| format!("s{shape}k{at}");
        let members = (0..length).map(|at| {
            let needs = match shape % 3 {
                // A chain: each the next, the last nobody.
                0 => (at + 1 < length).then(|| at + 1),
                // A star: all the first.
                1 => (at > 0).then_some(0),
                _ => Some((at + 1) % length),
            };
            let own = format!("{:?}, \"never\"", name(at));
            let needs = needs.map(|other| format!("{:?}, \"always\"", name(other)));
            Table {
                name: name(at),
                cpus: 100 * (2 + draw.below(8) as u64),
                mem: 64,
                biases: std::iter::once(own).chain(needs).collect(),
                ..Table::default()
            }
        });
        let first = tables.len();
        tables.extend(members);
        shapes.push((first..tables.len()).collect());
    }
    // Hosts are filled one by one with different shapes until there are enough instances.
    let (mut placed, mut used, mut number) = (0, 0, 0);
    let wanted = HOST * full as u64 / 100;
    while placed < tasks {
        let mut order: Vec<usize> = (0..SHAPES).collect();
        draw.shuffle(&mut order);
        let mut here = 0;
        for shape in order {
            let cpus: u64 = shapes[shape].iter().map(|at| tables[*at].cpus).sum();
            if here + cpus <= wanted {
                here += cpus;
                placed += shapes[shape].len();
                shapes[shape].iter().for_each(|at| tables[*at].count += 1);
            }
        }
        number += 1;
        used += here;
    }
    let pads = (wanted * number as u64).saturating_sub(used) / PAD;
    let count = u32::try_from(pads).unwrap_or(u32::MAX);
    tables.push(Table { name: "pad".to_owned(), count, cpus: PAD, mem: 1, ..Table::default() });
    tables.retain(|table| table.count > 0);
    let cluster = hosts((0..number).map(|_| (HOST, 64 * 1_024)));
    Case { tables, cluster, running: Default::default(), known: Known::Feasible }
}
