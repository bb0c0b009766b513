//! What follows from the hard rules of the files alone: who has to stand beside whom, and whether that can
//! be. No placement is looked for.
//!
//! Owns contradictions that are there whatever else happens: what an instance needs beside it is kept away
//! from it, is carried by nobody, or fits on no host together with it. Must not know points, nor words.

use std::collections::BTreeSet;

use crate::model::{Holding, Need, Statement};

mod facts;

pub(crate) use facts::Facts;
use facts::HostClass;

/// A group that has to stand together is not followed beyond this.
const BUNDLE_MOST: usize = 512;
/// Ways to choose among several carriers that are followed for one kind.
const CHOICES: u32 = 64;

/// One of a kind that has to be near the first.
#[derive(Debug, Clone, Copy)]
struct Member {
    kind: usize,
    /// On the same host, or only in the same place of a domain.
    near: Option<usize>,
}

/// What has to be there together.
#[derive(Debug, Clone)]
struct Bundle {
    members: Vec<Member>,
    /// What those on the host need.
    need: Need,
    /// Classes where they may all be.
    classes: Vec<usize>,
    /// The member and the rule of it that is looked at next.
    next: (usize, usize),
}

struct Look<'f> {
    facts: &'f Facts<'f>,
    holding: Holding<'f>,
    choices: u32,
    /// Kinds that were looked at.
    seen: BTreeSet<usize>,
    /// Kinds that can stand with what they need, as far as these rules go.
    fine: Vec<bool>,
}

/// Kinds whose hard rules, sizes and counts contradict each other on the known hosts, if there are some.
pub(crate) fn contradiction(facts: &Facts<'_>, holding: Holding<'_>) -> Option<BTreeSet<usize>> {
    let mut look = Look {
        facts,
        holding,
        choices: 0,
        seen: BTreeSet::new(),
        fine: vec![false; facts.kinds.len()],
    };
    (0..facts.kinds.len()).find_map(|kind| {
        let wanted = facts.kinds[kind].bound > 0 && holding.has(&Statement::Count(kind));
        if !wanted || look.fine[kind] {
            return None;
        }
        let stands_alone = facts.kinds[kind].always.is_empty();
        if stands_alone && facts.classes.iter().any(|class| look.holds(kind, class)) {
            return None;
        }
        look.choices = CHOICES;
        look.seen = BTreeSet::from([kind]);
        let all = (0..facts.classes.len()).collect();
        let empty = Bundle { members: Vec::new(), need: [0; 4], classes: all, next: (0, 0) };
        let hopeless = match look.with(&empty, Member { kind, near: None }) {
            Some(bundle) => look.is_hopeless(bundle),
            None => true,
        };
        hopeless.then(|| std::mem::take(&mut look.seen))
    })
}

/// How many of a kind hosts can have, each by itself, at the most.
pub(crate) fn room(facts: &Facts<'_>, kind: usize) -> u64 {
    let each = |class: &HostClass<'_>| {
        if !facts.allowed(kind, class, Holding::All) {
            return 0;
        }
        if facts.clash([kind, kind], None, Holding::All) {
            return 1;
        }
        let needs = facts.kinds[kind].need.iter().zip(class.capacity);
        let times = needs.filter(|(need, _)| **need > 0).map(|(need, all)| all / need);
        times.min().unwrap_or(u64::MAX).min(u64::from(facts.kinds[kind].count))
    };
    facts.classes.iter().map(|class| each(class).saturating_mul(class.hosts)).sum()
}

/// How many instances of a kind have to be on known hosts.
pub(crate) fn bound(facts: &Facts<'_>, kind: usize) -> u64 {
    u64::from(facts.kinds[kind].bound)
}

