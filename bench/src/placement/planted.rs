//! Hosts filled with bundles in which every wish is met: the most points that there can be are known.

use super::case::{Case, Known, hosts};
use super::draw::Draw;
use super::tables::Table;

/// Instances of a bundle, which fills a host.
const BUNDLE: usize = 10;
const KINDS_OF_BUNDLE: usize = 4;

pub(super) fn made(tasks: usize, number: usize, slack: usize, seed: usize) -> Case {
    let mut draw = Draw::new(seed as u64);
    let templates = (number / 10).clamp(2, 12);
    let mut tables: Vec<Table> = Vec::new();
    let mut optimum = 0;
    let mut sizes = Vec::new();
    let each = (tasks / number).clamp(KINDS_OF_BUNDLE, BUNDLE * 2);
    for template in 0..templates {
        let times = number / templates + usize::from(template < number % templates);
        let kinds = KINDS_OF_BUNDLE;
        let (mut cpus_all, mut mem_all) = (0, 0);
        for kind in 0..kinds {
            let of_host = each / kinds + usize::from(kind < each % kinds);
            let (cpus, mem) = (100 * (1 + draw.below(10) as u64), 128 * (1 + draw.below(8) as u64));
            cpus_all += cpus * of_host as u64;
            mem_all += mem * of_host as u64;
            let weight = 1 + draw.below(100);
            let friend = format!("b{template}k{}", (kind + 1) % kinds);
            let foe = format!("x{}", (template + 1 + draw.below(templates - 1)) % templates);
            let count = of_host * times;
            optimum += (weight * count) as i64;
            tables.push(Table {
                name: format!("b{template}k{kind}"),
                count: u32::try_from(count).unwrap_or(u32::MAX),
                cpus,
                mem,
                tags: vec![format!("x{template}")],
                biases: vec![
                    format!("{friend:?}, \"prefer\", {weight}"),
                    format!("{foe:?}, \"avoid\", {}", 1 + draw.below(100)),
                ],
                ..Table::default()
            });
        }
        let with = |all: u64| all * (100 + slack as u64) / 100;
        sizes.extend((0..times).map(|_| (with(cpus_all), with(mem_all))));
    }
    draw.shuffle(&mut sizes);
    let known = Known::Optimum(optimum);
    Case { tables, cluster: hosts(sizes), running: Default::default(), known }
}
