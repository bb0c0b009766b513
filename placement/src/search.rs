//! The complete search: counts for each task on each host, one cell after the other.
//!
//! Owns the proof that there is no placement, within a budget of steps. Equal hosts are told apart
//! only by what they got so far. Must not know points: it looks for any valid placement.

use std::cmp::Reverse;
use std::ops::ControlFlow;

use crate::construct::placing_order;
use crate::model::{Budget, Kind, Model, Says, classes};
use crate::state::State;

mod prune;

/// What a search found out.
#[derive(Debug)]
pub(crate) enum Outcome<'m> {
    Found(Box<State<'m>>),
    /// Proved: there is none.
    None,
    /// The budget ended first.
    Spent,
}

/// One decision: so many more of a kind on a host.
struct Frame {
    level: usize,
    at: usize,
    /// Still to be tried, the next one last.
    values: Vec<u32>,
    applied: u32,
    /// Running instances that leave by the applied value.
    leaves: u32,
}

/// What is known when a kind's turn begins.
struct Level {
    /// At most so many fit on this host and the later ones.
    suffix: Vec<u64>,
    /// The host got the same as the one before it so far, and is like it.
    equal: Vec<bool>,
}

struct Search<'m, 'b> {
    state: State<'m>,
    budget: &'b mut Budget,
    moves: u32,
    kinds: Vec<usize>,
    hosts: Vec<usize>,
    classes: Vec<usize>,
    /// Instances that stay in any case are in place before the search begins.
    floor: State<'m>,
    leaving: Vec<u32>,
    cliques: Vec<(usize, Vec<usize>)>,
    levels: Vec<Level>,
}

/// Kinds by which counting alone refutes every placement with so many moves; they may be fewer than it
/// takes. None: it refutes nothing. `kept`: what runs in its place.
pub(crate) fn counted_out(kept: &State<'_>, moves: u32) -> Option<Vec<usize>> {
    let model = kept.model;
    let pinned = model.kinds.iter().all(|kind| kind.excess() == 0 && !kind.free_to_leave);
    let own;
    let floor = if pinned && moves == 0 {
        kept
    } else {
        own = floor(model, moves);
        &own
    };
    let mut short = prune::counted_out(floor)?;
    // What stays in any case takes room, whatever is wanted of it.
    short.extend((0..model.kinds.len()).filter(|&kind| floor.placed[kind] > 0));
    short.sort_unstable();
    short.dedup();
    Some(short)
}

/// What stays in any case.
fn floor<'m>(model: &'m Model, moves: u32) -> State<'m> {
    let pinned = model.kinds.iter().enumerate().filter(|(_, facts)| !facts.free_to_leave);
    let stays = |(kind, facts): (usize, &'m Kind)| {
        let may_leave = facts.excess().saturating_add(moves);
        facts.running().map(move |(host, runs)| (kind, host, runs.saturating_sub(may_leave)))
    };
    State::with(model, pinned.flat_map(stays))
}

/// Looks for a placement that moves at most so many running instances.
pub(crate) fn search<'m>(model: &'m Model, moves: u32, budget: &mut Budget) -> Outcome<'m> {
    let mut search = Search::new(model, moves, budget);
    if !search.state.broken().is_empty() {
        return Outcome::None;
    }
    match search.run() {
        ControlFlow::Break(()) => Outcome::Spent,
        ControlFlow::Continue(false) => Outcome::None,
        ControlFlow::Continue(true) => Outcome::Found(Box::new(search.state)),
    }
}

impl<'m, 'b> Search<'m, 'b> {
    fn new(model: &'m Model, moves: u32, budget: &'b mut Budget) -> Self {
        let floor = floor(model, moves);
        let classes = classes(model);
        let mut hosts: Vec<usize> = (0..model.hosts.len()).collect();
        hosts.sort_by_key(|host| (classes[*host], *host));
        Self {
            state: floor.clone(),
            budget,
            moves,
            kinds: placing_order(model),
            hosts,
            classes,
            floor,
            leaving: vec![0; model.kinds.len()],
            cliques: model.cliques(),
            levels: Vec::new(),
        }
    }

