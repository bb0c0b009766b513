//! The problem in numbers: tasks, hosts, domains, tags and rules by index.
//!
//! Owns what a rule binds and whom it counts. A model is made from the input and a set of statements
//! that hold; statements left out are relaxed, which is how reasons are found. Must not know how
//! plans are searched.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use lathe_topology::{Tag, Target};

use crate::input::Input;

mod build;
mod cells;
mod domain;
mod fixed;
mod likeness;
mod per_host;

pub(crate) use build::{need, port_count, port_numbers, shared_ports};
pub(crate) use domain::Domain;
pub(crate) use likeness::{bare_classes, classes};
pub(crate) use per_host::PerHost;

/// Millicpus, bytes of memory, bytes of disk, ports.
pub(crate) type Need = [u64; 4];

/// Something that can be left out to see whether the rest has a solution.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Statement {
    /// `tasks = n`; left out, 0 to n instances will do.
    Count(usize),
    /// A hard bias of a task, by its index in the file's list.
    Bias(usize, usize),
    /// What an instance of the task needs; left out, nothing.
    Resources(usize),
    /// Running instances of the task do not move beyond the moves that are allowed.
    Pins(usize),
    /// What runs and stays of a topology takes room and has its rules.
    Others(String),
}

/// Which statements hold.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Holding<'s> {
    All,
    Only(&'s BTreeSet<Statement>),
}

impl Holding<'_> {
    pub(crate) fn has(&self, statement: &Statement) -> bool {
        match self {
            Self::All => true,
            Self::Only(set) => set.contains(statement),
        }
    }
}

/// A host in numbers.
#[derive(Debug, Clone)]
pub(crate) struct HostNode {
    pub(crate) known: bool,
    pub(crate) capacity: Need,
    /// What the fixed instances use.
    pub(crate) base: Need,
    /// Fixed port numbers in use by fixed instances.
    pub(crate) base_ports: BTreeSet<u16>,
}

/// A given task in numbers.
#[derive(Debug, Clone)]
pub(crate) struct Kind {
    pub(crate) least: u32,
    pub(crate) most: u32,
    pub(crate) need: Need,
    pub(crate) ports: Vec<u16>,
    /// How many of it run there and may be kept.
    pub(crate) runs: PerHost<u32>,
    pub(crate) run_total: u32,
    /// Host and slot of each, ascending.
    pub(crate) ran: Vec<(usize, u32)>,
    /// One that stays there would need more than it uses now.
    pub(crate) grown: PerHost<bool>,
    /// How many slots to be started ran there before.
    pub(crate) previous: PerHost<u32>,
    /// Attributes and port numbers allow it.
    pub(crate) allowed: PerHost<bool>,
    /// Points of attribute biases.
    pub(crate) points: PerHost<i64>,
    /// Leaving costs nothing: pins or the count are left out.
    pub(crate) free_to_leave: bool,
}

impl Kind {
    /// Where it runs now, and how many there.
    pub(crate) fn running(&self) -> impl Iterator<Item = (usize, u32)> + '_ {
        self.ran.chunk_by(|one, other| one.0 == other.0).map(|here| {
            let (host, _) = here[0];
            (host, self.runs.at(host))
        })
    }

    /// The n-th of the slots that run on a host.
    pub(crate) fn slot(&self, host: usize, nth: u32) -> Option<u32> {
        let first = self.ran.partition_point(|(at, _)| *at < host);
        let at = first.checked_add(usize::try_from(nth).ok()?)?;
        self.ran.get(at).filter(|(at, _)| *at == host).map(|(_, slot)| *slot)
    }

    /// Running instances that have to stop because fewer are wanted.
    pub(crate) fn excess(&self) -> u32 {
        self.run_total.saturating_sub(self.most)
    }
}

/// What a rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Says {
    Never,
    Always,
    Avoid(i64),
    Prefer(i64),
}

