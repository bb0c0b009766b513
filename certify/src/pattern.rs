//! The best pattern of one place: every one is looked at, except where it is proved that it cannot be
//! better than one that was seen.
//!
//! Owns the search and its bound. It must not know hosts, files or certificates.

use std::collections::BTreeMap;

/// More of one kind are not looked at one by one.
const ONE_BY_ONE: u64 = 10_000;

/// So many may come, each worth that and with that need.
type Item = (i128, u64, [u64; 4]);

/// One task on the place.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Kind {
    /// No more than this of it.
    pub(crate) most: u64,
    pub(crate) need: [u64; 4],
    /// What an instance is worth whatever stands beside it.
    pub(crate) worth: i128,
    /// Tags that it carries, by number.
    pub(crate) tags: Vec<usize>,
    pub(crate) rules: Vec<Rule>,
    /// Fixed ports, each for one user.
    pub(crate) ports: Vec<u16>,
}

/// A rule of a holder toward a tag on the place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rule {
    pub(crate) tag: usize,
    pub(crate) says: Says,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Says {
    Never,
    Always,
    /// Worth so much once another carrier is there.
    Prefer(i128),
    /// Costs so much for each other carrier.
    Avoid(i128),
}

/// What stands there whatever the plan does.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fixed {
    pub(crate) tags: Vec<usize>,
    pub(crate) rules: Vec<Rule>,
}

/// A place with all that matters to its patterns.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    pub(crate) kinds: Vec<Kind>,
    pub(crate) fixed: Vec<Fixed>,
    /// None: no bound by room.
    pub(crate) room: Option<[u64; 4]>,
    pub(crate) tags: usize,
}

impl Problem {
    /// The most instances of a kind that may be there while no other given instance is.
    pub(crate) fn most_alone(&self, kind: &Kind) -> u64 {
        let room = self.room.unwrap_or([u64::MAX; 4]);
        let by_room = room.iter().zip(kind.need).filter_map(|(room, need)| room.checked_div(need));
        let says_never = |rule: &&Rule| rule.says == Says::Never;
        let carries = |tags: &[usize], rule: &Rule| tags.contains(&rule.tag);
        let mut own = kind.rules.iter().filter(says_never);
        let excluded = self.fixed.iter().any(|fixed| {
            kind.rules.iter().filter(says_never).any(|rule| carries(&fixed.tags, rule))
                || fixed.rules.iter().filter(says_never).any(|rule| carries(&kind.tags, rule))
        });
        let single = !kind.ports.is_empty() || own.any(|rule| carries(&kind.tags, rule));
        let most = kind.most.min(by_room.min().unwrap_or(u64::MAX));
        if excluded { 0 } else { most.min(if single { 1 } else { u64::MAX }) }
    }
}

/// Whether no pattern is worth more than `most`; `None` when the steps were spent first.
pub(crate) fn none_is_worth_more(problem: &Problem, most: i128, steps: &mut u64) -> Option<bool> {
    let mut order: Vec<&Kind> = problem.kinds.iter().filter(|kind| kind.most > 0).collect();
    let optimistic = |kind: &&Kind| {
        -kind.rules.iter().fold(kind.worth, |sum, rule| {
            sum + if let Says::Prefer(worth) = rule.says { worth } else { 0 }
        })
    };
    order.sort_by_key(optimistic);
    let mut counts = vec![0; problem.tags];
    for fixed in &problem.fixed {
        fixed.tags.iter().for_each(|tag| counts[*tag] += 1);
    }
    let room = problem.room.unwrap_or([u64::MAX; 4]);
    let ahead = carriers(&order, problem.tags);
    let mut search = Search {
        problem,
        order,
        ahead,
        counts,
        taken: Vec::new(),
        room,
        ports: Vec::new(),
        most,
        steps,
    };
    search.exceeds().map(|exceeds| !exceeds)
}

/// For each depth which tags some kind from there on carries.
fn carriers(order: &[&Kind], tags: usize) -> Vec<Vec<bool>> {
    let mut ahead = vec![vec![false; tags]];
    for kind in order.iter().rev() {
        let mut here = ahead[ahead.len() - 1].clone();
        kind.tags.iter().for_each(|tag| here[*tag] = true);
        ahead.push(here);
    }
    ahead.reverse();
    ahead
}

