//! The state that connections and the writer share: the durable tree, who watches what, the sessions.
//! Owns the order in which commits become visible; must not know disks or sockets.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::outbox::Outbox;
use super::sessions::Sessions;
use super::tree::{Change, Node, Tree};
use crate::wire::Event;

/// Shared by everyone who serves one store.
pub(crate) struct Hub {
    pub(crate) history: String,
    view: Mutex<View>,
    sessions: Mutex<Sessions>,
}

struct View {
    tree: Tree,
    /// By prefix: the connections' watches on it.
    watchers: BTreeMap<String, Vec<(u64, Arc<Outbox>)>>,
}

impl Hub {
    pub(crate) fn new(history: String, tree: Tree, sessions: Sessions) -> Self {
        let view = View { tree, watchers: BTreeMap::new() };
        Self { history, view: Mutex::new(view), sessions: Mutex::new(sessions) }
    }

    fn view(&self) -> MutexGuard<'_, View> {
        self.view.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls `look` with the durable tree; nothing is published meanwhile.
    pub(crate) fn with_tree<T>(&self, look: impl FnOnce(&Tree) -> T) -> T {
        look(&self.view().tree)
    }

    pub(crate) fn get(&self, path: &str) -> Option<Node> {
        self.view().tree.get(path).cloned()
    }

    pub(crate) fn list(&self, prefix: &str) -> (u64, Vec<(Arc<str>, Node)>) {
        let view = self.view();
        (view.tree.commit(), view.tree.below(prefix))
    }

    /// The state below a watch's prefix; every later commit becomes an event of it.
    pub(crate) fn snapshot(
        &self,
        outbox: &Outbox,
        id: u64,
        prefix: &str,
    ) -> (u64, Vec<(Arc<str>, Node)>) {
        let view = self.view();
        outbox.fresh(id);
        (view.tree.commit(), view.tree.below(prefix))
    }

    pub(crate) fn watch(&self, outbox: &Arc<Outbox>, id: u64, prefix: &str) {
        let mut view = self.view();
        view.watchers.entry(prefix.to_owned()).or_default().push((id, outbox.clone()));
    }

    pub(crate) fn unwatch(&self, outbox: &Arc<Outbox>, id: u64, prefix: &str) {
        let mut view = self.view();
        if let Some(watchers) = view.watchers.get_mut(prefix) {
            watchers.retain(|(other, own)| *other != id || !Arc::ptr_eq(own, outbox));
            if watchers.is_empty() {
                view.watchers.remove(prefix);
            }
        }
    }

    /// Makes durable changes visible, and tells the watches.
    pub(crate) fn publish(&self, changes: &[Change], commit: u64) {
        let mut view = self.view();
        view.tree.absorb(changes, commit);
        if view.watchers.is_empty() {
            return;
        }
        for change in changes {
            let mut encoded = None;
            for prefix in prefixes(&change.path) {
                for (id, outbox) in view.watchers.get(prefix).into_iter().flatten() {
                    let event = encoded.get_or_insert_with(|| event(change).encode());
                    outbox.event(*id, event);
                }
            }
        }
    }
}

fn event(change: &Change) -> Event {
    let path = change.path.to_string();
    match &change.node {
        Some(node) => Event::Changed { path, record: node.record() },
        None => Event::Deleted { path, commit: change.commit },
    }
}

/// Every prefix that a path is within: `/`, each part of it that ends before a slash, and itself.
fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    let inner = path.match_indices('/').skip(1).map(|(at, _)| &path[..at]);
    std::iter::once("/").chain(inner).chain(std::iter::once(path))
}
