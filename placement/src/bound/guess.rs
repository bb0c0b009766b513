//! Good patterns of a site, found quickly: greedy fillings with a little randomness, then single steps
//! up.
//!
//! Owns no bound: what it misses, the complete search finds.

use super::pricing::Pricing;
use super::site::{Pattern, Site};
use crate::random::Random;

/// A pattern is changed at most so often.
const STEPS: usize = 64;
const ATTEMPTS: usize = 3;

/// The best pattern that some attempts find, with its worth. The first begins with a given one, or with
/// nothing.
pub(super) fn guess(
    pricing: &Pricing<'_>,
    site: &Site,
    mut start: Option<Pattern>,
    random: &mut Random,
) -> Option<(i64, Pattern)> {
    let mut best: Option<(i64, Pattern)> = None;
    let kinds = site.kinds.len();
    for attempt in 0..ATTEMPTS {
        let started = start.take();
        let mut pattern = started.unwrap_or_else(|| vec![0; kinds]);
        if attempt > 0 && kinds > 0 {
            let seed = random.below(kinds);
            pattern[seed] = 1;
            complete(site, &mut pattern);
        }
        let Some(mut worth) = pricing.worth(&pattern) else { continue };
        for _ in 0..STEPS {
            let Some((better, next)) = step(pricing, site, &pattern, worth) else { break };
            (worth, pattern) = (better, next);
        }
        if best.as_ref().is_none_or(|(most, _)| worth > *most) {
            best = Some((worth, pattern));
        }
    }
    best
}

/// Adds what `always` asks for, one carrier each.
fn complete(site: &Site, pattern: &mut Pattern) {
    for _ in 0..8 {
        let lacking = site.rules.iter().find(|rule| {
            let held = rule.holder.is_some_and(|holder| pattern[holder] > 0);
            let there: i64 = rule.carriers.iter().map(|&at| i64::from(pattern[at])).sum();
            rule.says == crate::model::Says::Always
                && held
                && there + rule.live - i64::from(rule.own) < 1
        });
        let Some(rule) = lacking else { return };
        let Some(&carrier) = rule.carriers.iter().find(|at| site.most[**at] > pattern[**at]) else {
            return;
        };
        pattern[carrier] += 1;
    }
}

/// The best pattern with one instance (and its company) more, one less, or one exchanged.
fn step(pricing: &Pricing<'_>, site: &Site, now: &Pattern, worth: i64) -> Option<(i64, Pattern)> {
    let mut best: Option<(i64, Pattern)> = None;
    let mut look = |pattern: Pattern| {
        if let Some(found) = pricing.worth(&pattern)
            && found > best.as_ref().map_or(worth, |(most, _)| *most)
        {
            best = Some((found, pattern));
        }
    };
    let changed = |less: Option<usize>, more: Option<usize>| {
        let mut pattern = now.clone();
        if let Some(at) = less {
            pattern[at] -= 1;
        }
        if let Some(at) = more {
            pattern[at] += 1;
            complete(site, &mut pattern);
        }
        pattern
    };
    let may_grow: Vec<usize> = (0..now.len()).filter(|&at| now[at] < site.most[at]).collect();
    may_grow.iter().for_each(|&at| look(changed(None, Some(at))));
    for at in (0..now.len()).filter(|&at| now[at] > 0) {
        look(changed(Some(at), None));
        for &more in may_grow.iter().filter(|more| **more != at) {
            look(changed(Some(at), Some(more)));
        }
    }
    best
}
