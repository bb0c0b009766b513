//! Hosts in groups that are alike and have got the same so far, so that one look serves all of them.
//!
//! Owns who is in which group, and how groups part when hosts get something. Must not know what is
//! better.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::model::{Model, classes};
use crate::state::State;

#[derive(Debug)]
pub(super) struct Groups {
    of: Vec<usize>,
    members: Vec<BinaryHeap<Reverse<usize>>>,
    /// Where a group's hosts go when they get one of a kind.
    next: BTreeMap<(usize, usize), usize>,
    /// By sort of domain but the first, and place: the groups there.
    at: Vec<Vec<Vec<usize>>>,
    /// Every host is a group of its own for good.
    single: bool,
}

impl Groups {
    /// Hosts that are alike and carry the same. Where most of them have something running, hardly two
    /// are alike, and each is a group.
    pub(super) fn new(state: &State<'_>) -> Self {
        let model = state.model;
        let mut busy = vec![false; model.hosts.len()];
        model.kinds.iter().flat_map(|kind| &kind.ran).for_each(|(host, _)| busy[*host] = true);
        if busy.iter().filter(|busy| **busy).count() > busy.len() / 2 {
            return Self::single(model);
        }
        let mut carried: Vec<Vec<(usize, u32)>> = vec![Vec::new(); model.hosts.len()];
        if state.placed.iter().any(|placed| *placed > 0) {
            for (host, carried) in carried.iter_mut().enumerate() {
                let kinds = state.on(host).iter().enumerate();
                carried.extend(kinds.filter(|(_, n)| **n > 0).map(|(kind, n)| (kind, *n)));
            }
        }
        let mut ids = BTreeMap::new();
        let classes = classes(model);
        let keys = classes.into_iter().zip(carried);
        let of = keys
            .map(|key| {
                let next = ids.len();
                *ids.entry(key).or_insert(next)
            })
            .collect();
        Self::with(model, of, false)
    }

    /// Every host by itself.
    pub(super) fn single(model: &Model) -> Self {
        Self::with(model, (0..model.hosts.len()).collect(), true)
    }

    fn with(model: &Model, of: Vec<usize>, single: bool) -> Self {
        let domains = &model.domains[1..];
        let mut groups = Self {
            members: Vec::new(),
            next: BTreeMap::new(),
            at: domains.iter().map(|domain| vec![Vec::new(); domain.len()]).collect(),
            of: Vec::new(),
            single,
        };
        for (host, &group) in of.iter().enumerate() {
            if group == groups.members.len() {
                groups.open(model, host);
            }
            groups.members[group].push(Reverse(host));
        }
        groups.of = of;
        groups
    }

    fn open(&mut self, model: &Model, host: usize) -> usize {
        let group = self.members.len();
        self.members.push(BinaryHeap::new());
        for (domain, at) in model.domains[1..].iter().zip(&mut self.at) {
            at[domain.of[host]].push(group);
        }
        group
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// Groups in the same domain of that sort as a host; the first sort has none.
    pub(super) fn around(&self, model: &Model, domain: usize, host: usize) -> &[usize] {
        match domain.checked_sub(1) {
            Some(sort) => &self.at[sort][model.domains[domain].of[host]],
            None => &[],
        }
    }

    /// The first host of a group.
    pub(super) fn first(&mut self, group: usize) -> Option<usize> {
        while let Some(Reverse(host)) = self.members[group].peek().copied() {
            if self.of[host] == group {
                return Some(host);
            }
            self.members[group].pop();
        }
        None
    }

    /// A host got one of a kind and goes to another group, which is returned with the one it left.
    pub(super) fn got(&mut self, model: &Model, kind: usize, host: usize) -> [usize; 2] {
        let from = self.of[host];
        if self.single {
            return [from, from];
        }
        let to = match self.next.get(&(from, kind)) {
            Some(&to) => to,
            None => {
                let to = self.open(model, host);
                self.next.insert((from, kind), to);
                to
            }
        };
        self.of[host] = to;
        self.members[to].push(Reverse(host));
        [from, to]
    }
}
