//! What hard rules, sizes and hosts say, gathered once: tags and conditions by number, hosts in classes.
//!
//! Owns what may be said of a kind without any placement. It takes what runs of others as thought away,
//! and what they carry as met. Must not follow rules from one kind to the next.

use std::collections::{BTreeMap, BTreeSet};

use lathe_topology::{Bias, Tag, Target, Word};

use crate::input::{HostRow, Input};
use crate::model::{Holding, Need, Statement, need, port_count, port_numbers, shared_ports};

/// A hard rule toward a tag.
#[derive(Debug)]
pub(super) struct Toward {
    pub(super) bias: usize,
    pub(super) tag: usize,
    /// 0: the host; else an attribute, counted from one.
    pub(super) domain: usize,
}

/// A hard rule toward an attribute of the host.
#[derive(Debug)]
pub(super) struct OfHost {
    pub(super) bias: usize,
    pub(super) condition: usize,
    pub(super) wanted: bool,
}

#[derive(Debug)]
pub(super) struct KindFacts {
    pub(super) count: u32,
    /// Instances that have to be on a known host.
    pub(super) bound: u32,
    pub(super) need: Need,
    pub(super) ports: Vec<u16>,
    pub(super) never: Vec<Toward>,
    pub(super) always: Vec<Toward>,
    pub(super) of_host: Vec<OfHost>,
    /// Tags of hard rules that it carries, ascending.
    pub(super) carries: Vec<usize>,
}

/// Hosts that are alike.
#[derive(Debug)]
pub(super) struct HostClass<'i> {
    pub(super) hosts: u64,
    pub(super) capacity: Need,
    ports: &'i [(u16, u16)],
    has: Vec<bool>,
}

#[derive(Debug)]
pub(crate) struct Facts<'i> {
    pub(super) kinds: Vec<KindFacts>,
    /// Kinds with instances that carry each tag.
    pub(super) carriers: Vec<Vec<usize>>,
    /// Something that is not given carries the tag.
    pub(super) beyond: Vec<bool>,
    pub(super) classes: Vec<HostClass<'i>>,
    /// The condition that a host has the attribute of a domain.
    pub(super) of_domain: Vec<usize>,
    pub(super) shared: BTreeSet<u16>,
}

/// Numbers for what rules name.
#[derive(Default)]
struct Names<'i> {
    tags: BTreeMap<&'i Tag, usize>,
    conditions: BTreeMap<(&'i str, Option<&'i str>), usize>,
    domains: BTreeMap<&'i str, usize>,
    of_domain: Vec<usize>,
}

impl<'i> Names<'i> {
    fn tag(&mut self, tag: &'i Tag) -> usize {
        let next = self.tags.len();
        *self.tags.entry(tag).or_insert(next)
    }

    fn condition(&mut self, name: &'i str, value: Option<&'i str>) -> usize {
        let next = self.conditions.len();
        *self.conditions.entry((name, value)).or_insert(next)
    }

    fn domain(&mut self, bias: &'i Bias) -> usize {
        let Some(name) = &bias.domain else { return 0 };
        if let Some(&known) = self.domains.get(name.as_str()) {
            return known;
        }
        let condition = self.condition(name, None);
        self.of_domain.push(condition);
        let number = self.of_domain.len();
        self.domains.insert(name, number);
        number
    }
}

impl<'i> Facts<'i> {
    pub(crate) fn new(input: &'i Input<'i>) -> Self {
        let mut names = Names::default();
        let mut kinds: Vec<KindFacts> =
            (0..input.wanted.len()).map(|at| kind(input, at, &mut names)).collect();
        let mut carriers = vec![Vec::new(); names.tags.len()];
        let mut beyond = vec![false; names.tags.len()];
        if !names.tags.is_empty() {
            for (at, wanted) in input.wanted.iter().enumerate() {
                let mut carried: Vec<usize> = (wanted.spec.carried_tags().iter())
                    .filter_map(|tag| names.tags.get(tag).copied())
                    .collect();
                carried.sort_unstable();
                if kinds[at].count > 0 {
                    carried.iter().for_each(|&tag| carriers[tag].push(at));
                }
                kinds[at].carries = carried;
            }
            let kept = input.fixed.iter().filter(|(_, one)| one.keep);
            let carried = kept.flat_map(|(_, one)| &one.tags);
            carried.filter_map(|tag| names.tags.get(tag)).for_each(|&tag| beyond[tag] = true);
        }
        let shared = shared_ports(input);
        Self {
            classes: classes(input, &kinds, &names),
            kinds,
            carriers,
            beyond,
            of_domain: names.of_domain,
            shared,
        }
    }

    pub(crate) fn kinds(&self) -> usize {
        self.kinds.len()
    }

    /// Whether one of each may not be on one host, or in one place of a domain.
    pub(super) fn clash(
        &self,
        [one, other]: [usize; 2],
        domain: Option<usize>,
        holding: Holding<'_>,
    ) -> bool {
        let keeps = |holder: usize, other: usize| {
            self.kinds[holder].never.iter().any(|rule| {
                // On one host any domain is one place; elsewhere only that of the rule is.
                domain.is_none_or(|domain| rule.domain == domain)
                    && self.kinds[other].carries.binary_search(&rule.tag).is_ok()
                    && holding.has(&Statement::Bias(holder, rule.bias))
            })
        };
        keeps(one, other)
            || keeps(other, one)
            || (domain.is_none()
                && self.ports(one, holding).iter().any(|port| {
                    !self.shared.contains(port) && self.ports(other, holding).contains(port)
                }))
    }

