//! What one instance more or less changes: points, and how much is wrong.
//!
//! Owns the arithmetic of a rule in one place. It reads and never changes.

use super::State;
use crate::model::{Model, Says, Touch};

/// What one broken rule weighs for one instance.
pub(crate) const BROKEN: i64 = 1000;
/// What any overload weighs beside its amount.
pub(crate) const OVERLOADED: i64 = 300;

/// A change of points and of what is wrong.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Delta {
    pub(crate) points: i64,
    pub(crate) wrong: i64,
}

impl std::ops::Add for Delta {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { points: self.points + other.points, wrong: self.wrong + other.wrong }
    }
}

impl Delta {
    /// So many of it.
    pub(crate) fn times(self, times: i32) -> Self {
        let times = i64::from(times);
        Self { points: self.points * times, wrong: self.wrong * times }
    }
}

/// One instance comes or goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    In,
    Out,
}

/// What counts as one unit of too much: about what an instance needs.
pub(super) fn units(model: &Model) -> [u64; 4] {
    std::array::from_fn(|at| {
        let kinds = model.kinds.iter().filter(|kind| kind.most > 0);
        let (sum, count) = kinds.fold((0_u128, 0_u128), |(sum, count), kind| {
            let many = u128::from(kind.most);
            (sum + u128::from(kind.need[at]) * many, count + many)
        });
        u64::try_from(sum / count.max(1)).unwrap_or(u64::MAX).max(1)
    })
}

/// What a rule is worth where so many hold it and so many carry its tag, `all` with the ending ones.
#[inline]
pub(super) fn worth(says: Says, own: bool, held: u32, live: u32, all: u32) -> Delta {
    if held == 0 {
        return Delta::default();
    }
    let (held, own) = (i64::from(held), i64::from(own));
    match says {
        Says::Avoid(weight) => Delta { points: -weight * held * (i64::from(live) - own), wrong: 0 },
        Says::Prefer(weight) => {
            let met = i64::from(live) > own;
            Delta { points: if met { weight * held } else { 0 }, wrong: 0 }
        }
        Says::Never => Delta { points: 0, wrong: BROKEN * held * (i64::from(all) - own).max(0) },
        Says::Always => {
            let met = i64::from(live) > own;
            Delta { points: 0, wrong: if met { 0 } else { BROKEN * held } }
        }
    }
}

impl State<'_> {
    /// What changes when one instance of a kind comes to a host or goes from it.
    pub(crate) fn delta(&self, kind: usize, host: usize, step: Step) -> Delta {
        let mut sum = self.load_delta(kind, host, step);
        for touch in &self.model.touch[kind] {
            let place = self.model.domains[touch.domain].of[host];
            let change = self.touch_delta(touch, place, step);
            sum.points += change.points;
            sum.wrong += change.wrong;
        }
        sum
    }

    /// What changes by a move. Within one place of a rule's domain, that rule sees nothing of it.
    pub(crate) fn move_delta(&self, kind: usize, from: usize, to: usize) -> Delta {
        let mut sum = self.load_delta(kind, from, Step::Out) + self.load_delta(kind, to, Step::In);
        for touch in &self.model.touch[kind] {
            let of = &self.model.domains[touch.domain].of;
            if of[from] == of[to] {
                continue;
            }
            let out = self.touch_delta(touch, of[from], Step::Out);
            let come = self.touch_delta(touch, of[to], Step::In);
            sum.points += out.points + come.points;
            sum.wrong += out.wrong + come.wrong;
        }
        sum
    }

    #[inline]
    fn touch_delta(&self, touch: &Touch, place: usize, step: Step) -> Delta {
        let cells = &self.cells[touch.domain];
        let there = &cells.counts[place * cells.stride..(place + 1) * cells.stride];
        let (held, live, all) = (there[touch.holder], there[touch.live], there[touch.all]);
        let before = worth(touch.says, touch.own, held, live, all);
        let (held, live, all) = match step {
            Step::In => (held + touch.holds, live + touch.carries, all + touch.carries),
            Step::Out => (held - touch.holds, live - touch.carries, all - touch.carries),
        };
        let after = worth(touch.says, touch.own, held, live, all);
        let mut change =
            Delta { points: after.points - before.points, wrong: after.wrong - before.wrong };
        if touch.says == Says::Always {
            let domain = &self.model.domains[touch.domain];
            if domain.unknown[place] || touch.excused(self.model, place) {
                change.wrong = 0;
            } else if domain.lacks[place] {
                let holds = i64::from(touch.holds) * BROKEN;
                change.wrong = if step == Step::In { holds } else { -holds };
            }
        }
        change
    }

    /// Room, ports and attribute points.
    fn load_delta(&self, kind: usize, host: usize, step: Step) -> Delta {
        let facts = &self.model.kinds[kind];
        let nth = self.count(kind, host) - u32::from(step == Step::Out);
        let new = u32::from(self.is_new(kind, host, nth));
        let newcomers = self.newcomers[host];
        let used = &self.used[host];
        let (then, points, new_then) = match step {
            Step::In => {
                let sums = std::array::from_fn(|at| used[at] + u128::from(facts.need[at]));
                (sums, facts.points.at(host), newcomers + new)
            }
            Step::Out => {
                let sums = std::array::from_fn(|at| used[at] - u128::from(facts.need[at]));
                (sums, -facts.points.at(host), newcomers - new)
            }
        };
        let mut wrong = self.overload(host, &then, new_then) - self.overload(host, used, newcomers);
        for port in &facts.ports {
            let now = self.ports[host].get(port).copied().unwrap_or_default();
            let clash = |users: u32, new: u32| {
                if new > 0 { BROKEN * i64::from(users.saturating_sub(1)) } else { 0 }
            };
            let (users, fresh) = match step {
                Step::In => (now.users + 1, now.new + new),
                Step::Out => (now.users - 1, now.new - new),
            };
            wrong += clash(users, fresh) - clash(now.users, now.new);
        }
        Delta { points, wrong }
    }

    /// What is wrong on a host whatever the rules: too much there, and fixed ports with several users.
    pub(super) fn misfit(&self, host: usize) -> i64 {
        let shared = self.ports[host].values().filter(|usage| usage.new > 0);
        let clashes = shared.map(|usage| i64::from(usage.users.saturating_sub(1)));
        self.overload(host, &self.used[host], self.newcomers[host]) + BROKEN * clashes.sum::<i64>()
    }

    /// How much too much is on a host; what runs beyond the capacity may stay if nothing new comes.
    fn overload(&self, host: usize, used: &[u128; 4], newcomers: u32) -> i64 {
        let node = &self.model.hosts[host];
        if newcomers == 0 || !node.known {
            return 0;
        }
        let mut sum = 0;
        for (at, used) in used.iter().enumerate() {
            let capacity = u128::from(node.capacity[at]);
            if *used > capacity {
                let over = u64::try_from(used - capacity).unwrap_or(u64::MAX);
                let times = (over / (self.unit[at] / 64).max(1)).min(64 << 20);
                sum += OVERLOADED + i64::try_from(times).unwrap_or(i64::MAX) * BROKEN / 64;
            }
        }
        sum
    }
}
