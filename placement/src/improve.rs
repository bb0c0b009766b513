//! Makes a small placement better by moving and swapping instances that do not run yet, up only.
//!
//! Owns the order of what is better: points, slots back at their former hosts, evenness. Every step
//! keeps the placement valid. Must not touch what runs.

use std::collections::BTreeMap;

use crate::model::{Budget, Says};
use crate::state::{State, Step};

/// Greater is better: points, returned slots, evenness within tasks, evenness of load.
type Worth = (i64, i64, i64, i64);

/// Improves until nothing helps any more or the budget is spent.
pub(crate) fn improve(state: &mut State<'_>, budget: &mut Budget) {
    let fresh = fresh(state);
    let hosts = u64::try_from(state.model.hosts.len()).unwrap_or(u64::MAX);
    let cells = u64::try_from(fresh.len()).unwrap_or(u64::MAX);
    if cells.saturating_mul(hosts) > budget.left {
        return;
    }
    let soft = state.model.rules.iter().any(|r| matches!(r.says, Says::Avoid(_) | Says::Prefer(_)));
    let mut looks = Looks::new(state);
    while moves(state, &mut looks, budget) || (soft && swaps(state, &mut looks, budget)) {}
}

fn new_at(state: &State<'_>, kind: usize, host: usize) -> u32 {
    state.count(kind, host).saturating_sub(state.model.kinds[kind].runs.at(host))
}

/// Kinds and hosts with instances that do not run yet, in order.
fn fresh(state: &State<'_>) -> Vec<(usize, usize)> {
    let kinds = state.model.kinds.iter().enumerate();
    let some =
        kinds.filter(|(at, kind)| state.placed[*at] > kind.run_total || state.leaving(*at) > 0);
    let moved = |kind: usize| (0..state.model.hosts.len()).map(move |host| (kind, host));
    some.flat_map(|(kind, _)| moved(kind)).filter(|&(k, host)| new_at(state, k, host) > 0).collect()
}

/// What the cells of some kinds on some hosts contribute. Only differences mean something.
fn worth(state: &State<'_>, kinds: &[usize], hosts: &[usize]) -> Worth {
    let mut sum = (state.score, 0, 0, 0);
    for &host in hosts {
        for &kind in kinds {
            let facts = &state.model.kinds[kind];
            sum.1 += i64::from(new_at(state, kind, host).min(facts.previous.at(host)));
            sum.2 -= i64::from(state.count(kind, host)).pow(2);
        }
        sum.3 -= state.load(host).pow(2);
    }
    sum
}

/// Whether no `always` is unmet around these places.
fn stands(state: &State<'_>, places: &[(usize, usize)]) -> bool {
    places.iter().all(|(kind, host)| state.unmet_around(*kind, *host).next().is_none())
}

fn moves(state: &mut State<'_>, looks: &mut Looks, budget: &mut Budget) -> bool {
    let mut any = false;
    for cells in fresh(state).chunk_by(|one, other| one.0 == other.0) {
        let kind = cells[0].0;
        for &(_, from) in cells {
            let mut leaves = Leaves::new(state, kind, from);
            for to in 0..state.model.hosts.len() {
                if to == from || new_at(state, kind, from) == 0 {
                    continue;
                }
                let look = looks.at(state, kind, to);
                if look.falls_short(leaves.points) {
                    continue;
                }
                if budget.spend(1).is_break() {
                    return false;
                }
                if leaves.is_better(state, to, look) && try_move(state, kind, from, to) {
                    any = true;
                    looks.have_changed([from, to]);
                    if new_at(state, kind, from) == 0 {
                        break;
                    }
                    leaves = Leaves::new(state, kind, from);
                }
            }
        }
    }
    any
}

/// An instance of a kind that may leave a host.
struct Leaves {
    kind: usize,
    from: usize,
    /// What that changes of the points.
    points: i64,
    /// By how much the square of the host's load falls.
    lighter: i64,
}

impl Leaves {
    fn new(state: &State<'_>, kind: usize, from: usize) -> Self {
        let points = state.delta(kind, from, Step::Out).points;
        let lighter = state.load(from).pow(2) - state.load_without(kind, from).pow(2);
        Self { kind, from, points, lighter }
    }

    /// Whether a move there would be for the better, by what one look at each end tells.
    fn is_better(&self, state: &State<'_>, to: usize, look: Look) -> bool {
        let (points, heavier) = match look {
            Look::Full => return false,
            Look::Gain { points, heavier } => (self.points + points, heavier),
            Look::Wide { heavier } => (state.move_delta(self.kind, self.from, to).points, heavier),
        };
        points > 0 || (points == 0 && self.evener(state, to, heavier) > (0, 0, 0))
    }

