//! Places all instances of one kind, one after the other where it is best at that moment.
//!
//! Owns the order among groups of hosts. A group is looked at once, and again when something around it
//! has changed. Must not know why a host is better.

use std::collections::{BTreeMap, BTreeSet};

use super::groups::Groups;
use super::{Key, Manner, bundle, key, undo};
use crate::model::Model;
use crate::state::State;

/// Groups in order: the best key first, of equals the one with the first host.
#[derive(Default)]
struct Order {
    keys: BTreeMap<usize, (Key, usize)>,
    sorted: BTreeSet<(Key, usize, usize)>,
}

impl Order {
    fn forget(&mut self, group: usize) {
        if let Some((key, host)) = self.keys.remove(&group) {
            self.sorted.remove(&(key, host, group));
        }
    }

    fn set(&mut self, group: usize, key: Key, host: usize) {
        self.forget(group);
        self.keys.insert(group, (key, host));
        self.sorted.insert((key, host, group));
    }
}

struct Placing<'p, 's, 'm> {
    state: &'s mut State<'m>,
    groups: &'p mut Groups,
    order: Order,
    kind: usize,
    manner: Manner,
}

/// Places what is wanted of a kind, as far as it goes.
pub(super) fn place_kind(state: &mut State<'_>, groups: &mut Groups, kind: usize, manner: Manner) {
    let model = state.model;
    if state.placed[kind] >= model.kinds[kind].least {
        return;
    }
    let all: Vec<usize> = groups.all().collect();
    let mut placing = Placing { state, groups, order: Order::default(), kind, manner };
    for group in all {
        placing.look(group);
    }
    while placing.state.placed[kind] < model.kinds[kind].least {
        let Some((_, host, group)) = placing.order.sorted.first().copied() else { return };
        let mut added = Vec::new();
        if !bundle(placing.state, kind, host, &mut added) {
            undo(placing.state, &added);
            // Hosts of the group are alike, so it fails on all of them.
            placing.order.forget(group);
            continue;
        }
        placing.moved(model, &added);
    }
}

impl Placing<'_, '_, '_> {
    fn look(&mut self, group: usize) {
        let Some(host) = self.groups.first(group) else { return self.order.forget(group) };
        if self.state.can_add(self.kind, host) {
            let key = key(self.state, self.kind, host, self.manner);
            self.order.set(group, key, host);
        } else {
            self.order.forget(group);
        }
    }

    /// Brings groups and order up to date.
    fn moved(&mut self, model: &Model, added: &[(usize, usize)]) {
        let mut changed = BTreeSet::new();
        for &(kind, host) in added {
            let [from, to] = self.groups.got(model, kind, host);
            self.left(from);
            changed.insert(to);
            for touch in model.touch[kind].iter().filter(|touch| touch.domain > 0) {
                let mine = model.touch[self.kind].iter().any(|mine| mine.rule == touch.rule);
                if mine {
                    changed.extend(self.groups.around(model, touch.domain, host));
                }
            }
        }
        for group in changed {
            self.look(group);
        }
    }

    /// A host has left a group whose key stays what it was.
    fn left(&mut self, group: usize) {
        let Some((key, _)) = self.order.keys.get(&group).copied() else { return };
        match self.groups.first(group) {
            Some(host) => self.order.set(group, key, host),
            None => self.order.forget(group),
        }
    }
}
