//! Others that place the same cases in the same run: CP-SAT and Fenzo.
//!
//! Owns who is asked what, for how long, and what is made of the answers. It must not know how a peer
//! is fetched or works. A peer that cannot be had leaves a row without one, and the row says why.

use lathe_engines::Peer;
use lathe_placement::RunningInstance;
use lathe_topology::{Bias, Word};
use serde_json::{Value, json};

use super::case::{Case, Known, made};
use crate::args::Figure;
use crate::row::{self, Measured, Series};
use crate::say;

/// Of a figure's cases peers get those of so many seeds: they take longer.
const SEEDS: u32 = 2;
/// Bundles of this size are too many for all seeds: the model alone takes long.
const LARGE: &str = ":20000:";

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// Until there is a plan or a verdict: this percentile.
    Time(u32),
    /// The share of cases with a plan.
    Placed,
    /// The same, and the row is about those cases for which the peer has one.
    Found,
    /// The share of cases with the right verdict.
    Right,
    /// The points, as a share of the bound that Lathe proves.
    Points,
}

/// Who is asked a figure's cases, for how many seconds each, and what for.
fn asked(figure: Figure) -> Option<(Peer, u32, What)> {
    Some(match figure {
        Figure::FlatPlain | Figure::FlatNever => (Peer::Fenzo, 0, What::Time(50)),
        Figure::MixedFirst => (Peer::CpSat, 60, What::Time(50)),
        Figure::MixedValid => (Peer::CpSat, 10, What::Placed),
        Figure::BundlesFull | Figure::BundlesFuller => (Peer::CpSat, 10, What::Found),
        Figure::MixedBound | Figure::MixedMiddle => (Peer::CpSat, 60, What::Points),
        Figure::RackedBound => (Peer::CpSat, 20, What::Points),
        Figure::ImpossibleVerdicts => (Peer::CpSat, 10, What::Right),
        Figure::ImpossibleStatic | Figure::ImpossibleReasons => (Peer::CpSat, 10, What::Time(95)),
        _ => return None,
    })
}

/// Asks the figure's peer, and puts what it did beside what was measured. Gives its answers.
pub(super) async fn beside(figure: Figure, own: &[Value], measured: &mut Measured) -> Value {
    let Some((peer, seconds, what)) = asked(figure) else { return Value::Null };
    let mut pairs = Vec::new();
    for one in own.iter().filter(|one| is_asked(one, what)) {
        let name = one["case"].as_str().unwrap_or_default();
        let Some(case) = made(name) else { continue };
        say::talk(&format!("{}: {name}", peer.name()));
        let question = question(&case, seconds, what == What::Points);
        match peer.ask(&[question]).await {
            Ok(mut answers) => {
                let mut answer = answers.remove(0);
                let feasible = matches!(case.known, Known::Feasible | Known::Optimum(_));
                let verdict = if feasible { "feasible" } else { "infeasible" };
                answer["right"] = json!(answer["verdict"] == verdict);
                pairs.push((one, answer));
            }
            Err(failure) => {
                say::talk(&failure.to_string());
                measured.how.push_str(&format!("; {}: {}", peer.name(), failure.code.text()));
                return Value::Null;
            }
        }
    }
    let (found, how) = compared(what, measured.value, &pairs);
    if what == What::Found && !pairs.is_empty() {
        let both = pairs.iter().filter(|(one, answer)| has_plan(answer) && one["valid"] == true);
        let found = pairs.iter().filter(|(_, answer)| has_plan(answer)).count();
        let placed = both.count();
        let planted = std::mem::replace(&mut measured.value, percent(placed, found));
        let how = format!(
            "{placed} of {found} that {} finds; of all planted {planted:.1} %, ",
            peer.name()
        );
        measured.how.insert_str(0, &how);
    }
    let limit = if seconds > 0 { format!(" in {seconds} s") } else { String::new() };
    measured.how.push_str(&format!("; {}{limit}: {how}", peer.name()));
    measured.peer = found.map(|(value, ratio)| row::Peer { name: peer.name(), value, ratio });
    pairs.iter().map(|(one, answer)| json!({ "case": one["case"], "answer": answer })).collect()
}