/// A rule between a profile and a tag. Profiles are the given tasks, then groups of fixed instances.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) holder: usize,
    pub(crate) says: Says,
    pub(crate) tag: usize,
    pub(crate) domain: usize,
    /// The holder carries the tag itself.
    pub(crate) own: bool,
    /// The holder is a group of fixed instances.
    pub(crate) fixed: bool,
    /// Domains where a fixed holder goes without already.
    pub(crate) excused: Vec<bool>,
}

/// A rule as it looks from a profile that it touches: where its counts stand, and what one instance
/// of the profile adds to them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Touch {
    pub(crate) rule: usize,
    pub(crate) says: Says,
    pub(crate) own: bool,
    pub(crate) domain: usize,
    pub(crate) holder: usize,
    pub(crate) live: usize,
    pub(crate) all: usize,
    /// 1 where the profile holds the rule.
    pub(crate) holds: u32,
    /// 1 where the profile carries the tag.
    pub(crate) carries: u32,
}

impl Touch {
    /// A fixed holder goes without already at that place.
    pub(crate) fn excused(&self, model: &Model, place: usize) -> bool {
        model.rules[self.rule].excused.get(place).copied().unwrap_or(false)
    }
}

/// Who carries a tag.
#[derive(Debug, Clone)]
pub(crate) struct Carriers {
    pub(crate) tag: Tag,
    pub(crate) profiles: Vec<usize>,
    /// The cells that count them: those that are not ending, and all.
    pub(crate) live: usize,
    pub(crate) all: usize,
}

/// The problem.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) hosts: Vec<HostNode>,
    pub(crate) kinds: Vec<Kind>,
    /// Fixed groups after the kinds: whether ending, and how many on each host.
    pub(crate) fixed: Vec<FixedGroup>,
    pub(crate) domains: Vec<Domain>,
    /// The attributes of those that are not hosts.
    pub(crate) domain_names: Vec<String>,
    pub(crate) tags: Vec<Carriers>,
    pub(crate) rules: Vec<Rule>,
    /// Rules that a profile holds or whose tag it carries.
    pub(crate) touching: Vec<Vec<usize>>,
    /// Those of them that it holds.
    pub(crate) held: Vec<Vec<usize>>,
    /// Those of them that say `never`.
    pub(crate) never: Vec<Vec<usize>>,
    /// The same with what an instance changes.
    pub(crate) touch: Vec<Vec<Touch>>,
    /// How many cells a place has; the first are those of the profiles.
    pub(crate) cells: usize,
    /// The cells that count a profile.
    pub(crate) counted: Vec<Vec<usize>>,
    /// Tags (of rules) that a profile carries.
    pub(crate) carries: Vec<Vec<usize>>,
    /// Port numbers that prove nothing, because they are shared already.
    pub(crate) shared_ports: BTreeSet<u16>,
    /// Points that do not depend on the plan.
    pub(crate) base_score: i64,
    pub(crate) max_moves: u32,
}

/// Fixed instances that look alike.
#[derive(Debug, Clone)]
pub(crate) struct FixedGroup {
    pub(crate) ending: bool,
    /// Host and how many there.
    pub(crate) at: Vec<(usize, u32)>,
}

impl Model {
    /// The model of an input in which only the given statements hold.
    pub(crate) fn new(input: &Input<'_>, holding: Holding<'_>) -> Self {
        build::model(input, holding)
    }

    /// The model of what is missing beside what runs; none where too much of something runs.
    pub(crate) fn of_missing(input: &Input<'_>) -> Option<Self> {
        let mut model = Self::new(&input.with_running_fixed(), Holding::All);
        for (kind, wanted) in model.kinds.iter_mut().zip(&input.wanted) {
            let runs = u32::try_from(wanted.runs.len()).ok()?;
            kind.most = kind.most.checked_sub(runs)?;
            kind.least = kind.least.saturating_sub(runs);
        }
        Some(model)
    }