    fn run(&mut self) -> ControlFlow<(), bool> {
        let model = self.state.model;
        let mut frames: Vec<Frame> = Vec::new();
        let (mut level, mut at) = (0, 0);
        loop {
            let forward = self.enter(&mut level, &mut at)?;
            if forward {
                if level == self.kinds.len() {
                    self.budget
                        .spend(1 + model.rules.len().saturating_mul(self.hosts.len()) / 8)?;
                    if self.state.is_complete() && self.state.moves() <= self.moves {
                        return ControlFlow::Continue(true);
                    }
                } else {
                    let values = self.values(level, at);
                    self.budget.spend(1 + model.touching[self.kinds[level]].len() / 8)?;
                    frames.push(Frame { level, at, values, applied: 0, leaves: 0 });
                }
            }
            loop {
                let Some(frame) = frames.last_mut() else { return ControlFlow::Continue(false) };
                let (kind, host) = (self.kinds[frame.level], self.hosts[frame.at]);
                for _ in 0..frame.applied {
                    self.state.remove(kind, host);
                }
                self.leaving[kind] -= frame.leaves;
                (frame.applied, frame.leaves) = (0, 0);
                self.levels.truncate(frame.level + 1);
                let Some(value) = frame.values.pop() else {
                    frames.pop();
                    continue;
                };
                self.budget.spend(1)?;
                if self.apply(frame, value)? {
                    (level, at) = (frame.level, frame.at + 1);
                    break;
                }
            }
        }
    }

    /// Steps over the ends of kinds. False when the next kind cannot get what it wants.
    fn enter(&mut self, level: &mut usize, at: &mut usize) -> ControlFlow<(), bool> {
        let hosts = self.hosts.len();
        loop {
            if *at == hosts && *level < self.kinds.len() && self.levels.len() == *level + 1 {
                let kind = self.kinds[*level];
                if self.state.placed[kind] < self.state.model.kinds[kind].least {
                    return ControlFlow::Continue(false);
                }
                (*level, *at) = (*level + 1, 0);
            }
            if *level == self.kinds.len() || self.levels.len() > *level {
                return ControlFlow::Continue(true);
            }
            if !self.open_level(*level)? {
                return ControlFlow::Continue(false);
            }
            if hosts > 0 {
                return ControlFlow::Continue(true);
            }
        }
    }

    fn open_level(&mut self, level: usize) -> ControlFlow<(), bool> {
        let rest = &self.kinds[level..];
        self.budget.spend(rest.len().saturating_mul(self.hosts.len()) / 8)?;
        if !prune::can_still_fit(&self.state, rest, &self.cliques) {
            return ControlFlow::Continue(false);
        }
        let kind = self.kinds[level];
        let mut suffix = vec![0; self.hosts.len() + 1];
        for at in (0..self.hosts.len()).rev() {
            suffix[at] = suffix[at + 1] + u64::from(self.state.room(kind, self.hosts[at]));
        }
        let equal = (0..self.hosts.len())
            .map(|at| {
                if at == 0 {
                    return false;
                }
                let (one, before) = (self.hosts[at], self.hosts[at - 1]);
                if level == 0 {
                    return self.classes[one] == self.classes[before];
                }
                let last = |host| self.state.count(self.kinds[level - 1], host);
                self.levels[level - 1].equal[at] && last(one) == last(before)
            })
            .collect();
        self.levels.push(Level { suffix, equal });
        ControlFlow::Continue(true)
    }

