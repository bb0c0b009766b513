//! The own keys at one version, with what was made of them once so that requests need not.
//!
//! Owns that cache. It must not know where keys come from.

use std::collections::BTreeMap;

use lathe_catalog::ConfigView;
use serde_json::{Map, Value};

use crate::config::{Destinations, LookupError};

/// The own keys at one version.
#[derive(Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) history: String,
    pub(crate) version: u64,
    pub(crate) keys: Map<String, Value>,
    destinations: BTreeMap<String, Destinations>,
}

impl Snapshot {
    pub(crate) fn new(view: ConfigView) -> Self {
        let mut destinations = BTreeMap::new();
        for (key, value) in &view.keys {
            if let Ok(found) = Destinations::parse(key, value) {
                destinations.insert(key.clone(), found);
            }
        }
        Self { history: view.history, version: view.version, keys: view.keys, destinations }
    }

    pub(crate) fn lookup(&self, key: &str) -> Result<Destinations, LookupError> {
        if let Some(found) = self.destinations.get(key) {
            return Ok(found.clone());
        }
        match self.keys.get(key) {
            Some(value) => Destinations::parse(key, value),
            None => Err(LookupError::Missing { key: key.to_owned() }),
        }
    }

    /// Every group that the keys name as a destination: worth following before the first request.
    pub(crate) fn named_groups(&self) -> impl Iterator<Item = &str> {
        self.destinations.values().flat_map(|found| found.iter().map(|(name, _)| name.as_str()))
    }
}
