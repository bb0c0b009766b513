//! Many alike: 20 tasks without rules, apart from their own kind, or together with it in a rack.

use super::case::{Case, Known, hosts};
use super::draw::Draw;
use super::tables::Table;

const KINDS: usize = 20;

pub(super) fn made(kind: &str, tasks: usize, number: usize, seed: usize) -> Case {
    let mut draw = Draw::new(seed as u64);
    let table = |at: usize| {
        let name = format!("t{at}");
        let biases = match kind {
            "never" => vec![format!("{name:?}, \"never\"")],
            "rack" => vec![format!("{name:?}, \"prefer\", 50, \"rack\"")],
            _ => Vec::new(),
        };
        let count = tasks / KINDS + usize::from(at < tasks % KINDS);
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        Table { name, count, cpus: 500, mem: 2_048, biases, ..Table::default() }
    };
    let mut cluster = hosts((0..number).map(|_| (32_000, 128 * 1_024)));
    draw.shuffle(&mut cluster.hosts);
    for (at, host) in cluster.hosts.iter_mut().enumerate() {
        host.attributes.insert("rack".to_owned(), format!("r{}", at / 20));
    }
    let tables = (0..KINDS).map(table).collect();
    Case { tables, cluster, running: Default::default(), known: Known::Feasible }
}
