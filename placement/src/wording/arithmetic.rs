//! The sentences with numbers in them: sizes, sums, pigeons and holes.
//!
//! Owns the arithmetic that is shown. It counts on a model in which only the named statements hold.
//! Must not decide anything.

use std::collections::{BTreeMap, BTreeSet};

use lathe_topology::{Code, Word, format_bytes, format_cpus};

use super::{
    Finding, Set, bias_text, biases, counted_instances, counts, hosts_known, listed, path, sizes,
};
use crate::input::Input;
use crate::model::{Holding, Model, Need};

/// A sum with more terms than this is cut short.
const TERMS_SHOWN: usize = 4;

const NAMES: [&str; 4] = ["cpus", "memory", "disk", "ports"];

fn amount(resource: usize, value: u128) -> String {
    let value = u64::try_from(value).unwrap_or(u64::MAX);
    match resource {
        0 => format!("{} cpus", format_cpus(value)),
        3 => format!("{value} ports"),
        _ => format!("{} of {}", format_bytes(value), NAMES[resource]),
    }
}

pub(super) fn too_large(input: &Input<'_>, set: &Set, model: &Model) -> Option<Finding> {
    let (sizes, counts) = (sizes(set), counts(set));
    let kind = *sizes.first()?;
    if sizes.len() != 1 || counts != sizes {
        return None;
    }
    let facts = &model.kinds[kind];
    let name = path(input, kind);
    let hosts =
        || model.hosts.iter().enumerate().filter(|(at, host)| host.known && facts.allowed.at(*at));
    let largest =
        |resource: usize| hosts().map(|(_, host)| host.capacity[resource]).max().unwrap_or(0);
    let fits = |capacity: &Need| -> u64 {
        let needs = facts.need.iter().zip(capacity).filter(|(need, _)| **need > 0);
        needs.map(|(need, all)| all / need).min().unwrap_or(u64::MAX)
    };
    let short = (0..NAMES.len()).find(|&at| facts.need[at] > largest(at));
    let room: u64 = hosts().map(|(_, host)| fits(&host.capacity)).fold(0, u64::saturating_add);
    let usable = u64::try_from(hosts().count()).unwrap_or(u64::MAX);
    let sentence = if !facts.ports.is_empty() && usable < u64::from(facts.least) {
        let ports: Vec<String> = facts.ports.iter().map(u16::to_string).collect();
        format!(
            "{} at port {}: at most 1 fits on each host that offers it, and there {} {usable}",
            counted_instances(input, kind),
            ports.join(" and "),
            if usable == 1 { "is" } else { "are" }
        )
    } else if let Some(at) = short {
        format!(
            "an instance of {name} needs {} with its executor, and the largest host has {}",
            amount(at, u128::from(facts.need[at])),
            amount(at, u128::from(largest(at)))
        )
    } else if room < u64::from(facts.least) {
        format!(
            "{name} wants {} instances, and the {} have room for {room}",
            facts.least,
            hosts_known(input)
        )
    } else {
        return None;
    };
    Some(Finding {
        code: Code::TOO_LARGE_FOR_ANY_HOST,
        sentence,
        hint: "ask for less, want fewer instances, or add hosts".to_owned(),
    })
}

pub(super) fn totals(input: &Input<'_>, set: &Set, model: &Model) -> Option<Finding> {
    let kinds = sizes(set);
    if kinds.is_empty() || kinds != counts(set) || !biases(input, set).is_empty() {
        return None;
    }
    let (resource, wanted, have) = (0..NAMES.len()).find_map(|at| {
        let wanted: u128 = kinds
            .iter()
            .map(|&kind| {
                u128::from(model.kinds[kind].least) * u128::from(model.kinds[kind].need[at])
            })
            .sum();
        let have: u128 = model.hosts.iter().map(|host| u128::from(host.capacity[at])).sum();
        (wanted > have).then_some((at, wanted, have))
    })?;
    let mut terms: Vec<String> = kinds
        .iter()
        .take(TERMS_SHOWN)
        .map(|&kind| {
            let each = amount(resource, u128::from(model.kinds[kind].need[resource]));
            format!("{} × {each} for {}", model.kinds[kind].least, path(input, kind))
        })
        .collect();
    if kinds.len() > TERMS_SHOWN {
        terms.push(format!("what {} more tasks want", kinds.len() - TERMS_SHOWN));
    }
    Some(Finding {
        code: Code::IMPOSSIBLE,
        sentence: format!(
            "{} make {}, and the {} have {} in all",
            terms.join(" + "),
            amount(resource, wanted),
            hosts_known(input),
            amount(resource, have)
        ),
        hint: "ask for less, want fewer instances, or add hosts".to_owned(),
    })
}