impl Look<'_> {
    /// Whether a host of a class can have one of a kind by itself.
    fn holds(&self, kind: usize, class: &HostClass<'_>) -> bool {
        let need = self.facts.need(kind, self.holding);
        need.iter().zip(class.capacity).all(|(need, all)| *need <= all)
            && self.facts.allowed(kind, class, self.holding)
    }

    /// Whether no choice of carriers gives every member what it needs.
    fn is_hopeless(&mut self, mut bundle: Bundle) -> bool {
        let facts = self.facts;
        loop {
            let Some((member, rule)) = self.unmet(&mut bundle) else {
                let here = bundle.members.iter().filter(|member| member.near.is_none());
                here.for_each(|member| self.fine[member.kind] = true);
                return false;
            };
            if bundle.members.len() > BUNDLE_MOST {
                return false;
            }
            let near = match (member.near, rule.domain) {
                (None, 0) => None,
                (None, domain) => Some(domain),
                (Some(domain), _) => Some(domain),
            };
            let carriers = &facts.carriers[rule.tag];
            self.seen.extend(carriers);
            let possible = carriers
                .iter()
                .filter(|&&carrier| carrier != member.kind || facts.kinds[carrier].count > 1);
            let mut ways: Vec<Bundle> =
                possible.filter_map(|&kind| self.with(&bundle, Member { kind, near })).collect();
            match ways.pop() {
                None => return true,
                Some(only) if ways.is_empty() => bundle = only,
                Some(last) => {
                    ways.push(last);
                    return ways.into_iter().all(|way| {
                        self.choices = self.choices.saturating_sub(1);
                        self.choices > 0 && self.is_hopeless(way)
                    });
                }
            }
        }
    }

    /// The next rule that no other member satisfies.
    fn unmet(&self, bundle: &mut Bundle) -> Option<(Member, &facts::Toward)> {
        loop {
            let (at, nth) = bundle.next;
            let member = *bundle.members.get(at)?;
            let Some(rule) = self.facts.kinds[member.kind].always.get(nth) else {
                bundle.next = (at + 1, 0);
                continue;
            };
            bundle.next.1 += 1;
            // Where a member is only in the same place of a domain, that place is all that is known.
            let known = match member.near {
                None => true,
                Some(domain) => rule.domain == 0 || rule.domain == domain,
            };
            let holds = self.holding.has(&Statement::Bias(member.kind, rule.bias));
            if known && holds && !self.facts.beyond[rule.tag] && !self.is_met(bundle, at, rule) {
                return Some((member, rule));
            }
        }
    }

    fn is_met(&self, bundle: &Bundle, holder: usize, rule: &facts::Toward) -> bool {
        let near = bundle.members[holder].near;
        bundle.members.iter().enumerate().any(|(at, other)| {
            // Of one that is only near no host is known, so whoever is near may stand beside it.
            let together = match (near, other.near) {
                (None, None) => true,
                (None, Some(domain)) => rule.domain == domain,
                (Some(_), None) => true,
                (Some(one), Some(other)) => one == other,
            };
            at != holder
                && together
                && self.facts.kinds[other.kind].carries.binary_search(&rule.tag).is_ok()
        })
    }

    /// The bundle with one more; none if that cannot be.
    fn with(&self, bundle: &Bundle, new: Member) -> Option<Bundle> {
        let facts = self.facts;
        let clashes = bundle.members.iter().any(|old| {
            // Two of a kind may be one and the same where one is only near.
            if old.kind == new.kind && (old.near.is_some() || new.near.is_some()) {
                return false;
            }
            let place = match (old.near, new.near) {
                (None, None) => None,
                (None, Some(domain)) | (Some(domain), None) => Some(domain),
                (Some(one), Some(other)) if one == other => Some(one),
                _ => return false,
            };
            facts.clash([old.kind, new.kind], place, self.holding)
        });
        if clashes {
            return None;
        }
        let mut bundle = bundle.clone();
        bundle.members.push(new);
        if new.near.is_some() {
            // It is on some other host, or on this one: only by itself is it looked at.
            let somewhere =
                facts.classes.iter().any(|class| facts.allowed(new.kind, class, self.holding));
            return somewhere.then_some(bundle);
        }
        let more = facts.need(new.kind, self.holding);
        let mut need = bundle.need;
        need.iter_mut().zip(more).for_each(|(sum, more)| *sum = sum.saturating_add(more));
        bundle.need = need;
        bundle.classes.retain(|&at| {
            let class = &facts.classes[at];
            facts.allowed(new.kind, class, self.holding)
                && need.iter().zip(class.capacity).all(|(need, all)| *need <= all)
        });
        (!bundle.classes.is_empty()).then_some(bundle)
    }
}

#[cfg(test)]
mod tests;