fn is_asked(own: &Value, what: What) -> bool {
    let name = own["case"].as_str().unwrap_or_default();
    let seed = name.rsplit(':').next().and_then(|seed| seed.parse().ok());
    let all = what == What::Found && !name.contains(LARGE);
    seed.is_some_and(|seed: u32| all || seed <= SEEDS)
}

fn has_plan(answer: &Value) -> bool {
    answer["verdict"] == "feasible"
}

fn percent(part: usize, all: usize) -> f64 {
    100.0 * part as f64 / all.max(1) as f64
}

/// The peer's value and the row's as a multiple of it; and in words. None: it has no value.
fn compared(what: What, own: f64, pairs: &[(&Value, Value)]) -> (Option<(f64, f64)>, String) {
    let all = pairs.len();
    match what {
        What::Time(share) => {
            let (mut times, mut ratios) = (Series::default(), Series::default());
            for (one, answer) in pairs {
                let time = match answer["verdict"].as_str() {
                    Some("feasible") if answer["first_ms"].is_number() => &answer["first_ms"],
                    Some("feasible" | "infeasible") => &answer["ms"],
                    _ => continue,
                };
                if let (Some(time), Some(own)) = (time.as_f64(), one["ms"].as_f64()) {
                    times.add(time);
                    ratios.add(own / time);
                }
            }
            let how = format!("p{share} of {} of {all}", times.values.len());
            let found = !times.values.is_empty();
            (found.then(|| (times.percentile(share), ratios.percentile(50))), how)
        }
        What::Found => {
            let peers = pairs.iter().filter(|(_, answer)| has_plan(answer)).count();
            let ours = pairs.iter().filter(|(one, _)| one["valid"] == true).count();
            let value = percent(peers, all);
            let slowest = pairs.iter().filter_map(|(_, answer)| answer["ms"].as_f64());
            let slowest = slowest.fold(0.0, f64::max);
            let how = format!("{peers} of {all}, the slowest {slowest:.0} ms");
            ((peers > 0).then(|| (value, percent(ours, all) / value)), how)
        }
        What::Placed | What::Right => {
            let is_good = |answer: &Value| match what {
                What::Placed => has_plan(answer),
                _ => answer["right"] == true,
            };
            let good = pairs.iter().filter(|(_, answer)| is_good(answer)).count();
            let value = percent(good, all);
            let found = good > 0;
            (found.then(|| (value, own / value)), format!("{good} of {all}"))
        }
        What::Points => {
            let mut shares = Series::default();
            let mut ratios = Series::default();
            for (one, answer) in pairs {
                let points = answer["points"].as_f64();
                let (Some(bound), Some(own)) = (one["bound"].as_f64(), one["of_bound"].as_f64())
                else {
                    continue;
                };
                let share =
                    points.map_or(0.0, |points| 1.0 - (bound - points) / bound.abs().max(1.0));
                shares.add(100.0 * share);
                if share > 0.0 {
                    ratios.add(own / share);
                }
            }
            let optimal = pairs.iter().filter(|(_, answer)| answer["optimal"] == true).count();
            let none = pairs.iter().filter(|(_, answer)| answer["points"].is_null()).count();
            let how = format!("{optimal} of {all} proved to be the best, {none} without a plan");
            let found = !ratios.values.is_empty();
            (found.then(|| (shares.percentile(0), ratios.percentile(50))), how)
        }
    }
}

/// A case in the form that peers read (`tests/engines/peers/placement.py`).
fn question(case: &Case, seconds: u32, points: bool) -> Value {
    let task = |table: &super::tables::Table| {
        let biases = table.biases.iter().map(|bias| {
            // Lists of texts and numbers are the same in TOML and in JSON.
            serde_json::from_str::<Value>(&format!("[{bias}]")).unwrap_or_default()
        });
        json!({
            "name": table.name, "tasks": table.count, "tags": table.tags,
            "biases": biases.collect::<Vec<_>>(),
            "resources": { "cpus": table.cpus, "mem": table.mem << 20, "disk": 0,
                "ports": table.port.iter().collect::<Vec<_>>() },
        })
    };
    let host = |host: &lathe_placement::Host| {
        let has = &host.capacity;
        json!({
            "name": host.name, "attributes": host.attributes,
            "resources": { "cpus": has.cpus_milli, "mem": has.mem_bytes, "disk": has.disk_bytes,
                "ports": has.ports },
        })
    };
    json!({
        "tasks": case.tables.iter().map(task).collect::<Vec<_>>(),
        "hosts": case.cluster.hosts.iter().map(host).collect::<Vec<_>>(),
        "running": case.running.instances.iter().map(run).collect::<Vec<_>>(),
        "seconds": seconds,
        "points": points,
    })
}

