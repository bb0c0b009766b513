//! What shows early that a branch leads nowhere: too little room in all, and too few places for
//! those that exclude each other.
//!
//! Owns sound bounds only: what is cut off here has no placement. Must not change the state.

use std::cmp::Reverse;

use crate::model::Says;
use crate::state::State;

/// Whether the kinds that are still to come may all find room. False is certain.
pub(super) fn can_still_fit(
    state: &State<'_>,
    rest: &[usize],
    cliques: &[(usize, Vec<usize>)],
) -> bool {
    short(state, rest, cliques).is_none()
}

/// Kinds among those still to come that cannot all find room, whatever becomes of the others.
fn short(state: &State<'_>, rest: &[usize], cliques: &[(usize, Vec<usize>)]) -> Option<Vec<usize>> {
    let model = state.model;
    let hosts = 0..model.hosts.len();
    let lacking =
        |kind: usize| u64::from(model.kinds[kind].least.saturating_sub(state.placed[kind]));
    let each = rest.iter().find(|&&kind| {
        let mut left = lacking(kind);
        left > 0
            && !hosts.clone().any(|host| {
                left = left.saturating_sub(u64::from(state.room(kind, host)));
                left == 0
            })
    });
    if let Some(&kind) = each {
        return Some(vec![kind]);
    }
    if let Some(resource) = (0..4).find(|&resource| !total_fits(state, rest, resource)) {
        let users = rest.iter().copied().filter(|&kind| model.kinds[kind].need[resource] > 0);
        return Some(users.collect());
    }
    let alone = |kind: usize| lacking(kind) > 0 && !finds_company(state, kind, lacking(kind));
    if let Some(&kind) = rest.iter().find(|&&kind| alone(kind)) {
        return Some(vec![kind]);
    }
    let crowded = cliques.iter().find(|(sort, clique)| {
        let wanted: u64 =
            clique.iter().filter(|kind| rest.contains(kind)).map(|&kind| lacking(kind)).sum();
        wanted > 0 && {
            let domain = &model.domains[*sort];
            let open = domain.members.iter().filter(|members| {
                members.iter().any(|&host| {
                    clique.iter().any(|&kind| rest.contains(&kind) && state.room(kind, host) > 0)
                })
            });
            u64::try_from(open.count()).unwrap_or(u64::MAX) < wanted
        }
    });
    crowded.map(|(_, clique)| clique.clone())
}

/// Whether the places beside those that a kind always needs have room for what it lacks: as many
/// places as there are carriers to come, the roomiest ones, and those that have a carrier already.
fn finds_company(state: &State<'_>, kind: usize, lacking: u64) -> bool {
    let model = state.model;
    let rules = model.touching[kind].iter().map(|&at| &model.rules[at]);
    let mut always = rules.filter(|rule| rule.holder == kind && rule.says == Says::Always);
    always.all(|rule| {
        if rule.own {
            return true;
        }
        let domain = &model.domains[rule.domain];
        let (mut room, mut open) = (0, Vec::new());
        for (place, members) in domain.members.iter().enumerate() {
            let here: u64 = members.iter().map(|&host| u64::from(state.room(kind, host))).sum();
            if domain.unknown[place] || state.is_carried(rule, place) {
                room += here;
            } else if !domain.lacks[place] {
                open.push(here);
            }
        }
        open.sort_unstable_by_key(|here| Reverse(*here));
        let carriers = model.tags[rule.tag].profiles.iter();
        let to_come: u64 = carriers
            .filter(|carrier| **carrier < model.kinds.len())
            .map(|&at| u64::from(model.kinds[at].most.saturating_sub(state.placed[at])))
            .sum();
        let more = open.iter().take(usize::try_from(to_come).unwrap_or(usize::MAX));
        room + more.sum::<u64>() >= lacking
    })
}

/// Kinds that show at the outset that there is no placement.
pub(super) fn counted_out(state: &State<'_>) -> Option<Vec<usize>> {
    let model = state.model;
    let all: Vec<usize> = (0..model.kinds.len()).collect();
    // What stays in any case breaks a rule already.
    if let Some((rule, _)) = state.broken().first() {
        let rule = &model.rules[*rule];
        let parties = model.tags[rule.tag].profiles.iter().copied().chain([rule.holder]);
        return Some(parties.filter(|party| *party < model.kinds.len()).collect());
    }
    short(state, &all, &model.cliques())
}

fn total_fits(state: &State<'_>, rest: &[usize], resource: usize) -> bool {
    let model = state.model;
    // What stays beyond a host's capacity needs no room of this sum; it is left out of both sides.
    let lacking: u128 = rest
        .iter()
        .map(|&kind| {
            let facts = &model.kinds[kind];
            let still = facts.least.saturating_sub(state.placed[kind]);
            let running = if still == 0 { 0 } else { state.leaving(kind) };
            u128::from(still.saturating_sub(running)) * u128::from(facts.need[resource])
        })
        .sum();
    lacking == 0
        || (0..model.hosts.len()).map(|host| state.free(host, resource)).sum::<u128>() >= lacking
}
