//! Views as JSON, made once and given to everybody who asks until something changes.
//!
//! Owns the cache; its size is bounded by the groups that the catalog has.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use lathe_catalog::{Applied, Catalog};

use super::Shared;

/// A view on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Version of what is shown.
    pub version: u64,
    /// JSON on one line.
    pub json: Shared,
}

/// The cache. Behind a lock since readers fill it; what it holds follows from the catalog alone.
#[derive(Debug, Default)]
pub(super) struct Renderings {
    groups: Mutex<BTreeMap<String, Rendered>>,
}

impl Renderings {
    pub(super) fn clear(&mut self) {
        self.groups.get_mut().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(super) fn drop_changed(&mut self, applied: &Applied) {
        let groups = self.groups.get_mut().unwrap_or_else(PoisonError::into_inner);
        for group in &applied.groups {
            groups.remove(group);
        }
    }

    /// The group as the catalog shows it. A name that never was a group is not kept.
    pub(super) fn group(&self, catalog: &Catalog, name: &str) -> Rendered {
        let version = catalog.version(name);
        let mut groups = self.groups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rendered) = groups.get(name).filter(|rendered| rendered.version == version) {
            return rendered.clone();
        }
        let rendered = Rendered { version, json: json(&catalog.view(name)) };
        if version > 0 {
            groups.insert(name.to_owned(), rendered.clone());
        }
        rendered
    }
}

/// JSON on one line, as a server-sent event needs it.
pub(super) fn json<T: serde::Serialize + ?Sized>(value: &T) -> Shared {
    serde_json::to_string(value).expect("views have text keys only").into()
}
