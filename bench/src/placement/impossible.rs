//! Cases without a placement, and a twin of each that has one: the same with one statement other.
//!
//! A few statements are the reason; they stand among many tasks that have nothing to do with it.

use lathe_placement::{Running, RunningInstance};
use lathe_topology::{Bias, Resources, Target, Word};

use super::case::{Case, Known, hosts};
use super::draw::Draw;
use super::tables::Table;

/// All of them, with their twins.
pub(super) const NAMES: [&str; 20] = [
    "impossible:cycle:bad:10",
    "impossible:cycle:good:10",
    "impossible:crowd:bad:10",
    "impossible:crowd:good:10",
    "impossible:crowd:bad:1000",
    "impossible:crowd:good:1000",
    "impossible:closure:bad:100",
    "impossible:closure:good:100",
    "impossible:room:bad:50",
    "impossible:room:good:50",
    "impossible:room:bad:1000",
    "impossible:room:good:1000",
    "impossible:dead:bad:10",
    "impossible:dead:good:10",
    "impossible:zone:bad:100",
    "impossible:zone:good:100",
    "impossible:ports:bad:100",
    "impossible:ports:good:100",
    "impossible:pinned:bad:10",
    "impossible:pinned:good:10",
];
/// Those that are seen without a search.
pub(super) const STATIC: [&str; 5] = [
    "impossible:cycle:bad:10",
    "impossible:closure:bad:100",
    "impossible:dead:bad:10",
    "impossible:zone:bad:100",
    "impossible:ports:bad:100",
];
/// Those that have to be explained.
pub(super) const REFUSED: [&str; 10] = [
    "impossible:cycle:bad:10",
    "impossible:crowd:bad:10",
    "impossible:crowd:bad:1000",
    "impossible:closure:bad:100",
    "impossible:room:bad:50",
    "impossible:room:bad:1000",
    "impossible:dead:bad:10",
    "impossible:zone:bad:100",
    "impossible:ports:bad:100",
    "impossible:pinned:bad:10",
];

/// Thousandths of a cpu and MiB of a host.
const HOST: (u64, u64) = (4_000, 8 * 1_024);

fn task(name: &str, count: usize, cpus: u64, biases: &[&str]) -> Table {
    Table {
        name: name.to_owned(),
        count: u32::try_from(count).unwrap_or(u32::MAX),
        cpus,
        mem: 16,
        biases: biases.iter().map(|bias| (*bias).to_owned()).collect(),
        ..Table::default()
    }
}

pub(super) fn made(kind: &str, bad: bool, number: usize, seed: usize) -> Option<Case> {
    let mut draw = Draw::new(seed as u64);
    let mut cluster = hosts((0..number).map(|_| HOST));
    let mut running = Running::default();
    let more = usize::from(bad);
    let (mut tables, core) = match kind {
        "cycle" => cycle(2 + draw.below(5), bad),
        "crowd" => (vec![task("core", number + more, 50, &["\"core\", \"never\""])], 2),
        "closure" => {
            let cpus = if bad { 1_500 } else { 1_300 };
            let first = task("core0", 1, cpus, &["\"core1\", \"always\""]);
            let second = task("core1", 1, cpus, &["\"core2\", \"always\""]);
            (vec![first, second, task("core2", 1, cpus, &[])], 7)
        }
        "room" => {
            // Half of the hosts have one of the first; the second needs most of a host, without it.
            let half = number / 2;
            let rules = ["\"core0\", \"never\"", "\"core1\", \"never\""];
            let first = task("core0", half, 100, &rules);
            (vec![first, task("core1", number - half + more, 3_000, &[])], 6)
        }
        "dead" => {
            let tag = if bad { "nobody" } else { "n0" };
            let rule = format!("{tag:?}, \"always\"");
            (vec![task("core", 1, 10, &[&rule])], 2)
        }
        "zone" => {
            for (at, host) in cluster.hosts.iter_mut().enumerate() {
                let zone = if at % 3 == 0 { "z1" } else { "z2" };
                host.attributes.insert("zone".to_owned(), zone.to_owned());
                if zone == "z1" && (bad || at > 0) {
                    host.attributes.insert("disk".to_owned(), "ssd".to_owned());
                }
            }
            (
                vec![task(
                    "core",
                    1,
                    10,
                    &["\"@zone=z1\", \"always\"", "\"@disk=ssd\", \"never\""],
                )],
                3,
            )
        }
        "ports" => {
            let mut one = task("core", number + more, 10, &[]);
            one.port = Some(8_080);
            (vec![one], 2)
        }
        "pinned" => {
            let taken = number - usize::from(!bad);
            running.instances = (0..taken).map(|at| guard(at, &cluster.hosts[at].name)).collect();
            (vec![task("core", 1, 10, &[])], 2)
        }
        _ => return None,
    };
    for at in 0..10 + draw.below(50) {
        let mut noise = task(&format!("n{at}"), 1 + draw.below(3), 10, &[]);
        noise.biases.push(format!("\"n{}\", \"prefer\", {}", at + 1, 1 + draw.below(100)));
        tables.push(noise);
    }
    if let Some(last) = tables.last_mut() {
        last.biases.clear();
    }
    draw.shuffle(&mut tables);
    let known = match (bad, kind) {
        (false, _) => Known::Feasible,
        (true, "pinned") => Known::Blocked(core),
        (true, _) => Known::Impossible(core),
    };
    Some(Case { tables, cluster, running, known })
}

/// Each needs the next beside it, and the last bears not the first.
fn cycle(length: usize, bad: bool) -> (Vec<Table>, usize) {
    let one = |at: usize| {
        let rule = match at + 1 < length {
            true => format!("\"core{}\", \"always\"", at + 1),
            false if bad => "\"core0\", \"never\"".to_owned(),
            false => "\"core0\", \"avoid\", 5".to_owned(),
        };
        task(&format!("core{at}"), 1, 10, &[&rule])
    };
    ((0..length).map(one).collect(), 2 * length)
}

/// Something of another topology that bears nobody called `core`.
fn guard(slot: usize, host: &str) -> RunningInstance {
    let tag = "core".parse().expect("a good tag");
    let never =
        Bias { target: Target::Tag(tag), word: Word::Never, weight: 50, domain: None, span: 0..0 };
    RunningInstance {
        topology: "guards".to_owned(),
        task: "guard".parse().expect("a good path"),
        slot: u32::try_from(slot).unwrap_or(u32::MAX),
        host: host.to_owned(),
        tags: std::iter::once("guard".parse().expect("a good tag")).collect(),
        biases: vec![never],
        resources: Resources { cpus_milli: 10, mem_bytes: 1 << 20, disk_bytes: 0, ports: vec![] },
        keep: true,
    }
}