struct Search<'p> {
    problem: &'p Problem,
    order: Vec<&'p Kind>,
    ahead: Vec<Vec<bool>>,
    /// Carriers of each tag so far.
    counts: Vec<u64>,
    /// How many of each kind so far.
    taken: Vec<u64>,
    room: [u64; 4],
    ports: Vec<u16>,
    most: i128,
    steps: &'p mut u64,
}

impl Search<'_> {
    /// Whether some pattern that begins like this is worth more.
    fn exceeds(&mut self) -> Option<bool> {
        *self.steps = self.steps.checked_sub(1)?;
        let depth = self.taken.len();
        let Some(best) = self.at_most() else { return Some(false) };
        if best <= self.most {
            return Some(false);
        }
        if depth == self.order.len() {
            // Nothing is ahead: what was an estimate is the worth of a whole, admissible pattern.
            return Some(true);
        }
        let kind = self.order[depth];
        for number in (0..=self.fits(kind)).rev() {
            self.put(kind, number);
            let found = self.exceeds();
            self.take_back(kind, number);
            if found != Some(false) {
                return found;
            }
        }
        Some(false)
    }

    fn put(&mut self, kind: &Kind, number: u64) {
        self.taken.push(number);
        kind.tags.iter().for_each(|tag| self.counts[*tag] += number);
        for (room, need) in self.room.iter_mut().zip(kind.need) {
            *room -= need * number;
        }
        if number > 0 {
            self.ports.extend(&kind.ports);
        }
    }

    fn take_back(&mut self, kind: &Kind, number: u64) {
        self.taken.pop();
        kind.tags.iter().for_each(|tag| self.counts[*tag] -= number);
        for (room, need) in self.room.iter_mut().zip(kind.need) {
            *room += need * number;
        }
        if number > 0 {
            self.ports.truncate(self.ports.len() - kind.ports.len());
        }
    }

    /// How many of a kind there is room for.
    fn fits(&self, kind: &Kind) -> u64 {
        let by_room =
            self.room.iter().zip(kind.need).filter_map(|(room, need)| room.checked_div(need));
        let by_room = by_room.min().unwrap_or(u64::MAX);
        let by_port = match kind.ports.iter().any(|port| self.ports.contains(port)) {
            true => 0,
            false if kind.ports.is_empty() => u64::MAX,
            false => 1,
        };
        kind.most.min(by_room).min(by_port)
    }

    /// No pattern that begins like this is worth more than that; `None`: none is admissible.
    fn at_most(&self) -> Option<i128> {
        let depth = self.taken.len();
        let ahead = &self.ahead[depth];
        let mut sum = 0;
        let holders = self.order.iter().zip(&self.taken).filter(|(_, number)| **number > 0);
        let given =
            holders.map(|(kind, number)| (&kind.tags, &kind.rules, *number, kind.worth, true));
        let fixed = self.problem.fixed.iter().map(|one| (&one.tags, &one.rules, 1, 0, false));
        for (tags, rules, number, worth, is_given) in given.chain(fixed) {
            sum += worth * i128::from(number);
            for rule in rules {
                let own = u64::from(tags.contains(&rule.tag));
                let others = self.counts[rule.tag].saturating_sub(own);
                match rule.says {
                    Says::Never if others > 0 && (is_given || self.has_given(rule.tag)) => {
                        return None;
                    }
                    Says::Always if is_given && others == 0 && !ahead[rule.tag] => return None,
                    Says::Prefer(worth) if others > 0 || ahead[rule.tag] => {
                        sum += worth * i128::from(number);
                    }
                    Says::Avoid(cost) => sum -= cost * i128::from(number) * i128::from(others),
                    _ => {}
                }
            }
        }
        Some(sum + self.rest(depth))
    }

    /// Whether a given instance carries the tag: what is fixed bears with what else is fixed.
    fn has_given(&self, tag: usize) -> bool {
        let fixed = self.problem.fixed.iter().filter(|one| one.tags.contains(&tag)).count() as u64;
        self.counts[tag] > fixed
    }

    /// What the kinds ahead can add: as much as fits, by the room that runs out first.
    fn rest(&self, depth: usize) -> i128 {
        let burden = self.burden();
        let mut values: Vec<Item> = Vec::new();
        let mut flocks: BTreeMap<usize, Vec<Ahead>> = BTreeMap::new();
        for kind in &self.order[depth..] {
            let number = self.fits(kind);
            let mut value = kind.worth - kind.tags.iter().map(|tag| burden[*tag]).sum::<i128>();
            let mut excluded = false;
            let mut heaviest: Option<(i128, usize)> = None;
            for rule in &kind.rules {
                let others = self.counts[rule.tag];
                let possible = others > 0 || self.ahead[depth][rule.tag];
                match rule.says {
                    Says::Never => excluded |= others > 0,
                    Says::Always => excluded |= !possible,
                    Says::Prefer(worth) if possible => value += worth,
                    Says::Prefer(_) => {}
                    Says::Avoid(cost) => {
                        value -= cost * i128::from(others);
                        if kind.tags.contains(&rule.tag) {
                            heaviest = heaviest.max(Some((cost, rule.tag)));
                        }
                    }
                }
            }
            if number == 0 || value <= 0 || excluded {
                continue;
            }
            let alone = kind
                .rules
                .iter()
                .any(|rule| rule.says == Says::Never && kind.tags.contains(&rule.tag));
            let (number, need) = (if alone { 1 } else { number }, kind.need);
            match heaviest {
                // So many would take too long to look at one by one.
                Some((cost, tag)) if number <= ONE_BY_ONE => {
                    flocks.entry(tag).or_default().push(Ahead { value, number, need, cost });
                }
                _ => values.push((value, number, need)),
            }
        }
        flocks.values().for_each(|flock| falling(flock, &mut values));
        let all: i128 = values.iter().map(|(value, number, _)| value * i128::from(*number)).sum();
        let by_room = (0..4).map(|which| filled(&values, which, self.room[which]));
        by_room.min().unwrap_or(all).min(all)
    }

    /// What those that are there already lose by one more carrier of each tag.
    fn burden(&self) -> Vec<i128> {
        let mut burden = vec![0; self.problem.tags];
        let given = self.order.iter().zip(&self.taken).map(|(kind, number)| (&kind.rules, *number));
        for (rules, number) in given.chain(self.problem.fixed.iter().map(|one| (&one.rules, 1))) {
            for rule in rules {
                if let Says::Avoid(cost) = rule.says {
                    burden[rule.tag] += cost * i128::from(number);
                }
            }
        }
        burden
    }
}