fn run(one: &RunningInstance) -> Value {
    let bias = |bias: &Bias| {
        let mut stated = vec![json!(bias.target.to_string()), json!(bias.word.to_string())];
        let soft = matches!(bias.word, Word::Avoid | Word::Prefer);
        stated.extend(soft.then(|| json!(bias.weight)));
        stated.extend(bias.domain.as_ref().map(|domain| json!(domain)));
        stated
    };
    let needs = &one.resources;
    let ports: Vec<Option<u16>> = needs.ports.iter().map(|port| port.fixed).collect();
    json!({
        "topology": one.topology, "task": one.task.as_str(), "slot": one.slot, "host": one.host,
        "tags": one.tags.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "biases": one.biases.iter().map(bias).collect::<Vec<_>>(), "ending": !one.keep,
        "resources": { "cpus": needs.cpus_milli, "mem": needs.mem_bytes,
            "disk": needs.disk_bytes, "ports": ports },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_says_what_the_case_does() {
        let case = made("impossible:pinned:bad:10:1").unwrap();
        let asked = question(&case, 10, false);
        let guard = &asked["running"][0];
        assert_eq!(guard["biases"], json!([["core", "never"]]));
        assert_eq!(guard["resources"], json!({"cpus": 10, "mem": 1 << 20, "disk": 0, "ports": []}));
        assert_eq!(asked["hosts"][0]["resources"]["ports"], json!([[8_000, 9_000]]));
        let mixed = question(&made("mixed:8:40:10:70:1").unwrap(), 0, true);
        let tasks = mixed["tasks"].as_array().unwrap();
        assert_eq!(tasks.iter().map(|task| task["tasks"].as_u64().unwrap()).sum::<u64>(), 40);
        let biases = tasks.iter().flat_map(|task| task["biases"].as_array().unwrap());
        assert!(biases.clone().count() > 0 && biases.clone().all(|bias| bias[1].is_string()));
    }

    #[test]
    fn few_seeds_are_asked_but_of_bundles_all_that_are_not_large() {
        let asked = |name: &str, what| is_asked(&json!({ "case": name }), what);
        assert!(
            asked("bundles:200:90:9", What::Found) && !asked("mixed:8:40:10:70:9", What::Placed)
        );
        assert!(
            asked("bundles:20000:90:2", What::Found) && !asked("bundles:20000:90:3", What::Found)
        );
    }

    #[test]
    fn times_shares_and_points_are_put_beside_ones_own() {
        let own = json!({"verdict": "placed", "ms": 2.0, "bound": 200, "of_bound": 0.9});
        let slow = json!({"verdict": "feasible", "ms": 900.0, "first_ms": 400.0, "points": 150});
        let none = json!({"verdict": "unknown", "ms": 900.0, "points": null});
        let both = [(&own, slow), (&own, none.clone())];
        let (found, how) = compared(What::Time(50), 2.0, &both);
        assert_eq!((found, how.as_str()), (Some((400.0, 0.005)), "p50 of 1 of 2"));
        assert_eq!(compared(What::Placed, 100.0, &both).0, Some((50.0, 2.0)));
        let valid = json!({"valid": true});
        let found = [(&valid, both[0].1.clone()), (&valid, none.clone())];
        assert_eq!(compared(What::Found, 100.0, &found).0, Some((50.0, 2.0)));
        assert_eq!(compared(What::Points, 90.0, &both[..1]).0, Some((75.0, 0.9 / 0.75)));
        assert_eq!(compared(What::Points, 90.0, &both).0.unwrap().0, 0.0, "none is the least");
        assert_eq!(compared(What::Time(50), 2.0, &[(&own, none)]).0, None);
        let right = json!({"verdict": "infeasible", "ms": 3.0, "right": true});
        assert_eq!(compared(What::Right, 100.0, &[(&own, right)]).0, Some((100.0, 1.0)));
    }
}