    /// What a move of one instance changes of returned slots and evenness; of a new one to where one more
    /// would be new.
    fn evener(&self, state: &State<'_>, to: usize, heavier: i64) -> (i64, i64, i64) {
        let (kind, from) = (self.kind, self.from);
        let previous = &state.model.kinds[kind].previous;
        let returned = if previous.is_usual() {
            0
        } else {
            let less = new_at(state, kind, from) <= previous.at(from);
            let more = new_at(state, kind, to) < previous.at(to);
            i64::from(more) - i64::from(less)
        };
        let (here, there) = (state.count(kind, from), state.count(kind, to));
        let even = 2 * (i64::from(here) - i64::from(there) - 1);
        (returned, even, self.lighter - heavier)
    }
}

/// What one more of a kind would be at a host now.
#[derive(Debug, Clone, Copy)]
enum Look {
    /// Nobody can come.
    Full,
    /// So many points, and by how much the square of the host's load rises.
    Gain { points: i64, heavier: i64 },
    /// The same where rules about other domains make a single host tell too little of points.
    Wide { heavier: i64 },
}

impl Look {
    fn new(state: &State<'_>, kind: usize, host: usize, wide: bool) -> Self {
        if !wide && !state.can_add(kind, host) {
            return Self::Full;
        }
        let heavier = state.load_with(kind, host).pow(2) - state.load(host).pow(2);
        if wide {
            return Self::Wide { heavier };
        }
        Self::Gain { points: state.delta(kind, host, Step::In).points, heavier }
    }

    /// Whether coming there does not even make up for what is lost.
    fn falls_short(self, lost: i64) -> bool {
        match self {
            Self::Full => true,
            Self::Gain { points, .. } => points + lost < 0,
            Self::Wide { .. } => false,
        }
    }
}

/// What was looked at. A look holds until something changes on its host.
struct Looks {
    /// How often each host has changed.
    changes: Vec<u32>,
    of: BTreeMap<usize, Looked>,
}

/// The looks of one kind at all hosts, each with the changes that it has seen.
struct Looked {
    wide: bool,
    at: Vec<Option<(u32, Look)>>,
}

impl Looks {
    fn new(state: &State<'_>) -> Self {
        Self { changes: vec![0; state.model.hosts.len()], of: BTreeMap::new() }
    }

    fn at(&mut self, state: &State<'_>, kind: usize, host: usize) -> Look {
        let hosts = self.changes.len();
        let looked = self.of.entry(kind).or_insert_with(|| Looked {
            wide: state.model.touch[kind].iter().any(|touch| touch.domain > 0),
            at: vec![None; hosts],
        });
        let changes = self.changes[host];
        match looked.at[host] {
            Some((seen, look)) if seen == changes => look,
            _ => {
                let look = Look::new(state, kind, host, looked.wide);
                looked.at[host] = Some((changes, look));
                look
            }
        }
    }

    fn have_changed(&mut self, hosts: [usize; 2]) {
        hosts.into_iter().for_each(|host| self.changes[host] += 1);
    }
}

/// Moves one instance to where that is better, unless something is wrong then.
fn try_move(state: &mut State<'_>, kind: usize, from: usize, to: usize) -> bool {
    if state.move_delta(kind, from, to).wrong > 0 {
        return false;
    }
    state.remove(kind, from);
    if state.can_add(kind, to) {
        state.add(kind, to);
        if stands(state, &[(kind, from), (kind, to)]) && new_at(state, kind, to) > 0 {
            return true;
        }
        state.remove(kind, to);
    }
    state.add(kind, from);
    false
}

fn swaps(state: &mut State<'_>, looks: &mut Looks, budget: &mut Budget) -> bool {
    let mut any = false;
    let cells = fresh(state);
    for (at, &one) in cells.iter().enumerate() {
        for &other in &cells[at + 1..] {
            if one.0 == other.0 || one.1 == other.1 {
                continue;
            }
            if budget.spend(1).is_break() {
                return false;
            }
            let movable = new_at(state, one.0, one.1) > 0 && new_at(state, other.0, other.1) > 0;
            if movable && try_swap(state, one, other) {
                any = true;
                looks.have_changed([one.1, other.1]);
            }
        }
    }
    any
}

fn try_swap(state: &mut State<'_>, one: (usize, usize), other: (usize, usize)) -> bool {
    let (kinds, hosts) = ([one.0, other.0], [one.1, other.1]);
    let before = worth(state, &kinds, &hosts);
    state.remove(one.0, one.1);
    state.remove(other.0, other.1);
    if state.can_add(one.0, other.1) {
        state.add(one.0, other.1);
        if state.can_add(other.0, one.1) {
            state.add(other.0, one.1);
            let places = [one, other, (one.0, other.1), (other.0, one.1)];
            if worth(state, &kinds, &hosts) > before && stands(state, &places) {
                return true;
            }
            state.remove(other.0, one.1);
        }
        state.remove(one.0, other.1);
    }
    state.add(other.0, other.1);
    state.add(one.0, one.1);
    false
}
