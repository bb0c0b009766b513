//! What can be placed although the whole cannot: topologies by themselves, then single instances, and those
//! that need each other together.
//!
//! Owns what waits. Who needs a carrier beside it and finds no host keeps one of the missing carriers waiting
//! with it: what is placed elsewhere would stay there, and the holder would find no carrier on the host that
//! comes back. Must not know why something has no host.

use std::collections::{BTreeMap, BTreeSet};

use lathe_placement::{Assignment, Change, Plan, RunningInstance, Verdict, place};
use lathe_topology::{Bias, Target, TaskSpec, Topology, Word};

use crate::framework::command::PlanInput;

/// So many attempts for topologies that hang together; what is left waits for the next repair.
const PIECES_MAX: usize = 64;

/// What can be placed in pieces. What was placed before counts as running. None when nothing finds a host.
pub(super) fn pieces(input: &PlanInput) -> Option<Plan> {
    let mut input = input.clone();
    // Nobody reads why a part has no place.
    input.options.repairs = false;
    let mut plan = Plan::default();
    for group in groups(std::mem::take(&mut input.topologies)) {
        match place(&input.cluster, &group, &input.running, &input.options) {
            Verdict::Placed(found) => {
                let starts = found.assignments.into_iter().filter(|a| a.change == Change::Start);
                for start in starts {
                    let of = group.iter().find(|topology| topology.name == start.topology);
                    let task = of.and_then(|topology| topology.task(&start.task));
                    input.running.instances.extend(task.map(|task| as_running(task, &start)));
                    plan.assignments.push(start);
                }
            }
            _ => plan.assignments.extend(Pieces::new(&mut input, &group).placed()),
        }
    }
    (!plan.assignments.is_empty()).then_some(plan)
}

/// Topologies in groups: those of which one needs another are in one.
fn groups(topologies: Vec<Topology>) -> Vec<Vec<Topology>> {
    let needs = |one: &Topology, other: &Topology| {
        let mut tags = one.tasks.iter().flat_map(needed);
        tags.any(|bias| other.tasks.iter().any(|task| carries(task, bias)))
    };
    let mut groups: Vec<Vec<Topology>> = Vec::new();
    for topology in topologies {
        let bound = |group: &Vec<Topology>| {
            group.iter().any(|other| needs(&topology, other) || needs(other, &topology))
        };
        let (joined, others): (Vec<_>, Vec<_>) = groups.into_iter().partition(bound);
        groups = others;
        let mut joined = joined.concat();
        joined.push(topology);
        groups.push(joined);
    }
    groups
}

/// The rules by which a task needs somebody beside it.
fn needed(task: &TaskSpec) -> impl Iterator<Item = &Bias> {
    let is_tag = |bias: &&Bias| matches!(bias.target, Target::Tag(_));
    task.biases.iter().filter(|bias| bias.word == Word::Always).filter(is_tag)
}

fn carries(task: &TaskSpec, bias: &Bias) -> bool {
    matches!(&bias.target, Target::Tag(tag) if task.carried_tags().contains(tag))
}

pub(super) fn as_running(task: &TaskSpec, start: &Assignment) -> RunningInstance {
    RunningInstance {
        topology: start.topology.clone(),
        task: start.task.clone(),
        slot: start.slot,
        host: start.host.clone(),
        tags: task.carried_tags(),
        biases: task.biases.clone(),
        resources: task.resources.clone(),
        keep: true,
    }
}

/// A task of which instances are missing.
struct Kind<'t> {
    topology: &'t str,
    task: &'t TaskSpec,
    /// The missing slots, the next one last.
    slots: Vec<u32>,
    /// For each rule by which it needs somebody the kinds that carry the tag.
    needs: Vec<Vec<usize>>,
}

struct Pieces<'i, 't> {
    input: &'i mut PlanInput,
    kinds: Vec<Kind<'t>>,
    found: Vec<Assignment>,
    /// Attempts that are left.
    left: usize,
}

impl<'i, 't> Pieces<'i, 't> {
    fn new(input: &'i mut PlanInput, group: &'t [Topology]) -> Self {
        let mut kinds: Vec<Kind<'t>> = Vec::new();
        for topology in group {
            for task in &topology.tasks {
                let slots = missing(task, &input.running.instances);
                let needs = Vec::new();
                kinds.push(Kind { topology: &topology.name, task, slots, needs });
            }
        }
        kinds.retain(|kind| !kind.slots.is_empty());
        for at in 0..kinds.len() {
            let carriers = |bias: &Bias| {
                (0..kinds.len()).filter(|&other| carries(kinds[other].task, bias)).collect()
            };
            kinds[at].needs = needed(kinds[at].task).map(carriers).collect();
        }
        Self { input, kinds, found: Vec::new(), left: PIECES_MAX }
    }

    fn placed(mut self) -> Vec<Assignment> {
        // What was placed may be what another one waited for.
        while (0..self.kinds.len()).any(|at| self.place_kind(at)) {}
        self.found
    }