    /// Whether two kinds may never share a domain of that sort.
    pub(crate) fn conflict(&self, a: usize, b: usize, domain: usize) -> bool {
        let said = |holder: usize, other: usize| {
            self.touching[holder].iter().any(|&at| {
                let rule = &self.rules[at];
                rule.holder == holder
                    && rule.says == Says::Never
                    && (domain == 0 || rule.domain == domain)
                    && self.carries[other].contains(&rule.tag)
            })
        };
        let exclusive =
            |port: &u16| !self.shared_ports.contains(port) && self.kinds[b].ports.contains(port);
        let port = domain == 0 && self.kinds[a].ports.iter().any(exclusive);
        port || said(a, b) || said(b, a)
    }

    /// Sets of kinds of which any two instances exclude each other within a domain of that sort.
    pub(crate) fn cliques(&self) -> Vec<(usize, Vec<usize>)> {
        let mut found = BTreeSet::new();
        for domain in 0..self.domains.len() {
            let alone: Vec<usize> = (0..self.kinds.len())
                .filter(|&kind| self.kinds[kind].most > 0 && self.conflict(kind, kind, domain))
                .collect();
            // Beyond this many the pairs cost more than the prune saves.
            for &seed in alone.iter().take(200) {
                let mut clique = vec![seed];
                for &other in alone.iter().take(200) {
                    if other != seed && clique.iter().all(|&one| self.conflict(one, other, domain))
                    {
                        clique.push(other);
                    }
                }
                clique.sort_unstable();
                if clique.len() > 1 || domain > 0 {
                    found.insert((domain, clique));
                }
            }
        }
        found.into_iter().collect()
    }
}

/// Every statement of an input: those of the given files, and those of what runs.
pub(crate) fn statements(input: &Input<'_>, with_running: bool) -> Vec<Statement> {
    let mut all = Vec::new();
    for (kind, wanted) in input.wanted.iter().enumerate() {
        // In this order they are tried for leaving out: rules are better reasons than numbers.
        all.push(Statement::Resources(kind));
        all.extend(hard_biases(input, kind).map(|bias| Statement::Bias(kind, bias)));
        all.push(Statement::Count(kind));
        if with_running && !wanted.runs.is_empty() {
            all.push(Statement::Pins(kind));
        }
    }
    if with_running {
        let others: BTreeSet<&str> =
            input.fixed.iter().map(|(_, one)| one.topology.as_str()).collect();
        all.extend(others.into_iter().map(|name| Statement::Others(name.to_owned())));
    }
    all
}

fn hard_biases<'i>(input: &'i Input<'_>, kind: usize) -> impl Iterator<Item = usize> + 'i {
    let biases = &input.wanted[kind].spec.biases;
    biases.iter().enumerate().filter(|(_, bias)| bias.word.is_hard()).map(|(at, _)| at)
}

/// The hard biases of a task towards attributes, or within attribute domains.
pub(crate) fn attribute_statements(input: &Input<'_>, kind: usize) -> Vec<Statement> {
    let biases = &input.wanted[kind].spec.biases;
    hard_biases(input, kind)
        .filter(|&at| {
            matches!(biases[at].target, Target::Attribute { .. }) || biases[at].domain.is_some()
        })
        .map(|at| Statement::Bias(kind, at))
        .collect()
}

/// Steps that are left.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(crate) left: u64,
}

impl Budget {
    pub(crate) fn spend(&mut self, steps: usize) -> ControlFlow<()> {
        let steps = u64::try_from(steps).unwrap_or(u64::MAX);
        if steps > self.left {
            self.left = 0;
            return ControlFlow::Break(());
        }
        self.left -= steps;
        ControlFlow::Continue(())
    }

    /// Spends so many, or all that is left.
    pub(crate) fn spend_all(&mut self, steps: u64) -> ControlFlow<()> {
        self.left = self.left.saturating_sub(steps);
        if self.left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Takes a part of it to be spent on its own; what is left of that comes back by `give`.
    pub(crate) fn take(&mut self, part: u64) -> Self {
        let part = part.min(self.left);
        self.left -= part;
        Self { left: part }
    }

    pub(crate) fn give(&mut self, rest: &Self) {
        self.left += rest.left;
    }
}
