//! Makes the model out of the input and the statements that hold.
//!
//! Owns the relaxations: what it means to leave a statement out. Must not know the search.

use std::collections::{BTreeMap, BTreeSet};

use lathe_topology::{Bias, Resources, Tag, Target, Word};

use super::domain::Domain;
use super::fixed::fixed_groups;
use super::{
    Carriers, FixedGroup, Holding, HostNode, Kind, Model, Need, PerHost, Rule, Says, Statement,
    Touch,
};
use crate::RunningInstance;
use crate::input::{HostRow, Input};

pub(super) fn model(input: &Input<'_>, holding: Holding<'_>) -> Model {
    let names = domain_names(input);
    let mut domains = vec![Domain::hosts(input)];
    domains.extend(names.iter().map(|name| Domain::attribute(input, name)));

    let fixed: Vec<(usize, &RunningInstance)> =
        input.fixed.iter().filter(|(_, one)| others_hold(holding, one)).copied().collect();
    let groups = fixed_groups(&fixed);
    let mut profiles: Vec<BTreeSet<Tag>> =
        input.wanted.iter().map(|wanted| wanted.spec.carried_tags()).collect();
    profiles.extend(groups.keys().map(|key| key.tags.iter().map(|tag| (*tag).clone()).collect()));

    let mut model = Model {
        hosts: hosts(input, &fixed),
        kinds: (0..input.wanted.len()).map(|at| kind(input, at, holding)).collect(),
        fixed: groups.values().cloned().collect(),
        domains,
        domain_names: names.clone(),
        tags: Vec::new(),
        rules: Vec::new(),
        touching: vec![Vec::new(); profiles.len()],
        held: vec![Vec::new(); profiles.len()],
        never: Vec::new(),
        touch: Vec::new(),
        cells: 0,
        counted: Vec::new(),
        carries: vec![Vec::new(); profiles.len()],
        shared_ports: shared_ports(input),
        base_score: 0,
        max_moves: input.options.max_moves,
    };
    let mut rules = Rules::new(&profiles, &names);
    for (at, wanted) in input.wanted.iter().enumerate() {
        for (index, bias) in wanted.spec.biases.iter().enumerate() {
            let hard = bias.word.is_hard();
            if hard && !holding.has(&Statement::Bias(at, index)) {
                continue;
            }
            if bias.word == Word::Always && carried_by_dropped(input, holding, bias) {
                continue;
            }
            rules.add(&mut model, at, bias);
        }
    }
    for (at, (key, group)) in groups.iter().enumerate() {
        for bias in &key.biases {
            // What is ending keeps others away, but wants nothing any more.
            if group.ending && bias.0.word != Word::Never {
                continue;
            }
            if bias.0.word == Word::Always && carried_by_dropped(input, holding, bias.0) {
                continue;
            }
            let holder = input.wanted.len() + at;
            rules.add(&mut model, holder, bias.0);
            model.base_score += fixed_points(input, bias.0, group);
        }
    }
    excuse(&mut model, input);
    index(&mut model);
    drop_useless(&mut model, input, holding);
    model
}

/// With the instances of a topology thought away, an `always` that they could satisfy is thought
/// satisfied: a relaxation must not make anything harder.
fn carried_by_dropped(input: &Input<'_>, holding: Holding<'_>, bias: &Bias) -> bool {
    let Target::Tag(tag) = &bias.target else { return false };
    input
        .fixed
        .iter()
        .any(|(_, one)| one.keep && !others_hold(holding, one) && one.tags.contains(tag))
}

fn others_hold(holding: Holding<'_>, one: &RunningInstance) -> bool {
    matches!(holding, Holding::All) || holding.has(&Statement::Others(one.topology.clone()))
}

fn domain_names(input: &Input<'_>) -> Vec<String> {
    let given = input.wanted.iter().flat_map(|wanted| &wanted.spec.biases);
    let fixed = input.fixed.iter().flat_map(|(_, one)| &one.biases);
    let names: BTreeSet<String> = given
        .chain(fixed)
        .filter(|bias| matches!(bias.target, Target::Tag(_)))
        .filter_map(|bias| bias.domain.clone())
        .collect();
    names.into_iter().collect()
}

