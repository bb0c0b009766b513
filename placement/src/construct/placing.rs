//! Places all instances of one kind, one after the other where it is best at that moment.
//!
//! Owns the order among groups of hosts. A group is looked at once, and again when something around it
//! has changed. Must not know why a host is better.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use super::groups::Groups;
use super::{Key, Manner, bundle, key, undo};
use crate::model::Model;
use crate::state::State;

/// Groups in order: the best key first, of equals the one with the first host.
struct Order {
    keys: Vec<Option<(Key, usize)>>,
    /// What was in order at some time; what `keys` says otherwise counts no more.
    sorted: BinaryHeap<Reverse<(Key, usize, usize)>>,
}

impl Order {
    fn new(keys: Vec<Option<(Key, usize)>>) -> Self {
        let known = keys.iter().enumerate();
        let entries: Vec<_> = known
            .filter_map(|(group, key)| key.map(|(key, host)| Reverse((key, host, group))))
            .collect();
        Self { keys, sorted: entries.into() }
    }

    /// The host and the group of the best key.
    fn first(&mut self) -> Option<(usize, usize)> {
        while let Some(Reverse((key, host, group))) = self.sorted.peek() {
            if self.keys[*group] == Some((*key, *host)) {
                return Some((*host, *group));
            }
            self.sorted.pop();
        }
        None
    }

    fn set(&mut self, group: usize, key: Option<(Key, usize)>) {
        if group >= self.keys.len() {
            self.keys.resize(group + 1, None);
        }
        if self.keys[group] != key {
            self.keys[group] = key;
            self.sorted.extend(key.map(|(key, host)| Reverse((key, host, group))));
        }
    }

    fn key(&self, group: usize) -> Option<Key> {
        self.keys.get(group).copied().flatten().map(|(key, _)| key)
    }
}

struct Looked<'p, 's, 'm> {
    state: &'s mut State<'m>,
    groups: &'p mut Groups,
    kind: usize,
    manner: Manner,
}

struct Placing<'p, 's, 'm> {
    looked: Looked<'p, 's, 'm>,
    order: Order,
}

/// Places what is wanted of a kind, as far as it goes.
pub(super) fn place_kind(state: &mut State<'_>, groups: &mut Groups, kind: usize, manner: Manner) {
    let model = state.model;
    if state.placed[kind] >= model.kinds[kind].least {
        return;
    }
    let mut looked = Looked { state, groups, kind, manner };
    let keys = (0..looked.groups.len()).map(|group| looked.at(group)).collect();
    let mut placing = Placing { looked, order: Order::new(keys) };
    while placing.looked.state.placed[kind] < model.kinds[kind].least {
        let Some((host, group)) = placing.order.first() else { return };
        let mut added = Vec::new();
        if !bundle(placing.looked.state, kind, host, &mut added) {
            undo(placing.looked.state, &added);
            // Hosts of the group are alike, so it fails on all of them.
            placing.order.set(group, None);
            continue;
        }
        placing.moved(model, &added);
    }
}

impl Looked<'_, '_, '_> {
    /// A group's key and first host; none where the kind may not be.
    fn at(&mut self, group: usize) -> Option<(Key, usize)> {
        let host = self.groups.first(group)?;
        let may_be = self.state.can_add(self.kind, host);
        may_be.then(|| (key(self.state, self.kind, host, self.manner), host))
    }
}

impl Placing<'_, '_, '_> {
    /// Brings groups and order up to date.
    fn moved(&mut self, model: &Model, added: &[(usize, usize)]) {
        let mut changed = BTreeSet::new();
        for &(kind, host) in added {
            let [from, to] = self.looked.groups.got(model, kind, host);
            self.left(from);
            changed.insert(to);
            for touch in model.touch[kind].iter().filter(|touch| touch.domain > 0) {
                let mine = model.touch[self.looked.kind].iter().any(|mine| mine.rule == touch.rule);
                if mine {
                    changed.extend(self.looked.groups.around(model, touch.domain, host));
                }
            }
        }
        for group in changed {
            let key = self.looked.at(group);
            self.order.set(group, key);
        }
    }

    /// A host has left a group whose key stays what it was.
    fn left(&mut self, group: usize) {
        let Some(key) = self.order.key(group) else { return };
        let first = self.looked.groups.first(group);
        self.order.set(group, first.map(|host| (key, host)));
    }
}
