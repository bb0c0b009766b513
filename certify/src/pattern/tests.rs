//! Tests of the file beside: against every pattern there is.

use super::*;

/// The same numbers in every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn tags(&mut self) -> Vec<usize> {
        (0..3).filter(|_| self.below(3) == 0).collect()
    }

    fn rules(&mut self) -> Vec<Rule> {
        (0..self.below(3))
            .map(|_| {
                let weight = i128::from(self.below(5)) + 1;
                let says = match self.below(5) {
                    0 => Says::Never,
                    1 => Says::Always,
                    2 => Says::Avoid(weight),
                    _ => Says::Prefer(weight),
                };
                Rule { tag: usize::try_from(self.below(3)).unwrap(), says }
            })
            .collect()
    }

    fn problem(&mut self) -> Problem {
        let kind = |draw: &mut Self| Kind {
            most: draw.below(4),
            need: [draw.below(3), draw.below(2), 0, draw.below(2)],
            worth: i128::from(draw.below(13)) - 6,
            tags: draw.tags(),
            rules: draw.rules(),
            ports: if draw.below(4) == 0 { vec![80] } else { Vec::new() },
        };
        let kinds = (0..=self.below(4)).map(|_| kind(self)).collect();
        let fixed = (0..self.below(3)).map(|_| Fixed { tags: self.tags(), rules: self.rules() });
        let fixed = fixed.collect();
        let room = (self.below(5) > 0).then(|| [self.below(7), self.below(5), 0, self.below(5)]);
        Problem { kinds, fixed, room, tags: 3 }
    }
}

/// The worth of the best admissible pattern, the plain way.
fn best(problem: &Problem) -> Option<i128> {
    let mut best = None;
    let mut numbers = vec![0_u64; problem.kinds.len()];
    loop {
        if let Some(worth) = worth(problem, &numbers) {
            best = best.max(Some(worth));
        }
        let mut at = 0;
        while at < numbers.len() && numbers[at] == problem.kinds[at].most {
            numbers[at] = 0;
            at += 1;
        }
        let Some(number) = numbers.get_mut(at) else { return best };
        *number += 1;
    }
}

fn worth(problem: &Problem, numbers: &[u64]) -> Option<i128> {
    let mut all: Vec<(&[usize], &[Rule], bool)> = Vec::new();
    let (mut used, mut users, mut sum) = ([0; 4], 0, 0);
    for (kind, number) in problem.kinds.iter().zip(numbers) {
        for _ in 0..*number {
            all.push((&kind.tags, &kind.rules, true));
            (0..4).for_each(|which| used[which] += kind.need[which]);
            users += kind.ports.len();
            sum += kind.worth;
        }
    }
    all.extend(problem.fixed.iter().map(|one| (one.tags.as_slice(), one.rules.as_slice(), false)));
    let room = problem.room.unwrap_or([u64::MAX; 4]);
    if users > 1 || (0..4).any(|which| used[which] > room[which]) {
        return None;
    }
    for (at, (_, rules, given)) in all.iter().enumerate() {
        for rule in *rules {
            let others = || {
                let apart = all.iter().enumerate().filter(|(other, _)| *other != at);
                apart.filter(|(_, (tags, ..))| tags.contains(&rule.tag))
            };
            let count = others().count() as i128;
            match rule.says {
                Says::Never if others().any(|(_, (_, _, its))| *given || *its) => return None,
                Says::Always if *given && count == 0 => return None,
                Says::Prefer(weight) if count > 0 => sum += weight,
                Says::Avoid(weight) => sum -= weight * count,
                _ => {}
            }
        }
    }
    Some(sum)
}

#[test]
fn the_best_pattern_is_the_best_of_all() {
    let mut draw = Draw(7);
    for turn in 0..3_000 {
        let problem = draw.problem();
        let best = best(&problem);
        let asked = |most: i128| none_is_worth_more(&problem, most, &mut 1_000_000);
        if let Some(best) = best {
            assert_eq!(asked(best), Some(true), "{turn}: {problem:?}");
            assert_eq!(asked(best - 1), Some(false), "{turn}: {problem:?}");
        } else {
            assert_eq!(asked(-1_000_000), Some(true), "{turn}: {problem:?}");
        }
    }
}

#[test]
fn what_is_not_looked_at_whole_is_not_said_to_be_proved() {
    let problem = Draw(3).problem();
    assert_eq!(none_is_worth_more(&problem, 0, &mut 0), None);
}
