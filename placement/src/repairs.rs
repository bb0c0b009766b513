//! Changes of an input without a plan with which there is one, each tried.
//!
//! Owns what is worth trying, and in which order. It believes nothing that it has not placed. Must not know
//! how a placement is found.

use std::collections::BTreeSet;

use lathe_topology::{Resources, Target, TaskSpec, Word, format_bytes, format_cpus};

use crate::Options;
use crate::input::{HostRow, Input};
use crate::model::{Budget, Holding, Model, Statement};
use crate::search::Outcome;
use crate::solve::{at_once, persist};
use crate::verdict::Repair;
use crate::wording::bias_text;

/// So many are shown.
const SHOWN: usize = 3;
/// A number is looked for with at most so many trials.
const TRIALS: u32 = 12;
/// Rules of which each is tried by itself.
const RULES_TRIED: usize = 6;
/// Where tasks times hosts are no more, a trial is searched with so many steps.
const SMALL: usize = 20_000;
const STEPS: u64 = 20_000;

/// What an instance may ask less of, and in which steps.
const LESS: [(&str, u64); 3] = [("cpus", 10), ("mem", 1 << 20), ("disk", 1 << 20)];

/// One change of an input.
#[derive(Debug, Clone, Copy)]
enum Change {
    Count(usize, u32),
    Soften(usize, usize),
    /// So much of a resource, by its place among `LESS`.
    Less(usize, usize, u64),
    /// More hosts like that one.
    Hosts(usize, u32),
    Moves(u32),
}

struct Trials<'i> {
    input: &'i Input<'i>,
    /// The tasks that take part in the contradiction, and whom they need beside them.
    near: BTreeSet<usize>,
}

/// Up to three changes that help, of different sorts where that can be.
pub(crate) fn repairs(input: &Input<'_>, set: &BTreeSet<Statement>) -> Vec<Repair> {
    if !input.options.repairs {
        return Vec::new();
    }
    let trials = Trials { input, near: company(input, set) };
    let kinds = |of: fn(&Statement) -> Option<usize>| set.iter().filter_map(of);
    let counted = kinds(|one| if let Statement::Count(kind) = one { Some(*kind) } else { None });
    let sized = kinds(|one| if let Statement::Resources(kind) = one { Some(*kind) } else { None });
    let pinned = set.iter().any(|one| matches!(one, Statement::Pins(_)));
    let rules: Vec<(usize, usize)> = set
        .iter()
        .filter_map(
            |one| if let Statement::Bias(kind, at) = one { Some((*kind, *at)) } else { None },
        )
        .collect();
    let counted: Vec<usize> = counted.collect();
    let mut found: Vec<Change> = Vec::new();
    found.extend(counted.iter().find_map(|&kind| trials.fewer(kind)));
    found.extend(counted.iter().find_map(|&kind| trials.more(kind, &rules)));
    found.extend(pinned.then(|| trials.moves()).flatten());
    found.extend(trials.hosts());
    let softer = rules.iter().take(RULES_TRIED).map(|&(kind, at)| Change::Soften(kind, at));
    let mut softer = softer.filter(|change| found.len() < SHOWN && trials.works(change, false));
    let first = softer.next();
    let second = softer.next();
    found.extend(first);
    found.extend(sized.into_iter().find_map(|kind| trials.less(kind)));
    found.extend(second);
    found.truncate(SHOWN);
    found.into_iter().map(|change| told(input, &change)).collect()
}

/// The tasks of some statements, and those that somebody among them needs beside it.
fn company(input: &Input<'_>, set: &BTreeSet<Statement>) -> BTreeSet<usize> {
    let of = |one: &Statement| match one {
        Statement::Count(kind)
        | Statement::Resources(kind)
        | Statement::Pins(kind)
        | Statement::Bias(kind, _) => Some(*kind),
        Statement::Others(_) => None,
    };
    let mut near: BTreeSet<usize> = set.iter().filter_map(of).collect();
    let mut open: Vec<usize> = near.iter().copied().collect();
    while let Some(kind) = open.pop() {
        for bias in input.wanted[kind].spec.biases.iter().filter(|bias| bias.word == Word::Always) {
            let Target::Tag(tag) = &bias.target else { continue };
            let carries = |at: &usize| input.wanted[*at].spec.carried_tags().contains(tag);
            for carrier in (0..input.wanted.len()).filter(carries) {
                if near.insert(carrier) {
                    open.push(carrier);
                }
            }
        }
    }
    near
}

