//! Where an instance may want to go: to carriers of what it prefers or needs, to those that prefer or
//! need what it carries, or anywhere.
//!
//! Owns the guesses. They decide nothing: each is weighed before it is taken.

use super::pieces::Pieces;
use crate::model::{Model, Says};
use crate::random::Random;

/// One thing that draws a kind.
#[derive(Debug)]
struct Pull {
    /// Kinds that stand for it.
    kinds: Vec<usize>,
    /// Hosts where something stands for it that does not move.
    still: Vec<usize>,
    domain: usize,
}

#[derive(Debug)]
pub(super) struct Pulls {
    of: Vec<Vec<Pull>>,
    /// The kinds that a kind belongs together with by `always`, itself among them, ascending.
    pub(super) bundle: Vec<Vec<usize>>,
    hosts: usize,
}

impl Pulls {
    pub(super) fn new(model: &Model) -> Self {
        let kinds = 0..model.kinds.len();
        Self {
            of: kinds.map(|kind| pulls(model, kind)).collect(),
            bundle: bundles(model),
            hosts: model.hosts.len(),
        }
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
            return random.below(self.hosts);
        }
        let pull = &pulls[random.below(pulls.len())];
        let moving: usize = pull.kinds.iter().map(|&kind| pieces.count(kind)).sum();
        let all = moving + pull.still.len();
        if all == 0 {
            return random.below(self.hosts);
        }
        let mut nth = random.below(all);
        let mut host = None;
        if nth < pull.still.len() {
            host = Some(pull.still[nth]);
        } else {
            nth -= pull.still.len();
            for &other in &pull.kinds {
                let count = pieces.count(other);
                if nth < count {
                    host = Some(pieces.host_of(other, nth));
                    break;
                }
                nth -= count;
            }
        }
        let host = host.unwrap_or(0);
        if pull.domain == 0 {
            return host;
        }
        let domain = &model.domains[pull.domain];
        let members = &domain.members[domain.of[host]];
        members[random.below(members.len())]
    }
}

fn pulls(model: &Model, kind: usize) -> Vec<Pull> {
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
        let mut pull = Pull { kinds: Vec::new(), still: Vec::new(), domain: rule.domain };
        for profile in profiles {
            if let Some(group) = profile.checked_sub(model.kinds.len()) {
                pull.still.extend(model.fixed[group].at.iter().map(|(host, _)| *host));
            } else {
                pull.kinds.push(profile);
                pull.still.extend(model.kinds[profile].running().map(|(host, _)| host));
            }
        }
        found.push(pull);
    }
    found
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