/// A kind ahead that avoids a tag of its own: what one is worth beside what is there, and what it costs for
/// each other one.
struct Ahead {
    value: i128,
    number: u64,
    need: [u64; 4],
    cost: i128,
}

/// Kinds that carry and avoid one tag: with n of them there, each of them has n − 1 others, so each further one
/// is worth less by twice the least cost. The best ones first, as if none needed more than the smallest.
fn falling(flock: &[Ahead], values: &mut Vec<Item>) {
    let least = flock.iter().map(|one| one.cost).min().unwrap_or(0);
    let mut single: Vec<i128> = Vec::new();
    for one in flock {
        let each = (0..one.number).map(|nth| one.value - 2 * (one.cost - least) * i128::from(nth));
        single.extend(each.take_while(|value| *value > 0));
    }
    single.sort_unstable_by(|one, other| other.cmp(one));
    let need =
        std::array::from_fn(|which| flock.iter().map(|one| one.need[which]).min().unwrap_or(0));
    let costs = (0..).map(|before: i128| 2 * least * before);
    let worth = single.into_iter().zip(costs).map(|(value, cost)| value - cost);
    values.extend(worth.take_while(|value| *value > 0).map(|value| (value, 1, need)));
}

/// As much as fits into one sort of room, the most worth for it first, the last one in part.
fn filled(values: &[Item], which: usize, room: u64) -> i128 {
    let mut sorted: Vec<&Item> = values.iter().collect();
    sorted.sort_by(|(value, _, need), (other, _, its)| {
        (other * i128::from(need[which])).cmp(&(value * i128::from(its[which])))
    });
    let (mut left, mut sum) = (i128::from(room), 0);
    for (value, number, need) in sorted {
        let need = i128::from(need[which]);
        let all = need * i128::from(*number);
        if all <= left {
            left -= all;
            sum += value * i128::from(*number);
        } else {
            return sum + (value * left).div_euclid(need) + 1;
        }
    }
    sum
}

#[cfg(test)]
mod tests;
