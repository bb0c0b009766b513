//! Where an instance may want to go: to carriers of what it prefers or needs, to those that prefer or
//! need what it carries, or anywhere.
//!
//! Owns the guesses, and who belongs together. They decide nothing: each is weighed before it is taken.

use std::collections::BTreeSet;
use std::ops::Range;

use super::pieces::Pieces;
use crate::model::{Model, Says};
use crate::random::Random;

/// One thing that draws a kind.
#[derive(Debug)]
struct Pull {
    /// Pieces that stand for it, by number.
    pieces: Vec<Range<usize>>,
    /// How many of them there are.
    moving: usize,
    /// Hosts where something stands for it that does not move.
    still: Vec<usize>,
    domain: usize,
}

#[derive(Debug)]
pub(super) struct Pulls {
    of: Vec<Vec<Pull>>,
    /// The kinds that a kind belongs together with by `always`, itself among them, ascending.
    pub(super) bundle: Vec<Vec<usize>>,
    /// A kind, those that it prefers, and those that prefer it.
    pub(super) friends: Vec<Vec<usize>>,
    /// Where a kind may be, if not everywhere.
    open: Vec<Vec<usize>>,
    hosts: usize,
}

impl Pulls {
    pub(super) fn new(model: &Model, pieces: &Pieces) -> Self {
        let kinds = 0..model.kinds.len();
        let hosts = model.hosts.len();
        let open = |kind: usize| {
            let allowed = &model.kinds[kind].allowed;
            let all = (0..hosts).filter(|host| allowed.at(*host));
            if allowed.is_usual() { Vec::new() } else { all.collect() }
        };
        Self {
            of: kinds.clone().map(|kind| pulls(model, pieces, kind)).collect(),
            bundle: bundles(model),
            friends: kinds.clone().map(|kind| friends(model, kind)).collect(),
            open: kinds.map(open).collect(),
            hosts,
        }
    }

    fn anywhere(&self, kind: usize, random: &mut Random) -> usize {
        let open = &self.open[kind];
        if open.is_empty() { random.below(self.hosts) } else { open[random.below(open.len())] }
    }

    /// A host to try for an instance of a kind.
    pub(super) fn destination(
        &self,
        model: &Model,
        pieces: &Pieces,
        kind: usize,
        random: &mut Random,
    ) -> usize {
        let pulls = &self.of[kind];
        if pulls.is_empty() || random.below(4) == 0 {
            return self.anywhere(kind, random);
        }
        let pull = &pulls[random.below(pulls.len())];
        let all = pull.moving + pull.still.len();
        if all == 0 {
            return self.anywhere(kind, random);
        }
        let nth = random.below(all);
        let host = match nth.checked_sub(pull.still.len()) {
            None => pull.still[nth],
            Some(nth) => pull.host(pieces, nth),
        };
        if pull.domain == 0 {
            return host;
        }
        let domain = &model.domains[pull.domain];
        let members = &domain.members[domain.of[host]];
        members[random.below(members.len())]
    }
}

impl Pull {
    fn host(&self, pieces: &Pieces, mut nth: usize) -> usize {
        for range in &self.pieces {
            if nth < range.len() {
                return pieces.host(range.start + nth);
            }
            nth -= range.len();
        }
        0
    }
}

fn pulls(model: &Model, pieces: &Pieces, kind: usize) -> Vec<Pull> {
    let mut found = Vec::new();
    for touch in &model.touch[kind] {
        if !matches!(touch.says, Says::Prefer(_) | Says::Always) {
            continue;
        }
        let rule = &model.rules[touch.rule];
        let mut profiles = Vec::new();
        if touch.holds > 0 {
            profiles.extend(model.tags[rule.tag].profiles.iter().copied());
        }
        if touch.carries > 0 && touch.holds == 0 {
            profiles.push(rule.holder);
        }
        let mut pull =
            Pull { pieces: Vec::new(), moving: 0, still: Vec::new(), domain: rule.domain };
        for profile in profiles {
            if let Some(group) = profile.checked_sub(model.kinds.len()) {
                pull.still.extend(model.fixed[group].at.iter().map(|(host, _)| *host));
            } else {
                let range = pieces.of(profile);
                pull.moving += range.len();
                pull.pieces.extend(Some(range).filter(|range| !range.is_empty()));
                pull.still.extend(model.kinds[profile].running().map(|(host, _)| host));
            }
        }
        found.push(pull);
    }
    found
}

/// Those between which a `prefer` about hosts stands.
fn friends(model: &Model, kind: usize) -> Vec<usize> {
    let mut found = BTreeSet::from([kind]);
    for touch in model.touch[kind].iter().filter(|touch| touch.domain == 0) {
        let Says::Prefer(_) = touch.says else { continue };
        let rule = &model.rules[touch.rule];
        if touch.holds > 0 {
            found.extend(&model.tags[rule.tag].profiles);
        } else {
            found.insert(rule.holder);
        }
    }
    found.into_iter().filter(|profile| *profile < model.kinds.len()).collect()
}

fn bundles(model: &Model) -> Vec<Vec<usize>> {
    let count = model.kinds.len();
    let mut root: Vec<usize> = (0..count).collect();
    fn find(root: &mut [usize], at: usize) -> usize {
        let mut at = at;
        while root[at] != at {
            root[at] = root[root[at]];
            at = root[at];
        }
        at
    }
    for rule in model.rules.iter().filter(|rule| rule.says == Says::Always && rule.domain == 0) {
        let carriers: Vec<usize> = model.tags[rule.tag].profiles.clone();
        for carrier in carriers {
            if rule.holder < count && carrier < count {
                let (one, other) = (find(&mut root, rule.holder), find(&mut root, carrier));
                root[one.max(other)] = one.min(other);
            }
        }
    }
    let of: Vec<usize> = (0..count).map(|kind| find(&mut root, kind)).collect();
    let mut members = vec![Vec::new(); count];
    for (kind, root) in of.iter().enumerate() {
        members[*root].push(kind);
    }
    of.iter().map(|root| members[*root].clone()).collect()
}
