//! One class of places by itself: what may stand on such a place, and what each of its patterns is worth.
//!
//! Owns the rules seen from a single place, as `docs/certificate.md` describes them: a host, or (`region`) all
//! hosts with one value of an attribute. Must not know plans nor duals.

use super::herd::{Herd, herds};
use crate::model::{Model, Says, bare_classes};
use crate::state::State;

/// How many of each kind of the site stand on one place.
pub(super) type Pattern = Vec<u32>;

/// A rule on one place.
#[derive(Debug, Clone)]
pub(super) struct Local {
    pub(super) says: Says,
    pub(super) tag: usize,
    /// The kind that holds it, by its index in the site; none: fixed instances do.
    pub(super) holder: Option<usize>,
    /// Fixed holders.
    pub(super) held: i64,
    pub(super) own: bool,
    /// Kinds that carry the tag, by their index in the site.
    pub(super) carriers: Vec<usize>,
    /// Fixed live carriers, and ending ones too.
    pub(super) live: i64,
    pub(super) all: i64,
}

/// Places that are alike.
#[derive(Debug, Clone, Default)]
pub(super) struct Site {
    /// The hosts of each place.
    pub(super) places: Vec<Vec<usize>>,
    /// What is free for given instances.
    pub(super) room: [u64; 4],
    /// What counts as the capacity.
    pub(super) capacity: [u64; 4],
    /// What is used whatever the plan does.
    pub(super) base: [u64; 4],
    /// The kinds that may be there, also those that matter to nothing in a region.
    pub(super) listed: Vec<usize>,
    /// Those of them that patterns are made of.
    pub(super) kinds: Vec<usize>,
    pub(super) needs: Vec<[u64; 4]>,
    /// No more of each than this.
    pub(super) most: Vec<u32>,
    /// Points of one instance, whatever else is there.
    pub(super) points: Vec<i64>,
    pub(super) rules: Vec<Local>,
    /// Pairs of kinds that exclude each other by a fixed port.
    pub(super) clashes: Vec<(usize, usize)>,
    /// Kinds that avoid one another.
    pub(super) herds: Vec<Herd>,
}

/// Every class of hosts. `apart`: sorts of domains whose points are counted elsewhere.
pub(super) fn sites(model: &Model, apart: &[usize]) -> Vec<Site> {
    let classes = bare_classes(model);
    let count = classes.iter().map(|class| class + 1).max().unwrap_or(0);
    let mut members = vec![Vec::new(); count];
    for (host, class) in classes.into_iter().enumerate() {
        members[class].push(host);
    }
    members.retain(|hosts| !hosts.is_empty());
    let state = State::new(model);
    members.into_iter().map(|hosts| site(model, &state, hosts, apart)).collect()
}

fn site(model: &Model, state: &State<'_>, hosts: Vec<usize>, apart: &[usize]) -> Site {
    let host = hosts[0];
    let node = &model.hosts[host];
    let mut use_now = node.base;
    for kind in model.kinds.iter().filter(|kind| kind.run_total > 0) {
        let runs = u64::from(kind.runs.at(host));
        for (sum, need) in use_now.iter_mut().zip(kind.need) {
            *sum = sum.saturating_add(need.saturating_mul(runs));
        }
    }
    let capacity: [u64; 4] = std::array::from_fn(|at| {
        if node.known { node.capacity[at].max(use_now[at]) } else { use_now[at] }
    });
    let room: [u64; 4] = std::array::from_fn(|at| capacity[at].saturating_sub(node.base[at]));
    let places = hosts.into_iter().map(|host| vec![host]).collect();
    let mut site = Site { places, room, capacity, base: node.base, ..Site::default() };
    for (at, kind) in model.kinds.iter().enumerate() {
        let most = most(model, at, host, &room);
        if most > 0 {
            site.kinds.push(at);
            site.needs.push(kind.need);
            site.most.push(most);
            site.points.push(kind.points.at(host) + far_points(model, at, apart));
        }
    }
    site.listed.clone_from(&site.kinds);
    rules(model, state, (0, host), &mut site);
    ports(model, &mut site);
    site.herds = herds(&site);
    site
}

fn most(model: &Model, kind: usize, host: usize, room: &[u64; 4]) -> u32 {
    let (facts, node) = (&model.kinds[kind], &model.hosts[host]);
    let mut most = u64::from(facts.most);
    if !node.known {
        return u32::try_from(most.min(u64::from(facts.runs.at(host)))).unwrap_or(u32::MAX);
    }
    if !facts.allowed.at(host) {
        return 0;
    }
    for (room, need) in room.iter().zip(facts.need).filter(|(_, need)| *need > 0) {
        most = most.min(room / need);
    }
    let own_port = |port: &u16| !model.shared_ports.contains(port);
    if facts.ports.iter().any(own_port) {
        let taken = |port: &u16| own_port(port) && node.base_ports.contains(port);
        let stays = u64::from(facts.runs.at(host));
        most = most.min(if facts.ports.iter().any(taken) { stays.min(1) } else { 1 });
    }
    u32::try_from(most).unwrap_or(u32::MAX)
}