impl Trials<'_> {
    /// Whether there is a placement after a change: of those that take part alone, then of everything.
    fn helps(&self, change: &Change) -> bool {
        self.works(change, true) && self.works(change, false)
    }

    fn works(&self, change: &Change, near: bool) -> bool {
        let mut input = match near {
            true => self.input.only(&self.near),
            false => self.input.only(&(0..self.input.wanted.len()).collect()),
        };
        let options: Options;
        let spec: TaskSpec;
        let names: Vec<String>;
        match *change {
            Change::Moves(moves) => {
                options = Options { max_moves: moves, ..self.input.options.clone() };
                input.options = &options;
            }
            Change::Hosts(like, more) => {
                // Names behind all others, so that hosts stay in order.
                names = (0..more).map(|at| format!("{}{at:010}", char::MAX)).collect();
                let known = self.input.hosts[like].known;
                input.hosts.extend(names.iter().map(|name| HostRow { name, known }));
            }
            Change::Count(kind, _) | Change::Soften(kind, _) | Change::Less(kind, ..) => {
                spec = changed(self.input.wanted[kind].spec, change);
                let path = &self.input.wanted[kind].spec.path;
                let mine = input.wanted.iter_mut().find(|wanted| {
                    wanted.spec.path == *path && wanted.topology == self.input.wanted[kind].topology
                });
                if let Some(mine) = mine {
                    mine.spec = &spec;
                }
            }
        }
        let model = Model::new(&input, Holding::All);
        let (outcome, _) = at_once(&model);
        let small = model.kinds.len() * model.hosts.len() <= SMALL;
        match outcome {
            Outcome::Found(_) => true,
            Outcome::Spent if small => {
                let mut budget = Budget { left: STEPS };
                let found = persist(&model, self.input.options.seed, &mut budget);
                matches!(found, Outcome::Found(_))
            }
            _ => false,
        }
    }

    /// The number nearest to the first that helps, between one that does and one that does not; `of` makes
    /// the change.
    fn nearest(&self, good: u64, bad: u64, of: impl Fn(u64) -> Change) -> Option<Change> {
        let (mut good, mut bad) = (good, bad);
        for _ in 0..TRIALS {
            if good.abs_diff(bad) <= 1 {
                break;
            }
            let middle = u64::midpoint(good, bad);
            if self.works(&of(middle), true) { good = middle } else { bad = middle }
        }
        // More is in the way than what takes part: a little further may be enough.
        let further = [good, if good > bad { good + 1 } else { good.saturating_sub(1) }];
        further.into_iter().map(of).find(|change| self.works(change, false))
    }

    /// Fewer instances, but some.
    fn fewer(&self, kind: usize) -> Option<Change> {
        let count = self.input.wanted[kind].spec.count;
        let of = |count: u64| Change::Count(kind, u32::try_from(count).unwrap_or(u32::MAX));
        if count < 2 || !self.works(&of(1), true) {
            return None;
        }
        let found = self.nearest(1, u64::from(count), of)?;
        matches!(found, Change::Count(_, fewer) if fewer > 0).then_some(found)
    }

    /// More instances of what somebody needs beside it.
    fn more(&self, kind: usize, rules: &[(usize, usize)]) -> Option<Change> {
        let carried = self.input.wanted[kind].spec.carried_tags();
        let needed = rules.iter().any(|&(holder, at)| {
            let bias = &self.input.wanted[holder].spec.biases[at];
            matches!(&bias.target, Target::Tag(tag)
                if bias.word == Word::Always && carried.contains(tag))
        });
        let count = self.input.wanted[kind].spec.count;
        let more = [1, 2, 4, 8].map(|more| Change::Count(kind, count.saturating_add(more)));
        more.into_iter().filter(|_| needed).find(|change| self.helps(change))
    }

    fn moves(&self) -> Option<Change> {
        let now = self.input.options.max_moves;
        let more = [1, 2, 4, 8, 16].map(|more| Change::Moves(now.saturating_add(more)));
        more.into_iter().find(|change| self.helps(change))
    }

    /// As few hosts more as help, like the largest.
    fn hosts(&self) -> Option<Change> {
        let known = self.input.hosts.iter().enumerate();
        let known = known.filter_map(|(at, row)| Some((at, &row.known?.capacity)));
        let (like, _) = known.max_by_key(|(at, capacity)| {
            (capacity.cpus_milli, capacity.mem_bytes, std::cmp::Reverse(*at))
        })?;
        let of = |more: u64| Change::Hosts(like, u32::try_from(more).unwrap_or(u32::MAX));
        let most = u64::try_from(self.input.hosts.len()).unwrap_or(u64::MAX).clamp(1, 64);
        let mut bad = 0;
        for more in [1, 2, 4, 8, 16, 32, 64].into_iter().filter(|more| *more <= most) {
            if self.works(&of(more), true) {
                return self.nearest(more, bad, of);
            }
            bad = more;
        }
        None
    }

    /// Less of one resource for each instance.
    fn less(&self, kind: usize) -> Option<Change> {
        (0..LESS.len()).find_map(|resource| {
            let (_, step) = LESS[resource];
            let now = *amount(&mut self.input.wanted[kind].spec.resources.clone(), resource) / step;
            let of = |steps: u64| Change::Less(kind, resource, steps * step);
            if now < 2 || !self.works(&of(1), true) {
                return None;
            }
            self.nearest(1, now, of)
        })
    }
}