    pub(super) fn need(&self, kind: usize, holding: Holding<'_>) -> Need {
        if holding.has(&Statement::Resources(kind)) { self.kinds[kind].need } else { [0; 4] }
    }

    pub(super) fn ports(&self, kind: usize, holding: Holding<'_>) -> &[u16] {
        let kind_facts = &self.kinds[kind];
        if kind_facts.ports.is_empty() || !holding.has(&Statement::Resources(kind)) {
            return &[];
        }
        &kind_facts.ports
    }

    /// Whether a kind may be on a host of a class by itself, sizes left out.
    pub(super) fn allowed(&self, kind: usize, class: &HostClass<'_>, holding: Holding<'_>) -> bool {
        let facts = &self.kinds[kind];
        let holds = |bias: usize| holding.has(&Statement::Bias(kind, bias));
        let offered = |port: &u16| class.ports.iter().any(|(a, b)| a <= port && port <= b);
        facts
            .of_host
            .iter()
            .all(|rule| class.has[rule.condition] == rule.wanted || !holds(rule.bias))
            && facts.always.iter().all(|rule| {
                rule.domain == 0
                    || self.beyond[rule.tag]
                    || class.has[self.of_domain[rule.domain - 1]]
                    || !holds(rule.bias)
            })
            && self.ports(kind, holding).iter().all(offered)
    }
}

fn kind<'i>(input: &'i Input<'i>, at: usize, names: &mut Names<'i>) -> KindFacts {
    let wanted = &input.wanted[at];
    let spec = wanted.spec;
    let overhead = &input.options.overhead;
    let elsewhere = wanted.runs.iter().filter(|(_, host, _)| input.hosts[*host].known.is_none());
    let elsewhere = u32::try_from(elsewhere.count()).unwrap_or(u32::MAX);
    let mut facts = KindFacts {
        count: spec.count,
        bound: spec.count.saturating_sub(elsewhere),
        need: need(&spec.resources, overhead),
        ports: port_numbers(&spec.resources, overhead),
        never: Vec::new(),
        always: Vec::new(),
        of_host: Vec::new(),
        carries: Vec::new(),
    };
    for (bias, rule) in spec.biases.iter().enumerate().filter(|(_, rule)| rule.word.is_hard()) {
        match &rule.target {
            Target::Tag(tag) => {
                let toward = Toward { bias, tag: names.tag(tag), domain: names.domain(rule) };
                let list =
                    if rule.word == Word::Never { &mut facts.never } else { &mut facts.always };
                list.push(toward);
            }
            Target::Attribute { name, value } => {
                let condition = names.condition(name, value.as_deref());
                let wanted = rule.word == Word::Always;
                facts.of_host.push(OfHost { bias, condition, wanted });
            }
        }
    }
    facts
}

fn classes<'i>(input: &'i Input<'i>, kinds: &[KindFacts], names: &Names<'i>) -> Vec<HostClass<'i>> {
    let mut conditions = vec![("", None); names.conditions.len()];
    for (condition, at) in &names.conditions {
        conditions[*at] = *condition;
    }
    let mut in_use = vec![Need::default(); input.hosts.len()];
    for (facts, wanted) in kinds.iter().zip(&input.wanted) {
        for (_, host, _) in &wanted.runs {
            in_use[*host]
                .iter_mut()
                .zip(facts.need)
                .for_each(|(sum, need)| *sum = sum.saturating_add(need));
        }
    }
    type Key<'k> = (Need, &'k [(u16, u16)], Vec<bool>);
    let mut found: BTreeMap<Key<'i>, u64> = BTreeMap::new();
    for (at, row) in input.hosts.iter().enumerate() {
        let Some((capacity, ports, has)) = described(row, &conditions) else { continue };
        // What runs beyond the capacity may stay.
        let used = in_use[at];
        let capacity = std::array::from_fn(|at| capacity[at].max(used[at]));
        *found.entry((capacity, ports, has)).or_default() += 1;
    }
    found
        .into_iter()
        .map(|((capacity, ports, has), hosts)| HostClass { hosts, capacity, ports, has })
        .collect()
}

type Described<'i> = (Need, &'i [(u16, u16)], Vec<bool>);

fn described<'i>(row: &HostRow<'i>, conditions: &[(&str, Option<&str>)]) -> Option<Described<'i>> {
    let known = row.known?;
    let has = |(name, value): &(&str, Option<&str>)| match known.attributes.get(*name) {
        None => false,
        Some(found) => value.is_none_or(|value| value == found),
    };
    let capacity = &known.capacity;
    let ports = port_count(&capacity.ports);
    let sizes = [capacity.cpus_milli, capacity.mem_bytes, capacity.disk_bytes, ports];
    Some((sizes, &capacity.ports, conditions.iter().map(has).collect()))
}