/// Instances that have to be on one host need more than any has.
pub(super) fn together(input: &Input<'_>, set: &Set, model: &Model) -> Option<Finding> {
    let (kinds, rules) = (sizes(set), biases(input, set));
    let here = |bias: &lathe_topology::Bias| bias.word == Word::Always && bias.domain.is_none();
    if kinds.len() < 2 || rules.is_empty() || !rules.iter().all(|(_, bias)| here(bias)) {
        return None;
    }
    let need = |at: usize| -> u128 {
        kinds.iter().map(|&kind| u128::from(model.kinds[kind].need[at])).sum()
    };
    let largest = |at: usize| model.hosts.iter().map(|host| host.capacity[at]).max().unwrap_or(0);
    let short = (0..NAMES.len()).find(|&at| need(at) > u128::from(largest(at)))?;
    let names: BTreeSet<&str> = kinds.iter().map(|&kind| path(input, kind)).collect();
    let said: Vec<String> = rules
        .iter()
        .map(|(kind, bias)| format!("{} says {}", path(input, *kind), bias_text(bias)))
        .collect();
    Some(Finding {
        code: Code::TOO_LARGE_FOR_ANY_HOST,
        sentence: format!(
            "{}, so one each of {} has to be on one host: they need {} together, and the largest host \
             has {}",
            said.join(" and "),
            listed(&names),
            amount(short, need(short)),
            amount(short, u128::from(largest(short)))
        ),
        hint: "ask for less, or weaken a rule to prefer".to_owned(),
    })
}

pub(super) fn pigeonhole(input: &Input<'_>, set: &Set, model: &Model) -> Option<Finding> {
    let kinds = counts(set);
    let rules = biases(input, set);
    if kinds.is_empty() || rules.iter().any(|(_, bias)| bias.word != Word::Never) {
        return None;
    }
    let names: BTreeSet<&Option<String>> = rules.iter().map(|(_, bias)| &bias.domain).collect();
    let sort = model.domains.iter().enumerate().rev().find(|(sort, domain)| {
        let wanted: u64 = kinds.iter().map(|&kind| u64::from(model.kinds[kind].least)).sum();
        let known = domain.members.iter().filter(|hosts| model.hosts[hosts[0]].known).count();
        let pairs = kinds.iter().all(|&a| kinds.iter().all(|&b| model.conflict(a, b, *sort)));
        pairs && wanted > u64::try_from(known).unwrap_or(u64::MAX)
    });
    let (sort, domain) = sort?;
    let known = domain.members.iter().filter(|hosts| model.hosts[hosts[0]].known).count();
    let place = match names.first().filter(|_| sort > 0) {
        Some(Some(name)) => format!("{name} value"),
        _ => "host".to_owned(),
    };
    let parts: Vec<String> = kinds.iter().map(|&kind| counted_instances(input, kind)).collect();
    let total: u64 = kinds.iter().map(|&kind| u64::from(model.kinds[kind].least)).sum();
    Some(Finding {
        code: Code::IMPOSSIBLE,
        sentence: format!(
            "{} exclude each other on a {place}: at most 1 of {total} fits on each, and there {} {known}",
            parts.join(" and "),
            if known == 1 { "is" } else { "are" }
        ),
        hint: format!(
            "at most {known} instances in all, more hosts (by {}), or weaken a rule to avoid",
            total.saturating_sub(u64::try_from(known).unwrap_or(u64::MAX))
        ),
    })
}

/// What the tasks of a set lack where the most is free.
pub(super) fn missing_room(input: &Input<'_>, set: &Set) -> Option<String> {
    let model = Model::new(input, Holding::All);
    let mut free: BTreeMap<usize, u64> = BTreeMap::new();
    let kind = *sizes(set).first()?;
    let facts = &model.kinds[kind];
    let mut used: Vec<Need> = model.hosts.iter().map(|host| host.base).collect();
    for other in &model.kinds {
        for (host, runs) in other.running() {
            for (sum, need) in used[host].iter_mut().zip(other.need) {
                *sum = sum.saturating_add(need.saturating_mul(u64::from(runs)));
            }
        }
    }
    for (host, node) in model.hosts.iter().enumerate() {
        for (at, sum) in used[host].iter().enumerate() {
            let left = node.capacity[at].saturating_sub(*sum);
            let most = free.entry(at).or_default();
            *most = left.max(*most);
        }
    }
    let short = (0..NAMES.len()).find(|at| facts.need[*at] > free.get(at).copied().unwrap_or(0));
    let Some(short) = short else {
        return too_few(input, kind, &model, &used);
    };
    Some(format!(
        "an instance of {} needs {}, and the most that is free on one host is {}",
        path(input, kind),
        amount(short, u128::from(facts.need[short])),
        amount(short, u128::from(free.get(&short).copied().unwrap_or(0)))
    ))
}

/// Each fits somewhere, and all together do not.
fn too_few(input: &Input<'_>, kind: usize, model: &Model, used: &[Need]) -> Option<String> {
    let facts = &model.kinds[kind];
    let fits = |(host, used): (usize, &Need)| -> u64 {
        let left =
            model.hosts[host].capacity.iter().zip(used).map(|(all, used)| all - used.min(all));
        let times =
            left.zip(facts.need).filter(|(_, need)| *need > 0).map(|(left, need)| left / need);
        if facts.allowed.at(host) { times.min().unwrap_or(u64::MAX) } else { 0 }
    };
    let room = used.iter().enumerate().map(fits).fold(0, u64::saturating_add);
    let wanted = u64::from(facts.least.saturating_sub(facts.run_total));
    (room < wanted).then(|| {
        format!(
            "{wanted} new instances of {} are wanted, and there is room for {room}",
            path(input, kind)
        )
    })
}