    /// How many more may go there, the first to be tried last.
    fn values(&self, level: usize, at: usize) -> Vec<u32> {
        let (kind, host) = (self.kinds[level], self.hosts[at]);
        let facts = &self.state.model.kinds[kind];
        let placed = self.state.placed[kind];
        let known = &self.levels[level];
        let later = known.suffix[at + 1];
        let mut most = self.state.room(kind, host).min(facts.most.saturating_sub(placed));
        if known.equal[at] {
            let before = self.hosts[at - 1];
            let extra = self.state.count(kind, before) - self.floor.count(kind, before);
            most = most.min(extra);
        }
        let lacking = facts.least.saturating_sub(placed);
        let mut least = u32::try_from(u64::from(lacking).saturating_sub(later)).unwrap_or(u32::MAX);
        let stay = facts.runs.at(host).saturating_sub(self.floor.count(kind, host));
        if !facts.free_to_leave {
            least = least.max(stay.saturating_sub(self.may_leave(kind)));
        }
        if least > most {
            return Vec::new();
        }
        let open = self.hosts[at..].len();
        let share = usize::try_from(lacking).unwrap_or(usize::MAX).div_ceil(open);
        let share = u32::try_from(share).unwrap_or(u32::MAX);
        let first = share.max(stay.min(facts.most - placed)).clamp(least, most);
        let mut values: Vec<u32> = (least..=most).collect();
        values.sort_by_key(|value| Reverse((value.abs_diff(first), Reverse(*value))));
        values
    }

    /// Running instances of the kind that may still leave their hosts.
    fn may_leave(&self, kind: usize) -> u32 {
        let kinds = self.state.model.kinds.iter().enumerate();
        let over = |(at, facts): (usize, &Kind)| {
            if facts.free_to_leave { 0 } else { self.leaving[at].saturating_sub(facts.excess()) }
        };
        let moved: u32 = kinds.filter(|(at, _)| *at != kind).map(over).sum();
        let facts = &self.state.model.kinds[kind];
        let all = facts.excess().saturating_add(self.moves.saturating_sub(moved));
        all.saturating_sub(self.leaving[kind])
    }

    fn apply(&mut self, frame: &mut Frame, value: u32) -> ControlFlow<(), bool> {
        let (kind, host) = (self.kinds[frame.level], self.hosts[frame.at]);
        let facts = &self.state.model.kinds[kind];
        let stay = facts.runs.at(host).saturating_sub(self.floor.count(kind, host));
        if !facts.free_to_leave {
            frame.leaves = stay.saturating_sub(value);
            self.leaving[kind] += frame.leaves;
        }
        for _ in 0..value {
            if !self.state.can_add(kind, host) {
                return ControlFlow::Continue(false);
            }
            self.state.add(kind, host);
            frame.applied += 1;
        }
        let rules: Vec<usize> = self.state.unmet_around(kind, host).collect();
        for rule in rules {
            if !self.can_be_met(rule, host, (frame.level, frame.at))? {
                return ControlFlow::Continue(false);
            }
        }
        ControlFlow::Continue(true)
    }

    /// Whether a later cell may still bring the carrier that an unmet `always` lacks.
    fn can_be_met(
        &mut self,
        rule: usize,
        host: usize,
        now: (usize, usize),
    ) -> ControlFlow<(), bool> {
        let model = self.state.model;
        let rule = &model.rules[rule];
        debug_assert!(rule.says == Says::Always, "only always can be unmet");
        let domain = &model.domains[rule.domain];
        let place = domain.of[host];
        if domain.lacks[place] {
            return ControlFlow::Continue(false);
        }
        self.budget.spend(domain.members[place].len() / 8)?;
        let carried = |kind: &usize| model.carries[*kind].contains(&rule.tag);
        let this = self.hosts[now.1 + 1..].iter().filter(|host| domain.of[**host] == place);
        let kind = self.kinds[now.0];
        if carried(&kind) && this.into_iter().any(|&host| self.state.room(kind, host) > 0) {
            return ControlFlow::Continue(true);
        }
        let mut later = self.kinds[now.0 + 1..].iter().filter(|kind| carried(kind));
        let found = later
            .any(|&kind| domain.members[place].iter().any(|&host| self.state.room(kind, host) > 0));
        ControlFlow::Continue(found)
    }
}