pub(crate) fn need(resources: &Resources, overhead: &Resources) -> Need {
    let ports = resources.ports.len() + overhead.ports.len();
    [
        resources.cpus_milli.saturating_add(overhead.cpus_milli),
        resources.mem_bytes.saturating_add(overhead.mem_bytes),
        resources.disk_bytes.saturating_add(overhead.disk_bytes),
        u64::try_from(ports).unwrap_or(u64::MAX),
    ]
}

pub(crate) fn port_numbers(resources: &Resources, overhead: &Resources) -> Vec<u16> {
    let all = resources.ports.iter().chain(&overhead.ports);
    let numbers: BTreeSet<u16> = all.filter_map(|port| port.fixed).collect();
    numbers.into_iter().collect()
}

fn merged(ranges: &[(u16, u16)]) -> Vec<(u16, u16)> {
    let mut sorted: Vec<(u16, u16)> = ranges.iter().copied().filter(|(a, b)| a <= b).collect();
    sorted.sort_unstable();
    let mut merged: Vec<(u16, u16)> = Vec::new();
    for (from, to) in sorted {
        match merged.last_mut() {
            Some(last) if u32::from(from) <= u32::from(last.1) + 1 => last.1 = last.1.max(to),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// How many port numbers there are in ranges that may overlap.
pub(crate) fn port_count(ranges: &[(u16, u16)]) -> u64 {
    merged(ranges).iter().map(|(a, b)| u64::from(b - a) + 1).sum()
}

fn hosts(input: &Input<'_>, fixed: &[(usize, &RunningInstance)]) -> Vec<HostNode> {
    let mut nodes: Vec<HostNode> = input
        .hosts
        .iter()
        .map(|row| {
            let capacity = row.known.map(|known| &known.capacity);
            let ports = capacity.map_or(0, |capacity| port_count(&capacity.ports));
            HostNode {
                known: row.known.is_some(),
                capacity: capacity.map_or([0; 4], |capacity| {
                    [capacity.cpus_milli, capacity.mem_bytes, capacity.disk_bytes, ports]
                }),
                base: [0; 4],
                base_ports: BTreeSet::new(),
            }
        })
        .collect();
    for (host, one) in fixed {
        let node = &mut nodes[*host];
        let used = need(&one.resources, &input.options.overhead);
        for (sum, more) in node.base.iter_mut().zip(used) {
            *sum = sum.saturating_add(more);
        }
        node.base_ports.extend(port_numbers(&one.resources, &input.options.overhead));
    }
    nodes
}

fn kind(input: &Input<'_>, at: usize, holding: Holding<'_>) -> Kind {
    let wanted = &input.wanted[at];
    let overhead = &input.options.overhead;
    let sized = holding.has(&Statement::Resources(at));
    let counted = holding.has(&Statement::Count(at));
    let spec = wanted.spec;
    let full = need(&spec.resources, overhead);
    let numbers = port_numbers(&spec.resources, overhead);
    let count = input.hosts.len();
    let mut kind = Kind {
        least: if counted { spec.count } else { 0 },
        most: spec.count,
        need: if sized { full } else { [0; 4] },
        ports: if sized { numbers.clone() } else { Vec::new() },
        runs: PerHost::new(0),
        run_total: 0,
        ran: Vec::with_capacity(wanted.runs.len()),
        grown: PerHost::new(false),
        previous: PerHost::new(0),
        allowed: PerHost::new(true),
        points: PerHost::new(0),
        free_to_leave: !counted || !holding.has(&Statement::Pins(at)),
    };
    for (slot, host, one) in &wanted.runs {
        kind.ran.push((*host, *slot));
        kind.runs.set(*host, count, kind.runs.at(*host) + 1);
        kind.run_total += 1;
        // Most run as they are wanted.
        if !sized || one.resources == spec.resources {
            continue;
        }
        let used = need(&one.resources, overhead);
        let old = port_numbers(&one.resources, overhead);
        let larger = full.iter().zip(used).any(|(new, old)| *new > old);
        if larger || numbers.iter().any(|number| !old.contains(number)) {
            kind.grown.set(*host, count, true);
        }
    }
    kind.ran.sort_unstable();
    if !input.options.previous.is_empty() {
        for slot in crate::slots::free_slots(wanted) {
            let before = input.options.previous.get(&(spec.path.clone(), slot));
            if let Some(host) = before.and_then(|name| host_index(&input.hosts, name)) {
                kind.previous.set(host, count, kind.previous.at(host) + 1);
            }
        }
    }
    attributes(input, at, holding, &mut kind);
    kind
}

/// What a task's attribute rules and port numbers say of each host.
fn attributes(input: &Input<'_>, at: usize, holding: Holding<'_>, kind: &mut Kind) {
    let spec = input.wanted[at].spec;
    let rules: Vec<(usize, &Bias)> = spec
        .biases
        .iter()
        .enumerate()
        .filter(|(_, bias)| matches!(bias.target, Target::Attribute { .. }))
        .collect();
    if rules.is_empty() && kind.ports.is_empty() {
        return;
    }
    let count = input.hosts.len();
    for (host, row) in input.hosts.iter().enumerate() {
        let Some(known) = row.known else { continue };
        let ranges = &known.capacity.ports;
        let in_range = |port: &u16| ranges.iter().any(|(a, b)| a <= port && port <= b);
        let mut allowed = kind.ports.iter().all(in_range);
        let mut points = 0;
        for (index, bias) in &rules {
            let Some(has) = has_attribute(row, bias) else { continue };
            let holds = !bias.word.is_hard() || holding.has(&Statement::Bias(at, *index));
            match bias.word {
                Word::Always if holds => allowed &= has,
                Word::Never if holds => allowed &= !has,
                _ => points += attribute_points(bias, has),
            }
        }
        kind.allowed.set(host, count, allowed);
        kind.points.set(host, count, points);
    }
}

/// Port numbers that two given instances use on one host already, whatever went wrong there.
pub(crate) fn shared_ports(input: &Input<'_>) -> BTreeSet<u16> {
    let mut users: BTreeMap<(usize, u16), u32> = BTreeMap::new();
    for wanted in &input.wanted {
        let numbers = port_numbers(&wanted.spec.resources, &input.options.overhead);
        for (_, host, _) in wanted.runs.iter().filter(|_| !numbers.is_empty()) {
            for number in &numbers {
                *users.entry((*host, *number)).or_default() += 1;
            }
        }
    }
    users.into_iter().filter(|(_, users)| *users > 1).map(|((_, number), _)| number).collect()
}

fn host_index(hosts: &[HostRow<'_>], name: &str) -> Option<usize> {
    hosts.binary_search_by(|row| row.name.cmp(name)).ok()
}

/// Whether a known host has what an attribute bias names; `None` for other biases and hosts.
fn has_attribute(row: &HostRow<'_>, bias: &Bias) -> Option<bool> {
    let Target::Attribute { name, value } = &bias.target else { return None };
    let found = row.known?.attributes.get(name);
    Some(match value {
        None => found.is_some(),
        Some(value) => found == Some(value),
    })
}

fn attribute_points(bias: &Bias, has: bool) -> i64 {
    match bias.word {
        Word::Prefer if has => i64::from(bias.weight),
        Word::Avoid if has => -i64::from(bias.weight),
        _ => 0,
    }
}

fn fixed_points(input: &Input<'_>, bias: &Bias, group: &FixedGroup) -> i64 {
    let points = |host: usize| {
        has_attribute(&input.hosts[host], bias).map_or(0, |has| attribute_points(bias, has))
    };
    group.at.iter().map(|(host, count)| points(*host) * i64::from(*count)).sum()
}

struct Rules<'a> {
    names: &'a [String],
    tags: BTreeMap<Tag, usize>,
    /// The profiles that carry a tag, ascending.
    carriers: BTreeMap<&'a Tag, Vec<usize>>,
}

impl<'a> Rules<'a> {
    fn new(profiles: &'a [BTreeSet<Tag>], names: &'a [String]) -> Self {
        let mut carriers: BTreeMap<&Tag, Vec<usize>> = BTreeMap::new();
        for (at, tags) in profiles.iter().enumerate() {
            for tag in tags {
                carriers.entry(tag).or_default().push(at);
            }
        }
        Self { names, tags: BTreeMap::new(), carriers }
    }

    fn add(&mut self, model: &mut Model, holder: usize, bias: &Bias) {
        let Target::Tag(tag) = &bias.target else { return };
        let says = match bias.word {
            Word::Never => Says::Never,
            Word::Always => Says::Always,
            Word::Avoid => Says::Avoid(i64::from(bias.weight)),
            Word::Prefer => Says::Prefer(i64::from(bias.weight)),
            Word::Neutral => return,
        };
        let domain = bias.domain.as_ref().map_or(0, |name| {
            1 + self.names.binary_search(name).expect("every domain of a rule was collected")
        });
        let next = self.tags.len();
        let id = *self.tags.entry(tag.clone()).or_insert(next);
        if id == next {
            let profiles = self.carriers.get(tag).cloned().unwrap_or_default();
            for &profile in &profiles {
                model.carries[profile].push(id);
            }
            model.tags.push(Carriers { tag: tag.clone(), profiles, live: 0, all: 0 });
        }
        model.rules.push(Rule {
            holder,
            says,
            tag: id,
            domain,
            own: model.carries[holder].contains(&id),
            fixed: holder >= model.kinds.len(),
            excused: Vec::new(),
        });
    }
}

/// Rules bind plans, not accidents: where a fixed holder of `always` stands alone already, no plan
/// has to answer for it.
fn excuse(model: &mut Model, input: &Input<'_>) {
    for rule in model.rules.iter_mut().filter(|rule| rule.fixed && rule.says == Says::Always) {
        let domain = &model.domains[rule.domain];
        let tag = &model.tags[rule.tag].tag;
        let mut count = vec![0_u32; domain.len()];
        for (host, _) in input.before.iter().filter(|(_, one)| one.tags.contains(tag)) {
            count[domain.of[*host]] += 1;
        }
        let least = 1 + u32::from(rule.own);
        let places = count.iter().zip(&domain.lacks);
        rule.excused = places.map(|(found, lacks)| *lacks || *found < least).collect();
    }
}

fn index(model: &mut Model) {
    for (at, rule) in model.rules.iter().enumerate() {
        model.held[rule.holder].push(at);
        for &carrier in &model.tags[rule.tag].profiles {
            model.touching[carrier].push(at);
        }
        if !rule.own {
            model.touching[rule.holder].push(at);
        }
    }
    let says_never = |at: &&usize| model.rules[**at].says == Says::Never;
    let never = |touching: &Vec<usize>| touching.iter().filter(says_never).copied().collect();
    model.never = model.touching.iter().map(never).collect();
    super::cells::lay_out(model);
    model.touch = (0..model.touching.len()).map(|profile| touches(model, profile)).collect();
}

fn touches(model: &Model, profile: usize) -> Vec<Touch> {
    let touch = |&at: &usize| {
        let rule = &model.rules[at];
        Touch {
            rule: at,
            says: rule.says,
            own: rule.own,
            domain: rule.domain,
            holder: rule.holder,
            live: model.tags[rule.tag].live,
            all: model.tags[rule.tag].all,
            holds: u32::from(rule.holder == profile),
            carries: u32::from(model.carries[profile].contains(&rule.tag)),
        }
    };
    model.touching[profile].iter().map(touch).collect()
}

/// Tasks whose count is left out and that nobody needs beside it are left out wholly.
fn drop_useless(model: &mut Model, input: &Input<'_>, holding: Holding<'_>) {
    let targets: BTreeSet<usize> =
        model.rules.iter().filter(|rule| rule.says == Says::Always).map(|rule| rule.tag).collect();
    for at in 0..input.wanted.len() {
        let needed = model.carries[at].iter().any(|tag| targets.contains(tag));
        if !needed && !holding.has(&Statement::Count(at)) {
            model.kinds[at].most = 0;
        }
    }
}
