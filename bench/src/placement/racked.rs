//! The mixed family on hosts in racks and zones: a third of the wishes counts there, and every other task spreads
//! over zones.

use super::case::Case;
use super::draw::Draw;
use super::mixed;

const ZONES: usize = 3;
const HOSTS_A_RACK: usize = 5;

pub(super) fn made(sizes: [usize; 3], full: usize, seed: usize) -> Case {
    let mut case = mixed::made(sizes, full, seed);
    let mut draw = Draw::new(seed as u64 + 7_000_000);
    for (at, host) in case.cluster.hosts.iter_mut().enumerate() {
        host.attributes.insert("rack".to_owned(), format!("r{}", at / HOSTS_A_RACK));
        host.attributes.insert("zone".to_owned(), format!("z{}", at % ZONES));
    }
    for (at, table) in case.tables.iter_mut().enumerate() {
        for bias in &mut table.biases {
            let soft = bias.contains("\"avoid\"") || bias.contains("\"prefer\"");
            if soft && draw.below(3) == 0 {
                bias.push_str(if draw.below(2) == 0 { ", \"rack\"" } else { ", \"zone\"" });
            }
        }
        let own = format!("{:?}", table.name);
        if at % 2 == 0 && !table.biases.iter().any(|bias| bias.starts_with(&own)) {
            table.biases.push(format!("{own}, \"avoid\", {}, \"zone\"", 1 + draw.below(100)));
        }
    }
    case
}
