//! The catalog may be late, never invented: what it says of a life, that life's host could say too;
//! and a registry shows what the store has told it, no more and no less.

use std::collections::BTreeMap;

use lathe_catalog::{Entry, State};
use lathe_registry::directory::Directory;

use super::{Breach, Check};
use crate::hosts::Hosts;
use crate::store::Store;

/// An entry that is about to be seen by everybody.
pub(super) fn is_not_invented(entry: &Entry, hosts: &Hosts) -> Check {
    let odd = |what: &str| {
        let what = format!("the catalog says of {} {what}", entry.incarnation);
        Err(Breach::new("the catalog is never invented", what))
    };
    let Some(birth) = hosts.journal.get(&entry.incarnation) else {
        return odd("that it is there, and it never started");
    };
    if entry.state == State::Ready && !birth.ready {
        return odd("that it is ready, and it never was");
    }
    if entry.host != birth.host.0 {
        return odd(&format!("that it is on {}, and it is on {}", entry.host, birth.host));
    }
    match &birth.told {
        Some(told) if told.ports != entry.ports || told.address != entry.address => {
            odd("another address than it was told")
        }
        Some(told) if told.version != entry.version => odd("another version than it was told"),
        _ => Ok(()),
    }
}

/// After each change that a registry has heard of.
pub(crate) fn shows_what_is(
    registry: usize,
    directory: &Directory,
    told: &BTreeMap<String, Entry>,
) -> Check {
    let shown = directory.catalog().entries();
    let same = shown.count() == told.len()
        && directory.catalog().entries().all(|entry| told.get(&entry.incarnation) == Some(entry));
    if same {
        return Ok(());
    }
    let what = format!("registry {registry} shows something else than the store has told it");
    Err(Breach::new("a registry shows what is", what))
}

/// After the healing a registry shows what the store has.
pub(crate) fn agrees(registry: usize, directory: &Directory, store: &Store) -> Check {
    let entries = store.entries();
    let told = entries.into_iter().map(|entry| (entry.incarnation.clone(), entry)).collect();
    shows_what_is(registry, directory, &told)
        .map_err(|_| Breach::new("all agree", format!("registry {registry} is behind the store")))
}