/// Each `prefer` with a domain is taken as met, where its points are not counted elsewhere.
fn far_points(model: &Model, kind: usize, apart: &[usize]) -> i64 {
    let held = model.touch[kind]
        .iter()
        .filter(|touch| touch.holds > 0 && touch.domain > 0 && !apart.contains(&touch.domain));
    held.map(|touch| if let Says::Prefer(weight) = touch.says { weight } else { 0 }).sum()
}

/// The rules about that sort of domain, as they are at one of its places.
pub(super) fn rules(model: &Model, state: &State<'_>, at: (usize, usize), site: &mut Site) {
    let (domain, place) = at;
    for rule in model.rules.iter().filter(|rule| rule.domain == domain) {
        let holder = site.kinds.iter().position(|kind| *kind == rule.holder);
        let (held, live, all) = state.around(rule, place);
        if holder.is_none() && held == 0 {
            continue;
        }
        // Nothing can be said about the attribute of a host that is not known.
        if rule.says == Says::Always && model.domains[domain].unknown[place] {
            continue;
        }
        // What fixed holders of `always` stand on is the whole plan's matter.
        if holder.is_none() && rule.says == Says::Always {
            continue;
        }
        let carriers: Vec<usize> = (0..site.kinds.len())
            .filter(|&at| model.carries[site.kinds[at]].contains(&rule.tag))
            .collect();
        match (holder, rule.says) {
            (Some(kind), Says::Never) => {
                if all > 0 {
                    site.most[kind] = 0;
                } else if rule.own {
                    site.most[kind] = site.most[kind].min(1);
                }
            }
            (None, Says::Never) => carriers.iter().for_each(|&kind| site.most[kind] = 0),
            (Some(kind), Says::Always) if model.domains[domain].lacks[place] => {
                site.most[kind] = 0;
            }
            _ => {}
        }
        site.rules.push(Local {
            says: rule.says,
            tag: rule.tag,
            holder,
            held: i64::from(held),
            own: rule.own,
            carriers,
            live: i64::from(live),
            all: i64::from(all),
        });
    }
}

fn ports(model: &Model, site: &mut Site) {
    let with: Vec<usize> =
        (0..site.kinds.len()).filter(|&at| !model.kinds[site.kinds[at]].ports.is_empty()).collect();
    for (nth, &one) in with.iter().enumerate() {
        for &other in &with[nth + 1..] {
            let ports = &model.kinds[site.kinds[other]].ports;
            let mut mine = model.kinds[site.kinds[one]].ports.iter();
            if mine.any(|port| ports.contains(port) && !model.shared_ports.contains(port)) {
                site.clashes.push((one, other));
            }
        }
    }
}

impl Site {
    /// Whether any pattern has points.
    pub(super) fn has_points(&self) -> bool {
        let soft = |rule: &Local| matches!(rule.says, Says::Avoid(_) | Says::Prefer(_));
        self.points.iter().any(|points| *points != 0) || self.rules.iter().any(soft)
    }

    /// How many places there are.
    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.places.len()).unwrap_or(u32::MAX)
    }

    /// The points of a pattern; none when it is not admissible.
    pub(super) fn worth(&self, pattern: &[u32]) -> Option<i64> {
        let count = |at: usize| i64::from(pattern[at]);
        let mut used = [0_u128; 4];
        let mut sum = 0;
        for (at, needs) in self.needs.iter().enumerate() {
            if pattern[at] > self.most[at] {
                return None;
            }
            sum += self.points[at] * count(at);
            for (sum, need) in used.iter_mut().zip(needs) {
                *sum += u128::from(*need) * u128::from(pattern[at]);
            }
        }
        if used.iter().zip(self.room).any(|(used, room)| *used > u128::from(room))
            || self.clashes.iter().any(|(one, other)| pattern[*one] > 0 && pattern[*other] > 0)
        {
            return None;
        }
        for rule in &self.rules {
            let held = rule.holder.map_or(rule.held, count);
            if held == 0 {
                continue;
            }
            let given: i64 = rule.carriers.iter().map(|&at| count(at)).sum();
            let own = i64::from(rule.own);
            match rule.says {
                Says::Never if rule.holder.is_none() && given > 0 => return None,
                Says::Never if rule.holder.is_some() && given + rule.all - own > 0 => return None,
                Says::Always if given + rule.live - own < 1 => return None,
                Says::Avoid(weight) => sum -= weight * held * (given + rule.live - own),
                Says::Prefer(weight) if given + rule.live > own => sum += weight * held,
                _ => {}
            }
        }
        Some(sum)
    }
}
