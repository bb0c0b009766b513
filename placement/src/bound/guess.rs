//! Good patterns of a site, found quickly: greedy fillings with a little randomness, then single steps
//! up.
//!
//! Owns no bound: what it misses, the complete search finds.

use super::hand::Hand;
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
        let mut hand = pricing.hand();
        if let Some(pattern) = start.take() {
            for (kind, count) in pattern.iter().enumerate() {
                (0..*count).for_each(|_| hand.add(kind));
            }
        } else if attempt > 0 && kinds > 0 {
            hand.add_with_company(random.below(kinds));
        }
        let Some(mut worth) = hand.worth() else { continue };
        for _ in 0..STEPS {
            let Some(better) = step(&mut hand, worth) else { break };
            worth = better;
        }
        if best.as_ref().is_none_or(|(most, _)| worth > *most) {
            best = Some((worth, hand.pattern().clone()));
        }
    }
    best
}

/// One instance (and its company) more, one less, or one exchanged: the best of these is done, if it is an
/// improvement. Gives the new worth.
fn step(hand: &mut Hand<'_>, now: i64) -> Option<i64> {
    let kinds = hand.pattern().len();
    let (mut best, mut most) = (None, now);
    for less in std::iter::once(None).chain((0..kinds).map(Some)) {
        if let Some(less) = less {
            if hand.pattern()[less] == 0 {
                continue;
            }
            hand.remove(less);
            if hand.worth().is_some_and(|worth| worth > most) {
                most = hand.worth().unwrap_or(most);
                best = Some((Some(less), None));
            }
        }
        for more in (0..kinds).filter(|more| less != Some(*more)) {
            let Some(added) = hand.add_with_company(more) else { continue };
            if let Some(worth) = hand.worth().filter(|worth| *worth > most) {
                (best, most) = (Some((less, Some(more))), worth);
            }
            hand.undo(&added);
        }
        less.into_iter().for_each(|less| hand.add(less));
    }
    let (less, more) = best?;
    less.into_iter().for_each(|less| hand.remove(less));
    more.into_iter().for_each(|more| _ = hand.add_with_company(more));
    Some(most)
}
