//! The members that a message is meant for.
//!
//! Owns a form that is small where there are thousands of them: the slots and lives of each task.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Incarnations, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Audience(BTreeMap<String, Vec<String>>);

impl<'a> FromIterator<&'a str> for Audience {
    fn from_iter<I: IntoIterator<Item = &'a str>>(incarnations: I) -> Self {
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for incarnation in incarnations {
            let (task, life) = parts(incarnation);
            all.entry(task.to_owned()).or_default().push(life.to_owned());
        }
        for lives in all.values_mut() {
            lives.sort();
            lives.dedup();
        }
        Self(all)
    }
}

impl Audience {
    /// Whether nobody is meant.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this incarnation is meant.
    #[must_use]
    pub fn contains(&self, incarnation: &str) -> bool {
        let (task, life) = parts(incarnation);
        let lives = self.0.get(task);
        // Whoever wrote the record has sorted it; one that is not is a matter of nobody's being found.
        lives.is_some_and(|lives| lives.binary_search_by(|one| one.as_str().cmp(life)).is_ok())
    }

    /// All of them, by task.
    pub fn iter(&self) -> impl Iterator<Item = String> {
        let all = self.0.iter();
        all.flat_map(|(task, lives)| lives.iter().map(move |life| format!("{task}#{life}")))
    }
}

/// Task and life of an incarnation: `http.lb` and `2.7` of `http.lb#2.7`.
fn parts(incarnation: &str) -> (&str, &str) {
    incarnation.split_once('#').unwrap_or((incarnation, ""))
}