    /// Places instances of a kind as long as that goes: with those that it needs, or among what runs.
    fn place_kind(&mut self, at: usize) -> bool {
        let before = self.found.len();
        loop {
            let company = self.company(at);
            let alone = BTreeMap::from([(at, 1)]);
            let together = company != alone && self.put(&company);
            if !together && !self.put(&alone) {
                return self.found.len() > before;
            }
        }
    }

    /// One of a kind with one of each missing kind that it needs, and what those need.
    fn company(&self, at: usize) -> BTreeMap<usize, usize> {
        let mut members = BTreeMap::from([(at, 1)]);
        let mut open = vec![at];
        while let Some(kind) = open.pop() {
            for carriers in &self.kinds[kind].needs {
                if carriers.iter().any(|other| *other != kind && members.contains_key(other)) {
                    continue;
                }
                match self.carrier(kind, carriers) {
                    Some(other) if other == kind => _ = members.insert(kind, 2),
                    Some(other) => {
                        members.insert(other, 1);
                        open.push(other);
                    }
                    None => {}
                }
            }
        }
        members
    }

    /// Of the kinds that could be what one kind needs, the one that it is to have: another of its own, if more
    /// than one is missing.
    fn carrier(&self, of: usize, carriers: &[usize]) -> Option<usize> {
        if carriers.contains(&of) && self.kinds[of].slots.len() > 1 {
            return Some(of);
        }
        let mut others = carriers.iter().copied().filter(|other| *other != of);
        others.find(|&other| !self.kinds[other].slots.is_empty())
    }

    /// Whether so many may go without those that wait: of each kind there stays one for each that needs it and
    /// has no host yet, as far as there are so many; and of those that need one another none stays alone.
    fn may_go(&self, members: &BTreeMap<usize, usize>) -> bool {
        let after = |kind: usize| {
            self.kinds[kind].slots.len().saturating_sub(members.get(&kind).copied().unwrap_or(0))
        };
        let waits_for = |other: usize, kind: usize| {
            let mut needs = self.kinds[other].needs.iter();
            needs.any(|carriers| self.carrier(other, carriers) == Some(kind))
        };
        members.keys().all(|&kind| {
            let others = (0..self.kinds.len()).filter(|other| *other != kind);
            let waiting: usize = others.filter(|other| waits_for(*other, kind)).map(after).sum();
            let left = after(kind);
            let company = if left > 0 && waits_for(kind, kind) { 2 } else { 0 };
            left >= waiting.max(company).min(self.kinds[kind].slots.len())
        })
    }

    /// Finds hosts for so many of kinds, everything that runs being fixed.
    fn put(&mut self, members: &BTreeMap<usize, usize>) -> bool {
        let too_many = |(kind, count): (&usize, &usize)| self.kinds[*kind].slots.len() < *count;
        if members.iter().any(too_many) || !self.may_go(members) {
            return false;
        }
        let Some(left) = self.left.checked_sub(1) else { return false };
        self.left = left;
        let mut tasks = Vec::new();
        let mut options = self.input.options.clone();
        options.previous.clear();
        for (&at, &count) in members {
            let kind = &self.kinds[at];
            let mut task = kind.task.clone();
            task.count = u32::try_from(count).unwrap_or(u32::MAX);
            for (own, slot) in (0..task.count).zip(kind.slots.iter().rev()) {
                let before = self.input.options.previous.get(&(task.path.clone(), *slot));
                let before = before.map(|host| ((task.path.clone(), own), host.clone()));
                options.previous.extend(before);
            }
            tasks.push(task);
        }
        // A name that no file can have, so that what runs of the real ones is fixed.
        let name =
            format!("{}\u{0}piece", self.kinds[*members.keys().next().unwrap_or(&0)].topology);
        let apart = Topology { name, crates_paths: Vec::new(), tasks };
        let verdict = place(&self.input.cluster, &[apart], &self.input.running, &options);
        let Verdict::Placed(plan) = verdict else { return false };
        let starts = plan.assignments.into_iter().filter(|one| one.change == Change::Start);
        for start in starts.collect::<Vec<_>>() {
            self.take(start);
        }
        true
    }

    /// A host was found for the next slot of a task.
    fn take(&mut self, found: Assignment) {
        let kind = self.kinds.iter_mut().find(|kind| kind.task.path == found.task);
        let Some((kind, slot)) = kind.and_then(|kind| kind.slots.pop().map(|slot| (kind, slot)))
        else {
            return;
        };
        let start = Assignment { topology: kind.topology.to_owned(), slot, ..found };
        self.input.running.instances.push(as_running(kind.task, &start));
        self.found.push(start);
    }
}

/// The lowest slots of a task that do not run, as many as are missing, the lowest last.
fn missing(task: &TaskSpec, running: &[RunningInstance]) -> Vec<u32> {
    let of = |one: &&RunningInstance| one.task == task.path && one.keep;
    let taken: BTreeSet<u32> = running.iter().filter(of).map(|one| one.slot).collect();
    let wanted = usize::try_from(task.count).unwrap_or(usize::MAX);
    let free = (0..=u32::MAX).filter(|slot| !taken.contains(slot));
    let mut slots: Vec<u32> = free.take(wanted.saturating_sub(taken.len())).collect();
    slots.reverse();
    slots
}