fn amount(needs: &mut Resources, resource: usize) -> &mut u64 {
    match resource {
        0 => &mut needs.cpus_milli,
        1 => &mut needs.mem_bytes,
        _ => &mut needs.disk_bytes,
    }
}

fn changed(spec: &TaskSpec, change: &Change) -> TaskSpec {
    let mut spec = spec.clone();
    match *change {
        Change::Count(_, count) => spec.count = count,
        Change::Less(_, resource, less) => *amount(&mut spec.resources, resource) = less,
        Change::Soften(_, at) => spec.biases[at].word = softened(spec.biases[at].word),
        Change::Hosts(..) | Change::Moves(_) => {}
    }
    spec
}

fn softened(word: Word) -> Word {
    match word {
        Word::Never => Word::Avoid,
        Word::Always => Word::Prefer,
        other => other,
    }
}

fn told(input: &Input<'_>, change: &Change) -> Repair {
    let of = |kind: usize, before: String, after: String| {
        let wanted = &input.wanted[kind];
        Repair {
            text: format!("{}: {after} instead of {before}", wanted.spec.path),
            topology: Some(wanted.topology.to_owned()),
            task: Some(wanted.spec.path.clone()),
            statement: Some(before),
            instead: Some(after),
        }
    };
    let beside = |text: String| Repair { text, ..Repair::default() };
    match *change {
        Change::Count(kind, count) => {
            let before = input.wanted[kind].spec.count;
            of(kind, format!("tasks = {before}"), format!("tasks = {count}"))
        }
        Change::Less(kind, resource, less) => {
            let before = *amount(&mut input.wanted[kind].spec.resources.clone(), resource);
            let shown = |value| match LESS[resource] {
                ("cpus", _) => format!("cpus = {}", format_cpus(value)),
                (name, _) => format!("{name} = \"{}\"", format_bytes(value)),
            };
            of(kind, shown(before), shown(less))
        }
        Change::Soften(kind, at) => {
            let before = &input.wanted[kind].spec.biases[at];
            let after = lathe_topology::Bias { word: softened(before.word), ..before.clone() };
            of(kind, bias_text(before), bias_text(&after))
        }
        Change::Hosts(like, more) => {
            let hosts = if more == 1 { "1 more host" } else { &format!("{more} more hosts") };
            beside(format!("{hosts} like {}", input.hosts[like].name))
        }
        Change::Moves(moves) => {
            beside(format!("--max-moves {moves}: so many of what runs may move"))
        }
    }
}
